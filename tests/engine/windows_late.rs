//! Events that arrive too late, events that never find a window, and events left at the end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use shutterlag::config::{EngineConfig, Reopen};
use shutterlag::event::Action::{Dismiss, Revoke};
use shutterlag::event::Actor::Human;
use shutterlag::event::{Event, Kind};
use shutterlag::time::Span;

use crate::oracle::ledger;
use crate::oracle::live::{Live, Said};
use crate::oracle::made::*;

const SETTLE_S: i64 = 600;
const DAY_S: i64 = 86_400;

fn live() -> Live {
    Live::new(EngineConfig { settle: Some(Span::from_secs(SETTLE_S)), ..EngineConfig::default() })
}

/// Time comes to `s`, then the event comes in.
fn push(live: &mut Live, s: i64, event: &Event<'static>) {
    live.run(seconds(s));
    live.arrives(event);
    live.advance(seconds(s));
}

/// Detected at 0, dismissed at 100, final at 700.
fn final_at_700() -> Live {
    let mut live = live();
    push(&mut live, 0, &leak().at(0));
    push(&mut live, 100, &decided(Dismiss).at(100));
    live.run(seconds(699));
    assert!(live.finals().is_empty());
    live.run(seconds(700));
    assert_eq!(live.finals().len(), 1);
    live
}

/// How many events came too late: known at once, or after a while.
fn late(live: &Live) -> u64 {
    assert_eq!(live.windows.counts().late, live.late_receipts + live.late());
    live.windows.counts().late
}

#[test]
fn what_comes_before_the_last_word_is_part_of_it() {
    let mut live = live();
    push(&mut live, 0, &leak().at(0));
    push(&mut live, 100, &decided(Dismiss).at(100));
    push(&mut live, 699, &opened().at(50));
    push(&mut live, 699, &abused().at(699));
    live.run(seconds(3 * DAY_S));
    let record = &live.records()[0];
    assert_eq!(record.decision.as_ref().unwrap().opened_at, Some(seconds(50)));
    assert_eq!(record.abused_at, Some(seconds(699)));
    assert_eq!((late(&live), live.orphans()), (0, 0));
}

#[test]
fn an_event_from_before_the_closing_that_comes_after_the_last_word_is_late() {
    let mut live = final_at_700();
    let said = live.said.len();
    for event in [triage(Revoke).at(50), decided(Revoke).at(99), contained_by(Human).at(100)] {
        push(&mut live, 701, &event);
    }
    assert_eq!(late(&live), 3);
    live.run(seconds(3 * DAY_S));
    assert_eq!((late(&live), live.windows.counts().accepted, live.orphans()), (3, 2, 0));
    let more = &live.said[said..];
    assert!(more.iter().all(|(_, said)| matches!(said, Said::Late(..))), "{more:?}");
}

#[test]
fn a_straggling_detection_opens_no_window() {
    let mut live = final_at_700();
    push(&mut live, 701, &leak().at(0));
    push(&mut live, 702, &Event { id: "another".into(), ..leak().at(100) });
    push(&mut live, DAY_S, &leak().at(0));
    live.run(seconds(3 * DAY_S));
    assert_eq!((late(&live), live.records().len()), (3, 1));
    assert_eq!(live.windows.counts().duplicate, 0);
}

#[test]
fn a_detection_from_after_the_closing_opens_the_next_window_however_late() {
    let mut live = final_at_700();
    push(&mut live, 800, &leak().at(101));
    live.run(seconds(3 * DAY_S));
    assert_eq!((late(&live), live.records().len()), (0, 2));
    assert_eq!(live.finals().len(), 1);
}

#[test]
fn abuse_and_truth_that_happen_after_the_last_word_are_late() {
    let mut live = final_at_700();
    let before = live.records();
    push(&mut live, 701, &abused().at(701));
    push(&mut live, 800, &truth(Revoke).at(800));
    live.run(seconds(3 * DAY_S));
    assert_eq!((late(&live), live.orphans()), (2, 0));
    assert_eq!(live.windows.counts().accepted, 2);
    assert_eq!(live.records(), before);
}

#[test]
fn abuse_that_goes_on_after_the_last_word_is_late_to_the_last() {
    let mut live = final_at_700();
    for n in 0..1000 {
        live.arrives(&abused().at(701 + n));
    }
    live.run(seconds(3 * DAY_S));
    assert_eq!((late(&live), live.windows.counts().orphan), (1000, 0));
}

#[test]
fn it_makes_no_difference_that_nobody_looked_when_the_last_word_was_due() {
    let mut live = live();
    push(&mut live, 0, &leak().at(0));
    push(&mut live, 100, &decided(Dismiss).at(100));
    // Final at 700, abused at 900, and time comes to 1000 in one step.
    live.arrives(&abused().at(900));
    live.advance(seconds(1000));
    live.run(seconds(3 * DAY_S));
    assert_eq!((late(&live), live.records()[0].abused_at), (1, None));
}

#[test]
fn abuse_after_the_last_word_belongs_to_the_next_window_that_began_before_it() {
    let mut live = final_at_700();
    push(&mut live, 1000, &abused().at(1000));
    push(&mut live, 1100, &leak().at(900));
    live.run(seconds(1200));
    let records = live.records();
    assert_eq!(records.len(), 2);
    assert_eq!((records[0].abused_at, records[1].abused_at), (None, Some(seconds(1000))));
    assert_eq!(late(&live), 0);
}

#[test]
fn an_orphan_is_given_up_a_day_after_its_own_time() {
    let mut live = live();
    push(&mut live, 500, &triage(Revoke).at(100));
    push(&mut live, 600, &abused().at(400));
    live.run(seconds(DAY_S + 99));
    assert_eq!((live.orphans(), live.windows.counts().orphan), (0, 0));
    live.run(seconds(DAY_S + 100));
    assert_eq!(live.windows.counts().orphan, 1);
    live.run(seconds(DAY_S + 400));
    let credential = "AKIAIOSFODNN7EXAMPLE".to_owned();
    let workflow = shutterlag::event::Workflow::SecretExposure;
    let orphan =
        |id: &str, kind| Said::Orphan(workflow, credential.clone(), id.to_owned(), kind, 1);
    live.said.retain(|(_, said)| !matches!(said, Said::Unjoined(..)));
    assert_eq!(
        live.said,
        [
            (seconds(DAY_S + 100), orphan("triage.completed@100", Kind::TriageCompleted)),
            (seconds(DAY_S + 400), orphan("credential.abused@400", Kind::CredentialAbused)),
        ]
    );
    assert_eq!((live.windows.counts().orphan, live.windows.counts().accepted), (2, 2));
    assert_eq!(live.windows.credentials(), 0);
}

#[test]
fn an_orphan_beside_a_window_that_stays_open_is_given_up_too() {
    let mut live = live();
    push(&mut live, 0, &triage(Revoke).at(0));
    push(&mut live, 121, &leak().at(121));
    live.run(seconds(DAY_S - 1));
    assert_eq!(live.windows.counts().orphan, 0);
    live.run(seconds(DAY_S));
    assert_eq!(live.windows.counts().orphan, 1);
    assert_eq!(live.windows.credentials(), 1);
}

#[test]
fn an_orphan_that_came_in_time_is_not_late_because_a_later_window_settles() {
    let mut live = live();
    push(&mut live, 0, &triage(Revoke).at(0));
    push(&mut live, 150, &leak().at(150));
    push(&mut live, 200, &decided(Dismiss).at(200));
    live.run(seconds(3 * DAY_S));
    assert_eq!((live.windows.counts().orphan, late(&live)), (1, 0));
}

#[test]
fn an_orphan_of_the_closing_moment_outlives_the_last_word_until_the_next_detection() {
    let events = [
        leak().at(0),
        decided(Dismiss).at(10),
        // After the decision in order, so not of the first window.
        contained_by(Human).at(10),
        leak().at(60),
    ];
    let settle = Some(Span::from_secs(30));
    let mut live = Live::new(EngineConfig { settle, ..EngineConfig::default() });
    for event in &events {
        push(&mut live, (event.time.as_millis() - seconds(0).as_millis()) / 1000, event);
    }
    live.run(seconds(120));
    let wanted = ledger(&events).windows;
    assert_eq!((wanted[0].events, wanted[1].adopted), (2, 1));
    assert_eq!(live.records(), wanted);
    assert_eq!(late(&live), 0);
}

#[test]
fn an_event_shortly_before_its_detection_waits_for_it() {
    let mut live = live();
    push(&mut live, 0, &triage(Revoke).at(0));
    assert!(live.said.is_empty());
    push(&mut live, 120, &leak().at(120));
    let records = live.records();
    assert_eq!((records[0].adopted, records[0].triaged_at), (1, Some(seconds(0))));
    assert!(records[0].figures.clock_skew);
    live.run(seconds(3 * DAY_S));
    assert_eq!(live.windows.counts().orphan, 0);
}

#[test]
fn many_windows_leave_nothing_behind() {
    // Every leak of a returning credential is a window of its own here.
    let mut live = Live::new(EngineConfig {
        settle: Some(Span::from_secs(SETTLE_S)),
        reopen: Reopen::Always,
        remember_closed: Span::from_mins(24 * 60),
        ..EngineConfig::default()
    });
    let mut windows = 0;
    for hour in 0..200 {
        let s = hour * 3600;
        for n in 0..5 {
            // Some credentials come back, some are new every time.
            let name = if n < 2 { format!("returning-{n}") } else { format!("new-{hour}-{n}") };
            live.run(seconds(s + n));
            live.arrives(&leak().of(&name, s + n));
            live.arrives(&triage(Revoke).of(&name, s + n + 1));
            live.run(seconds(s + 100 + n));
            live.arrives(&leak().of(&name, s + 50));
            live.arrives(&decided(Revoke).of(&name, s + 60));
            live.arrives(&contained_by(Human).of(&name, s + 90));
            live.arrives(&abused().of(&name, s + 95));
            windows += 1;
        }
        // One that never has a window, and one that is late.
        live.arrives(&triage(Revoke).of(&format!("orphan-{hour}"), s));
        live.run(seconds(s + 900));
        live.arrives(&leak().of("returning-0", s + 50));
    }
    let last = 199 * 3600 + 900;
    assert!(live.windows.credentials() < 24 * 6 + 100, "state goes as it settles");
    live.run(seconds(last + DAY_S));
    assert_eq!(live.windows.credentials(), 0);
    assert_eq!(live.windows.next_deadline(), None);
    assert_eq!((live.records().len(), live.finals().len()), (windows, windows));
    assert_eq!((live.orphans(), late(&live)), (200, 200));
    assert!(live.firing().is_empty());
    let mut left = 0;
    let unplaced = live.windows.view().for_each(|_| left += 1);
    assert_eq!((left, unplaced.orphan, unplaced.late), (0, 0, 0));
}

#[test]
fn without_settling_nothing_is_ever_final() {
    let mut live = Live::new(EngineConfig::default());
    push(&mut live, 0, &leak().at(0));
    push(&mut live, 100, &decided(Dismiss).at(100));
    live.run(seconds(3 * DAY_S));
    assert!(live.finals().is_empty());
    push(&mut live, 3 * DAY_S, &triage(Revoke).at(50));
    assert_eq!(live.records()[0].advice.as_ref().unwrap().presented_at, seconds(50));
}
