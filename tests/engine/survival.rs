//! The survival figures agree with the Python package lifelines.
//!
//! `fixtures/survival/lifelines.json` and `aalen_johansen.json` hold the answers of lifelines;
//! `tools/record_lifelines.py` and `record_aalen_johansen.py` recorded them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde::Deserialize;
use shutterlag::config::{FASTEST_ATTACKER, MEAN_ATTACKER};
use shutterlag::engine::bounds::Sample;
use shutterlag::engine::ends::{End, Ends};
use shutterlag::engine::survival::{KaplanMeier, Survival};
use shutterlag::time::Span;

const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Recorded {
    sets: Vec<Set>,
}

#[derive(Deserialize)]
struct Set {
    name: String,
    events_ms: Vec<i64>,
    censored_ms: Vec<i64>,
    at: Vec<At>,
    reviewed_by: ReviewedBy,
    median_ms: Option<i64>,
    rmst_1h_ms: f64,
}

#[derive(Deserialize)]
struct At {
    t_ms: i64,
    survival: f64,
    low: Option<f64>,
    high: Option<f64>,
}

#[derive(Deserialize)]
struct ReviewedBy {
    fastest: At,
    mean: At,
}

fn sets() -> Vec<Set> {
    let recorded: Recorded =
        serde_json::from_str(include_str!("../fixtures/survival/lifelines.json")).unwrap();
    recorded.sets
}

impl Set {
    fn estimate(&self) -> KaplanMeier {
        let mut survival = Survival::new();
        for (times, observed) in [(&self.events_ms, true), (&self.censored_ms, false)] {
            for ms in times {
                survival.record(Span::from_millis(*ms), observed);
            }
        }
        let sample = Sample::single(survival.len() as u64);
        survival.estimate(&sample)
    }
}

/// Relative to the larger; both zero counts as agreement. Probabilities close to
/// 0 are differences of numbers close to 1 on lifelines' side: one rounding
/// there, 1e-16, is allowed on top.
fn agrees(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= TOLERANCE * ours.abs().max(theirs.abs()) + 2e-16
}

/// The curve's own estimate, and Greenwood's bounds: those of the program are others
/// where observations are few.
fn check(set: &str, curve: &KaplanMeier, at: &At) {
    let t = Span::from_millis(at.t_ms);
    let ours = curve.probability_by(t).estimate.unwrap();
    let bounds = curve.steps().take_while(|step| step.time <= t).last();
    let bounds = bounds.and_then(|step| step.greenwood());
    let place = format!("{set} at {} ms: {ours} {bounds:?}", at.t_ms);
    assert!(agrees(1.0 - ours, at.survival), "{place}, S = {}", at.survival);
    match (bounds, at.low.zip(at.high)) {
        (Some(ours), Some((low, high))) => {
            assert!(agrees(ours.low, low) && agrees(ours.high, high), "{place}, not {low} {high}");
        }
        (None, None) => {}
        (_, theirs) => panic!("{place}, not {theirs:?}"),
    }
}

#[test]
fn curve_and_bounds_agree_at_every_recorded_time() {
    let mut checked = 0;
    for set in sets() {
        let curve = set.estimate();
        for at in &set.at {
            check(&set.name, &curve, at);
            checked += 1;
        }
    }
    assert!(checked > 500, "{checked}");
}

#[test]
fn probabilities_by_the_attackers_times_agree() {
    for set in sets() {
        let curve = set.estimate();
        for (limit, at) in
            [(FASTEST_ATTACKER, &set.reviewed_by.fastest), (MEAN_ATTACKER, &set.reviewed_by.mean)]
        {
            assert_eq!(limit.as_millis(), at.t_ms);
            check(&set.name, &curve, at);
        }
    }
}

#[test]
fn medians_agree() {
    for set in sets() {
        let ours = set.estimate().median().map(Span::as_millis);
        assert_eq!(ours, set.median_ms, "{}", set.name);
    }
}

#[test]
fn means_within_the_hour_agree() {
    for set in sets() {
        let ours = set.estimate().rmst(Span::from_mins(60)).unwrap();
        assert!(agrees(ours, set.rmst_1h_ms), "{}: {ours}, not {}", set.name, set.rmst_1h_ms);
    }
}

#[test]
fn the_recorded_sets_cover_the_edges() {
    let sets = sets();
    let named = |name: &str| sets.iter().find(|s| s.name == name).unwrap();
    assert!(named("no_censoring").censored_ms.is_empty());
    assert!(named("all_censored").events_ms.is_empty());
    assert_eq!(named("all_censored").median_ms, None);
    let large = named("large");
    assert_eq!(large.events_ms.len() + large.censored_ms.len(), 2000);
    // Follow-up that ends, by a censoring, before the times asked about.
    let short = named("short_follow_up");
    let last = short.estimate().last_observed().unwrap();
    assert!(last < MEAN_ATTACKER && short.censored_ms.contains(&last.as_millis()));
    let first = named("first_censored");
    assert!(first.censored_ms.iter().min() < first.events_ms.iter().min());
    assert!(named("big_times").events_ms.iter().any(|ms| *ms > 1 << 40));
    assert_eq!(named("half_exactly").median_ms, Some(180_000));
}

#[derive(Deserialize)]
struct EndsRecorded {
    sets: Vec<EndsSet>,
}

#[derive(Deserialize)]
struct EndsSet {
    name: String,
    by: String,
    observations: Vec<(i64, Option<usize>)>,
    at: Vec<SharesAt>,
}

#[derive(Deserialize)]
struct SharesAt {
    t_ms: i64,
    ended: [f64; 3],
    waiting: f64,
}

#[test]
fn shares_of_competing_ends_agree_at_every_recorded_time() {
    let recorded = include_str!("../fixtures/survival/aalen_johansen.json");
    let EndsRecorded { sets } = serde_json::from_str(recorded).unwrap();
    let mut by_lifelines = 0;
    for set in sets {
        let mut ends = Ends::new();
        for (ms, end) in &set.observations {
            ends.record(Span::from_millis(*ms), end.map(|end| End::ALL[end]));
        }
        let times: Vec<Span> = set.at.iter().map(|at| Span::from_millis(at.t_ms)).collect();
        for (ours, at) in ends.estimate().at(&times).iter().zip(&set.at) {
            let place = format!("{} at {} ms: {ours:?}", set.name, at.t_ms);
            for (ours, theirs) in ours.ended.iter().zip(at.ended) {
                assert!((ours - theirs).abs() <= TOLERANCE, "{place}, not {theirs}");
            }
            assert!((ours.waiting - at.waiting).abs() <= TOLERANCE, "{place}, not {}", at.waiting);
            by_lifelines += usize::from(set.by == "lifelines");
        }
    }
    assert!(by_lifelines > 100, "{by_lifelines}");
}
