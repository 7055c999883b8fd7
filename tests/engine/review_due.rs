//! What came of a review is said once of each window: by the live engine, and so by the
//! counter that it moves.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use shutterlag::config::EngineConfig;
use shutterlag::engine::Output;
use shutterlag::engine::effective::Outcome;
use shutterlag::engine::oversight::{HollowReason, HollowReasons, Quality};
use shutterlag::engine::windows::Windows;
use shutterlag::event::Event;
use shutterlag::formats::maps::Maps;
use shutterlag::formats::{Context, Format, Identity, decode};
use shutterlag::time::{Span, Timestamp};

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + second * 1000)
}

/// A window in a live engine, as it goes on.
struct Live {
    windows: Windows,
    due: Vec<(i64, Outcome)>,
    decided: Option<(String, u32)>,
}

impl Live {
    fn new() -> Live {
        let config = EngineConfig {
            settle: Some(Span::from_mins(10)),
            judged_after: Some(Span::from_mins(10)),
            checkpoints: true,
            ..EngineConfig::default()
        };
        Live { windows: Windows::new(config), due: Vec::new(), decided: None }
    }

    fn take(&mut self, kind: &str, second: i64, more: &str) -> &mut Live {
        let identity = Identity::new(b"an identity key for tests").unwrap();
        let limits = shutterlag::config::Limits::DEFAULT;
        let context = Context { identity: &identity, detected_at: None, limits, maps: Maps::NONE };
        let text = format!(
            r#"{{"type":"{kind}","id":"{kind}{second}","time":"{}","credential_id":"c"{more}}}"#,
            at(second)
        );
        let mut events: Vec<Event<'_>> = Vec::new();
        let _ = decode(Format::Native, text.as_bytes(), &context, &mut events).unwrap();
        let _ = self.windows.handle(&events[0]);
        self
    }

    fn leak(&mut self) -> &mut Live {
        let exposed = format!(r#","exposed_at":"{}""#, at(-10));
        self.take("leak.detected", 0, &exposed)
    }

    fn decide(&mut self, second: i64) -> &mut Live {
        self.take("decision.made", second, r#","reviewer":"r","action":"revoke""#)
    }

    fn until(&mut self, second: i64) -> &mut Live {
        let Live { windows, due, decided } = self;
        windows.advance(at(second), &mut |output| match output {
            Output::ReviewDue { due: how, hollow, .. } => {
                let quality = hollow.map(|reasons| Quality::of(reasons, true));
                due.push((second, how.outcome(quality).unwrap()));
            }
            Output::Window { window, .. } => {
                let mark = window.decision_mark();
                *decided = mark.map(|mark| (window.key.credential_id.to_owned(), mark));
            }
            _ => {}
        });
        self
    }

    fn judge(&mut self, reasons: HollowReasons) -> &mut Live {
        self.answer(Some(reasons))
    }

    /// What oversight answers; `None`: it will not judge the decision any more.
    fn answer(&mut self, reasons: Option<HollowReasons>) -> &mut Live {
        use shutterlag::engine::windows::{ExposureId, Key};
        use shutterlag::event::Workflow;
        let (credential_id, mark) = self.decided.clone().unwrap();
        let key = Key { workflow: Workflow::SecretExposure, credential_id: &credential_id };
        assert!(self.windows.judge(ExposureId { key, detected_at: at(0) }, mark, reasons));
        self
    }
}

#[test]
fn a_decision_in_time_counts_when_it_is_judged() {
    let mut live = Live::new();
    live.leak().decide(60).until(100);
    assert_eq!(live.due, [], "not judged yet");
    live.judge(HollowReasons::default()).until(700);
    assert_eq!(live.due, [(700, Outcome::Effective)]);
    live.until(10_000).until(100_000);
    assert_eq!(live.due.len(), 1);

    let mut live = Live::new();
    let mut reasons = HollowReasons::default();
    reasons.insert_if(HollowReason::SelfApproval, true);
    live.leak().decide(60).until(100).judge(reasons).until(700);
    assert_eq!(live.due, [(700, Outcome::Hollow)]);
}

/// It is never contained, so it never is final either.
#[test]
fn a_decision_that_nobody_will_judge_counts_as_unjudged() {
    let mut live = Live::new();
    live.leak().decide(60).until(100).answer(None).until(700);
    assert_eq!(live.due, [(700, Outcome::Unjudged)]);
    live.until(10_000).until(100_000);
    assert_eq!(live.due.len(), 1);
}

#[test]
fn nobody_in_time_counts_at_once_and_no_later_decision_counts_again() {
    let mut live = Live::new();
    // The exposure is ten seconds older than its detection.
    live.leak().until(529);
    assert_eq!(live.due, []);
    assert!(live.windows.next_deadline().is_some_and(|at_least| at_least <= at(530)));
    live.until(530);
    assert_eq!(live.due, [(530, Outcome::Overdue)]);
    live.decide(600).until(601).judge(HollowReasons::default()).until(2_000);
    assert_eq!(live.due.len(), 1);
}

#[test]
fn containment_is_no_review_and_an_escalation_is_none_either() {
    let mut live = Live::new();
    live.leak().take(
        "credential.contained",
        30,
        r#","method":"quarantined","actor_kind":"automation""#,
    );
    live.take("decision.made", 60, r#","reviewer":"r","action":"escalate""#);
    live.until(100).until(1_000);
    assert_eq!(live.due, [(1_000, Outcome::Overdue)]);
}

#[test]
fn an_unknown_exposure_is_told_as_such() {
    let mut live = Live::new();
    live.take("leak.detected", 0, "").decide(60).until(100);
    live.judge(HollowReasons::default()).until(700);
    assert_eq!(live.due, [(700, Outcome::UnknownExposure)]);
}

#[test]
fn a_window_that_gets_another_name_or_comes_again_counts_once() {
    let mut live = Live::new();
    live.take("leak.detected", 100, r#","reopened":true"#).until(700);
    assert_eq!(live.due, [(700, Outcome::Overdue)]);
    // An earlier detection comes late: the window is the same, under another name.
    live.leak().until(701);
    assert_eq!(live.due.len(), 1, "{:?}", live.due);
    // A decision between the two comes later still: now they are two windows.
    let dismissed = r#","reviewer":"r","action":"dismiss""#;
    live.take("decision.made", 50, dismissed).until(702);
    assert_eq!(live.due.len(), 2, "{:?}", live.due);
    live.until(2_000).until(1_000_000);
    assert_eq!(live.due.len(), 2, "{:?}", live.due);
}
