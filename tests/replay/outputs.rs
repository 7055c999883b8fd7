//! The output of `replay` is complete, well-formed and consistent: the files, the summary, the
//! metrics and the histograms are about the same windows.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::Value;
use shutterlag::simulate::{Extent, Options};

use crate::harness::case::{CASES, EVENTS, close};
use crate::harness::{FILES, KEY, Run, STAGES, events, fields, grouped, ms, number};

#[test]
fn all_files_are_there_and_nothing_else() {
    for case in CASES.iter() {
        assert_eq!(case.out.names(), FILES, "{}", case.name);
        assert_eq!(case.ran.stderr, "", "{}", case.name);
    }
}

#[test]
fn the_summary_is_what_json_prints() {
    for case in CASES.iter() {
        assert_eq!(case.ran.stdout, case.out.text("summary.json"), "{}", case.name);
        let top = fields(&case.ran.stdout);
        let expected = [
            "as_of",
            "events",
            "windows",
            "clock_skew_windows",
            "stages",
            "attacker_window",
            "survival",
            "oversight",
            "effective_review_rate",
            "workflows",
            "not_joined",
        ];
        assert_eq!(top, expected, "{}", case.name);
    }
}

#[test]
fn records_have_all_fields_in_their_order() {
    const FIELDS: &str = "exposure_id workflow credential_id aliases links source location severity owner state \
        revision final clock clock_skew exposed_at exposed_at_quality detected_at triaged_at \
        presented_at opened_at decided_at contained_at abused_at touched_at escalated_at \
        escalated_by escalations withdrawn_at withdrawn_reason first_presented_at first_opened_at \
        in_time_ms late_ms raced durations_ms band attacker_first detections resightings incident \
        items items_opened evidence advice_source advice_event first_advice_event model \
        advised_severity recommendation confidence summary_words summary_chars advice_same_clock opening_same_clock repeats_advice recovered reviewer \
        verdict action final_action further_decisions agreed batch_id rationale_words \
        rationale_digest truth ai_acted_first hollow quality effective";
    let expected: Vec<&str> = FIELDS.split_whitespace().collect();
    for case in CASES.iter() {
        for line in case.out.text("windows.ndjson").lines() {
            assert_eq!(fields(line), expected, "{}: {line}", case.name);
            let durations = line.split_once(r#""durations_ms":"#).unwrap().1;
            let durations = &durations[..=durations.find('}').unwrap()];
            assert_eq!(fields(durations), STAGES, "{}: {line}", case.name);
        }
    }
}

#[test]
fn everything_read_is_accounted_for() {
    for case in CASES.iter() {
        crate::harness::assert_accounts(&case.summary);
        case.assert_number("windows.total", case.windows.len() as u64);
        for state in ["open", "reviewed", "contained", "closed", "withdrawn"] {
            let count = case.count(|window| window["state"] == state);
            case.assert_number(&format!("windows.{state}"), count);
        }
        // Every accepted event is in the record of one window, or an orphan.
        let held: u64 = case.windows.iter().map(|window| number(window, "revision")).sum();
        case.assert_number("events.accepted", held + { number(&case.summary, "events.orphan") });
        let mut rejected = case.out.lines("rejected.ndjson");
        rejected.retain(|line| line["reason"] != "not_joined");
        let late = rejected.iter().filter(|line| line["reason"] == "late").count() as u64;
        case.assert_number("events.rejected", rejected.len() as u64 - late);
        assert!(late <= number(&case.summary, "events.late"), "{}", case.name);
        assert_eq!(number(&case.summary, "events.late") > 0, case.settles(), "{}", case.name);
        assert!(number(&case.summary, "events.read") > EVENTS, "{}", case.name);
        let skipped = number(&case.summary, "events.skipped");
        assert_eq!(skipped > 0, case.args.contains(&"--as-of"), "{}", case.name);
        let skewed = case.count(|window| window["clock_skew"] == true);
        assert!(number(&case.summary, "events.clock_skew") >= skewed, "{}", case.name);
        assert!(skewed > 0, "{}", case.name);
    }
}

#[test]
fn refusals_name_their_place() {
    for case in CASES.iter() {
        for line in case.out.text("rejected.ndjson").lines() {
            assert_eq!(fields(line), ["input", "line", "reason", "detail", "excerpt"]);
            let told: Value = serde_json::from_str(line).unwrap();
            // An event found late while it was held has lost its place, and so has one that
            // did not join.
            let placed = told["reason"] != "late" && told["reason"] != "not_joined"
                || !told["line"].is_null();
            assert!(
                !placed || told["input"].as_str().unwrap().ends_with("events.ndjson"),
                "{line}"
            );
            assert_eq!(told["line"].as_u64().is_some(), placed, "{line}");
            assert_ne!(told["detail"], "", "{line}");
        }
    }
}

#[test]
fn windows_stand_in_the_order_of_their_ids_and_each_once() {
    for case in CASES.iter() {
        let ids: Vec<&str> =
            case.windows.iter().map(|window| window["exposure_id"].as_str().unwrap()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{}", case.name);
        for window in &case.windows {
            let (workflow, credential) = (&window["workflow"], &window["credential_id"]);
            let detected = ms(&window["detected_at"]).unwrap();
            let id = format!(
                "{}/{}/{detected}",
                workflow.as_str().unwrap(),
                credential.as_str().unwrap()
            );
            assert_eq!(window["exposure_id"], id.as_str());
        }
    }
}

#[test]
fn metrics_agree_with_the_summary() {
    for case in CASES.iter() {
        let summary = &case.summary;
        const DURATION: &str = "shutterlag_stage_duration_seconds";
        for stage in STAGES {
            let exact = case.durations(stage);
            let labels = [("stage", stage)];
            case.assert_metric(&format!("{DURATION}_count"), &labels, exact.len() as u64);
            let total: f64 = exact.iter().map(|ms| (*ms as f64 + 0.5) / 1000.0).sum();
            let sum = case.scrape.sum(&format!("{DURATION}_sum"), &labels);
            assert!(close(sum, total), "{}: {stage} {sum} {total}", case.name);
        }
        // The two bounds that matter are exact, to the millisecond, in every workflow.
        for workflow in ["secret_exposure", "activity_triage", "policy_change"] {
            for (le, bound) in [("540", 540_000), ("1020", 1_020_000)] {
                let within = |window: &Value| {
                    let taken = window["durations_ms"]["time_to_review"].as_u64();
                    window["workflow"] == workflow && taken.is_some_and(|taken| taken < bound)
                };
                let labels = [("workflow", workflow), ("stage", "time_to_review"), ("le", le)];
                case.assert_metric(&format!("{DURATION}_bucket"), &labels, case.count(within));
            }
        }

        for (metric, path) in [
            ("shutterlag_events_duplicate_total", "events.duplicate"),
            ("shutterlag_events_late_total", "events.late"),
            ("shutterlag_clock_skew_total", "events.clock_skew"),
            ("shutterlag_reviews_total", "oversight.reviews"),
            ("shutterlag_verdicts_total", "oversight.reviews"),
        ] {
            case.assert_metric(metric, &[], number(summary, path));
        }
        let events = |name: &str| number(summary, &format!("events.{name}"));
        case.assert_metric("shutterlag_events_total", &[], events("read") - events("rejected"));
        let told = case.scrape.sum("shutterlag_as_of_timestamp_seconds", &[]);
        assert_eq!(told, case.as_of() as f64 / 1000.0, "{}", case.name);
        let waits = |is: &str| [("awaiting", is.to_owned())];
        let open = case.count(|w| w["state"] == "open" && w["triaged_at"].is_null());
        let awaiting = [
            ("triage", open),
            (
                "review",
                number(summary, "windows.open") - open + number(summary, "windows.contained"),
            ),
            ("containment", number(summary, "windows.reviewed")),
        ];
        for (what, count) in awaiting {
            let labels = waits(what);
            let labels: Vec<(&str, &str)> =
                labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            case.assert_metric("shutterlag_open_windows", &labels, count);
        }

        let mut refused: BTreeMap<String, u64> = BTreeMap::new();
        for line in case.out.lines("rejected.ndjson") {
            *refused.entry(line["reason"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let late = refused.remove("late").unwrap_or_default();
        // These are accepted events.
        refused.remove("not_joined");
        assert_eq!(late, number(summary, "events.late"));
        for (reason, count) in refused {
            case.assert_metric("shutterlag_events_rejected_total", &[("reason", &reason)], count);
        }
        for sample in &case.scrape.samples {
            for name in sample.labels.keys() {
                let known = "action alert awaiting band end kind le outcome quality reason result severity \
                             signal source stage transition type verdict version workflow";
                assert!(known.split(' ').any(|label| label == name), "label {name}");
            }
        }
    }
}

#[test]
fn histogram_logs_read_back_as_the_summary() {
    for case in CASES.iter() {
        for stage in STAGES {
            let log = case.out.bytes(&format!("{stage}.hlog"));
            assert!(log.starts_with(b"#[Histogram log format version 1.3]\n"));
            let mut histograms = Vec::new();
            for entry in IntervalLogIterator::new(&log) {
                if let LogEntry::Interval(interval) = entry.unwrap() {
                    assert_eq!(interval.tag().unwrap().as_str(), stage);
                    let encoded = interval.encoded_histogram();
                    let bytes =
                        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded);
                    let read: Histogram<u64> =
                        Deserializer::new().deserialize(&mut &bytes.unwrap()[..]).unwrap();
                    histograms.push(read);
                }
            }
            let [histogram] = &histograms[..] else { panic!("{} intervals", histograms.len()) };
            let told = &case.summary["stages"][stage];
            assert_eq!(histogram.len(), number(told, "count"), "{}: {stage}", case.name);
            let max = number(told, "max_ms");
            assert!(histogram.equivalent(histogram.max(), max), "{}: {stage}", case.name);
            for (name, quantile) in [("p50_ms", 0.5), ("p90_ms", 0.9), ("p99_ms", 0.99)] {
                let found = histogram.value_at_quantile(quantile).min(max);
                assert_eq!(found, number(told, name), "{}: {stage} {name}", case.name);
            }
        }
    }
}

#[test]
fn reviewers_have_pseudonyms_unless_names_are_wanted() {
    for case in CASES.iter() {
        for window in &case.windows {
            let Some(reviewer) = window["reviewer"].as_str() else { continue };
            let digits = reviewer.strip_prefix("reviewer-").unwrap();
            // Simulated names have three digits, pseudonyms twelve.
            assert_eq!(digits.len() == 3, case.name == "names", "{}: {reviewer}", case.name);
        }
    }
}

#[test]
fn the_table_tells_the_same_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.ndjson");
    let options = Options { seed: 3, extent: Extent::Events(1_000), ..Options::DEFAULT };
    std::fs::write(&file, events::ndjson(&events::simulated(options).0)).unwrap();
    let summary = Run::replay().key(KEY).arg(&file).arg("--json").go().exits(0).json();
    let table = Run::replay().key(KEY).arg(&file).go().exits(0).stdout;
    let at = |path: &str| grouped(number(&summary, path));
    let share =
        |end: &str| format!("{} %", tenths(&summary, &format!("effective_review_rate.{end}")));
    for expected in [
        format!(
            "{} exposure windows as of {}",
            at("windows.total"),
            summary["as_of"].as_str().unwrap()
        ),
        format!(
            "{} open · {} reviewed · {} contained · {} closed · {} withdrawn",
            at("windows.open"),
            at("windows.reviewed"),
            at("windows.contained"),
            at("windows.closed"),
            at("windows.withdrawn")
        ),
        format!(
            "{} read = {} accepted + {} duplicate + 0 rejected + 0 unsupported + 0 late + 0 skipped",
            at("events.read"),
            at("events.accepted"),
            at("events.duplicate")
        ),
        // A range, its causes, and of how many windows in how many incidents it is.
        format!("EFFECTIVE REVIEW RATE  {} to {}   ", share("low"), share("high")),
        format!(
            "of {} due reviews in {} incidents in time and real; 95 % bounds {} to {}",
            at("effective_review_rate.windows"),
            at("effective_review_rate.incidents"),
            share("low_bound"),
            share("high_bound")
        ),
        format!(
            "{} without a known time of exposure",
            at("effective_review_rate.outcomes.unknown_exposure")
        ),
        format!(
            "({} % to ",
            tenths(&summary, "survival.time_to_review.reviewed_by_fastest.low_bound")
        ),
        format!(
            "ranges because of {} without a known time of exposure",
            at("survival.time_to_review.unknown_exposure")
        ),
        format!(
            "of {} windows in {} incidents (fastest at once)",
            at("attacker_window.attacker_first.windows"),
            at("attacker_window.attacker_first.incidents")
        ),
    ] {
        assert!(table.contains(&expected), "no «{expected}» in\n{table}");
    }
    let count = |path: &str| number(&summary, path);
    let waiting = grouped(count("windows.open") + count("windows.contained"));
    assert!(table.contains(&format!("{waiting} of {}", at("windows.total"))), "{table}");
    assert!(table.contains("1,000 read = "), "{table}");
}

/// The share at `path` in per cent, as tables show it.
fn tenths(summary: &Value, path: &str) -> String {
    let share = path.split('.').fold(summary, |value, step| &value[step]);
    format!("{:.1}", share.as_f64().unwrap() * 100.0)
}
