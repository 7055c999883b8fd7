//! Two versions of the engine in turn, on events of credentials that nothing links:
//! `benches/pairs/run` builds this.
//!
//! As in `decode.rs`, the processor time of the thread is measured, in short stretches.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PAIRS: usize = 501;
/// Credentials of one stretch; each has five events.
const CREDENTIALS: u64 = 400;
/// Open windows whose memory is measured.
const OPEN: u64 = 500_000;
const START_MS: i64 = 1_800_000_000_000;

/// What is done with the lines: decoded and added to windows, or that and told as time passes.
#[derive(Clone, Copy)]
enum Work {
    Windows,
    Live,
}

macro_rules! version {
    ($name:ident, $windows:ty, $new:expr, $inner:expr, $handle:expr, $($maps:tt)*) => {
        mod $name {
            use $name::config::{EngineConfig, Limits};
            use $name::engine::windows::Windows;
            use $name::event::Event;
            use $name::formats::{Context, Format, Identity, decode};
            use $name::time::{Span, Timestamp};

            /// The windows after these lines, of which one in so many lets time pass.
            pub(super) struct Held($windows);

            pub(super) fn fresh() -> Held {
                let settle = Some(Span::from_mins(10));
                let windows = Windows::new(EngineConfig { settle, ..EngineConfig::default() });
                let new: fn(Windows) -> $windows = $new;
                Held(new(windows))
            }

            #[inline(never)]
            pub(super) fn run(held: &mut Held, lines: &[Vec<u8>], advance_every: usize) -> usize {
                let identity = Identity::new(b"a key for benches").unwrap();
                let context = Context {
                    identity: &identity,
                    detected_at: None,
                    limits: Limits::DEFAULT,
                    $($maps)*
                };
                let handle: fn(&mut $windows, &Event<'_>) = $handle;
                let inner: fn(&mut $windows) -> &mut Windows = $inner;
                let (mut events, mut told) = (Vec::new(), 0);
                let mut latest = Timestamp::from_millis(super::START_MS);
                for (number, line) in lines.iter().enumerate() {
                    events.clear();
                    let _ = decode(Format::Auto, line, &context, &mut events);
                    for event in &events {
                        latest = latest.max(event.time);
                        handle(&mut held.0, event);
                    }
                    if (number + 1) % advance_every == 0 {
                        inner(&mut held.0).advance(latest, &mut |_| told += 1);
                    }
                }
                told
            }
        }
    };
}
// A commit before names were joined has windows alone, and no maps.
version!(before, Windows, |windows| windows, |windows| windows, |windows, event| {
    let _ = std::hint::black_box(windows.handle(event));
},);
version!(
    after,
    (Windows, after::engine::identity::Names),
    |windows| (windows, after::engine::identity::Names::default()),
    |(windows, _)| windows,
    |(windows, names), event| {
        let _ = std::hint::black_box(names.handle(event, event.time, windows, &mut |_| {}));
    },
    maps: after::formats::maps::Maps::NONE
);

/// Lines about `count` credentials, each detected and triaged and, unless all stay open, looked
/// at, decided and contained.
fn lines(count: u64, open: bool) -> Vec<Vec<u8>> {
    let mix = |n: u64| (n ^ (n >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let kinds: &[(&str, i64, &str)] = &[
        (
            "leak.detected",
            0,
            r#""severity":"high","owner":"team-payments@example.org","location":"github""#,
        ),
        (
            "triage.completed",
            20,
            r#""recommendation":"revoke","model":"triage-assistant","confidence":0.93,"summary_words":120"#,
        ),
        ("review.opened", 120, r#""reviewer":"reviewer-7""#),
        ("decision.made", 180, r#""reviewer":"reviewer-7","action":"revoke","verdict":"approve""#),
        ("credential.contained", 190, r#""method":"revoked","actor_kind":"human""#),
    ];
    let kinds = if open { &kinds[..2] } else { kinds };
    let mut lines = Vec::new();
    for number in 0..count {
        let credential = format!("cred-{:016x}{:016x}", mix(number + 1), mix(number * 3 + 7));
        for (at, (kind, seconds, more)) in kinds.iter().enumerate() {
            let id = mix(number * 8 + at as u64 + 99);
            let time = START_MS + (number % 300_000) as i64 + seconds * 1000;
            let (days, ms) = (time.div_euclid(86_400_000), time.rem_euclid(86_400_000));
            // The first millisecond is 2027-01-15, and all events are of that day.
            assert_eq!(days, START_MS.div_euclid(86_400_000));
            let (hour, minute, rest) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
            lines.push(
                format!(
                    r#"{{"type":"{kind}","id":"{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}","time":"2027-01-15T{hour:02}:{minute:02}:{:02}.{:03}Z","credential_id":"{credential}","source":"scanner-eu-1",{more}}}"#,
                    id >> 32, id & 0xffff, id >> 16 & 0xfff, id >> 20 & 0xfff, id >> 8 & 0xffff_ffff_ffff,
                    rest / 1000, rest % 1000,
                )
                .into_bytes(),
            );
        }
    }
    lines
}

/// Nanoseconds of processor time of this thread.
fn spent(work: impl FnOnce() -> usize) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    };
    let began = now();
    black_box(work());
    (now() - began) as f64
}

fn pairs(name: &str, lines: &[Vec<u8>], work: Work) {
    let every = match work {
        Work::Windows => usize::MAX,
        Work::Live => 1_000,
    };
    let each = lines.len() as f64;
    let old = || {
        let mut held = before::fresh();
        spent(|| before::run(&mut held, lines, every)) / each
    };
    let new = || {
        let mut held = after::fresh();
        spent(|| after::run(&mut held, lines, every)) / each
    };
    let (mut olds, mut news, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let (old, new) = match pair % 2 {
            0 => (old(), new()),
            _ => {
                let first = new();
                (old(), first)
            }
        };
        olds.push(old);
        news.push(new);
        ratios.push(new / old);
    }
    for figures in [&mut olds, &mut news, &mut ratios] {
        figures.sort_by(f64::total_cmp);
    }
    println!(
        "{name:<24} {:>6.0} ns before, {:>6.0} ns after (fastest); median ratio {:.3}",
        olds[0],
        news[0],
        ratios[PAIRS / 2],
    );
}

/// Resident memory of this process in bytes, from the kernel.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.unwrap_or_default() * 1024
}

/// Bytes of an open window in a process of its own.
fn memory(version: &str) {
    let lines = lines(OPEN, true);
    let began = resident();
    let held = match version {
        "before" => {
            let mut held = before::fresh();
            before::run(&mut held, &lines, 10_000);
            let bytes = resident() - began;
            std::mem::forget(held);
            bytes
        }
        _ => {
            let mut held = after::fresh();
            after::run(&mut held, &lines, 10_000);
            let bytes = resident() - began;
            std::mem::forget(held);
            bytes
        }
    };
    println!("{version}: {:.1} bytes for each of {OPEN} open windows", held as f64 / OPEN as f64);
}

fn main() {
    if let Some(version) = std::env::args().nth(1) {
        return memory(&version);
    }
    let lines = lines(CREDENTIALS, false);
    pairs("decode to window", &lines, Work::Windows);
    pairs("… and told, live", &lines, Work::Live);
    for version in ["before", "after"] {
        let own = std::env::current_exe().unwrap();
        assert!(std::process::Command::new(own).arg(version).status().unwrap().success());
    }
}
