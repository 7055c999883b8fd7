//! Alerts begin and end when the windows say so, and every hollow review is a finding.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::case::{CASES, MINUTE, start};
use crate::harness::{fields, ms, number};

/// When each alert of a window begins and ends, by the window's record.
fn alerts_of(window: &Value) -> Vec<(&'static str, i64, Option<i64>)> {
    let at = |name: &str| ms(&window[name]);
    let detected = at("detected_at").unwrap();
    let (decided, contained) = (at("decided_at"), at("contained_at"));
    let answered = decided.into_iter().chain(contained).min();
    let mut alerts = Vec::new();
    for (alert, minutes) in
        [("ReviewDueSoon", 6), ("ReviewOverdue", 9), ("AttackerLikelyPresent", 17)]
    {
        let from = (start(window) + minutes * MINUTE).max(detected);
        if answered.is_none_or(|answered| answered > from) {
            alerts.push((alert, from, answered));
        }
    }
    if let Some(decided) = decided {
        let dismissed = window["durations_ms"]["exposure"].as_i64();
        let ended = contained.or(dismissed.map(|exposure| start(window) + exposure));
        if ended.is_none_or(|ended| ended > decided + 60 * MINUTE) {
            alerts.push(("ContainmentOverdue", decided + 60 * MINUTE, ended));
        }
        if window["hollow"] != serde_json::json!([]) {
            alerts.push(("HollowApproval", decided, None));
        }
    }
    alerts
}

const FIELDS: [&str; 16] = [
    "alert",
    "severity",
    "state",
    "at",
    "exposure_id",
    "workflow",
    "credential_id",
    "source",
    "location",
    "window_severity",
    "owner",
    "recommendation",
    "confidence",
    "started_at",
    "detected_at",
    "age_ms",
];

/// What a line says of its window is what the ledger says.
fn tells_what_the_ledger_tells(line: &Value, window: &Value) {
    for (told, known) in [
        ("workflow", "workflow"),
        ("credential_id", "credential_id"),
        ("source", "source"),
        ("location", "location"),
        ("window_severity", "severity"),
        ("owner", "owner"),
        ("recommendation", "recommendation"),
        ("confidence", "confidence"),
        ("detected_at", "detected_at"),
    ] {
        assert_eq!(line[told], window[known], "{told} of {line}");
    }
    let detected = ms(&window["detected_at"]).unwrap();
    let start = ms(&window["exposed_at"]).map_or(detected, |exposed| exposed.min(detected));
    assert_eq!(ms(&line["started_at"]), Some(start), "{line}");
    let age = ms(&line["at"]).unwrap() - start;
    assert_eq!(line["age_ms"].as_i64(), (age >= 0).then_some(age), "{line}");
}

#[test]
fn alerts_alternate_and_follow_from_the_ledger() {
    let windows: BTreeMap<_, BTreeMap<&str, &Value>> = CASES
        .iter()
        .map(|case| {
            let windows = case.windows.iter();
            let by_id = windows.map(|window| (window["exposure_id"].as_str().unwrap(), window));
            (&case.name, by_id.collect())
        })
        .collect();
    for case in CASES.iter() {
        let mut told: BTreeMap<(String, String), Vec<(String, i64)>> = BTreeMap::new();
        let mut pages: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (line, text) in
            case.out.lines("alerts.ndjson").iter().zip(case.out.text("alerts.ndjson").lines())
        {
            if line["alert"] == "RubberStampSuspected" {
                assert_eq!(fields(text), ["alert", "severity", "state", "at", "reviewer"]);
                let at = ms(&line["at"]).unwrap();
                assert!(at <= case.as_of(), "{}: an alert of the future: {line}", case.name);
                pages.entry(line["reviewer"].clone().to_string()).or_default().push(line.clone());
                continue;
            }
            assert_eq!(fields(text), FIELDS);
            let name = |field: &str| line[field].as_str().unwrap().to_owned();
            let at = ms(&line["at"]).unwrap();
            let windows = &windows[&case.name];
            tells_what_the_ledger_tells(line, windows[line["exposure_id"].as_str().unwrap()]);
            assert!(at <= case.as_of(), "{}: an alert of the future: {line}", case.name);
            told.entry((name("exposure_id"), name("alert"))).or_default().push((name("state"), at));
        }
        for ((exposure, alert), transitions) in &told {
            let states: Vec<&str> = transitions.iter().map(|(state, _)| state.as_str()).collect();
            assert!(
                matches!(states[..], ["firing"] | ["firing", "resolved"]),
                "{}: {exposure} {alert}: {states:?}",
                case.name
            );
            assert!(transitions.is_sorted_by_key(|(_, at)| *at), "{exposure} {alert}");
            let both = [("alert", alert.as_str())];
            assert!(case.scrape.sum("shutterlag_alerts_total", &both) > 0.0);
        }
        for (reviewer, turns) in &pages {
            let states: Vec<&str> = turns.iter().map(|t| t["state"].as_str().unwrap()).collect();
            let in_turn = states.iter().zip(["firing", "resolved"].iter().cycle());
            assert!(
                in_turn.clone().all(|(state, wanted)| state == wanted),
                "{reviewer} {states:?}"
            );
            assert!(turns.is_sorted_by_key(|turn| ms(&turn["at"])), "{reviewer}");
        }
        let windows = told.values().map(Vec::len).sum::<usize>();
        let lines = (windows + pages.values().map(Vec::len).sum::<usize>()) as u64;
        case.assert_metric("shutterlag_alerts_total", &[], lines);

        let mut expected: BTreeMap<(String, String), Vec<(String, i64)>> = BTreeMap::new();
        for window in case.windows.iter().filter(|window| window["clock_skew"] == false) {
            for (alert, from, until) in alerts_of(window) {
                let id = window["exposure_id"].as_str().unwrap();
                let both = [Some(("firing", from)), until.map(|until| ("resolved", until))];
                let both: Vec<_> = both
                    .into_iter()
                    .flatten()
                    .filter(|(_, at)| *at <= case.as_of())
                    .map(|(state, at)| (state.to_owned(), at))
                    .collect();
                if !both.is_empty() {
                    expected.insert((id.to_owned(), alert.to_owned()), both);
                }
            }
        }
        let skewed: Vec<&str> = case
            .windows
            .iter()
            .filter(|window| window["clock_skew"] == true)
            .map(|window| window["exposure_id"].as_str().unwrap())
            .collect();
        let (mut ai_first, mut missed) = (0, 0);
        told.retain(|(exposure, alert), _| {
            ai_first += u64::from(alert == "AiActedFirst");
            missed += u64::from(alert == "SeededCaseMissed");
            !matches!(alert.as_str(), "AiActedFirst" | "SeededCaseMissed")
                && !skewed.contains(&exposure.as_str())
        });
        assert_eq!(told, expected, "{}", case.name);
        assert_eq!(ai_first, number(&case.summary, "oversight.ai_acted_first"), "{}", case.name);
        assert_eq!(missed, number(&case.summary, "oversight.seeded.missed"), "{}", case.name);
    }
}

#[test]
fn findings_follow_from_the_ledger() {
    for case in CASES.iter() {
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut missed = 0;
        let windows: BTreeMap<&str, &Value> = case
            .windows
            .iter()
            .map(|window| (window["exposure_id"].as_str().unwrap(), window))
            .collect();
        for (line, text) in
            case.out.lines("findings.ndjson").iter().zip(case.out.text("findings.ndjson").lines())
        {
            let expected = ["finding", "at", "exposure_id", "workflow", "reviewer", "evidence"];
            assert_eq!(fields(text), expected);
            if line["exposure_id"].is_null() {
                assert!(windows.values().any(|window| window["reviewer"] == line["reviewer"]));
                let cited = line["evidence"]["path"].as_array().unwrap();
                assert!(!cited.is_empty(), "no finding without evidence: {line}");
                for step in cited {
                    let window = windows[step["exposure_id"].as_str().unwrap()];
                    assert_eq!(window["reviewer"], line["reviewer"], "{line}");
                }
                continue;
            }
            let id = line["exposure_id"].as_str().unwrap();
            let window = windows[id];
            assert_eq!(line["reviewer"], window["reviewer"], "{line}");
            assert_eq!(line["workflow"], window["workflow"], "{line}");
            match line["finding"].as_str().unwrap() {
                "ai_acted_first" => {
                    assert_eq!(window["ai_acted_first"], true, "{line}");
                    assert_eq!(
                        line["evidence"].get("decided_at").unwrap_or(&Value::Null),
                        &window["decided_at"]
                    );
                }
                "seeded_case_missed" => {
                    missed += 1;
                    assert_ne!(line["evidence"]["correct_action"], window["recommendation"]);
                    assert_eq!(line["evidence"]["recommendation"], window["recommendation"]);
                    assert_eq!(line["evidence"]["action"], window["action"], "{line}");
                }
                reason => {
                    assert_eq!(line["at"], window["decided_at"], "{line}");
                    told.entry(id.to_owned()).or_default().push(reason.to_owned());
                    if reason == "impossible_reading" {
                        let span = |name: &str| line["evidence"][name].as_i64().unwrap();
                        assert!(span("attention_ms") < span("reading_floor_ms"), "{line}");
                    }
                }
            }
        }
        let expected: BTreeMap<String, Vec<String>> = case
            .windows
            .iter()
            .filter(|window| window["hollow"] != serde_json::json!([]))
            .map(|window| {
                let reasons = window["hollow"].as_array().unwrap();
                let reasons = reasons.iter().map(|reason| reason.as_str().unwrap().to_owned());
                (window["exposure_id"].as_str().unwrap().to_owned(), reasons.collect())
            })
            .collect();
        assert_eq!(told, expected, "{}", case.name);
        assert_eq!(missed, number(&case.summary, "oversight.seeded.missed"), "{}", case.name);
    }
}
