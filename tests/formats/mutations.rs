//! Changed records of each source by itself: of every built-in format and of every shipped map.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]
#![expect(clippy::disallowed_methods, reason = "how long a record takes is what is tested")]

use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::sample::select;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use shutterlag::config::Limits;
use shutterlag::formats::maps::Maps;
use shutterlag::formats::{Context, Decoded, Format, Identity, decode, excerpt};
use shutterlag::time::Timestamp;

use crate::hostile::{apply, asked_cases, change, check_event, resident_kib};

/// One record may take so long, in a debug build on a busy machine. What stops a program counts
/// its steps, so a record that is worse does not depend on the machine.
const SLOWEST: Duration = Duration::from_secs(20);

/// So many changed records of a source may add this much to the process. A record that left
/// 300 bytes behind would add more.
const GROWTH_KIB_MAX: i64 = 48 << 10;

/// The records of each source, under its name.
fn sources(maps: &Maps) -> Vec<(Format, Vec<Vec<u8>>)> {
    let lines = |text: &str| text.lines().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>();
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats");
    let built_in = Format::ALL.iter().map(|format| {
        let text = std::fs::read_to_string(directory.join(format!("{format}.jsonl"))).unwrap();
        (*format, lines(&text))
    });
    let mapped = maps.iter().map(|map| {
        let texts = map.fixtures().iter().filter(|(name, _)| name.ends_with(".ndjson"));
        let records = texts.flat_map(|(_, text)| lines(text)).collect();
        (Format::parse(map.name()).unwrap(), records)
    });
    built_in.chain(mapped).collect()
}

/// Checks what holds for every outcome, and returns how many events there are.
fn outcome(format: Format, record: &[u8], context: &Context<'_>) -> usize {
    let mut events = Vec::new();
    let decoded = decode(format, record, context, &mut events);
    let limit = context.limits.events_per_record;
    match &decoded {
        Ok(Decoded::Events) => assert!((1..=limit).contains(&events.len())),
        Ok(Decoded::Mixed(parts)) => {
            assert!(events.len() <= limit && (1..=limit).contains(&parts.len()));
        }
        Ok(Decoded::Skipped(_)) | Err(_) => assert!(events.is_empty()),
    }
    if let Err(rejection) = &decoded {
        assert!(rejection.detail.len() <= 1_000, "{rejection}");
    }
    assert!(excerpt(record).chars().count() <= 160);
    events.iter().for_each(|event| check_event(event, &context.limits).unwrap());
    events.len()
}

/// In the long form the process must not grow. In the short form tests of other things run
/// beside this one.
#[test]
fn changed_records_of_every_source_come_to_an_outcome() {
    let maps = Maps::shipped();
    let identity = Identity::new(b"a key for tests only").unwrap();
    let limits = Limits { events_per_record: 20, text_bytes: 60, ..Limits::DEFAULT };
    let detected_at = Some(Timestamp::from_millis(1_767_323_045_000));
    let context = Context { identity: &identity, detected_at, limits, maps: &maps };
    let each = asked_cases().unwrap_or(150);
    for (format, records) in sources(&maps) {
        assert!(records.len() > 2, "{format}");
        let mut runner = TestRunner::new(crate::seeded::cases(1));
        let strategy = (select(records), vec(change(), 0..5));
        let (mut slowest, mut used, mut at_first) = (Duration::ZERO, 0_u32, resident_kib());
        for case in 0..each {
            let (mut record, changes) = strategy.new_tree(&mut runner).unwrap().current();
            changes.iter().for_each(|change| apply(&mut record, change));
            let began = Instant::now();
            // By its name, and as one of many sources.
            let events = outcome(format, &record, &context);
            outcome(Format::Auto, &record, &context);
            let took = began.elapsed();
            slowest = slowest.max(took);
            assert!(took < SLOWEST, "{format}: {took:?}: {}", String::from_utf8_lossy(&record));
            used += u32::from(events > 0);
            if case == each / 4 {
                at_first = resident_kib();
            }
        }
        let grown = resident_kib() - at_first;
        println!(
            "{format}: {each} changed records, {used} used, the slowest in {slowest:?}; the last \
             three quarters added {grown} KiB"
        );
        assert!(used > 0, "{format}");
        assert!(asked_cases().is_none() || grown < GROWTH_KIB_MAX, "{format}: {grown} KiB");
    }
}
