//! Small stories of honest and dishonest reviews, each with the answer that is right.
//!
//! The fixtures are named after what happens in them. Each row of [`STORIES`] states what a
//! careful person would say of the story; none of it was read off a run. 1,000 words a minute
//! are the fastest reading: 150 words take 9 s.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Out, Run};

/// Long after the last story ended.
const LATER: &str = "2026-07-20T00:00:00Z";

/// The qualities that the decisions of a story may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decisions {
    /// All of them are meaningful.
    Meaningful(usize),
    /// All of them are hollow for this one reason.
    Hollow(usize, &'static str),
    /// Nothing is there to judge any of them by.
    Unassessed(usize),
    /// Nobody decided.
    Nothing,
}
use Decisions::{Hollow, Meaningful, Nothing, Unassessed};

/// The two ends of the effective review rate; `None` where there is no rate.
type Rate = Option<(f64, f64)>;
/// Every window that counts was reviewed well and in time.
const GOOD: Rate = Some((1.0, 1.0));
/// None was.
const BAD: Rate = Some((0.0, 0.0));
/// It cannot be said.
const OPEN: Rate = Some((0.0, 1.0));

/// Name, windows, decisions, rate.
const STORIES: &[(&str, usize, Decisions, Rate)] = &[
    // Reading time is not what lies between the last presentation and the click.
    ("advice_repeated", 1, Meaningful(1), GOOD),
    ("page_refreshed", 1, Meaningful(1), GOOD),
    ("side_by_side", 3, Meaningful(3), GOOD),
    ("read_then_click", 7, Meaningful(7), GOOD),
    ("click_for_three", 3, Meaningful(3), GOOD),
    ("urgent_amid_batch", 9, Meaningful(9), GOOD),
    ("quick_reader", 1, Meaningful(1), GOOD),
    // A ticket of ten keys was opened when five were on it; one text about all is read once.
    ("ticket_key_by_key", 10, Meaningful(10), GOOD),
    ("same_key_again", 2, Meaningful(2), GOOD),
    // Three seconds between look and click: too short by one clock, unknown by three.
    ("clocks_apart", 1, Meaningful(1), GOOD),
    ("one_clock", 1, Hollow(1, "impossible_reading"), BAD),
    ("unnamed_clock", 1, Hollow(1, "impossible_reading"), BAD),
    // Only approvals can be unread, and only one's own request can be approved by oneself.
    ("wrong_advice_rejected", 1, Meaningful(1), GOOD),
    ("own_request_withdrawn", 1, Meaningful(1), None),
    ("own_request_approved", 1, Hollow(1, "self_approval"), None),
    ("one_reason_for_a_batch", 14, Meaningful(14), GOOD),
    ("reason_codes", 9, Meaningful(9), GOOD),
    // What nothing is known of is neither good nor bad.
    ("few_words", 1, Unassessed(1), OPEN),
    ("uncounted_words", 40, Unassessed(40), OPEN),
    ("exposure_unknown", 1, Meaningful(1), OPEN),
    ("all_fresh", 6, Meaningful(1), None),
    // Stamps.
    ("text_without_spaces", 1, Hollow(1, "impossible_reading"), BAD),
    ("endless_batch", 60, Hollow(60, "impossible_reading"), BAD),
    // To hand a case on, or to let a machine contain it, is no decision.
    ("everything_escalated", 12, Nothing, BAD),
    ("escalated_then_late", 1, Meaningful(1), BAD),
    ("contained_by_the_provider", 6, Nothing, BAD),
    ("half_decided", 8, Meaningful(4), BAD),
    // A sighting is not an exposure.
    ("rescan_after_revoking", 1, Meaningful(1), GOOD),
    ("rescan_after_dismissing", 1, Meaningful(1), GOOD),
    ("nobody_races", 7, Meaningful(7), None),
    ("four_of_four", 4, Meaningful(4), GOOD),
    // Of 110 windows, 15 of the commit's 40 keys were decided too late.
    ("commit_of_forty_keys", 110, Meaningful(110), Some((95.0 / 110.0, 95.0 / 110.0))),
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/replay/stories")
}

struct Told {
    summary: Value,
    windows: Vec<Value>,
    alerts: Vec<Value>,
    findings: Vec<Value>,
}

fn told(name: &str) -> Told {
    let as_of = match name {
        "all_fresh" => "2026-06-10T13:01:30Z",
        "half_decided" => "2026-06-10T13:18:00Z",
        _ => LATER,
    };
    let directory = tempfile::tempdir().unwrap();
    let out = Out(directory.path().join("out"));
    let run = match name {
        "ticket_key_by_key" => Run::replay().args(["--expect-opening", "secret_exposure"]),
        _ => Run::replay(),
    };
    let run = run.args(["--as-of", as_of, "--reviewer-names", "--json", "--out"]);
    let ran = run.arg(&out.0).arg(fixtures().join(format!("{name}.ndjson"))).go().exits(0);
    Told {
        summary: ran.json(),
        windows: out.lines("windows.ndjson"),
        alerts: out.lines("alerts.ndjson"),
        findings: out.lines("findings.ndjson"),
    }
}

#[test]
fn every_story_has_its_right_answer() {
    let files: BTreeSet<String> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let stated: BTreeSet<String> = STORIES.iter().map(|story| story.0.to_owned()).collect();
    assert_eq!(files, stated, "every fixture has an answer");
    let mut wrong = Vec::new();
    for (name, windows, decisions, rate) in STORIES {
        let told = told(name);
        let mut found: BTreeMap<(&str, Vec<&str>), usize> = BTreeMap::new();
        for window in told.windows.iter().filter(|window| window["decided_at"].is_string()) {
            let hollow = window["hollow"].as_array().unwrap();
            let hollow = hollow.iter().map(|reason| reason.as_str().unwrap()).collect();
            *found.entry((window["quality"].as_str().unwrap(), hollow)).or_default() += 1;
        }
        let expected: BTreeMap<(&str, Vec<&str>), usize> = match *decisions {
            Meaningful(count) => [(("meaningful", vec![]), count)].into(),
            Hollow(count, reason) => [(("hollow", vec![reason]), count)].into(),
            Unassessed(count) => [(("unassessed", vec![]), count)].into(),
            Nothing => BTreeMap::new(),
        };
        let of = &told.summary["effective_review_rate"];
        let ends = of["low"].as_f64().zip(of["high"].as_f64());
        let same = match (ends, *rate) {
            (Some(a), Some(b)) => (a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9,
            (a, b) => a == b,
        };
        if told.windows.len() != *windows || found != expected || !same {
            wrong.push(format!("{name}: {} windows, {found:?}, {ends:?}", told.windows.len()));
        }
        assert_eq!(told.summary["events"]["rejected"], 0, "{name}");
        // Nobody is named who did nothing wrong.
        let named = told.findings.iter().any(|finding| finding["exposure_id"].is_null());
        if named && !matches!(decisions, Hollow(..)) {
            wrong.push(format!("{name}: {:?}", told.findings));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn alerts(told: &Told, name: &str) -> usize {
    told.alerts.iter().filter(|alert| alert["alert"] == name).count()
}

#[test]
fn stamps_are_paged_and_a_commit_that_was_read_is_not() {
    let stamps = told("endless_batch");
    assert_eq!(alerts(&stamps, "RubberStampSuspected"), 1);
    assert!(stamps.findings.iter().any(|finding| finding["finding"] == "reviewer_flagged"));
    let commit = told("commit_of_forty_keys");
    assert_eq!(alerts(&commit, "RubberStampSuspected"), 0);
    assert_eq!(commit.summary["oversight"]["reviewers"]["flagged"], 0);
    // One commit is one observation, however many keys were in it.
    assert!(commit.summary["effective_review_rate"]["incidents"].as_u64().unwrap() < 70);
}

#[test]
fn resightings_are_counted_and_alert_nobody() {
    for name in ["rescan_after_revoking", "rescan_after_dismissing"] {
        let told = told(name);
        assert_eq!(told.windows[0]["resightings"], 8, "{name}");
        assert_eq!(told.windows[0]["state"], "closed");
        assert!(told.alerts.is_empty(), "{name}: {:?}", told.alerts);
    }
}

#[test]
fn an_escalation_is_a_touch_and_no_decision() {
    let told = told("escalated_then_late");
    let window = &told.windows[0];
    assert_eq!(window["durations_ms"]["first_touch"], 60_000);
    assert_eq!(window["durations_ms"]["time_to_review"], 5_408_000);
    assert_eq!((&window["escalations"], &window["reviewer"]), (&1.into(), &"tomas".into()));
}

#[test]
fn chances_are_bounds_over_the_windows_themselves() {
    let first = |name: &str| told(name).summary["attacker_window"]["attacker_first"].clone();
    let near = |value: &Value, expected: f64| {
        let value = value.as_f64().unwrap();
        assert!((value - expected).abs() < 1e-3, "{value} {expected}");
    };
    // With a fastest attacker at 9 min and a mean of 17 min: 1 − exp(−(t − 9)/8).
    // Four were decided after 904 s; four still wait after 1,084 s and may be lost with certainty.
    let law = |seconds: f64| 1.0 - (-(seconds / 60.0 - 9.0) / 8.0_f64).exp();
    let half = first("half_decided");
    near(&half["low"], (law(904.0) + law(1_084.0)) / 2.0);
    near(&half["high"], (law(904.0) + 1.0) / 2.0);
    // The provider ended the race; nobody races for policies.
    let contained = first("contained_by_the_provider");
    near(&contained["high"], 0.0);
    near(&contained["expected_high"], 0.0);
    assert_eq!(first("nobody_races")["windows"], 0);
}

#[test]
fn few_of_few_prove_little() {
    // Clopper–Pearson for four of four: 0.025^(1/4).
    let told = told("four_of_four");
    let bound = told.summary["effective_review_rate"]["low_bound"].as_f64().unwrap();
    assert!((bound - 0.025_f64.powf(0.25)).abs() < 1e-9, "{bound}");
}
