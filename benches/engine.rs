//! The cost of one event on one core, step by step and as a whole.
//!
//! `cargo bench --bench engine`; figures are in `docs/benchmarks.md`.

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

mod common;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use shutterlag::config::{EngineConfig, FiguresConfig, Limits, OversightConfig, Profiles};
use shutterlag::engine::attacker::Race;
use shutterlag::engine::identity::Names;
use shutterlag::engine::oversight::Rules;
use shutterlag::engine::windows::Windows;
use shutterlag::event::{
    Action, Actor, Body, DecisionMade, Event, LeakDetected, Method, Noted, Workflow,
};
use shutterlag::formats::maps::Maps;
use shutterlag::formats::{Context, Decoded, Format, Identity, decode};
use shutterlag::metrics::Metrics;
use shutterlag::records::People;
use shutterlag::report::{Ledger, Telling, conclude};
use shutterlag::time::{Span, Timestamp};

// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENTS: u64 = 200_000;

fn identity() -> Identity {
    #[expect(clippy::expect_used, reason = "the key is long enough")]
    Identity::new(b"a key for benches").expect("16 bytes")
}

fn decoding(criterion: &mut Criterion) {
    let identity = identity();
    let detected_at = Some(Timestamp::from_millis(1_800_000_000_000));
    let context =
        Context { identity: &identity, detected_at, limits: Limits::DEFAULT, maps: Maps::NONE };
    let mut group = criterion.benchmark_group("decode");
    let native = common::lines(20_000);
    group.throughput(Throughput::Elements(native.len() as u64));
    group.bench_function("native", |bencher| {
        let mut events = Vec::new();
        bencher.iter(|| {
            for line in &native {
                events.clear();
                let _ = black_box(decode(Format::Auto, line, &context, &mut events));
            }
        });
    });
    for (name, records) in [
        ("cloudevents", include_str!("../tests/fixtures/formats/cloudevents.jsonl")),
        ("github", include_str!("../tests/fixtures/formats/github.jsonl")),
        ("gitleaks", include_str!("../tests/fixtures/formats/gitleaks.jsonl")),
        ("trufflehog", include_str!("../tests/fixtures/formats/trufflehog.jsonl")),
        ("eventbridge", include_str!("../tests/fixtures/formats/eventbridge.jsonl")),
    ] {
        let good = |record: &&str| {
            decode(Format::Auto, record.as_bytes(), &context, &mut Vec::new()).is_ok()
        };
        let records: Vec<&str> = records.lines().filter(good).collect();
        assert!(!records.is_empty(), "{name}");
        group.throughput(Throughput::Elements(records.len() as u64));
        group.bench_function(name, |bencher| {
            let mut events = Vec::new();
            bencher.iter(|| {
                for record in &records {
                    events.clear();
                    let _ =
                        black_box(decode(Format::Auto, record.as_bytes(), &context, &mut events));
                }
            });
        });
    }
    group.finish();
}

/// The records of each shipped map's fixtures that give events, recognised and through the map.
fn through_maps(criterion: &mut Criterion) {
    let identity = identity();
    let detected_at = Some(Timestamp::from_millis(1_800_000_000_000));
    let maps = Maps::shipped();
    let context =
        Context { identity: &identity, detected_at, limits: Limits::DEFAULT, maps: &maps };
    let mut group = criterion.benchmark_group("map");
    for map in maps.iter() {
        let good = |record: &&str| {
            decode(Format::Auto, record.as_bytes(), &context, &mut Vec::new())
                == Ok(Decoded::Events)
        };
        let texts = map.fixtures().iter().filter(|(name, _)| name.ends_with(".ndjson"));
        let records: Vec<&str> = texts.flat_map(|(_, text)| text.lines()).filter(good).collect();
        assert!(!records.is_empty(), "{}", map.name());
        group.throughput(Throughput::Elements(records.len() as u64));
        group.bench_function(map.name(), |bencher| {
            let mut events = Vec::new();
            bencher.iter(|| {
                for record in &records {
                    events.clear();
                    let _ =
                        black_box(decode(Format::Auto, record.as_bytes(), &context, &mut events));
                }
            });
        });
    }
    group.finish();
}

fn engine(criterion: &mut Criterion) {
    let identity = identity();
    let context = Context {
        identity: &identity,
        detected_at: None,
        limits: Limits::DEFAULT,
        maps: Maps::NONE,
    };
    let lines = common::lines(EVENTS);
    let events: Vec<Event<'static>> = common::events(EVENTS).collect();
    let fresh = || Windows::new(EngineConfig::default());

    let mut group = criterion.benchmark_group("engine");
    group.sample_size(10).throughput(Throughput::Elements(EVENTS));
    group.bench_function("windows", |bencher| {
        bencher.iter_batched(
            fresh,
            |mut windows| {
                for event in &events {
                    let _ = black_box(windows.handle(event));
                }
                windows
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("decode to window", |bencher| {
        bencher.iter_batched(
            fresh,
            |mut windows| {
                let mut decoded = Vec::new();
                for line in &lines {
                    decoded.clear();
                    let _ = decode(Format::Auto, line, &context, &mut decoded);
                    for event in &decoded {
                        let _ = black_box(windows.handle(event));
                    }
                }
                windows
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("live: windows, timers, revisions", |bencher| {
        let settle = Some(Span::from_mins(10));
        bencher.iter_batched(
            || Windows::new(EngineConfig { settle, ..EngineConfig::default() }),
            |mut windows| {
                let mut emitted = 0_u64;
                for batch in events.chunks(1000) {
                    for event in batch {
                        let _ = black_box(windows.handle(event));
                    }
                    let latest = batch.iter().map(|event| event.time).max();
                    windows.advance(latest.unwrap_or_default(), &mut |_| emitted += 1);
                }
                black_box(emitted);
                windows
            },
            BatchSize::PerIteration,
        );
    });

    let mut held = fresh();
    for event in &events {
        let _ = black_box(held.handle(event));
    }
    let (race, profiles, figures) =
        (Race::default(), Profiles::default(), FiguresConfig::default());
    let as_of = events.iter().map(|event| event.time).max().unwrap_or_default();
    let Ok(oversight) = Rules::new(OversightConfig::default()) else { return };
    let telling = Telling {
        race: &race,
        profiles: &profiles,
        oversight: &oversight,
        figures: &figures,
        as_of,
        settle: None,
        names: &Names::default(),
    };
    group.bench_function("figures, per event", |bencher| {
        bencher.iter(|| {
            conclude(&held.view(), &telling, None).map(|concluded| {
                concluded.tally.summary(&telling.figure_rules(), Some(as_of), Default::default())
            })
        });
    });
    group.bench_function("figures and ledger, per event", |bencher| {
        bencher.iter(|| {
            let metrics = Metrics::new().map_err(std::io::Error::other)?;
            let ledger = Ledger {
                windows: &mut std::io::sink(),
                alerts: &mut std::io::sink(),
                findings: &mut std::io::sink(),
                metrics: &metrics,
                people: &mut People::pseudonyms(identity.clone()),
                threads: 1,
            };
            conclude(&held.view(), &telling, Some(ledger)).map(|_| ())
        });
    });
    group.finish();
}

fn deadlines(criterion: &mut Criterion) {
    const OPEN: i64 = 200_000;
    let start = Timestamp::from_millis(1_800_000_000_000);
    let leak = |number: i64| Event {
        id: format!("leak-{number}").into(),
        time: start + Span::from_millis(number),
        credential_id: format!("cred-{number}").into(),
        workflow: Workflow::SecretExposure,
        source: None,
        severity: None,
        owner: None,
        noted: shutterlag::event::Noted::default(),
        body: Body::LeakDetected(LeakDetected::default()),
    };
    let mut group = criterion.benchmark_group("deadlines");
    group.sample_size(10).measurement_time(Duration::from_secs(8));
    // Nothing is due: the cost of finding that out, per open window.
    group.throughput(Throughput::Elements(OPEN as u64));
    let mut windows =
        Windows::new(EngineConfig { settle: Some(Span::from_mins(10)), ..EngineConfig::default() });
    (0..OPEN).for_each(|number| {
        let _ = black_box(windows.handle(&leak(number)));
    });
    let mut now = start + Span::from_millis(OPEN);
    windows.advance(now, &mut |_| {});
    group.bench_function("next deadline among open windows", |bencher| {
        bencher.iter(|| black_box(windows.next_deadline()));
    });
    group.bench_function("a tick with nothing due", |bencher| {
        bencher.iter(|| {
            now = now + Span::from_millis(0);
            windows.advance(now, &mut |_| {});
        });
    });
    // Three deadlines pass for each window, and each is emitted once.
    group.throughput(Throughput::Elements(3 * OPEN as u64));
    group.bench_function("deadlines that pass", |bencher| {
        bencher.iter_batched(
            || {
                let mut windows = Windows::new(EngineConfig::default());
                (0..OPEN).for_each(|number| {
                    let _ = black_box(windows.handle(&leak(number)));
                });
                windows.advance(start + Span::from_millis(OPEN), &mut |_| {});
                windows
            },
            |mut windows| {
                let mut emitted = 0_u64;
                for minute in [6, 9, 17] {
                    windows.advance(start + Span::from_mins(minute + 4), &mut |_| emitted += 1);
                }
                black_box(emitted);
                windows
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Windows of one detection time, as one scan leaves them, beside windows of many.
fn one_detection_time(criterion: &mut Criterion) {
    const OPEN: i64 = 200_000;
    const TURN: i64 = 100;
    let start = Timestamp::from_millis(1_800_000_000_000);
    let mut group = criterion.benchmark_group("open windows with events, and turns");
    group.sample_size(10).measurement_time(Duration::from_secs(4));
    group.throughput(Throughput::Elements(TURN as u64));
    for (name, apart_ms) in [("of many detection times", 1), ("of one detection time", 0)] {
        let mut windows = Windows::new(EngineConfig::default());
        for number in 0..OPEN {
            let leak = Body::LeakDetected(LeakDetected::default());
            let time = start + Span::from_millis(number * apart_ms);
            let _ = black_box(windows.handle(&event(number, number, time, leak)));
        }
        let now = start + Span::from_millis(OPEN);
        windows.advance(now, &mut |_| {});
        let mut number = OPEN;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for _ in 0..TURN {
                    let abused = event(number, number % OPEN, now, Body::CredentialAbused);
                    let _ = black_box(windows.handle(&abused));
                    windows.advance(now, &mut |_| {});
                    black_box(windows.next_punctuation());
                    number += 1;
                }
            });
        });
    }
    group.finish();
}

/// Commits of a backlog, an hour and a minute apart, while decided windows wait for judgements.
fn waiting_for_judgements(criterion: &mut Criterion) {
    const DECIDED: i64 = 20_000;
    let start = Timestamp::from_millis(1_800_000_000_000);
    let mut windows = Windows::new(EngineConfig {
        settle: Some(Span::from_mins(10)),
        judged_after: Some(Span::from_mins(10)),
        ..EngineConfig::default()
    });
    windows.expire_unjudged(false);
    for number in 0..DECIDED {
        let time = start + Span::from_millis(number);
        let leak = Body::LeakDetected(LeakDetected::default());
        let decided = Body::DecisionMade(DecisionMade {
            reviewer: format!("reviewer-{}", number % 20).into(),
            action: Action::Revoke,
            actor_kind: Actor::Human,
            verdict: None,
            rationale_words: None,
            rationale_digest: None,
            batch_id: None,
            batch_size: None,
            items_opened: None,
            authorized: None,
        });
        let contained =
            Body::CredentialContained { actor_kind: Actor::Human, method: Method::Revoked };
        for (kind, body) in [leak, decided, contained].into_iter().enumerate() {
            let id = kind as i64 * DECIDED + number;
            let _ = black_box(windows.handle(&event(id, number, time, body)));
        }
    }
    let mut now = start + Span::from_mins(3 * 24 * 60);
    windows.advance(now, &mut |_| {});
    let mut group = criterion.benchmark_group("commits of a backlog");
    group.sample_size(10).measurement_time(Duration::from_secs(4));
    group.bench_function("20,000 windows wait for their judgements", |bencher| {
        bencher.iter(|| {
            now = now + Span::from_mins(61);
            windows.advance(now, &mut |_| {});
        });
    });
    group.finish();
}

fn event(id: i64, credential: i64, time: Timestamp, body: Body<'static>) -> Event<'static> {
    Event {
        id: format!("event-{id}").into(),
        time,
        credential_id: format!("cred-{credential}").into(),
        workflow: Workflow::SecretExposure,
        source: None,
        severity: None,
        owner: None,
        noted: Noted::default(),
        body,
    }
}

criterion_group!(
    benches,
    decoding,
    through_maps,
    engine,
    deadlines,
    one_detection_time,
    waiting_for_judgements
);
criterion_main!(benches);
