//! Alerts as timelines: when events arrive, and what the engine emits in between.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use shutterlag::config::EngineConfig;
use shutterlag::engine::alerts::Alert::{self, *};
use shutterlag::engine::alerts::Transition::{self, Firing, Resolved};
use shutterlag::event::Action::{Dismiss, Escalate, Revoke};
use shutterlag::event::Actor::{Ai, Automation, Human};
use shutterlag::event::{Event, Verdict, Workflow};
use shutterlag::time::Span;

use crate::oracle::live::{Live, Said};
use crate::oracle::made::*;

struct Timeline {
    live: Live,
    told: usize,
}

impl Timeline {
    fn new() -> Timeline {
        let settle = Some(Span::from_mins(10));
        Timeline::with(EngineConfig { settle, ..EngineConfig::default() })
    }

    fn with(config: EngineConfig) -> Timeline {
        Timeline { live: Live::new(config), told: 0 }
    }

    /// Time comes to `s`, then the events come in, together.
    fn push(&mut self, s: i64, events: impl IntoIterator<Item = Event<'static>>) {
        self.live.run(seconds(s));
        events.into_iter().for_each(|event| self.live.arrives(&event));
        self.live.advance(seconds(s));
    }

    /// Time comes to `s`; this is all that alerts did since the last call.
    #[track_caller]
    fn want(&mut self, s: i64, wanted: &[(i64, Alert, Transition)]) {
        self.live.run(seconds(s));
        let transitions = self.live.transitions();
        assert_eq!(&transitions[self.told..], wanted, "up to {s} s");
        self.told = transitions.len();
    }
}

#[test]
fn an_unanswered_window_goes_through_the_three_marks() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    t.push(100, [triage(Revoke).at(100), opened().at(100)]);
    assert_eq!(t.live.windows.next_deadline(), Some(seconds(360)));
    t.want(359, &[]);
    t.want(360, &[(360, ReviewDueSoon, Firing)]);
    t.want(539, &[]);
    t.want(540, &[(540, ReviewOverdue, Firing)]);
    t.want(1019, &[]);
    t.want(1020, &[(1020, AttackerLikelyPresent, Firing)]);
    t.want(90_000, &[]);
    t.push(90_001, [decided(Revoke).at(90_001)]);
    t.want(
        90_002,
        &[
            (90_001, ReviewDueSoon, Resolved),
            (90_001, ReviewOverdue, Resolved),
            (90_001, AttackerLikelyPresent, Resolved),
        ],
    );
}

#[test]
fn each_workflow_has_its_own_marks() {
    let mut config = EngineConfig::default();
    let profile = config.profiles.get_mut(Workflow::PolicyChange);
    profile.review_due_soon = Span::from_secs(60);
    profile.containment_limit = Span::from_secs(30);
    let mut t = Timeline::with(config);
    let policy = |event: Event<'static>| Event { workflow: Workflow::PolicyChange, ..event };
    t.push(0, [policy(leak().at(0))]);
    t.push(100, [policy(decided(Revoke).at(100))]);
    t.want(
        200,
        &[
            (60, ReviewDueSoon, Firing),
            (100, ReviewDueSoon, Resolved),
            (130, ContainmentOverdue, Firing),
        ],
    );
}

#[test]
fn a_decision_before_a_mark_keeps_it_quiet() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    t.push(359, [decided(Dismiss).at(359)]);
    t.want(90_000, &[]);
}

#[test]
fn a_decision_at_the_mark_is_not_before_it() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    t.push(360, [decided(Dismiss).at(360)]);
    // Time came to the mark before the decision came in.
    t.want(90_000, &[(360, ReviewDueSoon, Firing), (360, ReviewDueSoon, Resolved)]);
}

#[test]
fn containment_ends_the_race_though_the_review_is_owed() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    t.push(400, [contained_by(Automation).at(400)]);
    t.want(90_000, &[(360, ReviewDueSoon, Firing), (400, ReviewDueSoon, Resolved)]);
}

#[test]
fn a_decision_by_no_person_answers_nothing() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    t.push(10, [decided_by(Automation, Revoke, None).at(10), decided_by(Ai, Dismiss, None).at(11)]);
    t.want(361, &[(11, AiActedFirst, Firing), (360, ReviewDueSoon, Firing)]);
}

#[test]
fn time_runs_from_the_exposure() {
    let mut t = Timeline::new();
    t.push(600, [leak_exposed(0).at(600)]);
    t.want(
        2000,
        &[
            (600, ReviewDueSoon, Firing),
            (600, ReviewOverdue, Firing),
            (1020, AttackerLikelyPresent, Firing),
        ],
    );
}

#[test]
fn an_exposure_after_the_detection_does_not_delay() {
    let mut t = Timeline::new();
    t.push(0, [leak_exposed(300).at(0)]);
    t.want(400, &[(360, ReviewDueSoon, Firing)]);
}

#[test]
fn an_earlier_exposure_that_is_learned_of_later_brings_the_mark_forward() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    t.push(100, [leak_exposed(-200).at(100)]);
    t.want(350, &[(160, ReviewDueSoon, Firing), (340, ReviewOverdue, Firing)]);
}

#[test]
fn a_decision_that_comes_in_late_ends_what_had_begun() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    t.push(700, [decided(Revoke).at(300)]);
    t.want(
        701,
        &[
            (360, ReviewDueSoon, Firing),
            (540, ReviewOverdue, Firing),
            (700, ReviewDueSoon, Resolved),
            (700, ReviewOverdue, Resolved),
        ],
    );
}

#[test]
fn a_decision_dated_ahead_ends_what_had_begun_at_its_date_at_the_latest() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    // By a clock that is a minute fast.
    t.push(400, [decided(Dismiss).at(460)]);
    t.live.run(seconds(461));
    assert!(t.live.firing().is_empty(), "{:?}", t.live.transitions());
}

#[test]
fn containment_is_overdue_an_hour_after_the_decision_to_act() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    t.push(100, [decided(Revoke).at(100)]);
    t.want(3699, &[]);
    t.want(3700, &[(3700, ContainmentOverdue, Firing)]);
    t.push(5000, [contained_by(Human).at(5000)]);
    t.want(90_000, &[(5000, ContainmentOverdue, Resolved)]);
}

#[test]
fn a_change_of_mind_ends_the_wait_for_containment() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    t.push(100, [decided(Revoke).at(100)]);
    t.push(4000, [decided(Dismiss).at(4000)]);
    t.want(90_000, &[(3700, ContainmentOverdue, Firing), (4000, ContainmentOverdue, Resolved)]);
}

#[test]
fn that_an_ai_decided_first_is_a_fact_that_no_decision_undoes() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    t.push(20, [decided_by(Ai, Revoke, None).at(20)]);
    t.push(50, [decided(Revoke).at(50)]);
    t.want(3000, &[(20, AiActedFirst, Firing)]);
}

#[test]
fn an_ai_that_contains_first_is_said_and_ends_the_race() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    t.push(20, [contained_by(Ai).at(20)]);
    t.want(90_000, &[(20, AiActedFirst, Firing)]);
}

#[test]
fn an_ai_that_acts_after_a_person_decided_or_hands_on_is_in_its_place() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    t.push(10, [decided_by(Ai, Escalate, None).at(10)]);
    t.push(20, [decided(Revoke).at(20)]);
    t.push(30, [decided_by(Ai, Revoke, None).at(30), contained_by(Ai).at(30)]);
    t.want(90_000, &[]);
}

#[test]
fn an_earlier_decision_that_comes_in_late_takes_the_charge_back() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0)]);
    t.push(20, [contained_by(Ai).at(20)]);
    t.push(25, [decided(Revoke).at(10)]);
    t.want(90_000, &[(20, AiActedFirst, Firing), (25, AiActedFirst, Resolved)]);
}

#[test]
fn a_missed_seeded_case_is_said_when_the_truth_comes() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0), triage(Dismiss).at(0)]);
    t.push(100, [decided_by(Human, Dismiss, Some(Verdict::Approve)).at(100)]);
    t.push(200, [truth(Revoke).at(200)]);
    t.want(201, &[(200, SeededCaseMissed, Firing)]);
}

#[test]
fn a_caught_seeded_case_is_not_said() {
    let mut t = Timeline::new();
    t.push(0, [leak().at(0), triage(Dismiss).at(0), truth(Revoke).at(1)]);
    t.push(100, [decided_by(Human, Revoke, Some(Verdict::Reject)).at(100)]);
    t.want(3000, &[]);
}

#[test]
fn alerts_go_with_a_window_that_gets_another_name() {
    let mut t = Timeline::new();
    t.push(60, [leak().at(60)]);
    t.push(430, [leak().at(0)]);
    t.push(440, [decided(Dismiss).at(440)]);
    let transitions = t.live.said.iter().filter_map(|(now, said)| match said {
        Said::Alert((_, _, name), alert, transition) => {
            Some((*now, *name, *alert, Some(*transition), None))
        }
        Said::Renamed((_, _, name), alert, (_, _, window)) => {
            Some((*now, *name, *alert, None, Some(*window)))
        }
        _ => None,
    });
    let (old, new) = (seconds(60), seconds(0));
    let wanted = [
        (seconds(420), old, ReviewDueSoon, Some(Firing), None),
        (seconds(430), old, ReviewDueSoon, None, Some(new)),
        (seconds(440), old, ReviewDueSoon, Some(Resolved), None),
    ];
    assert_eq!(transitions.collect::<Vec<_>>(), wanted);
}

#[test]
fn an_alert_comes_back_with_a_window_that_gets_its_first_name_again() {
    let mut t = Timeline::new();
    t.push(60, [leak().at(60)]);
    t.push(530, [leak().at(0)]);
    // It closes the window of the earlier detection before the later one, which is on its own again.
    t.push(610, [decided(Dismiss).at(30)]);
    let (first, earlier) = (seconds(60), seconds(0));
    let firing: Vec<_> =
        t.live.firing().into_iter().map(|((_, _, window), alert)| (window, alert)).collect();
    assert_eq!(firing, [(first, ReviewDueSoon), (first, ReviewOverdue)]);
    let renamed = t.live.said.iter().filter_map(|(now, said)| match said {
        Said::Renamed((_, _, name), alert, (_, _, window)) => Some((*now, *name, *alert, *window)),
        _ => None,
    });
    let wanted = [
        (seconds(530), first, ReviewDueSoon, earlier),
        (seconds(610), first, ReviewDueSoon, first),
    ];
    assert_eq!(renamed.collect::<Vec<_>>(), wanted);
}
