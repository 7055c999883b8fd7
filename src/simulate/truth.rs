//! What really happened, so that a detector can be scored against it.
//!
//! Invariants: all times are true times, whatever a wrong clock says in the events; an event
//! whose time is after the end of delivery is not in the output.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::{Action, Actor, ExposedAtQuality, Kind, Severity, Verdict, Workflow};
use crate::time::{Span, Timestamp};

use super::case::{Case, Review, Skew};
use super::delivery::Way;
use super::garbage::Fault;
use super::options::Options;
use super::reviewer::{Behaviour, DRIFT_LENGTH, Habits, Reviewer, Tally};

/// One exposure window as it was generated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowTruth {
    /// Always `window`.
    pub record: &'static str,
    /// Counted from 0 in order of detection.
    pub window: u64,
    /// The credential.
    pub credential_id: String,
    /// The process.
    pub workflow: Workflow,
    /// What found it.
    pub source: &'static str,
    /// Where it was exposed.
    pub location: Option<&'static str>,
    /// Whether strangers could read it there.
    pub public: bool,
    /// How bad.
    pub severity: Severity,
    /// The number of the earlier window of the same credential.
    pub re_leak_of: Option<u64>,
    /// The commit that exposed this and other secrets.
    pub incident: Option<String>,
    /// When it became readable.
    pub exposed_at: Option<Timestamp>,
    /// What the detector said about that.
    pub reported_exposed_at: Option<Timestamp>,
    /// … and how well it knew.
    pub reported_quality: Option<ExposedAtQuality>,
    /// When it was detected.
    pub detected_at: Timestamp,
    /// When the AI first gave advice.
    pub triaged_at: Option<Timestamp>,
    /// When the advice was given that the reviewer had before them.
    pub presented_at: Option<Timestamp>,
    /// When the deciding reviewer opened the evidence.
    pub opened_at: Option<Timestamp>,
    /// When somebody first handed the case on.
    pub escalated_at: Option<Timestamp>,
    /// The first human decision; to hand the case on is none.
    pub decided_at: Option<Timestamp>,
    /// The first containment.
    pub contained_at: Option<Timestamp>,
    /// Who contained.
    pub contained_by: Option<Actor>,
    /// When its source took the case back.
    pub withdrawn_at: Option<Timestamp>,
    /// When the window closed.
    pub closed_at: Option<Timestamp>,
    /// When an attacker came, in time or not.
    pub attacker_at: Option<Timestamp>,
    /// Whether the credential still worked then.
    pub attacker_first: bool,
    /// When the attacker's use was noticed.
    pub abuse_seen_at: Option<Timestamp>,
    /// When the right answer became known.
    pub truth_at: Option<Timestamp>,
    /// Who decided.
    pub reviewer: Option<String>,
    /// Which of the reviewer's decisions it was, from 1; none for who took up an escalated case.
    pub decision_number: Option<u64>,
    /// What would have been right.
    pub correct_action: Action,
    /// What the AI advised.
    pub recommendation: Option<Action>,
    /// Whether the advice was a stand-in for a model that failed.
    pub fallback: bool,
    /// Whether the advice was wrong.
    pub ai_wrong: bool,
    /// Whether the case was planted with wrong advice.
    pub seeded: bool,
    /// What was decided.
    pub action: Option<Action>,
    /// The stated verdict.
    pub verdict: Option<Verdict>,
    /// Whether the reviewer agreed with the advice.
    pub agreed: Option<bool>,
    /// The batch in which it was decided.
    pub batch_id: Option<String>,
    /// Whether the AI acted before any person decided.
    pub ai_acted_first: bool,
    /// The clock that was wrong.
    pub skew: Option<Skew>,
}

/// How a window ended.
pub(super) struct Ending {
    pub(super) contained: Option<(Timestamp, Actor)>,
    pub(super) escalated_at: Option<Timestamp>,
    pub(super) withdrawn_at: Option<Timestamp>,
    pub(super) closed_at: Option<Timestamp>,
    pub(super) abuse_seen_at: Option<Timestamp>,
    pub(super) truth_at: Option<Timestamp>,
}

impl WindowTruth {
    pub(super) fn new(case: Case, review: Option<Review>, ending: Ending) -> WindowTruth {
        let Ending { contained, escalated_at, withdrawn_at, closed_at, abuse_seen_at, truth_at } =
            ending;
        let reported = case.exposure.and_then(|exposure| exposure.reported);
        let advice = case.advice;
        let contained_at = contained.map(|(at, _)| at);
        let attacker_first = case
            .attacker_at
            .is_some_and(|attacker| contained_at.is_none_or(|contained| attacker < contained));
        let mut truth = WindowTruth {
            record: "window",
            window: case.number,
            credential_id: case.credential_id,
            workflow: case.workflow,
            source: case.detector.source,
            location: case.detector.location,
            public: case.detector.public,
            severity: case.severity,
            re_leak_of: case.re_leak_of,
            incident: case.incident,
            exposed_at: case.exposure.map(|exposure| exposure.at),
            reported_exposed_at: reported.map(|(at, _)| at),
            reported_quality: reported.map(|(_, quality)| quality),
            detected_at: case.detected_at,
            triaged_at: advice.as_ref().map(|advice| advice.triaged_at),
            presented_at: advice.as_ref().map(|advice| advice.presented_at),
            opened_at: None,
            escalated_at,
            decided_at: None,
            contained_at,
            contained_by: contained.map(|(_, by)| by),
            withdrawn_at,
            closed_at,
            attacker_at: case.attacker_at,
            attacker_first,
            abuse_seen_at,
            truth_at,
            reviewer: None,
            decision_number: None,
            correct_action: case.correct,
            recommendation: advice.as_ref().map(|advice| advice.recommendation),
            fallback: advice.as_ref().is_some_and(|advice| advice.fallback),
            ai_wrong: advice.as_ref().is_some_and(|advice| advice.wrong),
            seeded: case.seeded,
            action: None,
            verdict: None,
            agreed: None,
            batch_id: None,
            ai_acted_first: case.ai_acted_first,
            skew: case.skew,
        };
        if let Some(review) = review {
            truth.opened_at = review.opened_at;
            truth.decided_at = Some(review.decided_at);
            truth.reviewer = Some(review.reviewer);
            truth.decision_number = review.decision_number;
            truth.action = Some(review.action);
            truth.verdict = review.verdict;
            truth.agreed = review.agreed;
            truth.batch_id = review.batch_id;
        }
        truth
    }
}

/// One reviewer: behaviour, habits, and counts of the decisions.
#[derive(Clone, Debug, Serialize)]
pub struct ReviewerTruth {
    /// Always `reviewer`.
    pub record: &'static str,
    /// As in the events.
    pub reviewer: String,
    /// The behaviour.
    pub behaviour: Behaviour,
    /// The habits of that behaviour; for a drifting reviewer those at the beginning.
    pub habits: Habits,
    /// First hour of the eight-hour shift, UTC.
    pub shift_from_hour: u8,
    /// Whether at work on Saturdays and Sundays.
    pub weekends: bool,
    /// Whether doubtful cases are handed on.
    pub junior: bool,
    /// The last decision before the drift began.
    pub change_after_decision: Option<u64>,
    /// The time of the decision after that, if there was one.
    pub changed_at: Option<Timestamp>,
    /// The number of decisions over which the drift becomes complete.
    pub drift_decisions: Option<u64>,
    /// Counts of the generated decisions.
    pub tally: Tally,
}

impl ReviewerTruth {
    pub(super) fn new(reviewer: &Reviewer) -> ReviewerTruth {
        ReviewerTruth {
            record: "reviewer",
            reviewer: reviewer.name.clone(),
            behaviour: reviewer.behaviour,
            habits: reviewer.behaviour.habits(),
            shift_from_hour: reviewer.shift_from,
            weekends: reviewer.weekends,
            junior: reviewer.junior,
            change_after_decision: reviewer.change_after,
            changed_at: reviewer.changed_at,
            drift_decisions: reviewer.change_after.map(|_| DRIFT_LENGTH),
            tally: reviewer.tally,
        }
    }
}

/// The options and the counts of the result: the first line of the truth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Always `parameters`.
    pub record: &'static str,
    /// The version of shutterlag that generated this.
    pub version: &'static str,
    /// The options, defaults included.
    pub options: Options,
    /// When the last event was delivered, or the end that was asked for in days.
    pub ended_at: Timestamp,
    /// What was delivered.
    pub delivered: Delivered,
    /// What was generated, delivered or not.
    pub generated: Generated,
}

/// Counts of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// All lines: events and malformed ones.
    pub lines: u64,
    /// Lines that are events.
    pub events: u64,
    /// Different events among them.
    pub distinct: u64,
    /// Exact redeliveries among them.
    pub duplicates: u64,
    /// Different events that were held up, the late ones included.
    pub held_up: u64,
    /// … for 10 minutes to 6 hours.
    pub late: u64,
    /// Different events that were delivered after an event with a later stated time.
    pub out_of_order: u64,
    /// Malformed lines.
    pub garbage: u64,
    /// Malformed lines by what is wrong with them.
    pub faults: BTreeMap<&'static str, u64>,
    /// Different events by kind.
    pub kinds: BTreeMap<&'static str, u64>,
}

impl Delivered {
    pub(super) fn count_event(&mut self, kind: Kind, way: Way, out_of_order: bool) {
        self.lines += 1;
        self.events += 1;
        if way == Way::Redelivered {
            self.duplicates += 1;
            return;
        }
        self.distinct += 1;
        self.held_up += u64::from(way != Way::Prompt);
        self.late += u64::from(way == Way::Late);
        self.out_of_order += u64::from(out_of_order);
        *self.kinds.entry(kind.as_str()).or_default() += 1;
    }

    pub(super) fn count_garbage(&mut self, fault: Fault) {
        self.lines += 1;
        self.garbage += 1;
        *self.faults.entry(fault.as_str()).or_default() += 1;
    }
}

/// Counts of windows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Generated {
    /// All of them.
    pub windows: u64,
    /// Decided by a person.
    pub decided: u64,
    /// Decided less than 9 minutes after the exposure, true times.
    pub decided_ahead: u64,
    /// Contained by anybody.
    pub contained: u64,
    /// Closed.
    pub closed: u64,
    /// Planted with wrong advice.
    pub seeded: u64,
    /// With wrong advice, planted or not.
    pub ai_wrong: u64,
    /// With a wrong clock.
    pub skewed: u64,
    /// Of a credential that had leaked before.
    pub re_leaks: u64,
    /// Of commits that exposed several secrets.
    pub in_incidents: u64,
    /// Handed on by somebody.
    pub escalated: u64,
    /// Taken back by their source.
    pub withdrawn: u64,
    /// Further detections of windows still open.
    pub repeats: u64,
    /// In which the AI acted first.
    pub ai_acted_first: u64,
    /// Found by an attacker, in time or not.
    pub attacked: u64,
    /// … and used before the containment.
    pub attacker_first: u64,
    /// … and noticed.
    pub abuse_seen: u64,
}

impl Generated {
    pub(super) fn count(&mut self, window: &WindowTruth) {
        let start = window.exposed_at.unwrap_or(window.detected_at);
        let ahead = window.decided_at.is_some_and(|at| at.since(start) < Span::from_mins(9));
        self.windows += 1;
        self.decided += u64::from(window.decided_at.is_some());
        self.decided_ahead += u64::from(ahead);
        self.contained += u64::from(window.contained_at.is_some());
        self.closed += u64::from(window.closed_at.is_some());
        self.seeded += u64::from(window.seeded);
        self.ai_wrong += u64::from(window.ai_wrong);
        self.skewed += u64::from(window.skew.is_some());
        self.re_leaks += u64::from(window.re_leak_of.is_some());
        self.in_incidents += u64::from(window.incident.is_some());
        self.escalated += u64::from(window.escalated_at.is_some());
        self.withdrawn += u64::from(window.withdrawn_at.is_some());
        self.ai_acted_first += u64::from(window.ai_acted_first);
        self.attacked += u64::from(window.attacker_at.is_some());
        self.attacker_first += u64::from(window.attacker_first);
        self.abuse_seen += u64::from(window.abuse_seen_at.is_some());
    }
}
