//! `simulate` writes events and what really happened; `replay` finds exactly that in the events.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{KEY, Out, Run, ms, number};

/// What names a window in the truth and in the ledger alike.
fn name(window: &Value) -> String {
    format!("{} {} {}", window["workflow"], window["credential_id"], window["detected_at"])
}

/// What the ledger has to say of a window that went like `truth`, when nothing
/// after `ended` was delivered; each field with its value.
fn expected(truth: &Value, ended: i64) -> Vec<(&'static str, Value)> {
    let by_end = |field: &str| match ms(&truth[field]) {
        Some(at) if at <= ended => truth[field].clone(),
        _ => Value::Null,
    };
    let decided = !by_end("decided_at").is_null();
    // Whatever contains a dismissed exposure comes too late to belong to it.
    let outlived = ms(&truth["contained_at"]) > ms(&truth["closed_at"]).or(Some(i64::MAX));
    let contained_at = if outlived { Value::Null } else { by_end("contained_at") };
    let contained = !contained_at.is_null();
    let of_decision = |value: &Value| if decided { value.clone() } else { Value::Null };
    let mut expected = vec![
        ("location", truth["location"].clone()),
        ("severity", truth["severity"].clone()),
        ("clock_skew", json!(false)),
        ("incident", truth["incident"].clone()),
        ("triaged_at", by_end("triaged_at")),
        ("escalated_at", by_end("escalated_at")),
        ("withdrawn_at", by_end("withdrawn_at")),
        ("decided_at", by_end("decided_at")),
        ("contained_at", contained_at),
        ("abused_at", by_end("abuse_seen_at")),
        ("reviewer", of_decision(&truth["reviewer"])),
        ("action", of_decision(&truth["action"])),
        ("verdict", of_decision(&truth["verdict"])),
        ("opened_at", of_decision(&truth["opened_at"])),
    ];
    let closed = !by_end("closed_at").is_null();
    let withdrawn = !by_end("withdrawn_at").is_null();
    let state = match (closed, decided, contained) {
        _ if withdrawn => "withdrawn",
        (true, _, _) => "closed",
        (_, true, _) => "reviewed",
        (_, _, true) => "contained",
        _ => "open",
    };
    expected.push(("state", json!(state)));
    if decided {
        expected.push(("agreed", truth["agreed"].clone()));
        // A stand-in for the model's text is no advice.
        let fallback = truth["fallback"] == true;
        let of_advice = |field: &str| if fallback { Value::Null } else { truth[field].clone() };
        expected.push(("presented_at", of_advice("presented_at")));
        expected.push(("recommendation", of_advice("recommendation")));
        expected.push(("ai_acted_first", truth["ai_acted_first"].clone()));
    }
    const DAY: i64 = 86_400_000;
    let (in_time, late) = match truth["workflow"].as_str().unwrap() {
        "policy_change" => (DAY, 3 * DAY),
        "entitlement_review" => (7 * DAY, 14 * DAY),
        _ => (540_000, 1_020_000),
    };
    let start = ms(&truth["reported_exposed_at"]).or(ms(&truth["detected_at"])).unwrap();
    let review = ms(&by_end("decided_at")).map(|at| at - start);
    // Where attackers race, whether a review was in time is known only if the exposure is.
    let raced = in_time < DAY;
    let known = !raced || !truth["reported_exposed_at"].is_null();
    let band = review.and_then(|ms| match ms {
        _ if ms >= late => Some("behind"),
        _ if !known => None,
        _ if ms < in_time => Some("ahead"),
        _ => Some("contested"),
    });
    expected.push(("band", json!(band)));
    expected
}

#[test]
fn the_ledger_tells_what_happened() {
    for seed in ["1", "2", "3"] {
        println!("seed {seed}");
        let directory = tempfile::tempdir().unwrap();
        let simulate = Run::program().within(directory.path()).args(["simulate", "--seed", seed]);
        // Everything arrives in time and under true clocks, but some of it twice.
        let options = "--events 8000 --disorder 0 --skew 0 --duplicates 0.1 --re-leaks 0.3 \
                       --ai-first 0.03 --out events.ndjson.zst --truth truth.ndjson";
        simulate.args(options.split_whitespace()).go().exits(0);
        let truth = Out(directory.path().to_owned()).lines("truth.ndjson");
        let ended = ms(&truth[0]["ended_at"]).unwrap();

        let out = Out(directory.path().join("out"));
        let run = Run::replay().key(KEY).within(directory.path()).arg("events.ndjson.zst");
        let summary = run.args(["--json", "--reviewer-names", "--out", "out"]).go().exits(0).json();
        crate::harness::assert_accounts(&summary);
        let delivered = &truth[0]["delivered"];
        assert_eq!(summary["events"]["accepted"], delivered["distinct"], "seed {seed}");
        assert_eq!(summary["events"]["duplicate"], delivered["duplicates"], "seed {seed}");
        assert_eq!(number(&summary, "events.clock_skew"), 0, "seed {seed}");

        let told = out.lines("windows.ndjson");
        let mut told: BTreeMap<String, &Value> =
            told.iter().map(|window| (name(window), window)).collect();
        let windows = truth.iter().filter(|line| line["record"] == "window");
        for truth in windows.filter(|truth| ms(&truth["detected_at"]).unwrap() <= ended) {
            let Some(window) = told.remove(&name(truth)) else {
                panic!("seed {seed}: not in the ledger: {truth}");
            };
            for (field, value) in expected(truth, ended) {
                assert_eq!(window[field], value, "seed {seed}: {field}\n{truth}\n{window}");
            }
        }
        assert!(told.is_empty(), "seed {seed}: never happened: {told:?}");
    }
}
