//! The figures computed a second time from the JSON of the records, as plainly as they are
//! defined.

use serde_json::Value;

use super::made::report_on;
use crate::figures::{OUTCOMES, early_and_late};
use crate::harness::case::{CASES, start};
use crate::harness::ms;
use crate::rederive::{due, is_raced_for, starts_known};

fn close(ours: &Value, theirs: f64) -> bool {
    (ours.as_f64().unwrap() - theirs).abs() <= 1e-9 * theirs.abs().max(1.0)
}

/// The attacker's law, in minutes, as it is published.
fn law(ms: i64) -> f64 {
    let t = ms as f64 / 60_000.0;
    if t > 9.0 { 1.0 - (-(t - 9.0) / 8.0).exp() } else { 0.0 }
}

#[test]
fn the_attackers_interval_is_the_sum_over_all_exposures() {
    let case = &CASES[0];
    let told = report_on(&case.out.0, &[]);
    let (mut windows, mut low, mut high) = (0_u32, 0.0, 0.0);
    for window in case.windows.iter().filter(|window| is_raced_for(window)) {
        if window["state"] == "withdrawn" {
            continue;
        }
        let answered =
            ms(&window["decided_at"]).into_iter().chain(ms(&window["contained_at"])).min();
        let waited = answered.unwrap_or(case.as_of()) - start(window);
        {
            let known = answered.is_some() && window["clock"] == "exposed" && waited >= 0;
            let seen = ms(&window["abused_at"])
                .is_some_and(|abused| answered.is_none_or(|answered| abused < answered));
            let lost = if seen { 1.0 } else { law(waited) };
            windows += 1;
            low += lost;
            high += if known { lost } else { 1.0 };
        }
    }
    let first = &told["attacker_first"]["laws"][0];
    assert!(windows > 100, "{windows}");
    assert_eq!(first["windows"], windows);
    assert!(close(&first["low"], low / f64::from(windows)), "{first}");
    assert!(close(&first["high"], high / f64::from(windows)), "{first}");
}

#[test]
fn the_drawn_curve_and_the_number_at_risk_are_as_counted() {
    let case = &CASES[0];
    let told = report_on(&case.out.0, &[]);
    let [early, late] = early_and_late(case);
    let survival = |waits: &[(i64, bool)], until: i64| {
        let mut times: Vec<i64> =
            waits.iter().filter(|w| w.1 && w.0 <= until).map(|w| w.0).collect();
        times.sort_unstable();
        times.dedup();
        times.iter().fold(1.0, |survival, t| {
            let at_risk = waits.iter().filter(|(wait, _)| wait >= t).count() as f64;
            let events = waits.iter().filter(|(wait, d)| wait == t && *d).count() as f64;
            survival * (1.0 - events / at_risk)
        })
    };
    let curve = told["time_to_review"]["curve"].as_array().unwrap();
    assert_eq!(curve.len(), 241);
    for point in curve {
        let t = point["t_ms"].as_i64().unwrap();
        let (least, most) = (survival(&early, t), survival(&late, t));
        assert!(close(&point["low"], least) && close(&point["high"], most), "{point}");
        assert!(close(&point["attacker"], law(t)), "{point}");
        if let Some(low) = point["low_bound"].as_f64() {
            let high = point["high_bound"].as_f64().unwrap();
            assert!(low <= least && most <= high, "{point}");
        }
    }
    for risk in told["time_to_review"]["at_risk"].as_array().unwrap() {
        let t = risk["t_ms"].as_i64().unwrap();
        let waiting = early.iter().filter(|(wait, _)| *wait >= t).count();
        assert_eq!(risk["windows"], waiting, "{risk}");
    }
}

#[test]
fn what_ended_the_wait_is_as_counted() {
    let case = &CASES[0];
    let told = report_on(&case.out.0, &[]);
    let all: Vec<(&Value, i64, Option<usize>)> = case
        .windows
        .iter()
        .map(|window| {
            let of = |field: &str, end| Some((ms(&window[field])?, end));
            let ends = [of("decided_at", 0), of("contained_at", 1), of("abused_at", 2)];
            let first = ends.into_iter().flatten().min();
            let (at, end) = first.map_or((case.as_of(), None), |(at, end)| (at, Some(end)));
            (window, at - start(window), end)
        })
        .collect();
    for (end, told) in told["outcomes"]["ended"].as_array().unwrap().iter().enumerate() {
        assert_eq!(told["windows"], all.iter().filter(|e| e.2 == Some(end)).count(), "{told}");
    }
    // The shares are of those of which it is known how long they lasted.
    let known = |it: &&(&Value, i64, _)| starts_known(it.0) && it.1 >= 0;
    let ends: Vec<(i64, Option<usize>)> =
        all.iter().filter(known).map(|(_, lasted, end)| (*lasted, *end)).collect();
    assert_eq!(told["outcomes"]["left_out"], all.len() - ends.len());
    let mut times: Vec<i64> = ends.iter().map(|(lasted, _)| *lasted).collect();
    times.sort_unstable();
    times.dedup();
    for by in told["outcomes"]["shares"].as_array().unwrap() {
        let until = by["t_ms"].as_i64().unwrap();
        let (mut waiting, mut shares) = (1.0, [0.0; 3]);
        for t in times.iter().filter(|t| **t <= until) {
            let at_risk = ends.iter().filter(|(lasted, _)| lasted >= t).count() as f64;
            let before = waiting;
            for (end, share) in shares.iter_mut().enumerate() {
                let d = ends.iter().filter(|(l, e)| l == t && *e == Some(end)).count() as f64;
                *share += before * d / at_risk;
                waiting -= before * d / at_risk;
            }
        }
        for (name, share) in ["decision", "containment", "abuse"].iter().zip(shares) {
            assert!(close(&by[*name], share), "{by}: {name} {share}");
        }
        assert!(close(&by["waiting"], waiting), "{by}");
    }
}

#[test]
fn groups_are_as_counted() {
    let case = &CASES[0];
    let told = report_on(&case.out.0, &[]);
    let kinds =
        [("by_workflow", "workflow"), ("by_severity", "severity"), ("by_location", "location")];
    for (kind, field) in kinds {
        let groups = told["bands"][kind].as_array().unwrap();
        assert!(groups.len() > 2, "{kind}");
        let mut all = 0;
        for group in groups {
            let of = |window: &&Value| match group["name"].as_str().unwrap() {
                "not stated" => window[field].is_null(),
                name => window[field] == name,
            };
            let own: Vec<&Value> = case.windows.iter().filter(of).collect();
            assert_eq!(group["windows"], own.len(), "{group}");
            for band in ["ahead", "contested", "behind"] {
                let count = own.iter().filter(|window| window["band"] == band).count();
                assert_eq!(group[band], count, "{group}");
            }
            let hollow = own.iter().filter(|w| !w["hollow"].as_array().unwrap().is_empty());
            assert_eq!(group["hollow"]["count"], hollow.count(), "{group}");
            for outcome in OUTCOMES {
                let became = own.iter().filter(|w| due(w, case.as_of()) == Some(outcome));
                assert_eq!(group["effective"]["outcomes"][outcome], became.count(), "{group}");
            }
            all += own.len();
        }
        assert_eq!(all, case.windows.len(), "{kind}: every window is in one group");
    }
    let unowned = case.windows.iter().filter(|window| window["owner"].is_null()).count();
    assert_eq!(told["ownership"]["without_owner"]["count"], unowned);
}

#[test]
fn the_previous_period_is_the_one_before_of_the_same_length() {
    let case = &CASES[0];
    let (from, to) = ("2026-01-05T12:00:00Z", "2026-01-06T00:00:00Z");
    let told = report_on(&case.out.0, &["--from", from, "--to", to]);
    let own = |from: &str, to: &str| {
        let all = case.windows.iter();
        all.filter(|w| (from..to).contains(&w["detected_at"].as_str().unwrap())).count()
    };
    let previous = &told["verdict"]["previous"];
    assert_eq!(previous["from"], "2026-01-05T00:00:00.000Z");
    assert_eq!(
        told["verdict"]["windows"],
        own("2026-01-05T12:00:00.000Z", "2026-01-06T00:00:00.000Z")
    );
    assert_eq!(previous["windows"], own("2026-01-05T00:00:00.000Z", "2026-01-05T12:00:00.000Z"));
    assert_eq!(told["evidence"]["scopes"][1]["records"], previous["windows"]);
}
