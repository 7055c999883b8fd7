//! Options of `replay` that change what a figure is about: sources that detect at once, and
//! places that attackers watch.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use serde_json::{Value, json};

use crate::harness::{Out, Run, number};

/// One leak at `location` that was well reviewed three minutes after its detection, and its
/// figures by `args`.
fn replayed(location: &str, args: &[&str]) -> (Value, Value) {
    let event = |kind: &str, minute: u32, more: &str| {
        format!(
            "{{\"type\":\"{kind}\",\"id\":\"{kind}\",\"time\":\"2026-03-02T09:{minute:02}:00Z\",\
             \"credential_id\":\"cred-1\",{more}}}\n"
        )
    };
    let events =
        event("leak.detected", 0, &format!(r#""source":"push-scanner","location":"{location}""#))
            + &event("triage.completed", 1, r#""recommendation":"revoke","summary_words":120"#)
            + &event("decision.made", 3, r#""reviewer":"ann","action":"revoke""#);
    let directory = tempfile::tempdir().unwrap();
    let out = Out(directory.path().join("out"));
    let run = Run::replay().args(["--as-of", "2026-03-02T10:00:00Z", "--json", "--out"]);
    let summary = run.arg(&out.0).args(args).arg("-").stdin(events).go().exits(0).json();
    (summary, out.lines("windows.ndjson").remove(0))
}

#[test]
fn the_detection_is_the_exposure_where_a_source_detects_at_once() {
    let (summary, window) = replayed("github", &[]);
    let rate = &summary["effective_review_rate"];
    assert_eq!([&rate["low"], &rate["high"]], [0.0, 1.0]);
    assert_eq!(number(rate, "outcomes.unknown_exposure"), 1);
    assert_eq!((&window["clock"], &window["exposed_at"]), (&json!("detected"), &Value::Null));

    let (other, _) = replayed("github", &["--detects-at-once", "another-scanner"]);
    assert_eq!(other, summary);

    let (summary, window) = replayed("github", &["--detects-at-once", "push-scanner"]);
    let rate = &summary["effective_review_rate"];
    assert_eq!([&rate["low"], &rate["high"]], [1.0, 1.0]);
    assert_eq!(
        (&window["clock"], &window["exposed_at_quality"]),
        (&json!("exposed"), &json!("exact"))
    );
    assert_eq!(window["exposed_at"], window["detected_at"]);
    // The race of a leak whose exposure is known is over with the decision.
    let first = &summary["attacker_window"]["attacker_first"];
    assert_eq!([&first["low"], &first["high"]], [0.0, 0.0]);
}

#[test]
fn attackers_watch_the_places_that_are_named_instead_of_the_usual_ones() {
    let raced = |location: &str, args: &[&str]| {
        let (summary, window) = replayed(location, args);
        let windows = number(&summary, "attacker_window.attacker_first.windows");
        assert_eq!(window["attacker_first"].is_object(), windows == 1, "{location} {args:?}");
        // A review is due wherever a credential leaked.
        assert_eq!(number(&summary, "effective_review_rate.windows"), 1);
        windows
    };
    let wiki = ["--public", "wiki"];
    assert_eq!([raced("github", &[]), raced("wiki", &[])], [1, 0]);
    assert_eq!([raced("github", &wiki), raced("wiki", &wiki)], [0, 1]);
    // A place that nobody states may be any.
    assert_eq!([raced("", &[]), raced("", &wiki)], [1, 1]);
}
