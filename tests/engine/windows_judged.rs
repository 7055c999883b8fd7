//! The judgement of a decision comes back into its window.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use shutterlag::config::EngineConfig;
use shutterlag::engine::alerts::{Alert, Transition};
use shutterlag::engine::oversight::{HollowReason, HollowReasons};
use shutterlag::engine::windows::{ExposureId, Key, Windows};
use shutterlag::engine::{News, Output};
use shutterlag::event::{Event, Workflow};
use shutterlag::formats::maps::Maps;
use shutterlag::formats::{Context, Format, Identity, decode};
use shutterlag::time::{Span, Timestamp};

const SETTLE_MIN: i64 = 10;
const DELAY_MIN: i64 = 10;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + second * 1000)
}

fn engine() -> Windows {
    Windows::new(EngineConfig {
        settle: Some(Span::from_mins(SETTLE_MIN)),
        judged_after: Some(Span::from_mins(DELAY_MIN)),
        checkpoints: true,
        ..EngineConfig::default()
    })
}

fn take(windows: &mut Windows, kind: &str, id: &str, second: i64, more: &str) {
    let identity = Identity::new(b"an identity key for tests").unwrap();
    let limits = shutterlag::config::Limits::DEFAULT;
    let context = Context { identity: &identity, detected_at: None, limits, maps: Maps::NONE };
    let text = format!(
        r#"{{"type":"{kind}","id":"{id}","time":"{}","credential_id":"c"{more}}}"#,
        at(second)
    );
    let mut events: Vec<Event<'_>> = Vec::new();
    let _ = decode(Format::Native, text.as_bytes(), &context, &mut events).unwrap();
    let _ = windows.handle(&events[0]);
}

fn decide(windows: &mut Windows, id: &str, reviewer: &str, second: i64) {
    let more = format!(r#","reviewer":"{reviewer}","action":"revoke""#);
    take(windows, "decision.made", id, second, &more);
}

const EXPOSURE: ExposureId<'static> = ExposureId {
    key: Key { workflow: Workflow::SecretExposure, credential_id: "c" },
    detected_at: Timestamp::from_millis(1_800_000_000_000),
};

/// What was said of the window at one moment.
#[derive(Debug, Default, PartialEq)]
struct Said {
    words: Vec<(bool, Option<Vec<HollowReason>>, News)>,
    alerts: Vec<(Alert, Transition)>,
    mark: Option<u32>,
}

fn advance(windows: &mut Windows, second: i64) -> Said {
    let mut said = Said::default();
    windows.advance(at(second), &mut |output| match output {
        Output::Window { window, is_final, hollow, news, .. } => {
            said.mark = window.decision_mark();
            said.words.push((is_final, hollow.map(|hollow| hollow.iter().collect()), news));
        }
        Output::Alert { alert, transition, .. } => said.alerts.push((alert, transition)),
        _ => {}
    });
    said
}

fn hollow() -> HollowReasons {
    let mut reasons = HollowReasons::default();
    reasons.insert_if(HollowReason::SelfApproval, true);
    reasons
}

const REVISED: News = News { revised: true, judged: false, superseded: false, taken_over: false };
const JUDGED: News = News { revised: false, judged: true, superseded: false, taken_over: false };
const NOTHING: News = News { revised: false, judged: false, superseded: false, taken_over: false };

/// A window that is decided after a minute and contained after two.
fn decided() -> (Windows, u32) {
    let mut windows = engine();
    take(&mut windows, "leak.detected", "1", 0, "");
    decide(&mut windows, "2", "reviewer-01", 60);
    take(&mut windows, "credential.contained", "3", 120, r#","method":"revoked""#);
    let said = advance(&mut windows, 121);
    assert_eq!(said.words, [(false, None, REVISED)]);
    (windows, said.mark.unwrap())
}

#[test]
fn a_judgement_is_said_once_and_stays_until_the_window_is_final() {
    let (mut windows, mark) = decided();
    assert!(windows.judge(EXPOSURE, mark, Some(hollow())));
    let reasons = Some(vec![HollowReason::SelfApproval]);
    let said = advance(&mut windows, 661);
    assert_eq!(said.words, [(false, reasons.clone(), JUDGED)]);
    assert_eq!(said.alerts, [(Alert::HollowApproval, Transition::Firing)]);
    // Said again it is no news.
    assert!(!windows.judge(EXPOSURE, mark, Some(hollow())));
    assert_eq!(advance(&mut windows, 700), Said::default());
    // It stands in the next revision, too.
    let truth = r#","correct_action":"revoke","seeded":false"#;
    take(&mut windows, "truth.established", "4", 130, truth);
    assert_eq!(advance(&mut windows, 720).words, [(false, reasons.clone(), REVISED)]);
    // Final once that has stood for as long as a closed window does.
    let until = 661 + 60 * SETTLE_MIN;
    assert_eq!(advance(&mut windows, until - 1), Said::default());
    let said = advance(&mut windows, until);
    assert_eq!(said.words, [(true, reasons, NOTHING)]);
    assert_eq!(said.alerts, [(Alert::HollowApproval, Transition::Resolved)]);
}

/// A judgement may come at any time, and an alert that ends as it begins reaches nobody.
#[test]
fn an_alert_about_a_judgement_that_came_late_lasts_as_well() {
    let (mut windows, mark) = decided();
    assert_eq!(advance(&mut windows, 7_000), Said::default());
    assert!(windows.judge(EXPOSURE, mark, Some(hollow())));
    let said = advance(&mut windows, 7_200);
    assert_eq!(said.alerts, [(Alert::HollowApproval, Transition::Firing)]);
    assert!(!said.words[0].0, "it is not final yet");
    assert_eq!(advance(&mut windows, 7_199 + 60 * SETTLE_MIN), Said::default());
    let said = advance(&mut windows, 7_200 + 60 * SETTLE_MIN);
    assert_eq!(said.alerts, [(Alert::HollowApproval, Transition::Resolved)]);
}

/// Nothing follows from it any more.
#[test]
fn a_settled_window_is_final_with_a_judgement_that_is_no_alert() {
    let (mut windows, mark) = decided();
    assert_eq!(advance(&mut windows, 7_000), Said::default());
    assert!(windows.judge(EXPOSURE, mark, Some(HollowReasons::default())));
    assert_eq!(advance(&mut windows, 7_001).words, [(true, Some(vec![]), JUDGED)]);
}

/// While input lags behind, event time passes fast and judgements come slowly.
#[test]
fn windows_that_only_wait_for_their_judgement_are_not_derived_again() {
    let (mut windows, mark) = decided();
    windows.expire_unjudged(false);
    assert_eq!(advance(&mut windows, 100_000), Said::default());
    let derived = windows.derivations();
    for hour in 28..128 {
        assert_eq!(advance(&mut windows, hour * 3_600), Said::default());
    }
    assert_eq!(windows.derivations(), derived);
    // Once it is not waited for any longer, it is final within an hour.
    windows.expire_unjudged(true);
    let next = windows.next_punctuation().unwrap();
    assert!(next <= at(128 * 3_600), "{next}");
    assert_eq!(advance(&mut windows, 128 * 3_600).words, [(true, None, NOTHING)]);
    assert!(windows.next_punctuation().unwrap() > next, "what is closed is remembered");
    assert!(!windows.judge(EXPOSURE, mark, Some(hollow())));
}

#[test]
fn a_credential_with_new_events_and_a_deadline_is_derived_once() {
    let (mut windows, _) = decided();
    let derived = windows.derivations();
    take(&mut windows, "credential.abused", "4", 130, "");
    // The decision was in time; what it was worth is due when it is judged, and the window settles.
    assert_eq!(advance(&mut windows, 60 * 60 * 24 * 3).words.len(), 1);
    assert_eq!(windows.derivations(), derived + 1);
}

/// Nothing is waited for any more: a window must not stay for longer than one that was judged.
#[test]
fn a_settled_window_is_final_as_soon_as_it_is_known_that_nobody_will_judge_it() {
    let (mut windows, mark) = decided();
    let settled = 120 + 60 * SETTLE_MIN;
    assert_eq!(advance(&mut windows, settled + 1), Said::default(), "an answer is waited for");
    assert!(windows.judge(EXPOSURE, mark, None));
    assert_eq!(advance(&mut windows, settled + 2).words, [(true, None, NOTHING)]);
    // And one that has yet to settle is final then, not later.
    let (mut windows, mark) = decided();
    assert!(windows.judge(EXPOSURE, mark, None));
    assert!(!windows.judge(EXPOSURE, mark, None), "known already");
    assert_eq!(advance(&mut windows, settled - 1), Said::default());
    assert_eq!(advance(&mut windows, settled).words, [(true, None, NOTHING)]);
}

/// In a backlog time passes faster than answers come.
#[test]
fn in_a_backlog_no_judgement_is_given_up() {
    let (mut windows, mark) = decided();
    windows.expire_unjudged(false);
    assert_eq!(advance(&mut windows, 3_600 * 24 * 40), Said::default());
    assert!(windows.judge(EXPOSURE, mark, Some(hollow())));
    assert_eq!(advance(&mut windows, 3_600 * 24 * 41).alerts.len(), 1);
}

/// The second window of a credential is judged before the first.
#[test]
fn windows_of_a_credential_are_final_in_their_order() {
    let (mut windows, first) = decided();
    take(&mut windows, "leak.detected", "11", 600, r#","reopened":true"#);
    decide(&mut windows, "12", "reviewer-02", 660);
    take(&mut windows, "credential.contained", "13", 720, r#","method":"revoked""#);
    let second = advance(&mut windows, 721).mark.unwrap();
    let name = ExposureId { detected_at: at(600), ..EXPOSURE };
    assert!(windows.judge(name, second, Some(HollowReasons::default())));
    assert_eq!(advance(&mut windows, 1_260).words.len(), 1);
    assert_eq!(advance(&mut windows, 10_000), Said::default(), "the first is not judged yet");
    assert!(windows.judge(EXPOSURE, first, Some(HollowReasons::default())));
    let said = advance(&mut windows, 10_001);
    let judged = || Some(vec![]);
    assert_eq!(said.words, [(true, judged(), JUDGED), (true, judged(), NOTHING)]);
}

/// Handed out between an event's arrival and the next look at the time.
#[test]
fn what_was_not_said_yet_is_said_after_a_restore() {
    let (mut windows, _) = decided();
    let truth = r#","correct_action":"revoke","seeded":false"#;
    take(&mut windows, "truth.established", "4", 130, truth);
    let mut kept = BTreeMap::new();
    windows.checkpoint(&mut |key, state| {
        kept.insert(key.credential_id.to_owned(), state.unwrap().to_vec());
    });
    let mut next = engine();
    next.restore(&kept["c"]).unwrap();
    assert_eq!(advance(&mut next, 140).words, [(false, None, REVISED)]);
}

#[test]
fn a_window_waits_for_its_judgement_but_not_for_ever() {
    let (mut windows, mark) = decided();
    assert_eq!(advance(&mut windows, 3_600 * 24), Said::default(), "a day later");
    let given_up = 60 + 60 * DELAY_MIN + 3_600 * 24;
    assert_eq!(advance(&mut windows, given_up).words, [(true, None, NOTHING)]);
    assert!(!windows.judge(EXPOSURE, mark, Some(hollow())), "it is gone");
}

#[test]
fn a_judgement_of_another_decision_is_none_of_the_windows() {
    let (mut windows, mark) = decided();
    assert!(windows.judge(EXPOSURE, mark, Some(HollowReasons::default())));
    assert_eq!(advance(&mut windows, 130).words, [(false, Some(vec![]), JUDGED)]);
    // Somebody else turns out to have decided before.
    decide(&mut windows, "5", "reviewer-02", 30);
    let said = advance(&mut windows, 140);
    let superseded = News { superseded: true, ..REVISED };
    assert_eq!(said.words, [(false, None, superseded)]);
    assert!(!windows.judge(EXPOSURE, mark, Some(hollow())), "that was about the other one");
    assert_eq!(advance(&mut windows, 150), Said::default());
    assert!(windows.judge(EXPOSURE, said.mark.unwrap(), Some(hollow())));
    let reasons = Some(vec![HollowReason::SelfApproval]);
    assert_eq!(advance(&mut windows, 160).words, [(false, reasons, JUDGED)]);
}

/// Another process with what was handed out of this one.
fn restarted_from(windows: &mut Windows) -> Windows {
    let mut kept = BTreeMap::new();
    windows.checkpoint(&mut |key, state| {
        kept.insert(key.credential_id.to_owned(), state.unwrap().to_vec());
    });
    let mut next = engine();
    next.restore(&kept["c"]).unwrap();
    next
}

#[test]
fn a_judgement_survives_the_process() {
    for said_before in [false, true] {
        let (mut windows, mark) = decided();
        assert!(windows.judge(EXPOSURE, mark, Some(hollow())));
        if said_before {
            advance(&mut windows, 130);
        }
        let mut next = restarted_from(&mut windows);
        let said = advance(&mut next, 140);
        let reasons = Some(vec![HollowReason::SelfApproval]);
        match said_before {
            true => assert_eq!(said, Said::default()),
            false => assert_eq!(said.words, [(false, reasons, JUDGED)]),
        }
    }
}
