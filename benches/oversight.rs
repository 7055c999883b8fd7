//! Oversight: processor time per review, bytes per reviewer.
//!
//! `cargo bench --bench oversight`; figures are in `docs/benchmarks.md`.

use std::hint::black_box;
use std::num::NonZeroU32;

use shutterlag::config::OversightConfig;
use shutterlag::engine::oversight::{Advised, Known, Review, Reviewer, Reviews, Rules, Stage};
use shutterlag::event::{Action, Severity, Verdict, Workflow};
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

/// The review with this number; reviewers take turns. It has everything that a review can have
/// except a batch, and every tenth has a truth.
fn review(number: u64, reviewers: u64) -> Review<'static> {
    let reviewer = number % reviewers;
    let decided_at = START + Span::from_millis((number / reviewers * 300_000 + reviewer) as i64);
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let challenged = mixed.is_multiple_of(8);
    Review {
        origin: 0,
        workflow: Workflow::SecretExposure,
        credential_id: format!("cred-{:032x}", u128::from(mixed) << 64 | u128::from(number)).into(),
        detected_at: decided_at + Span::from_secs(-400),
        revision: 3,
        mark: 1,
        reviewer: format!("person-{reviewer}@example.org").into(),
        decided_at,
        first_opened_at: (!mixed.is_multiple_of(16)).then_some(decided_at + Span::from_secs(-100)),
        opened_by_same_clock: true,
        source: Some("review-desk".into()),
        opened_at: (!mixed.is_multiple_of(16)).then_some(decided_at + Span::from_secs(-90)),
        action: if challenged { Action::Dismiss } else { Action::Revoke },
        verdict: Some(if challenged { Verdict::Reject } else { Verdict::Approve }),
        agreed: Some(!challenged),
        advice: Some(Advised {
            first_presented_at: decided_at + Span::from_secs(-130),
            presented_by_same_clock: false,
            presented_at: decided_at + Span::from_secs(-120),
            event: NonZeroU32::new(number as u32 + 1),
            first_event: NonZeroU32::new(number as u32 + 1),
            recommendation: Action::Revoke,
            confidence: Some(0.93),
            summary_words: Some(if mixed.is_multiple_of(12) { 900 } else { 120 }),
            summary_chars: None,
            repeated: false,
        }),
        severity: Some(Severity::High),
        model: Some("model-1".into()),
        incident: mixed.is_multiple_of(3).then(|| format!("incident-{}", mixed % 1_000).into()),
        own_request: false,
        batch_id: None,
        rationale_words: Some(12),
        rationale_digest: Some(format!("{mixed:016x}").into()),
        authorized: Some(true),
        truth: number.is_multiple_of(10).then_some(Known {
            established_at: decided_at + Span::from_secs(30),
            correct_action: if mixed.is_multiple_of(2) { Action::Revoke } else { Action::Dismiss },
            seeded: true,
        }),
        expects_opening: true,
        ahead: true,
    }
}

const REVIEWERS: u64 = 100_000;
const EACH: u64 = 20;
const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Seconds that this thread was running meanwhile, from the kernel: a busy machine makes
/// everything wait, and waiting is not what is measured. All of it runs on this thread.
fn timed(what: impl FnOnce()) -> f64 {
    let running = || {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        told.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or_default()
    };
    let start = running();
    what();
    (running() - start) as f64 / 1e9
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        // Under `cargo test` it only has to build.
        return;
    }
    let Ok(rules) = Rules::new(OversightConfig::default()) else { return };
    let config = OversightConfig::default();
    // First, before this process has used memory for anything else.
    memory(&config);
    live(&config);
    println!("{} bytes of a reviewer's state, fixed", size_of::<Reviewer>());
    for reviewers in [100, REVIEWERS] {
        let count = 2_000_000;
        let mut reviews = Reviews::new();
        let collected = timed(|| {
            // Made in the loop, so that the input takes no memory.
            (0..count).for_each(|number| reviews.add(Some(&review(number, reviewers))));
        });
        let made = timed(|| {
            (0..count).for_each(|number| drop(black_box(review(number, reviewers))));
        });
        let judged = timed(|| drop(black_box(reviews.judge(&rules))));
        let per = 1e9 / count as f64;
        println!(
            "replay, {reviewers} reviewers: collect {:.0} ns, judge {:.0} ns per review",
            (collected - made) * per,
            judged * per
        );
    }
}

/// Time with all reviews in flight at once; memory with none waiting.
fn live(config: &OversightConfig) {
    for reviewers in [1_000, REVIEWERS] {
        let Ok(rules) = Rules::new(config.clone()) else { return };
        let mut stage = Stage::new(rules);
        let (mut handled, mut advanced) = (0.0, 0.0);
        let mut now = START;
        let rounds = 2_000_000 / reviewers;
        for round in 0..rounds {
            let numbers = round * reviewers..(round + 1) * reviewers;
            let reviews: Vec<_> = numbers.map(|number| review(number, reviewers)).collect();
            handled += timed(|| {
                for review in reviews {
                    let _ = black_box(stage.handle(review));
                }
            });
            now = now + Span::from_secs(300);
            advanced += timed(|| {
                stage.advance(now, &mut |said| {
                    black_box(&said);
                });
            });
        }
        let per = 1e9 / (reviewers * rounds) as f64;
        println!(
            "live, {reviewers} reviewers: handle {:.0} ns, advance {:.0} ns per review",
            handled * per,
            advanced * per
        );
    }
}

/// Resident memory with no review waiting and nothing else in memory.
fn memory(config: &OversightConfig) {
    let config = OversightConfig { delay: Span::ZERO, ..config.clone() };
    let Ok(rules) = Rules::new(config) else { return };
    let before = resident();
    let mut stage = Stage::new(rules);
    for number in 0..REVIEWERS * EACH {
        let review = review(number, REVIEWERS);
        let now = review.decided_at + Span::from_secs(60);
        let _ = black_box(stage.handle(review));
        stage.advance(now, &mut |said| {
            black_box(&said);
        });
    }
    let held = resident().saturating_sub(before);
    println!("live, nothing waiting: {:.0} bytes per reviewer", held as f64 / REVIEWERS as f64);
    let known = stage.standings();
    let bytes = known.keys().filter_map(|name| stage.checkpoint(name));
    let (count, sum) = bytes.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes.len()));
    println!("checkpoint of {count} reviewers: {} bytes each", sum / count.max(1));
}
