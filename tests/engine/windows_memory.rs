//! What is remembered where not everything can be: of a credential's earlier windows, and of a
//! window with more events than are held.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use shutterlag::config::EngineConfig;
use shutterlag::engine::windows::Windows;
use shutterlag::event::{Action, Body, DecisionMade, Event, Evidence, ReviewOpened, Severity};

use crate::oracle::made::*;
use crate::oracle::record::Record;
use crate::oracle::{Reading, ledger_by};

fn records(config: EngineConfig, events: &[Event<'static>]) -> Vec<Record> {
    let mut windows = Windows::new(config);
    for event in events {
        let _ = windows.handle(event);
    }
    let mut records = Vec::new();
    windows.view().for_each(|window| records.push(Record::from(window)));
    records
}

/// The window's events a minute apart, dismissed in the end.
fn dismissed(minute: i64, reviewer: &'static str) -> [Event<'static>; 3] {
    let Body::DecisionMade(decision) = decided(Action::Dismiss) else { unreachable!() };
    let decision = DecisionMade { reviewer: reviewer.into(), ..decision };
    [
        leak_exposed(minute * 60).at(minute * 60),
        triage(Action::Dismiss).at(minute * 60 + 1),
        Body::DecisionMade(decision).at(minute * 60 + 2),
    ]
}

/// The first reviewer's pair comes up again before it would be forgotten.
#[test]
fn of_earlier_decisions_the_last_twelve_different_ones_are_remembered() {
    const OTHERS: [&str; 8] = ["p", "q", "r", "s", "t", "u", "v", "w"];
    let first = ["a", "b", "c", "d"].into_iter().chain(OTHERS);
    let reviewers: Vec<_> = first.chain(["a", "e", "a", "b", "e"]).collect();
    let events: Vec<_> = (1..).zip(reviewers).flat_map(|(n, name)| dismissed(n, name)).collect();
    let records = records(EngineConfig::default(), &events);
    let repeats: Vec<bool> =
        records.iter().map(|record| record.decision.as_ref().unwrap().repeats_advice).collect();
    assert_eq!(repeats[..12], [false; 12]);
    assert_eq!(repeats[12..], [true, false, true, false, true]);
    assert_eq!(records, ledger_by(&events, &Reading::default()).windows);
}

fn from(source: &'static str, mut event: Event<'static>) -> Event<'static> {
    event.source = Some(source.into());
    event
}

fn look(items: u32, evidence: Option<Evidence>) -> Body<'static> {
    let items_opened = Some(items);
    Body::ReviewOpened(ReviewOpened { reviewer: "reviewer-01".into(), items_opened, evidence })
}

/// The second of many looks is the one at most items, at the raw evidence, and by another
/// clock; the second of many outputs of the AI is by another clock as well.
#[test]
fn what_is_known_of_a_decision_stays_beyond_the_cap() {
    let mut events = vec![from("desk", leak().at(0))];
    for n in 1..60 {
        let clock = if n == 2 { "scanner" } else { "desk" };
        let evidence = if n == 2 { Evidence::Raw } else { Evidence::Summary };
        let items = if n == 3 { 9 } else { 1 };
        events.push(from(clock, triage(Action::Revoke).at(10 * n)));
        events.push(from(clock, look(items, Some(evidence)).at(10 * n + 1)));
    }
    events.push(from("desk", decided(Action::Revoke).at(1_000)));
    let config = EngineConfig { events_per_window: 16, ..EngineConfig::default() };
    let got = records(config, &events);
    let decision = got[0].decision.as_ref().unwrap();
    assert!(!decision.advice_same_clock && !decision.opening_same_clock);
    assert_eq!((decision.items_opened, decision.evidence), (Some(9), Some(Evidence::Raw)));
    assert_eq!(got, ledger_by(&events, &Reading::default()).windows);
}

/// The severity that was known when the advice was given, and the owner known at the decision,
/// are stated amid many repeats, and others afterwards.
#[test]
fn what_was_known_then_stays_beyond_the_cap() {
    let mut events = vec![leak().at(0)];
    for n in 1..60 {
        let mut again = leak().at(10 * n);
        if n == 3 {
            again.severity = Some(Severity::High);
            again.owner = Some("team-1".into());
        }
        events.push(again);
        events.push(opened().at(10 * n + 1));
    }
    events.push(triage(Action::Revoke).at(700));
    events.push(decided(Action::Revoke).at(710));
    for n in 72..130 {
        let mut again = leak().at(10 * n);
        again.severity = Some(Severity::Critical);
        again.owner = Some("team-2".into());
        events.push(again);
    }
    let config = EngineConfig { events_per_window: 16, ..EngineConfig::default() };
    let got = records(config, &events);
    assert_eq!(got[0].advice.as_ref().unwrap().severity, Some(Severity::High));
    assert_eq!(got[0].decision.as_ref().unwrap().owner.as_deref(), Some("team-1"));
    assert_eq!(got, ledger_by(&events, &Reading::default()).windows);
}

/// Only the second of many detections tells when the exposure began.
#[test]
fn a_detection_at_once_is_known_beyond_the_cap() {
    let mut events = vec![from("scanner", leak().at(0))];
    for n in 1..60 {
        let source = if n == 2 { "push" } else { "scanner" };
        events.push(from(source, leak().at(10 * n)));
    }
    let reading = Reading { detects_at_once: vec!["push".to_owned()], ..Reading::default() };
    let config = EngineConfig {
        events_per_window: 16,
        detects_at_once: reading.detects_at_once.iter().cloned().collect(),
        ..EngineConfig::default()
    };
    let got = records(config, &events);
    assert_eq!(got[0].exposed_at, Some(seconds(20)));
    assert_eq!(got, ledger_by(&events, &reading).windows);
}
