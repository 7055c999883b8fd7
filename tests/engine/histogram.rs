//! Stage histograms against exact quantiles, and their log against its reader.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::time::Duration;

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use shutterlag::engine::histogram::StageHistogram;
use shutterlag::time::{Span, Timestamp};

fn histogram(durations_ms: &[i64]) -> StageHistogram {
    let mut h = StageHistogram::new();
    for ms in durations_ms {
        h.record(Span::from_millis(*ms));
    }
    h
}

/// The value of rank ⌈percent/100 · n⌉.
fn nearest_rank(sorted_ms: &[i64], percent: usize) -> i64 {
    sorted_ms[(sorted_ms.len() * percent).div_ceil(100) - 1]
}

/// Every quantile is the exact one or less than 0.1 % above it.
fn check_quantiles(h: &StageHistogram, mut durations_ms: Vec<i64>, what: &str) {
    durations_ms.sort_unstable();
    assert_eq!(h.count(), durations_ms.len() as u64, "{what}");
    let max = durations_ms[durations_ms.len() - 1];
    assert_eq!(h.max(), Some(Span::from_millis(max)), "{what}");
    let got = [(50, h.p50()), (90, h.p90()), (99, h.p99())];
    for (percent, got) in got {
        let (got, exact) = (got.unwrap().as_millis(), nearest_rank(&durations_ms, percent));
        let above = got - exact;
        assert!(0 <= above && above * 1024 <= exact, "{what}: p{percent} {got}, exactly {exact}");
        assert!(exact >= 2048 || above == 0, "{what}: p{percent} {got}, exactly {exact}");
        assert!(got <= max, "{what}: p{percent} {got} beyond {max}");
    }
    assert!(h.p50() <= h.p90() && h.p90() <= h.p99() && h.p99() <= h.max(), "{what}");
}

#[test]
fn quantiles_stay_within_a_thousandth_of_the_exact_ones() {
    for seed in 0..40 {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let n = rng.random_range(1..5_000);
        let scale = 10_f64.powf(rng.random_range(2.0..9.0));
        let durations: Vec<i64> = (0..n)
            .map(|_| {
                let u: f64 = rng.random();
                // Exponential, with a heavy tail for every other seed.
                let wait = -(1.0 - u).ln() * scale;
                let tail = if seed % 2 == 0 && rng.random_bool(0.02) { 300.0 } else { 1.0 };
                (wait * tail) as i64
            })
            .collect();
        check_quantiles(&histogram(&durations), durations, &format!("seed {seed}"));
    }
}

#[test]
fn ranks_are_exact_for_every_count() {
    // Distinct values below 2,048 are kept exactly: a rank off by one shows.
    for n in 1..=2_000_usize {
        let durations: Vec<i64> = (1..=n as i64).collect();
        let h = histogram(&durations);
        for (percent, got) in [(50, h.p50()), (90, h.p90()), (99, h.p99())] {
            let exact = nearest_rank(&durations, percent);
            assert_eq!(got, Some(Span::from_millis(exact)), "p{percent} of 1..={n}");
        }
    }
}

#[test]
fn an_empty_histogram_has_no_quantiles() {
    let h = StageHistogram::new();
    assert_eq!((h.count(), h.p50(), h.p90(), h.p99(), h.max()), (0, None, None, None, None));
}

#[test]
fn what_no_bucket_holds_is_counted() {
    let longest = Span::MAX.as_millis();
    let mut h = histogram(&[-1, i64::MIN, longest + 1, i64::MAX, 0, longest]);
    assert_eq!((h.count(), h.out_of_range()), (2, 4));
    assert_eq!((h.p50(), h.p99()), (Some(Span::ZERO), Some(Span::MAX)));
    h.merge(&histogram(&[-1, 7]));
    assert_eq!((h.count(), h.out_of_range(), h.p50()), (3, 5, Some(Span::from_millis(7))));
}

/// The intervals of a log: tag, absolute start, length in ms, and the counts.
fn read(log: &[u8]) -> Vec<(String, Duration, Duration, Histogram<u64>)> {
    let (mut base, mut found) = (Duration::ZERO, Vec::new());
    for entry in IntervalLogIterator::new(log) {
        match entry.unwrap() {
            LogEntry::BaseTime(at) => base = at,
            LogEntry::StartTime(at) => assert_eq!(at, Duration::from_millis(1_767_323_045_678)),
            LogEntry::Interval(i) => {
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(i.encoded_histogram())
                    .unwrap();
                let counts = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
                let tag = i.tag().unwrap().as_str().to_owned();
                found.push((tag, base + i.start_timestamp(), i.duration(), counts));
            }
        }
    }
    found
}

const FROM: Timestamp = Timestamp::from_millis(1_767_323_045_678);
const TO: Timestamp = Timestamp::from_millis(1_767_326_645_679);

#[test]
fn a_log_reads_back_as_what_was_recorded() {
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    let durations: Vec<i64> = (0..3_000).map(|_| rng.random_range(0..90_000_000)).collect();
    let mut log = Vec::new();
    let mut h = histogram(&durations);
    h.record(Span::from_millis(-1));
    h.write_log(&mut log, "time_to_review", FROM, TO).unwrap();

    let text = String::from_utf8(log.clone()).unwrap();
    assert!(text.starts_with("#[Histogram log format version 1.3]\n"), "{text}");
    assert!(text.contains("#1 durations out of range\n"), "{text}");

    let intervals = read(&log);
    let [(tag, start, length, counts)] = intervals.as_slice() else {
        panic!("{} intervals", intervals.len());
    };
    assert_eq!(tag, "time_to_review");
    assert_eq!(*start, Duration::from_millis(1_767_323_045_678));
    assert_eq!(*length, Duration::from_millis(3_600_001));

    // The same durations, counted by the library alone.
    let mut plain = Histogram::<u64>::new(3).unwrap();
    for ms in &durations {
        plain.record(u64::try_from(*ms).unwrap()).unwrap();
    }
    assert_eq!(counts.len(), 3_000);
    assert_eq!(*counts, plain);
}

#[test]
fn an_empty_log_is_a_log() {
    let mut log = Vec::new();
    StageHistogram::new().write_log(&mut log, "triage", FROM, FROM).unwrap();
    let intervals = read(&log);
    assert_eq!((intervals.len(), intervals[0].3.len(), intervals[0].2), (1, 0, Duration::ZERO));
}

#[test]
fn a_log_that_would_be_wrong_is_not_begun() {
    let h = histogram(&[1]);
    for (stage, from, to) in [
        ("two words", FROM, TO),
        ("a,b", FROM, TO),
        ("triage", TO, FROM),
        ("triage", Timestamp::from_millis(-1), TO),
    ] {
        let mut log = Vec::new();
        let error = h.write_log(&mut log, stage, from, to).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{stage}");
        assert!(log.is_empty(), "{stage}");
    }
}

/// Takes `room` bytes, then fails.
struct Full {
    room: usize,
}

impl io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failing_writer_is_reported_wherever_it_fails() {
    let h = histogram(&[1, 2, 3]);
    let mut log = Vec::new();
    h.write_log(&mut log, "triage", FROM, TO).unwrap();
    for room in 0..log.len() {
        let error = h.write_log(Full { room }, "triage", FROM, TO).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "after {room} bytes");
    }
}

proptest! {
    #![proptest_config(crate::seeded::cases(256))]

    #[test]
    fn merging_is_recording_all(
        a in prop::collection::vec(0..=Span::MAX.as_millis(), 0..80),
        b in prop::collection::vec(0..5_000_i64, 1..80),
    ) {
        let mut merged = histogram(&a);
        merged.merge(&histogram(&b));
        let all = [a, b].concat();
        let mut log = (Vec::new(), Vec::new());
        merged.write_log(&mut log.0, "review", FROM, TO).unwrap();
        histogram(&all).write_log(&mut log.1, "review", FROM, TO).unwrap();
        prop_assert_eq!(&read(&log.0)[0].3, &read(&log.1)[0].3);
        check_quantiles(&merged, all, "merged");
    }
}
