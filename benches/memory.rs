//! Bytes per open window, with everything that belongs to a window: the events with their ids,
//! the index, the timers, and what was last emitted about it.
//!
//! `cargo bench --bench memory`; figures are in `docs/benchmarks.md`.

use std::borrow::Cow;

use shutterlag::config::EngineConfig;
use shutterlag::engine::windows::Windows;
use shutterlag::event::{
    Action, Body, Event, ExposedAtQuality, LeakDetected, Severity, TriageCompleted, Workflow,
};
use shutterlag::time::{Span, Timestamp};

// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Resident memory of this process in bytes, from the kernel.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.unwrap_or_default() * 1024
}

/// A number spread over 32 hex digits, like a random id.
fn hex(number: u64, salt: u64) -> String {
    let mix = |n: u64| (n ^ (n >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{:016x}{:016x}", mix(mix(number + salt)), mix(number.wrapping_mul(salt | 1)))
}

fn uuid(number: u64, salt: u64) -> String {
    let hex = hex(number, salt);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn event(number: u64, salt: u64, time: Timestamp, body: Body<'static>) -> Event<'static> {
    Event {
        id: uuid(number, salt).into(),
        time,
        credential_id: format!("cred-{}", hex(number, 1)).into(),
        workflow: Workflow::SecretExposure,
        source: Some(Cow::Borrowed(match body {
            Body::LeakDetected(_) => "github-secret-scanning",
            _ => "triage-service-eu-1",
        })),
        severity: Some(Severity::High),
        owner: Some(Cow::Borrowed("team-payments@example.org")),
        noted: shutterlag::event::Noted::default(),
        body,
    }
}

/// A window as it waits for a person: detected and triaged.
fn fill(windows: &mut Windows, count: u64, start: Timestamp, batch: u64) {
    for number in 0..count {
        let detected = start + Span::from_millis((number % 300_000) as i64);
        let leak = LeakDetected {
            exposed_at: Some(detected + Span::from_millis(-60_000)),
            exposed_at_quality: Some(ExposedAtQuality::Exact),
            location: Some(Cow::Borrowed("github")),
            provider: Some(Cow::Borrowed("aws")),
            ..LeakDetected::default()
        };
        let triage = TriageCompleted {
            recommendation: Action::Revoke,
            model: Some(Cow::Borrowed("triage-assistant")),
            confidence: Some(0.93),
            summary_words: Some(120),
            summary_chars: None,
            provenance: None,
            requested_by: None,
        };
        let _ = windows.handle(&event(number, 2, detected, Body::LeakDetected(leak)));
        let triaged = detected + Span::from_secs(20);
        let _ = windows.handle(&event(number, 3, triaged, Body::TriageCompleted(triage)));
        if number % batch == batch - 1 {
            // The steps of a live run: derive, publish, set the timers.
            windows.advance(start + Span::from_mins(6), &mut |_| {});
        }
    }
    windows.advance(start + Span::from_mins(6), &mut |_| {});
}

fn main() {
    let asked: Vec<u64> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    if let [count] = asked[..] {
        measure(count);
    } else if std::env::args().any(|arg| arg == "--bench") {
        println!("{:>12}  {:>14}  {:>10}", "open windows", "resident bytes", "per window");
        for count in ["1000000", "4000000"] {
            // Each in a process of its own: memory that an allocator got back still counts.
            let done = std::env::current_exe()
                .and_then(|bench| std::process::Command::new(bench).arg(count).status());
            assert!(done.is_ok_and(|status| status.success()), "{count} windows");
        }
    }
    // Without arguments, as under `cargo test`, it only has to build.
}

fn measure(count: u64) {
    let start = Timestamp::from_millis(1_800_000_000_000);
    let before = resident();
    let settle = Some(Span::from_mins(10));
    let mut windows = Windows::new(EngineConfig { settle, ..EngineConfig::default() });
    fill(&mut windows, count, start, 10_000);
    let held = resident().saturating_sub(before);
    assert_eq!(windows.credentials() as u64, count);
    println!("{count:>12}  {held:>14}  {:>10.1}", held as f64 / count as f64);
}
