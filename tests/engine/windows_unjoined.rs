//! Names on which somebody acted and under which nothing was detected.

use proptest::prelude::*;
use shutterlag::config::EngineConfig;
use shutterlag::engine::Output;
use shutterlag::engine::windows::{Unjoined, Windows};
use shutterlag::event::Action::{Dismiss, Revoke};
use shutterlag::event::{Event, Kind, Workflow};
use shutterlag::time::Span;

use crate::oracle::hostile::{self, at};
use crate::oracle::live::Live;
use crate::oracle::made::*;

/// A decision in time takes nine minutes at most.
const IN_TIME_S: i64 = 540;
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 24 * HOUR_S;

fn config() -> EngineConfig {
    let settle = Some(Span::from_secs(600));
    EngineConfig { settle, checkpoints: true, ..EngineConfig::default() }
}

/// Time comes to `s`, then the event comes in.
fn push(live: &mut Live, s: i64, event: &Event<'static>) {
    live.run(seconds(s));
    live.arrives(event);
    live.advance(seconds(s));
}

/// The names that did not join, with the number of their events.
fn names(live: &Live) -> Vec<(&str, u64)> {
    live.unjoined.iter().map(|((_, name), it)| (name.as_str(), it.events)).collect()
}

#[test]
fn a_name_is_reported_once_a_decision_would_be_overdue_and_no_longer_when_it_joins() {
    let mut live = Live::new(config());
    push(&mut live, 0, &decided(Revoke).of("typo", 0));
    push(&mut live, 60, &triage(Revoke).of("typo", 60));
    live.run(seconds(IN_TIME_S - 1));
    assert!(names(&live).is_empty(), "it may still be detected");
    live.run(seconds(IN_TIME_S));
    assert_eq!(names(&live), [("typo", 2)]);
    let of = &live.unjoined[&("secret_exposure", "typo".to_owned())];
    assert_eq!((of.kind, of.time), (Kind::DecisionMade, seconds(0)), "the first of them");
    // A third event about it is added at once.
    push(&mut live, 700, &opened().of("typo", 700));
    assert_eq!(names(&live), [("typo", 3)]);
    push(&mut live, 800, &leak().of("typo", 690));
    assert!(names(&live).is_empty());
}

#[test]
fn what_finds_its_window_is_not_reported() {
    let mut live = Live::new(config());
    push(&mut live, 0, &leak().at(0));
    push(&mut live, 10, &decided(Dismiss).at(10));
    // Abuse and truth can be the first that is heard of a credential.
    push(&mut live, 10, &abused().of("unheard-of", 10));
    push(&mut live, 10, &truth(Revoke).of("unheard-of", 10));
    // The window is closed and final, and somebody decides again: late, or an orphan.
    push(&mut live, 5_000, &decided(Revoke).at(5_000));
    live.run(seconds(2 * DAY_S));
    let reported = live.said.iter().filter(|(_, said)| format!("{said:?}").starts_with("Unjoined"));
    assert_eq!(reported.count(), 0);
}

#[test]
fn a_workflow_with_a_target_of_days_is_reported_after_an_hour() {
    let mut live = Live::new(config());
    let mut decision = decided(Dismiss).of("change-7", 0);
    decision.workflow = Workflow::PolicyChange;
    push(&mut live, 0, &decision);
    live.run(seconds(HOUR_S - 1));
    assert!(names(&live).is_empty());
    live.run(seconds(HOUR_S));
    assert_eq!(names(&live), [("change-7", 1)]);
}

#[test]
fn what_expires_is_said_to_have_joined_nothing_and_is_no_longer_reported() {
    let mut windows = Windows::new(config());
    let acted = decided(Revoke).of("typo", 0);
    let heard = abused().of("unheard-of", 0);
    for event in [&acted, &heard] {
        let _ = windows.handle(event);
    }
    let mut expired = Vec::new();
    let (mut reported, mut withdrawn) = (0, 0);
    while let Some(next) = windows.next_deadline() {
        windows.advance(next.max(seconds(0)), &mut |output| match output {
            Output::Orphan { key, unjoined, .. } => {
                expired.push((key.credential_id.to_owned(), unjoined));
            }
            Output::Unjoined { before: None, after: Some(_), .. } => reported += 1,
            Output::Unjoined { before: Some(_), after: None, .. } => withdrawn += 1,
            other => panic!("{other:?}"),
        });
    }
    expired.sort();
    assert_eq!(expired, [("typo".to_owned(), true), ("unheard-of".to_owned(), false)]);
    assert_eq!((reported, withdrawn), (1, 1));
}

#[test]
fn a_name_that_has_to_make_room_is_no_longer_reported() {
    let mut live = Live::new(EngineConfig { undetected_credentials: 2, ..config() });
    for (s, name) in [(0, "first"), (1, "second")] {
        push(&mut live, s, &decided(Revoke).of(name, s));
    }
    live.run(seconds(600));
    assert_eq!(names(&live), [("first", 1), ("second", 1)]);
    push(&mut live, 600, &decided(Revoke).of("third", 0));
    assert_eq!(names(&live), [("second", 1), ("third", 1)]);
}

/// The reports of a run that is restored from checkpoints.
fn reports_after_a_restart(live: &mut Live, s: i64) -> Vec<(String, Unjoined)> {
    let mut restored = Windows::new(config());
    live.windows.checkpoint(&mut |_, state| {
        if let Some(state) = state {
            assert_eq!(restored.restore(state), Ok(()));
        }
    });
    let mut reports = Vec::new();
    restored.advance(seconds(s), &mut |output| {
        if let Output::Unjoined { key, before: None, after: Some(after) } = output {
            reports.push((key.credential_id.to_owned(), after.clone()));
        }
    });
    reports.sort_by(|a, b| a.0.cmp(&b.0));
    reports
}

#[test]
fn a_restart_reports_anew() {
    let mut live = Live::new(config());
    push(&mut live, 0, &decided(Revoke).of("typo", 0));
    push(&mut live, 0, &leak().at(0));
    live.run(seconds(2 * HOUR_S));
    let before: Vec<_> =
        live.unjoined.iter().map(|((_, name), it)| (name.clone(), it.clone())).collect();
    assert_eq!(reports_after_a_restart(&mut live, 2 * HOUR_S), before);
    assert_eq!(before.len(), 1);
}

/// A detection that has the id of an earlier event repeats it, and opens nothing.
#[test]
fn a_detection_that_repeats_an_act_joins_nothing() {
    let mut windows = Windows::new(EngineConfig::default());
    for mut event in [leak().of("k", 30), triage(Revoke).of("k", 0)] {
        event.id = "one".into();
        let _ = windows.handle(&event);
    }
    let (mut unjoined, mut detected) = (0, 0);
    let view = windows.view();
    for all in view.parts(usize::MAX) {
        let _ = all.read(|_| {}, |_, _| unjoined += 1);
    }
    view.names(|_, is_detected| detected += u32::from(is_detected()));
    assert_eq!((unjoined, detected), (1, 0));
}

proptest! {
    /// An hour after the last event, live reports are what the whole set of events gives.
    #[test]
    fn reports_are_a_function_of_the_events(hostile in hostile::events()) {
        let events: Vec<Event<'static>> = hostile.0;
        let mut live = Live::new(EngineConfig {
            orphan_timeout: Span::from_mins(100 * 24 * 60), ..EngineConfig::default()
        });
        let mut whole = Windows::new(EngineConfig::default());
        for event in &events {
            live.arrives(event);
            let _ = whole.handle(event);
        }
        let last = events.iter().map(|event| event.time).max().unwrap_or(at(0));
        live.advance(last + Span::from_mins(60));
        let mut expected = Vec::new();
        let view = whole.view();
        for all in view.parts(usize::MAX) {
            let _ = all.read(|_| {}, |key, unjoined| {
                expected.push(((key.workflow.as_str(), key.credential_id.to_owned()), unjoined));
            });
        }
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        let reported: Vec<_> = live.unjoined.into_iter().collect();
        prop_assert_eq!(reported, expected);
    }
}
