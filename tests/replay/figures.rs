//! Every figure of `replay` follows from the ledger: these tests compute it again from the
//! records in `windows.ndjson` and compare.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use serde_json::Value;

use crate::harness::case::{CASES, Case, MINUTE, close, start};
use crate::harness::{STAGES, ms, number};
use crate::rederive::{
    Worth, Z, bounds, due, floor_ms, is_raced_for, outcome, starts_known, targets,
};

const WORKFLOWS: [&str; 5] = [
    "secret_exposure",
    "activity_triage",
    "soc_classification",
    "policy_change",
    "entitlement_review",
];
pub(crate) const OUTCOMES: [&str; 6] =
    ["effective", "hollow", "overdue", "unjudged", "unknown_exposure", "unassessed"];
const REASONS: [&str; 5] = [
    "impossible_reading",
    "evidence_unopened",
    "unauthorized",
    "self_approval",
    "templated_rationale",
];

fn at(window: &Value, field: &str) -> Option<i64> {
    ms(&window[field])
}

/// From one moment to another; nothing where one is missing or they contradict each other.
fn between(from: Option<i64>, to: Option<i64>) -> Option<i64> {
    let length = to? - from?;
    (length >= 0).then_some(length)
}

fn is_decided(window: &Value) -> bool {
    !window["decided_at"].is_null()
}

#[test]
fn a_record_follows_from_its_own_times() {
    for case in CASES.iter() {
        for window in &case.windows {
            let at = |field| at(window, field);
            let begun = Some(start(window));
            let expected = [
                ("detection", between(at("exposed_at"), at("detected_at"))),
                ("triage", between(at("detected_at"), at("triaged_at"))),
                ("first_touch", between(begun, at("touched_at"))),
                ("review", between(at("first_presented_at"), at("decided_at"))),
                ("time_to_review", between(begun, at("decided_at"))),
                ("containment", between(at("decided_at"), at("contained_at"))),
            ];
            for (stage, length) in expected {
                assert_eq!(window["durations_ms"][stage].as_i64(), length, "{stage}: {window}");
            }
            let exposure = window["durations_ms"]["exposure"].as_i64();
            if let Some(contained) = at("contained_at") {
                assert_eq!(exposure, between(begun, Some(contained)), "{window}");
            } else {
                assert!(exposure.is_none() || window["state"] == "closed", "{window}");
            }
            let rules = targets(window);
            assert_eq!(window["in_time_ms"], rules.in_time, "{window}");
            assert_eq!(window["late_ms"], rules.late, "{window}");
            assert_eq!(window["raced"], rules.raced, "{window}");
            // Late after the detection is late after the exposure, whenever that was.
            let known = starts_known(window);
            let band = between(begun, at("decided_at")).and_then(|taken| match taken {
                taken if taken >= rules.late => Some("behind"),
                _ if !known => None,
                taken if taken < rules.in_time => Some("ahead"),
                _ => Some("contested"),
            });
            assert_eq!(window["band"].as_str(), band, "{window}");
            let moments = [at("decided_at"), at("contained_at"), at("withdrawn_at")];
            match (window["state"].as_str().unwrap(), moments) {
                ("open", [None, None, None])
                | ("reviewed", [Some(_), None, None])
                | ("contained", [None, Some(_), None])
                | ("closed", [Some(_), _, _])
                | ("withdrawn", [None, _, Some(_)]) => {}
                _ => panic!("{window}"),
            }
            let closed = window["state"] == "closed" || window["state"] == "withdrawn";
            assert!(closed || window["final"] == false, "{window}");
            assert!(closed || window["resightings"] == 0, "{window}");
            if !case.settles() {
                assert_eq!(window["final"], closed, "{window}");
            }
        }
    }
}

#[test]
fn what_people_did_fits_together() {
    let mut escalated = 0;
    for case in CASES.iter() {
        for window in &case.windows {
            let escalations = number(window, "escalations");
            escalated += escalations;
            for field in ["escalated_at", "escalated_by"] {
                assert_eq!(window[field].is_null(), escalations == 0, "{field}: {window}");
            }
            // Whoever looks, hands on or decides has touched the case, the first of them first.
            let acts = ["first_opened_at", "escalated_at", "decided_at"];
            let first = acts.iter().filter_map(|act| at(window, act)).min();
            if window["clock_skew"] == false {
                let touched = at(window, "touched_at");
                assert!(first.is_none() || touched <= first && touched.is_some(), "{window}");
            }
            let looks = [at(window, "first_opened_at"), at(window, "opened_at")];
            assert!(looks[0] <= looks[1], "{window}");
            assert!(at(window, "first_presented_at") <= at(window, "presented_at"), "{window}");
            let agreed = match (window["verdict"].as_str(), &window["recommendation"]) {
                (Some("approve"), _) => Value::Bool(true),
                (Some("modify" | "reject"), _) => Value::Bool(false),
                (None, advised) if is_decided(window) && !advised.is_null() => {
                    Value::Bool(*advised == window["action"])
                }
                _ => Value::Null,
            };
            assert_eq!(window["agreed"], agreed, "{window}");
            assert_ne!(window["action"], "escalate", "a decision disposes: {window}");
        }
    }
    assert!(escalated > 0, "nothing to compare");
}

#[test]
fn a_decision_is_meaningful_hollow_or_unassessed() {
    for case in CASES.iter() {
        for window in &case.windows {
            let hollow = window["hollow"] != serde_json::json!([]);
            let Some(quality) = window["quality"].as_str() else {
                assert!(!is_decided(window) && !hollow && window["effective"].is_null());
                continue;
            };
            assert!(is_decided(window), "{window}");
            assert_eq!(hollow, quality == "hollow", "{window}");
            if !hollow {
                let advised = !window["presented_at"].is_null();
                let looks = case.name == "names" && window["workflow"] == "secret_exposure";
                let known = floor_ms(window).is_some() || !window["opened_at"].is_null() || looks;
                // The ledger does not hold whether a source had checked the authority.
                assert!(!advised || !known || quality == "meaningful", "{window}");
                assert!(advised || quality == "unassessed", "{window}");
            }
            // Late or hollow is not effective, whatever else is not known.
            let in_time = window["durations_ms"]["time_to_review"]
                .as_i64()
                .is_none_or(|taken| taken < window["in_time_ms"].as_i64().unwrap());
            let known = starts_known(window)
                && !window["durations_ms"]["time_to_review"].is_null()
                && quality != "unassessed";
            let effective = match (in_time, hollow, known) {
                (false, ..) | (_, true, _) => Value::Bool(false),
                (true, false, true) => Value::Bool(true),
                (true, false, false) => Value::Null,
            };
            assert_eq!(window["effective"], effective, "{window}");
        }
    }
}

/// The fastest and the mean arrival of attackers in minutes, and whether they are the place's own.
fn curve(case: &Case, window: &Value) -> (f64, f64, bool) {
    let (fastest, mean) = everywhere(case);
    match (case.name, window["location"].as_str()) {
        ("curves", Some("npm")) => (1.0, 3.0, true),
        _ => ((fastest / MINUTE) as f64, (mean / MINUTE) as f64, false),
    }
}

/// The fastest and the mean attacker where a place has no curve of its own.
fn everywhere(case: &Case) -> (i64, i64) {
    let minutes = if case.name == "curves" { (5, 20) } else { (9, 17) };
    (minutes.0 * MINUTE, minutes.1 * MINUTE)
}

/// Whether an attacker was seen before `end`, or at all if there is none.
fn seen(window: &Value, end: Option<i64>) -> bool {
    at(window, "abused_at").is_some_and(|abused| end.is_none_or(|end| abused < end))
}

/// The chance that an attacker has come within a time under a shifted exponential law, and
/// the least under any law with that minimum and mean.
fn chance(waited: i64, fastest: f64, mean: f64, seen: bool) -> (f64, f64) {
    if seen {
        return (1.0, 1.0);
    }
    let t = waited as f64 / MINUTE as f64;
    let probability =
        if t > fastest { 1.0 - (-(t - fastest) / (mean - fastest)).exp() } else { 0.0 };
    let bound = if t > mean { 1.0 - (mean - fastest) / (t - fastest) } else { 0.0 };
    (probability, bound)
}

/// How long a window lasted up to `end`, or lasts still, and whether that is known to be all: its
/// time of exposure is known, and not after the end.
fn lasted(case: &Case, window: &Value, end: Option<i64>) -> (i64, bool) {
    let length = end.unwrap_or(case.as_of()) - start(window);
    (length.max(0), window["clock"] == "exposed" && length >= 0)
}

#[test]
fn the_race_of_a_window_follows_from_its_place_and_times() {
    let (mut raced, mut others, mut wide) = (0, 0, 0);
    for case in CASES.iter() {
        let (mut least, mut most) = (0.0, 0.0);
        for window in &case.windows {
            let end = ["contained_at", "decided_at"].iter().find_map(|end| at(window, end));
            let told = &window["attacker_first"];
            if !is_raced_for(window) || window["state"] == "withdrawn" {
                assert_eq!(*told, Value::Null, "{window}");
                others += u64::from(!is_raced_for(window));
                continue;
            }
            raced += 1;
            let (fastest, mean, _) = curve(case, window);
            let (exposed_for, known) = lasted(case, window, end);
            let used = seen(window, end);
            let (low, bound) = chance(exposed_for, fastest, mean, used);
            let high = if known { low } else { 1.0 };
            wide += u64::from(low < high);
            assert!(close(told["low"].as_f64().unwrap(), low), "{window}");
            assert!(close(told["high"].as_f64().unwrap(), high), "{window}");
            assert!(close(told["lower_bound"].as_f64().unwrap(), bound), "{window}");
            least += low;
            most += high;
        }
        for (end, counted) in [("low", least), ("high", most)] {
            let name = "shutterlag_attacker_first_expected_total";
            let found = case.scrape.sum(name, &[("end", end)]);
            assert!(close(found, counted), "{}: {found} {counted}", case.name);
        }
    }
    assert!(raced > 1_000 && others > 50 && wide > 50, "{raced} {others} {wide}");
}

#[test]
fn the_chances_are_bounds_over_the_windows_themselves() {
    for case in CASES.iter() {
        let (fastest, mean) = everywhere(case);
        case.assert_number("attacker_window.fastest_ms", fastest as u64);
        case.assert_number("attacker_window.mean_ms", mean as u64);
        // A case that its source took back and nobody decided about is no race.
        let races = |window: &Value| is_raced_for(window) && window["state"] != "withdrawn";
        let worth = Worth::of(&case.windows, races);
        for (field, at_once) in [("attacker_first", false), ("attacker_first_from_the_start", true)]
        {
            let (mut low, mut high) = (0.0, 0.0);
            let (mut expected_low, mut expected_high, mut at_least) = (0.0, 0.0, 0.0);
            let windows = worth.windows;
            for window in case.windows.iter().filter(|window| races(window)) {
                let (decided, contained) = (at(window, "decided_at"), at(window, "contained_at"));
                let answered = decided.into_iter().chain(contained).min();
                let (fastest, mean, own) = curve(case, window);
                let fastest = if at_once && !own { 0.0 } else { fastest };
                let (waited, known) = lasted(case, window, answered);
                let (come, _) = chance(waited, fastest, mean, seen(window, answered));
                low += come;
                high += if known && answered.is_some() { come } else { 1.0 };
                let ended = contained.or(decided);
                let (usable, known) = lasted(case, window, ended);
                let (least, bound) = chance(usable, fastest, mean, seen(window, ended));
                expected_low += least;
                expected_high += if known { least } else { 1.0 };
                at_least += bound;
            }
            let told = &case.summary["attacker_window"][field];
            assert_eq!(number(told, "windows"), windows, "{}: {field}", case.name);
            assert_eq!(number(told, "incidents"), worth.incidents, "{}: {field}", case.name);
            let sums = [
                ("low", low / windows as f64),
                ("high", high / windows as f64),
                ("expected_low", expected_low),
                ("expected_high", expected_high),
                ("expected_at_least", at_least),
            ];
            for (name, value) in sums {
                let found = told[name].as_f64().unwrap();
                assert!(close(found, value), "{}: {field}.{name} {found} {value}", case.name);
            }
            assert!(low < high, "{}: nothing unknown", case.name);
        }
    }
}

/// Compares a rate with what is computed from the ledger's windows in `workflows`.
fn assert_rate(case: &Case, told: &Value, place: &str, workflows: &[&str]) {
    let of = |window: &Value| workflows.iter().any(|name| window["workflow"] == *name);
    let became = |window: &Value| due(window, case.as_of()).filter(|_| of(window));
    let count = |wanted: &str| case.count(|window| became(window) == Some(wanted));
    for outcome in OUTCOMES {
        let found = number(told, &format!("outcomes.{outcome}"));
        assert_eq!(found, count(outcome), "{}: {place}: {outcome}", case.name);
    }
    let worth = Worth::of(&case.windows, |window| became(window).is_some());
    assert_eq!(number(told, "windows"), worth.windows, "{}: {place}", case.name);
    assert_eq!(number(told, "incidents"), worth.incidents, "{}: {place}", case.name);
    let effective = told["effective"].as_f64().unwrap();
    assert!(close(effective, worth.effective), "{}: {place} {effective}", case.name);
    if worth.windows == 0 {
        for field in ["low", "high", "low_bound", "high_bound"] {
            assert_eq!(told[field], Value::Null, "{}: {place}", case.name);
        }
        return;
    }
    let share = |outcomes: &[&str]| {
        outcomes.iter().map(|outcome| count(outcome)).sum::<u64>() as f64 / worth.windows as f64
    };
    let low = share(&["effective"]);
    let high = share(&["effective", "unjudged", "unknown_exposure", "unassessed"]);
    let ends = [
        ("low", low),
        ("high", high),
        ("low_bound", bounds(low, worth.effective).0),
        ("high_bound", bounds(high, worth.effective).1),
    ];
    for (field, value) in ends {
        let found = told[field].as_f64().unwrap();
        assert!((found - value).abs() < 1e-9, "{}: {place}.{field}: {found} {value}", case.name);
    }
}

#[test]
fn the_effective_review_rate_follows_from_the_ledger() {
    for case in CASES.iter() {
        let rate = &case.summary["effective_review_rate"];
        assert_rate(case, rate, "headline", &WORKFLOWS[..3]);
        assert!(rate["low"].as_f64() > Some(0.0) && rate["low"].as_f64() < rate["high"].as_f64());
        assert!(number(rate, "incidents") < number(rate, "windows"), "{}: all single", case.name);
        for workflow in WORKFLOWS {
            let told = &case.summary["workflows"][workflow];
            let windows = case.count(|window| window["workflow"] == workflow);
            if windows == 0 {
                assert_eq!(*told, Value::Null, "{}: {workflow}", case.name);
                continue;
            }
            assert_eq!(number(told, "windows"), windows, "{}: {workflow}", case.name);
            let any = case.windows.iter().find(|window| window["workflow"] == workflow).unwrap();
            for field in ["in_time_ms", "late_ms", "raced"] {
                assert_eq!(told[field], any[field], "{}: {workflow}", case.name);
            }
            assert_rate(case, &told["effective_review_rate"], workflow, &[workflow]);
            assert_bands(case, told, workflow, &[workflow]);
            for became in OUTCOMES {
                // A decision in time is counted as soon as it is judged.
                let settled = |window: &Value| {
                    window["workflow"] == workflow
                        && due(window, case.as_of()).or(outcome(window)) == Some(became)
                };
                let labels = [("workflow", workflow), ("outcome", became)];
                let name = "shutterlag_reviews_due_total";
                case.assert_metric(name, &labels, case.count(settled));
            }
        }
    }
}

fn assert_bands(case: &Case, told: &Value, place: &str, workflows: &[&str]) {
    let of = |window: &Value| workflows.iter().any(|name| window["workflow"] == *name);
    let withdrawn = |window: &Value| !is_decided(window) && !window["withdrawn_at"].is_null();
    let counts = [
        ("ahead", case.count(|w| of(w) && w["band"] == "ahead")),
        ("contested", case.count(|w| of(w) && w["band"] == "contested")),
        ("behind", case.count(|w| of(w) && w["band"] == "behind")),
        ("unknown", case.count(|w| of(w) && is_decided(w) && w["band"].is_null())),
        ("withdrawn", case.count(|w| of(w) && withdrawn(w))),
        ("unreviewed", case.count(|w| of(w) && !is_decided(w) && !withdrawn(w))),
    ];
    for (band, count) in counts {
        assert_eq!(number(told, band), count, "{}: {place}: {band}", case.name);
    }
}

#[test]
fn the_summary_follows_from_the_ledger() {
    for case in CASES.iter() {
        assert_bands(case, &case.summary["attacker_window"], "raced", &WORKFLOWS[..3]);
        for band in ["ahead", "contested", "behind"] {
            let count = case.count(|window| window["band"] == band);
            case.assert_metric("shutterlag_reviews_total", &[("band", band)], count);
        }
        case.assert_number("oversight.reviews", case.count(is_decided));
        for quality in ["meaningful", "hollow", "unassessed"] {
            let count = case.count(|window| window["quality"] == quality);
            case.assert_number(&format!("oversight.{quality}"), count);
            case.assert_metric("shutterlag_reviews_total", &[("quality", quality)], count);
        }
        case.assert_number("oversight.unjudged", 0);
        for reason in REASONS {
            let found = |window: &Value| {
                window["hollow"].as_array().unwrap().iter().any(|found| found == reason)
            };
            let count = case.count(found);
            case.assert_number(&format!("oversight.by_reason.{reason}"), count);
            case.assert_metric("shutterlag_hollow_reviews_total", &[("reason", reason)], count);
        }
        case.assert_number("oversight.agreed", case.count(|window| window["agreed"] == true));
        case.assert_number("oversight.disagreed", case.count(|window| window["agreed"] == false));
        let unadvised = |window: &Value| is_decided(window) && window["presented_at"].is_null();
        case.assert_number("oversight.unadvised", case.count(unadvised));
        let ai_first = case.count(|window| window["ai_acted_first"] == true);
        case.assert_number("oversight.ai_acted_first", ai_first);
        case.assert_metric("shutterlag_boundary_violations_total", &[], ai_first);
        assert!(ai_first > 0, "{}", case.name);
        for (result, let_through) in [("caught", false), ("missed", true)] {
            let count = case.count(|window| seeded(window) == Some(let_through));
            case.assert_number(&format!("oversight.seeded.{result}"), count);
            case.assert_metric("shutterlag_seeded_cases_total", &[("result", result)], count);
        }
    }
}

/// Whether planted wrong advice was let through; nothing where there was none.
fn seeded(window: &Value) -> Option<bool> {
    let truth = &window["truth"];
    let planted = truth["seeded"] == true && is_decided(window);
    let advised = &window["recommendation"];
    let wrong = !advised.is_null() && *advised != truth["correct_action"];
    (planted && wrong).then(|| match window["verdict"].as_str() {
        Some(verdict) => verdict == "approve",
        None => window["action"] == *advised,
    })
}

#[test]
fn stages_follow_from_the_ledger() {
    for case in CASES.iter() {
        for stage in STAGES {
            let exact = case.durations(stage);
            let told = &case.summary["stages"][stage];
            assert_eq!(number(told, "count"), exact.len() as u64, "{}: {stage}", case.name);
            assert_eq!(told["max_ms"].as_u64(), exact.last().copied(), "{}: {stage}", case.name);
            for (name, percent) in [("p50_ms", 50), ("p90_ms", 90), ("p99_ms", 99)] {
                // Nearest rank, rounded up within a bucket of 1/1024 at most.
                let rank = (exact.len() * percent).div_ceil(100);
                let least = exact[rank - 1];
                let found = number(told, name);
                let most = (least + least / 1024).min(*exact.last().unwrap());
                assert!((least..=most).contains(&found), "{stage} {name}: {found}, {least}");
            }
            let censored = case.count(|window| {
                let has = |name: &str| !window[name].is_null();
                let begun = match stage {
                    "detection" => false,
                    "triage" => !has("triaged_at"),
                    "first_touch" => !has("touched_at"),
                    "review" => has("presented_at") && !has("decided_at"),
                    "time_to_review" => !has("decided_at"),
                    "containment" => has("decided_at") && !has("contained_at"),
                    _ => !has("contained_at"),
                };
                begun && window["state"] != "closed" && window["state"] != "withdrawn"
            });
            assert_eq!(number(told, "censored"), censored, "{}: {stage}", case.name);
        }
    }
}

/// How long a window that attackers race for was watched, whether its decision came then, and
/// whether that is known to be the whole wait.
pub(crate) fn watched(case: &Case, window: &Value) -> Option<(i64, bool, bool)> {
    if !is_raced_for(window) {
        return None;
    }
    let known = window["clock"] == "exposed";
    if let Some(decided) = at(window, "decided_at") {
        let length = decided - start(window);
        return Some((length.max(0), true, known && length >= 0));
    }
    let length = at(window, "withdrawn_at").unwrap_or(case.as_of()) - start(window);
    (length >= 0).then_some((length, false, known))
}

/// The waits of a case as if all of unknown exposure were exposed at their detection, and as if
/// none of them were ever decided. Decisions before censorings.
pub(crate) fn early_and_late(case: &Case) -> [Vec<(i64, bool)>; 2] {
    let all: Vec<_> = case.windows.iter().filter_map(|window| watched(case, window)).collect();
    let early = all.iter().map(|(t, decided, _)| (*t, *decided)).collect();
    let late = all.iter().map(|(t, decided, known)| match known {
        true => (*t, *decided),
        false => (i64::MAX, false),
    });
    [early, late.collect()].map(|mut waits: Vec<(i64, bool)>| {
        waits.sort_by_key(|(t, decided)| (*t, !decided));
        waits
    })
}

/// What a survival curve comes to.
struct Plain {
    /// By each moment: the share decided, and Greenwood's sum.
    by: Vec<(f64, f64)>,
    median: Option<i64>,
    hour: f64,
}

fn plain(waits: &[(i64, bool)], moments: [i64; 2]) -> Plain {
    let (mut survivors, mut median, mut hour) = (1.0_f64, None, 0.0);
    let (mut variance, mut before) = (0.0, 0_i64);
    let mut by = vec![(0.0, 0.0); moments.len()];
    for (index, (t, decided)) in waits.iter().enumerate() {
        hour += survivors * ((*t).min(60 * MINUTE) - before.min(60 * MINUTE)) as f64;
        before = *t;
        if *decided {
            let at_risk = (waits.len() - index) as f64;
            survivors *= 1.0 - 1.0 / at_risk;
            // One at a time: d/(n(n − d)) is the sum of 1/((n − k)(n − k − 1)).
            variance += 1.0 / (at_risk * (at_risk - 1.0));
            if survivors <= 0.5 + 1e-12 {
                median = median.or(Some(*t));
            }
            for (found, _) in by.iter_mut().zip(moments).filter(|(_, until)| *t <= *until) {
                *found = (1.0 - survivors, variance);
            }
        }
    }
    hour += survivors * (60 * MINUTE - before.min(60 * MINUTE)) as f64;
    Plain { by, median, hour }
}

#[test]
fn survival_follows_from_the_ledger() {
    let mut wide = 0;
    for case in CASES.iter() {
        let [early, late] = early_and_late(case);
        let told = &case.summary["survival"]["time_to_review"];
        let worth = Worth::of(&case.windows, |window| watched(case, window).is_some());
        assert_eq!(number(told, "sample.windows"), worth.windows, "{}", case.name);
        assert_eq!(number(told, "sample.incidents"), worth.incidents, "{}", case.name);
        assert!(close(told["sample"]["effective"].as_f64().unwrap(), worth.effective));
        assert!(worth.effective >= 30.0, "{}: other bounds hold below thirty", case.name);
        let weight = worth.effective / worth.windows as f64;
        let unknown = late.iter().filter(|(t, _)| *t == i64::MAX).count();
        wide += usize::from(unknown > 0);
        assert_eq!(number(told, "unknown_exposure"), unknown as u64, "{}", case.name);

        let (fastest, mean) = everywhere(case);
        let moments = [fastest, mean];
        let last = early.last().map(|(t, _)| *t);
        let [early, late] = [&early, &late].map(|waits| plain(waits, moments));
        let bounds = |(decided_by, spread): (f64, f64)| {
            let log = (1.0 - decided_by).ln();
            let reach = Z * (spread / weight).sqrt() / -log;
            (1.0 - (log * (-reach).exp()).exp(), 1.0 - (log * reach.exp()).exp())
        };
        for (at, name) in ["reviewed_by_fastest", "reviewed_by_mean"].into_iter().enumerate() {
            let (low, high) = (late.by[at], early.by[at]);
            for (field, value) in [
                ("low", low.0),
                ("high", high.0),
                ("low_bound", bounds(low).0),
                ("high_bound", bounds(high).1),
            ] {
                let found = told[name][field].as_f64().unwrap();
                let same = (found - value).abs() < 1e-9;
                assert!(same, "{}: {name}.{field} {found} {value}", case.name);
            }
        }
        for (end, curve) in [("low", &early), ("high", &late)] {
            assert_eq!(told["median_ms"][end].as_i64(), curve.median, "{}", case.name);
            let hour = told["rmst_1h_ms"][end].as_f64().unwrap();
            assert!(close(hour, curve.hour), "{}", case.name);
        }
        assert_eq!(told["observed_up_to_ms"].as_i64(), last);
    }
    assert!(wide > 0, "some time of exposure is not known");
}
