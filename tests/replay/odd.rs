//! Organisations whose data are odd in one way each: one reviewer, nothing but batches or
//! escalations, a batch without an end, an incident of eight thousand keys, clocks a day apart.
//!
//! All of these people work honestly. Every figure must be a number or absent, its bounds must
//! enclose it, and nobody may be named.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::path::Path;

use serde_json::{Value, json};
use shutterlag::time::Timestamp;

use crate::harness::{Out, Ran, Run, number};

const START: i64 = 1_781_000_000_000;
const MINUTE: i64 = 60_000;

/// What is different about an organisation; times are milliseconds.
#[derive(Clone, Copy)]
struct Odd {
    cases: u32,
    reviewers: u32,
    /// From one detection to the next.
    every: i64,
    /// From exposure to detection.
    detected_after: i64,
    /// From detection to decision.
    after: i64,
    /// How far the clock of decisions is ahead of the others.
    ahead: i64,
    /// Fields of every detection, advice and decision; `#` stands for the number of the case,
    /// `%` for that of its group of ten.
    leak: &'static str,
    advice: &'static str,
    decision: &'static str,
}

/// Two people who read for four minutes and approve right advice.
const EVEN: Odd = Odd {
    cases: 150,
    reviewers: 2,
    every: 6 * MINUTE,
    detected_after: 5_000,
    after: 4 * MINUTE,
    ahead: 0,
    leak: "",
    advice: r#","summary_words":120,"model":"m""#,
    decision: r#","action":"revoke","verdict":"approve","authorized":true"#,
};

const DAY: i64 = 24 * 60 * MINUTE;

const ORGANISATIONS: [(&str, Odd); 12] = [
    ("even", EVEN),
    ("one reviewer", Odd { reviewers: 1, ..EVEN }),
    ("a reviewer for each case", Odd { reviewers: 150, ..EVEN }),
    (
        "a model that nobody else has",
        Odd { advice: r#","summary_words":120,"model":"m-#""#, ..EVEN },
    ),
    (
        "nothing but batches",
        Odd {
            every: 30_000,
            decision: r#","action":"revoke","batch_id":"b-%","batch_size":10"#,
            ..EVEN
        },
    ),
    ("a batch without an end", Odd { decision: r#","action":"revoke","batch_id":"b""#, ..EVEN }),
    ("nothing but escalations", Odd { decision: r#","action":"escalate""#, ..EVEN }),
    ("texts without spaces", Odd { advice: r#","summary_words":1,"summary_chars":600"#, ..EVEN }),
    ("a clock of decisions a day ahead", Odd { ahead: DAY, ..EVEN }),
    ("a clock of decisions a day behind", Odd { ahead: -DAY, ..EVEN }),
    ("a clock of detections a day behind", Odd { detected_after: -DAY, ..EVEN }),
    (
        "one incident",
        Odd { cases: 8_000, reviewers: 1, every: 0, leak: r#","incident":"push-1""#, ..EVEN },
    ),
];

fn events(odd: &Odd) -> String {
    let mut lines = String::new();
    for case in 0..odd.cases {
        let number = |text: &str| {
            text.replace('#', &case.to_string()).replace('%', &(case / 10).to_string())
        };
        let mut line = |kind: &str, at: i64, source: &str, more: &str| {
            let time = Timestamp::from_millis(START + i64::from(case) * odd.every + at);
            lines.push_str(&format!(
                "{{\"type\":\"{kind}\",\"id\":\"{kind}\",\"time\":\"{time}\",\
                 \"credential_id\":\"cred-{case}\",\"source\":\"{source}\"{more}}}\n"
            ));
        };
        let detected = START + i64::from(case) * odd.every;
        let exposed = Timestamp::from_millis(detected - odd.detected_after);
        let leak = format!(",\"exposed_at\":\"{exposed}\"{}", number(odd.leak));
        let reviewer = case % odd.reviewers;
        let decision = format!(",\"reviewer\":\"person-{reviewer}\"{}", number(odd.decision));
        line("leak.detected", 0, "detector", &leak);
        let advice = format!(",\"recommendation\":\"revoke\"{}", number(odd.advice));
        line("triage.completed", 20_000, "desk", &advice);
        line("decision.made", odd.after + odd.ahead, "desk", &decision);
    }
    lines
}

/// Its ledger, when the last case is long over, and what is shown of it.
fn replayed(odd: &Odd, directory: &Path) -> (Out, String) {
    let (file, out) = (directory.join("events"), Out(directory.join("out")));
    std::fs::write(&file, events(odd)).unwrap();
    let run = Run::replay().args(["--reviewer-names", "--as-of", "2026-09-01T00:00:00Z", "--out"]);
    let table = run.arg(&out.0).arg(&file).go().exits(0).stdout;
    assert!(!not_a_number(&table), "{table}");
    (out, table)
}

fn report(out: &Out, format: &str) -> Ran {
    let run = Run::program().args(["report", "--reviewer-names", "--format", format]);
    run.arg(&out.0).go().exits(0)
}

/// Whether a text shows what is no number.
fn not_a_number(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|word| ["NaN", "inf", "Inf"].contains(&word))
}

/// A share and the figures around it, in order.
fn assert_in_order(ends: [&Value; 4], name: &str) {
    let found: Vec<f64> = ends.iter().filter_map(|end| end.as_f64()).collect();
    assert!(found.is_empty() || found.len() == ends.len(), "{name}: {ends:?}");
    assert!(found.is_sorted() && found.iter().all(|end| (0.0..=1.0).contains(end)), "{name}");
}

#[test]
fn odd_data_name_nobody_and_make_no_figure_that_is_none() {
    for (name, odd) in ORGANISATIONS {
        let directory = tempfile::tempdir().unwrap();
        let (out, _) = replayed(&odd, directory.path());
        assert!(!not_a_number(&out.text("metrics.prom").replace("+Inf", "")), "{name}");
        let summary = out.json("summary.json");
        assert_eq!(number(&summary, "windows.total"), u64::from(odd.cases), "{name}");
        let rate = &summary["effective_review_rate"];
        let ends = [&rate["low_bound"], &rate["low"], &rate["high"], &rate["high_bound"]];
        assert_in_order(ends, name);
        assert!(rate["low"].is_number(), "{name}: every review was due");
        let worth = rate["effective"].as_f64().unwrap();
        assert!(
            worth >= 1.0 && worth <= number(rate, "incidents") as f64 + 1e-9,
            "{name}: {worth}"
        );
        for by in ["reviewed_by_fastest", "reviewed_by_mean"] {
            let by = &summary["survival"]["time_to_review"][by];
            assert_in_order([&by["low_bound"], &by["low"], &by["high"], &by["high_bound"]], name);
        }
        // A decision a day before its detection belongs to no window.
        let undecided = name == "nothing but escalations" || odd.ahead < 0;
        let reviews = if undecided { 0 } else { u64::from(odd.cases) };
        assert_eq!(number(&summary, "oversight.meaningful"), reviews, "{name}: {summary:#}");
        let (late, unknown) = (undecided || odd.ahead > 0, odd.detected_after < 0);
        assert_eq!(rate["low"], if late || unknown { 0.0 } else { 1.0 }, "{name}");
        assert_eq!(rate["high"], if late { 0.0 } else { 1.0 }, "{name}");
        assert_eq!(out.text("findings.ndjson"), "", "{name}");
        let alerts = out.text("alerts.ndjson");
        assert!(!alerts.contains("RubberStampSuspected"), "{name}");
        for format in ["markdown", "json", "csv"] {
            assert!(!not_a_number(&report(&out, format).stdout), "{name}: {format}");
        }
    }
}

#[test]
fn agreement_without_peers_cannot_be_compared() {
    // Six people are enough to compare, if they decide like cases; a model for each case, or
    // one person, is not.
    let six = Odd { cases: 600, reviewers: 6, ..EVEN };
    let alone = Odd { advice: r#","summary_words":120,"model":"m-#""#, ..six };
    for (odd, expected) in
        [(six, json!(0)), (alone, json!(6)), (Odd { reviewers: 1, ..EVEN }, json!(1))]
    {
        let directory = tempfile::tempdir().unwrap();
        let (out, table) = replayed(&odd, directory.path());
        assert_eq!(report(&out, "json").json()["reviewers"]["cannot_be_compared"], expected);
        let summary = out.json("summary.json");
        assert_eq!(summary["oversight"]["reviewers"]["cannot_be_compared"], expected);
        for told in [report(&out, "markdown").stdout, table] {
            assert_eq!(told.contains("cannot be compared"), expected != json!(0), "{told}");
        }
    }
}

#[test]
fn without_a_planted_case_nothing_is_said_of_wrong_advice() {
    let directory = tempfile::tempdir().unwrap();
    let (out, table) = replayed(&EVEN, directory.path());
    assert!(table.contains("planted wrong advice    none known"), "{table}");
    let seeded = report(&out, "json").json()["seeded"].clone();
    for empty in
        ["/caught/share", "/caught/low", "/missed/share", "/sight/hit_rate", "/sight/d_prime"]
    {
        assert_eq!(seeded.pointer(empty), Some(&Value::Null), "{empty}");
    }
    let text = report(&out, "markdown").stdout;
    assert!(
        text.contains("No decided planted case with wrong advice is known of this period"),
        "{text}"
    );
    assert!(text.contains("cannot be said"), "{text}");
}

#[test]
fn clocks_that_are_far_apart_are_hinted_at() {
    let skewed = Odd { detected_after: -DAY, ..EVEN };
    let before = Odd { ahead: -DAY, ..EVEN };
    for (odd, on_terminal, in_report) in [
        (
            skewed,
            "HINT: clocks contradict each other in 150 of 150 windows",
            "Clocks contradict each other in 150 of 150 exposures",
        ),
        (
            before,
            "HINT: 150 accepted events found no window",
            "150 of 450 accepted events found no exposure",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (out, table) = replayed(&odd, directory.path());
        assert!(table.contains(on_terminal), "{table}");
        let text = report(&out, "markdown").stdout;
        assert!(text.contains(in_report), "{text}");
    }
    let directory = tempfile::tempdir().unwrap();
    let (out, table) = replayed(&EVEN, directory.path());
    assert!(!table.contains("HINT"), "{table}");
    assert!(!report(&out, "markdown").stdout.contains("time zone"));
}
