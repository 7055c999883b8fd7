//! Alerts begin and end at the times that follow from the windows, and every hollow review is a
//! finding.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::case::{CASES, MINUTE, start};
use crate::harness::{fields, ms, number};
use crate::rederive::{floor_ms, targets};

/// When each alert of a window begins and ends, by the window's record alone.
///
/// The moment at which an AI acted first is not in it, so `AiActedFirst` is checked apart.
fn alerts_of(window: &Value) -> Vec<(&'static str, i64, Option<i64>)> {
    let at = |name: &str| ms(&window[name]);
    let first = |ends: &[Option<i64>]| ends.iter().copied().flatten().min();
    let rules = targets(window);
    let detected = at("detected_at").unwrap();
    let (decided, contained, withdrawn) =
        (at("decided_at"), at("contained_at"), at("withdrawn_at"));
    // Never contained: the exposure ended with the decision to dismiss.
    let exposure = window["durations_ms"]["exposure"].as_i64();
    let dismissed = exposure.filter(|_| contained.is_none()).map(|length| start(window) + length);
    let answered = first(&[decided, contained, withdrawn]);
    let mut alerts = vec![
        ("ReviewDueSoon", start(window) + rules.in_time / 3 * 2, answered),
        ("ReviewOverdue", start(window) + rules.in_time, answered),
    ];
    if rules.raced {
        alerts.push(("AttackerLikelyPresent", start(window) + rules.late, answered));
    }
    if let Some(abused) = at("abused_at") {
        alerts.push(("AttackObserved", abused, first(&[contained, dismissed])));
    }
    if let Some(decided) = decided {
        let limit = if rules.raced { 60 * MINUTE } else { rules.in_time };
        let ended = first(&[contained, dismissed, withdrawn]);
        alerts.push(("ContainmentOverdue", decided + limit, ended));
        if window["quality"] == "hollow" {
            alerts.push(("HollowApproval", decided, None));
        }
        let truth = &window["truth"];
        let let_through = match window["verdict"].as_str() {
            Some(verdict) => verdict == "approve",
            None => window["action"] == window["recommendation"],
        };
        let wrong = window["recommendation"] != truth["correct_action"];
        if truth["seeded"] == true && !window["presented_at"].is_null() && wrong && let_through {
            alerts.push(("SeededCaseMissed", ms(&truth["established_at"]).unwrap(), None));
        }
    }
    let begun = alerts.into_iter().map(|(alert, from, until)| (alert, from.max(detected), until));
    begun.filter(|(_, from, until)| until.is_none_or(|until| until > *from)).collect()
}

const FIELDS: [&str; 18] = [
    "alert",
    "severity",
    "state",
    "at",
    "exposure_id",
    "workflow",
    "credential_id",
    "aliases",
    "source",
    "location",
    "window_severity",
    "owner",
    "recommendation",
    "confidence",
    "started_at",
    "detected_at",
    "age_ms",
    "renamed_to",
];

/// Asserts that a line describes its window as the ledger does.
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
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
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
        let windows = &windows[&case.name];
        let turns = told.values().map(Vec::len).sum::<usize>();
        let lines = (turns + pages.values().map(Vec::len).sum::<usize>()) as u64;
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
        told.retain(|(exposure, alert), turns| {
            missed += u64::from(alert == "SeededCaseMissed");
            if alert == "AiActedFirst" {
                ai_first += 1;
                let window = windows[exposure.as_str()];
                let decided = ms(&window["decided_at"]);
                assert_eq!(window["ai_acted_first"], true, "{window}");
                assert!(decided.is_none_or(|decided| turns[0].1 <= decided), "{window}");
            }
            alert != "AiActedFirst" && !skewed.contains(&exposure.as_str())
        });
        for ((exposure, alert), turns) in &told {
            let found = expected.get(&(exposure.clone(), alert.clone()));
            assert_eq!(Some(turns), found, "{}: {alert} of {exposure}", case.name);
            *seen.entry(alert.clone()).or_default() += 1;
        }
        assert_eq!(told.len(), expected.len(), "{}", case.name);
        assert_eq!(ai_first, number(&case.summary, "oversight.ai_acted_first"), "{}", case.name);
        assert_eq!(missed, number(&case.summary, "oversight.seeded.missed"), "{}", case.name);
    }
    assert_eq!(seen.len(), 7, "every alert of a window, the AI's apart: {seen:?}");
}

/// The interval was too short for what its reviewer approved in it at 1,000 words a minute.
fn certificate_holds(line: &Value, windows: &[Value]) {
    let number = |name: &str| line["evidence"][name].as_i64().unwrap();
    let (from, to) = (ms(&line["evidence"]["from"]).unwrap(), ms(&line["evidence"]["to"]).unwrap());
    let (needed, unread) = (number("needed_ms"), number("unread_ms"));
    assert!(needed - unread > number("available_ms"), "{line}");
    // Clocks of different sources may be two minutes apart.
    let length = to - from;
    assert!([length, length + 120_000].contains(&number("available_ms")), "{line}");
    assert!(ms(&line["at"]).unwrap() <= to, "{line}");
    // What it claims is there: so many approved cases within the interval, as long to read.
    let approved = windows.iter().filter(|window| {
        let released = ms(&window["first_presented_at"]).max(ms(&window["first_opened_at"]));
        window["reviewer"] == line["reviewer"]
            && window["agreed"] == true
            && window["repeats_advice"] == false
            && released >= Some(from)
            && ms(&window["decided_at"]).is_some_and(|decided| decided <= to)
    });
    let floors: Vec<i64> = approved.filter_map(floor_ms).collect();
    assert!(number("cases") >= 1 && number("cases") <= floors.len() as i64, "{line}");
    assert!(needed <= floors.iter().sum(), "{line}: {floors:?}");
    if number("cases") == floors.len() as i64 {
        assert_eq!(needed, floors.iter().sum::<i64>(), "{line}");
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
                        certificate_holds(line, &case.windows);
                    } else if reason == "templated_rationale" {
                        let rules = line["evidence"]["rules"].as_object().unwrap();
                        assert_eq!(rules["batch_hold_ms"], 3_600_000, "{line}");
                    } else {
                        assert_eq!(line["evidence"], serde_json::json!({}), "{line}");
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
