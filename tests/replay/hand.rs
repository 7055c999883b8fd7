//! A day of twenty-five windows worked out by hand.
//!
//! The expected files were written from the semantics, not from a run. The cases:
//!
//! | credential | what it is about |
//! |---|---|
//! | 01 | exposed when it was detected, decided after 539.999 s: ahead, and the one effective review; the last owner, the highest severity; the evidence was opened |
//! | 02 | decided after 540.000 s, counted from the exposure: contested; agreed without a verdict; never contained |
//! | 03 | dismissed after 1020.000 s: behind, closed without containment |
//! | 04 | a provider's quarantine before the decision to rotate: the key is dead, so two later sightings count as resightings, also the one that names a later exposure, and a use of it is no attack to alert about; a look after closing belongs to the window that comes next. Then its source reopens it: a second window, abused |
//! | 06 | advice and a look up to 120.000 s before the detection are its own; a look at 120.001 s is the reviewer's first look and nothing else |
//! | 07–09 | a batch, due at its last decision. 700 words take 42 s: there were 70 s for the two that were approved, so the second is named; the third was decided against the advice, which takes no reading |
//! | 10, 11 | seeded wrong advice, let through and caught |
//! | 12 | the AI contained before the person decided; the use that was seen came after that |
//! | 13 | a case of another workflow, with targets in days and no attackers, begun after it was opened; unauthorized and approved by who asked for it |
//! | 14 | decided before it was detected: the band is unknown, and in the race it may have been lost |
//! | 15 | a stand-in for the model is no advice; to hand the case on is a touch and no decision, and it is somebody else who decides |
//! | 16, 18 | one incident: contained by the provider and never decided; withdrawn by its source, when the review was overdue by a minute |
//! | 17 | withdrawn before a review was due: not counted |
//! | 20 | detected at the last moment: nothing is due yet |
//! | 21–26 | six times the same reasons of nine words: the sixth is a template. Nothing tells how long the text was: the others are unassessed. Detected within five minutes of each other, they are one incident |
//!
//! The 22 reviews that were due in raced workflows (all but 13, 17 and 20) are one effective, two
//! hollow (08, 26), six overdue (02, 03, the second of 04, 12, 16, 18), one unassessed (15: its
//! exposure is known) and twelve of unknown exposure. They belong to fourteen incidents, eleven
//! single ones and three of 3, 2 and 6, which are worth 22²/60 observations. The curve watches
//! 24 windows in sixteen incidents (17 and 20 as well), worth 24²/62. Of twenty of them it is not
//! known since when they were exposed. So the late curve has three decisions (01, 02, 15), and
//! fifteen decisions that were not late after the detection have no band.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::harness::prom::Scrape;
use crate::harness::{KEY, Out, Run, fields};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/replay");

fn fixture(name: &str) -> String {
    std::fs::read_to_string(Path::new(FIXTURES).join(name)).unwrap()
}

fn replayed(directory: &Path) -> (Out, String) {
    let out = Out(directory.join("out"));
    let run = Run::replay().key(KEY).arg("--reviewer-names").arg("--json").arg("--out").arg(&out.0);
    let ran = run.arg(Path::new(FIXTURES).join("hand.ndjson")).go().exits(0);
    (out, ran.stdout)
}

/// Asserts that both are equal, apart from the last digits of fractions.
#[track_caller]
fn assert_same(found: &Value, expected: &Value, place: &str) {
    match (found, expected) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{place}");
            for (name, value) in a {
                assert_same(value, &b[name], &format!("{place}.{name}"));
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{place}");
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                assert_same(a, b, &format!("{place}[{index}]"));
            }
        }
        (Value::Number(a), Value::Number(b)) if !(a.is_i64() && b.is_i64()) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{place}: {a}, expected {b}");
        }
        _ => assert_eq!(found, expected, "{place}"),
    }
}

#[track_caller]
fn assert_same_lines(found: &str, expected: &str) {
    for (found, expected) in found.lines().zip(expected.lines()) {
        let (a, b): (Value, Value) =
            (serde_json::from_str(found).unwrap(), serde_json::from_str(expected).unwrap());
        assert_same(&a, &b, &format!("{}", b["exposure_id"]));
        assert_eq!(fields(found), fields(expected));
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}

#[test]
fn the_ledger_is_as_worked_out() {
    let directory = tempfile::tempdir().unwrap();
    let (out, _) = replayed(directory.path());
    let (found, expected) = (out.text("windows.ndjson"), fixture("hand.windows.ndjson"));
    // The number of an event has no meaning, so the expected records have the digits of its
    // id. The two must correspond one to one.
    let mut numbers = (BTreeMap::new(), BTreeMap::new());
    let mut corresponding = String::new();
    for (found, expected) in found.lines().zip(expected.lines()) {
        let mut found = found.to_owned();
        let expected: Value = serde_json::from_str(expected).unwrap();
        for field in ["advice_event", "first_advice_event"] {
            let record: Value = serde_json::from_str(&found).unwrap();
            let (Some(number), Some(digits)) = (record[field].as_u64(), expected[field].as_u64())
            else {
                continue;
            };
            assert_eq!(*numbers.0.entry(number).or_insert(digits), digits, "{expected}");
            assert_eq!(*numbers.1.entry(digits).or_insert(number), number, "{expected}");
            let written = |number| format!("\"{field}\":{number},");
            found = found.replace(&written(number), &written(digits));
        }
        corresponding += &found;
        corresponding += "\n";
    }
    assert!(numbers.0.len() > 10);
    assert_same_lines(&corresponding, &expected);
}

#[test]
fn the_summary_is_as_worked_out() {
    let directory = tempfile::tempdir().unwrap();
    let (out, printed) = replayed(directory.path());
    let expected: Value = serde_json::from_str(&fixture("hand.summary.json")).unwrap();
    assert_same(&out.json("summary.json"), &expected, "summary");
    assert_same(&serde_json::from_str(&printed).unwrap(), &expected, "printed");
    crate::harness::assert_accounts(&expected);
}

#[test]
fn alerts_and_findings_are_as_worked_out() {
    let directory = tempfile::tempdir().unwrap();
    let (out, _) = replayed(directory.path());
    for (name, expected) in [
        ("alerts.ndjson", fixture("hand.alerts.ndjson")),
        ("findings.ndjson", fixture("hand.findings.ndjson")),
    ] {
        // The order of the lines of one window is not promised.
        let sorted = |text: &str| {
            let mut lines: Vec<&str> = text.lines().collect();
            lines.sort_unstable();
            lines.join("\n")
        };
        assert_same_lines(&sorted(&out.text(name)), &sorted(&expected));
    }
}

#[test]
fn a_review_at_the_bound_is_not_within_it() {
    let directory = tempfile::tempdir().unwrap();
    let (out, _) = replayed(directory.path());
    let scrape = Scrape::parse(&out.text("metrics.prom"));
    let within = |le: &str| {
        let labels = [("stage", "time_to_review"), ("le", le)];
        scrape.sum("shutterlag_stage_duration_seconds_bucket", &labels)
    };
    // 540.000 s is contested, 1020.000 s is behind: as in the bands.
    assert_eq!([within("540"), within("1020"), within("+Inf")], [16.0, 18.0, 19.0]);
    // Counted from the exposure: the second of cred-04 for advice, cred-16 for a review, cred-02 for containment.
    let oldest = |awaiting: &str| {
        let labels = [("awaiting", awaiting)];
        scrape.sum("shutterlag_oldest_open_window_seconds", &labels)
    };
    assert_eq!(
        [oldest("triage"), oldest("review"), oldest("containment")],
        [21_000.0, 3_600.0, 36_000.0]
    );
}

#[test]
fn what_was_not_used_is_as_worked_out() {
    let directory = tempfile::tempdir().unwrap();
    let (out, _) = replayed(directory.path());
    let [refused] = &out.lines("rejected.ndjson")[..] else { panic!("one line was broken") };
    assert_eq!(refused["line"], 12);
    assert_eq!(refused["reason"], "invalid_time");
}
