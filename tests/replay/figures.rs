//! Every figure of `replay` follows from the ledger: it is worked out here anew
//! from the times in `windows.ndjson` and compared.

use serde_json::Value;

use crate::harness::case::{CASES, MINUTE, close, start};
use crate::harness::{STAGES, ms, number};

#[test]
fn a_record_follows_from_its_own_times() {
    for case in CASES.iter() {
        for window in &case.windows {
            let at = |name: &str| ms(&window[name]);
            let between = |from: Option<i64>, to: Option<i64>| {
                let length = to? - from?;
                (length >= 0).then_some(length)
            };
            let start = Some(start(window));
            let expected = [
                ("detection", between(at("exposed_at"), at("detected_at"))),
                ("triage", between(at("detected_at"), at("triaged_at"))),
                ("review", between(at("presented_at"), at("decided_at"))),
                ("time_to_review", between(start, at("decided_at"))),
                ("containment", between(at("decided_at"), at("contained_at"))),
            ];
            for (stage, length) in expected {
                assert_eq!(window["durations_ms"][stage].as_i64(), length, "{stage}: {window}");
            }
            let exposure = window["durations_ms"]["exposure"].as_i64();
            if let Some(contained) = at("contained_at") {
                assert_eq!(exposure, between(start, Some(contained)), "{window}");
            } else {
                assert!(exposure.is_none() || window["state"] == "closed", "{window}");
            }
            let band = expected[3].1.map(|review| match review {
                ..540_000 => "ahead",
                540_000..1_020_000 => "contested",
                _ => "behind",
            });
            assert_eq!(window["band"].as_str(), band, "{window}");
            match window["state"].as_str().unwrap() {
                "open" => assert_eq!((at("decided_at"), at("contained_at")), (None, None)),
                "reviewed" => assert!(at("decided_at").is_some() && at("contained_at").is_none()),
                "contained" => assert!(at("decided_at").is_none() && at("contained_at").is_some()),
                state => assert!(state == "closed" && at("decided_at").is_some(), "{window}"),
            }
            let effective = band == Some("ahead") && window["hollow"] == serde_json::json!([]);
            assert_eq!(window["effective"], effective, "{window}");
            assert!(window["final"] == false || window["state"] == "closed", "{window}");
            if !case.settles() {
                assert_eq!(window["final"], window["state"] == "closed", "{window}");
            }
        }
    }
}

#[test]
fn the_race_follows_from_the_curves() {
    for case in CASES.iter() {
        let mut expected = 0.0;
        for window in &case.windows {
            let end = ms(&window["contained_at"]).or(ms(&window["decided_at"]));
            let exposed_for = end.unwrap_or(case.as_of()) - start(window);
            if exposed_for < 0 {
                assert_eq!(window["attacker_first"], Value::Null, "{window}");
                continue;
            }
            let (fastest, mean) = match (case.name, window["location"].as_str()) {
                ("curves", Some("npm")) => (1.0, 3.0),
                ("curves", _) => (5.0, 20.0),
                _ => (9.0, 17.0),
            };
            let t = exposed_for as f64 / MINUTE as f64;
            let probability =
                if t > fastest { 1.0 - (-(t - fastest) / (mean - fastest)).exp() } else { 0.0 };
            let bound = if t > mean { 1.0 - (mean - fastest) / (t - fastest) } else { 0.0 };
            let told = &window["attacker_first"];
            assert!(close(told["probability"].as_f64().unwrap(), probability), "{window}");
            assert!(close(told["lower_bound"].as_f64().unwrap(), bound), "{window}");
            expected += probability;
        }
        let told = case.summary["attacker_window"]["expected_attacker_first"].as_f64().unwrap();
        assert!(close(told, expected), "{}: {told} {expected}", case.name);
        let counted = case.scrape.sum("shutterlag_attacker_first_expected_total", &[]);
        assert!(close(counted, expected), "{}: {counted} {expected}", case.name);
        case.assert_number("attacker_window.fastest_ms", 540_000);
        case.assert_number("attacker_window.mean_ms", 1_020_000);
    }
}

#[test]
fn the_summary_follows_from_the_ledger() {
    for case in CASES.iter() {
        let decided = |window: &Value| !window["decided_at"].is_null();
        for band in ["ahead", "contested", "behind"] {
            let count = case.count(|window| window["band"] == band);
            case.assert_number(&format!("attacker_window.{band}"), count);
            case.assert_metric("shutterlag_reviews_total", &[("band", band)], count);
        }
        let unknown = case.count(|window| decided(window) && window["band"].is_null());
        case.assert_number("attacker_window.unknown", unknown);
        case.assert_number("attacker_window.unreviewed", case.count(|window| !decided(window)));

        case.assert_number("oversight.reviews", case.count(decided));
        let hollow = |window: &Value| window["hollow"] != serde_json::json!([]);
        case.assert_number("oversight.hollow", case.count(hollow));
        case.assert_metric(
            "shutterlag_reviews_total",
            &[("quality", "hollow")],
            case.count(hollow),
        );
        for reason in [
            "impossible_reading",
            "evidence_unopened",
            "unauthorized",
            "self_approval",
            "templated_rationale",
        ] {
            let count = case
                .count(|window| window["hollow"].as_array().unwrap().iter().any(|r| r == reason));
            case.assert_number(&format!("oversight.by_reason.{reason}"), count);
            case.assert_metric("shutterlag_hollow_reviews_total", &[("reason", reason)], count);
        }
        case.assert_number("oversight.agreed", case.count(|window| window["agreed"] == true));
        case.assert_number("oversight.disagreed", case.count(|window| window["agreed"] == false));
        let unadvised = |window: &Value| decided(window) && window["presented_at"].is_null();
        case.assert_number("oversight.unadvised", case.count(unadvised));
        let ai_first = case.count(|window| window["ai_acted_first"] == true);
        case.assert_number("oversight.ai_acted_first", ai_first);
        case.assert_metric("shutterlag_boundary_violations_total", &[], ai_first);
        assert!(ai_first > 0, "{}", case.name);
        for result in ["caught", "missed"] {
            let count = number(&case.summary, &format!("oversight.seeded.{result}"));
            case.assert_metric("shutterlag_seeded_cases_total", &[("result", result)], count);
        }

        let effective = case.count(|window| window["effective"] == true) as f64;
        let owed =
            case.count(|window| decided(window) || case.as_of() - start(window) >= 9 * MINUTE);
        let rate = case.summary["effective_review_rate"].as_f64().unwrap();
        assert!(close(rate, effective / owed as f64), "{}: {rate}", case.name);
    }
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
                    "review" => has("presented_at") && !has("decided_at"),
                    "time_to_review" => !has("decided_at"),
                    "containment" => has("decided_at") && !has("contained_at"),
                    _ => !has("contained_at"),
                };
                begun && window["state"] != "closed"
            });
            assert_eq!(number(told, "censored"), censored, "{}: {stage}", case.name);
        }
    }
}

#[test]
fn survival_follows_from_the_ledger() {
    for case in CASES.iter() {
        // Time, and whether a decision came then; decisions before censorings.
        let mut seen: Vec<(i64, bool)> = Vec::new();
        for window in &case.windows {
            match (&window["decided_at"], window["durations_ms"]["time_to_review"].as_i64()) {
                (_, Some(review)) => seen.push((review, true)),
                (Value::Null, None) if case.as_of() >= start(window) => {
                    seen.push((case.as_of() - start(window), false));
                }
                _ => {}
            }
        }
        seen.sort_by_key(|(t, decided)| (*t, !decided));
        let (mut survivors, mut median, mut hour) = (1.0_f64, None, 0.0);
        let (mut by_fastest, mut by_mean, mut before) = (0.0, 0.0, 0_i64);
        for (index, (t, decided)) in seen.iter().enumerate() {
            hour += survivors * ((*t).min(60 * MINUTE) - before.min(60 * MINUTE)) as f64;
            before = *t;
            if *decided {
                survivors *= 1.0 - 1.0 / (seen.len() - index) as f64;
                if survivors <= 0.5 + 1e-12 {
                    median = median.or(Some(*t));
                }
                if *t <= 9 * MINUTE {
                    by_fastest = 1.0 - survivors;
                }
                if *t <= 17 * MINUTE {
                    by_mean = 1.0 - survivors;
                }
            }
        }
        hour += survivors * (60 * MINUTE - before.min(60 * MINUTE)) as f64;
        let told = &case.summary["survival"]["time_to_review"];
        for (name, expected) in [("reviewed_by_fastest", by_fastest), ("reviewed_by_mean", by_mean)]
        {
            let [value, low, high] =
                ["estimate", "low", "high"].map(|field| told[name][field].as_f64().unwrap());
            assert!(close(value, expected), "{}: {name} {value} {expected}", case.name);
            assert!(0.0 < low && low < value && value < high && high < 1.0, "{}", case.name);
        }
        assert_eq!(told["median_ms"].as_i64(), median, "{}", case.name);
        assert!(close(told["rmst_1h_ms"].as_f64().unwrap(), hour), "{}", case.name);
    }
}
