//! The windows of a set of events, computed as plainly as the rules are written.
//!
//! It follows `docs/semantics.md` only. It knows no order of arrival, no present, no bounds and
//! no settling; it copies everything and need not be fast. Where it and the engine differ, one
//! of them misreads that page.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub(crate) mod hostile;
pub(crate) mod live;
pub(crate) mod made;
pub(crate) mod oversight;
pub(crate) mod record;
pub(crate) mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use record::{Advice, Decision, Figures, Record};
use shutterlag::engine::windows::{Clock, State, Truth};
use shutterlag::event::{
    Action, Actor, Body, DecisionMade, Event, ExposedAtQuality, Method, Provenance, ReviewOpened,
    Severity, TriageCompleted, Verdict, Workflow,
};
use shutterlag::time::Timestamp;

/// The default of `skew_tolerance`, in ms.
const SKEW_TOLERANCE_MS: i64 = 120_000;

/// What a set of events comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ledger {
    /// Every window, by workflow, credential and time.
    pub(crate) windows: Vec<Record>,
    /// Distinct events.
    pub(crate) accepted: u64,
    /// Repeats of an id of the same credential.
    pub(crate) duplicate: u64,
    /// Distinct events without a window.
    pub(crate) orphan: u64,
}

/// Groups, sorts, drops repeats and folds.
///
/// Of two events of one credential that share id, time and kind but not their
/// content, the one that stands first in `events` counts: see [`readings`].
pub(crate) fn ledger(events: &[Event<'static>]) -> Ledger {
    let mut keys: BTreeMap<(&str, &str), Vec<&Event<'static>>> = BTreeMap::new();
    for event in events {
        keys.entry((event.workflow.as_str(), &event.credential_id)).or_default().push(event);
    }
    let mut ledger = Ledger::default();
    for (_, mut events) in keys {
        events.sort_by_key(|event| (event.time, event.kind(), event.id.as_bytes()));
        let mut seen = BTreeSet::new();
        let (distinct, repeats): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|event| seen.insert(event.id.clone()));
        ledger.accepted += distinct.len() as u64;
        ledger.duplicate += repeats.len() as u64;
        let (windows, orphans) = fold(&distinct);
        ledger.orphan += orphans.len() as u64;
        ledger.windows.extend(windows.iter().map(Open::record));
    }
    ledger
}

/// All ways to read `events`: contents that share workflow, credential, id, time
/// and kind are ordered "by content", which the page does not spell out, so any
/// of them may come first.
pub(crate) fn readings(events: &[Event<'static>]) -> Vec<Vec<Event<'static>>> {
    let same_place = |a: &Event<'static>, b: &Event<'static>| {
        (a.workflow, &a.credential_id, &a.id, a.time, a.kind())
            == (b.workflow, &b.credential_id, &b.id, b.time, b.kind())
    };
    let mut readings = vec![Vec::new()];
    for event in events {
        // What the event may be read as: the contents that stand in its place.
        let mut contents: Vec<&Event<'static>> = Vec::new();
        for other in events.iter().filter(|other| same_place(event, other)) {
            if !contents.contains(&other) {
                contents.push(other);
            }
        }
        let mut longer = Vec::new();
        for reading in readings {
            match reading.iter().find(|earlier| same_place(event, earlier)) {
                // Chosen already: all that stand in one place read the same.
                Some(chosen) => {
                    let chosen: Event<'static> = chosen.clone();
                    longer.push([reading, vec![chosen]].concat());
                }
                None => longer.extend(
                    contents.iter().map(|content| [&reading[..], &[(*content).clone()]].concat()),
                ),
            }
        }
        readings = longer;
    }
    readings
}

/// A window while its events are put in.
struct Open {
    /// In fold order.
    events: Vec<Event<'static>>,
    detected_at: Timestamp,
    adopted: u64,
    resightings: u64,
    decided: bool,
    contained: bool,
    closed_at: Option<Timestamp>,
}

/// The windows of one credential and the orphans, from its distinct events in order.
fn fold(events: &[&Event<'static>]) -> (Vec<Open>, Vec<Event<'static>>) {
    let mut windows: Vec<Open> = Vec::new();
    let mut orphans: Vec<Event<'static>> = Vec::new();
    for event in events {
        let event: Event<'static> = (*event).clone();
        match &event.body {
            Body::LeakDetected(_) => match windows.last_mut() {
                Some(window) if window.repeated_by(&event) => window.take(event),
                Some(window) if window.seen_again_by(&event) => window.resightings += 1,
                _ => {
                    let mut window = Open {
                        detected_at: event.time,
                        events: vec![event],
                        adopted: 0,
                        resightings: 0,
                        decided: false,
                        contained: false,
                        closed_at: None,
                    };
                    let oldest = window.detected_at.as_millis() - SKEW_TOLERANCE_MS;
                    // All near ones belong to the window, even after one that closes it:
                    // it counts as closed at its detection, which is after them all.
                    for early in std::mem::take(&mut orphans) {
                        if early.time.as_millis() >= oldest {
                            window.adopted += 1;
                            window.take(early);
                        } else {
                            orphans.push(early);
                        }
                    }
                    windows.push(window);
                }
            },
            _ => match windows.last_mut() {
                Some(window) if window.closed_at.is_none() || attaches_to_closed(&event) => {
                    window.take(event);
                }
                _ => orphans.push(event),
            },
        }
    }
    (windows, orphans)
}

fn attaches_to_closed(event: &Event<'_>) -> bool {
    matches!(event.body, Body::CredentialAbused | Body::TruthEstablished { .. })
}

/// Whether the event is a human decision for an action that closes a window.
fn dismisses(event: &Event<'static>) -> bool {
    human_decision(event)
        .is_some_and(|decision| matches!(decision.action, Action::Dismiss | Action::Monitor))
}

fn human_decision<'e>(event: &'e Event<'static>) -> Option<&'e DecisionMade<'static>> {
    match &event.body {
        Body::DecisionMade(decision) if decision.actor_kind == Actor::Human => {
            (!escalates(decision)).then_some(decision)
        }
        _ => None,
    }
}

fn escalates(decision: &DecisionMade<'_>) -> bool {
    decision.action == Action::Escalate || decision.verdict == Some(Verdict::Escalate)
}

/// Whether a person handed the case on.
fn escalation(event: &Event<'static>) -> bool {
    matches!(&event.body, Body::DecisionMade(decision)
        if decision.actor_kind == Actor::Human && escalates(decision))
}

fn advice(event: &Event<'static>) -> Option<Advice> {
    let Body::TriageCompleted(TriageCompleted {
        recommendation,
        model: _,
        confidence,
        summary_words,
        summary_chars: _,
        provenance,
        requested_by,
    }) = &event.body
    else {
        return None;
    };
    (*provenance != Some(Provenance::Fallback)).then(|| Advice {
        presented_at: event.time,
        recommendation: *recommendation,
        confidence: *confidence,
        summary_words: *summary_words,
        requested_by: requested_by.as_deref().map(str::to_owned),
    })
}

/// The better a quality, the lower. The page does not rank a quality that is not
/// stated; one that is no better leaves the first in place.
fn rank(quality: Option<ExposedAtQuality>) -> u8 {
    match quality {
        Some(ExposedAtQuality::Exact) => 0,
        Some(ExposedAtQuality::Commit) | None => 1,
    }
}

impl Open {
    /// Whether a detection is a repeat in this window, and not the next one's first.
    fn repeated_by(&self, detection: &Event<'static>) -> bool {
        // Closed at its own detection by an event from before it.
        self.closed_at.is_none() || (self.adopted > 0 && detection.time == self.detected_at)
    }

    /// Whether a detection after the closing is of no new exposure.
    fn seen_again_by(&self, detection: &Event<'static>) -> bool {
        let Body::LeakDetected(leak) = &detection.body else { return false };
        let Some(closed) = self.closed_at else { return false };
        let for_good = |event: &Event<'static>| {
            matches!(event.body, Body::CredentialContained { method, .. }
                if method != Method::Quarantined)
        };
        let last = self.events.iter().filter_map(human_decision).next_back();
        let meant = last.is_some_and(|it| matches!(it.action, Action::Revoke | Action::Rotate));
        let dead = self.containments().any(for_good) || self.contained && meant;
        dead || leak.exposed_at.is_some_and(|exposed| exposed <= closed)
    }

    fn take(&mut self, event: Event<'static>) {
        self.decided |= human_decision(&event).is_some();
        self.contained |= matches!(event.body, Body::CredentialContained { .. });
        let closes = self.decided && self.contained || dismisses(&event);
        if closes && self.closed_at.is_none() {
            self.closed_at = Some(event.time.max(self.detected_at));
        }
        self.events.push(event);
    }

    fn containments(&self) -> impl Iterator<Item = &Event<'static>> {
        self.events.iter().filter(|event| matches!(event.body, Body::CredentialContained { .. }))
    }

    /// Places, in fold order, of the human decisions.
    fn decisions(&self) -> Vec<usize> {
        (0..self.events.len()).filter(|at| human_decision(&self.events[*at]).is_some()).collect()
    }

    fn decision(&self) -> Option<Decision> {
        let first = *self.decisions().first()?;
        let decision = human_decision(&self.events[first])?;
        let opened_at = self.events[..first]
            .iter()
            .filter(|event| {
                matches!(&event.body, Body::ReviewOpened(ReviewOpened { reviewer, .. }) if *reviewer == decision.reviewer)
            })
            .map(|event| event.time)
            .next_back();
        Some(Decision {
            decided_at: self.events[first].time,
            reviewer: decision.reviewer.to_string(),
            action: decision.action,
            verdict: decision.verdict,
            opened_at,
            rationale_words: decision.rationale_words,
            rationale_digest: decision.rationale_digest.as_deref().map(str::to_owned),
            batch_id: decision.batch_id.as_deref().map(str::to_owned),
            authorized: decision.authorized,
        })
    }

    fn ai_acted_first_at(&self) -> Option<Timestamp> {
        let undecided = self.decisions().first().copied().unwrap_or(self.events.len());
        self.events[..undecided]
            .iter()
            .find(|event| match &event.body {
                Body::DecisionMade(decision) => {
                    decision.actor_kind == Actor::Ai
                        && matches!(
                            decision.action,
                            Action::Revoke | Action::Rotate | Action::Quarantine
                        )
                }
                Body::CredentialContained { actor_kind, .. } => *actor_kind == Actor::Ai,
                _ => false,
            })
            .map(|event| event.time)
    }

    /// Earliest stated exposure, with its quality.
    fn exposure(&self) -> Option<(Timestamp, Option<ExposedAtQuality>)> {
        self.events
            .iter()
            .filter_map(|event| match &event.body {
                Body::LeakDetected(leak) => Some((leak.exposed_at?, leak.exposed_at_quality)),
                _ => None,
            })
            .min_by_key(|(exposed, quality)| (*exposed, rank(*quality)))
    }

    fn record(&self) -> Record {
        let decisions = self.decisions();
        let before_decision =
            &self.events[..decisions.first().copied().unwrap_or(self.events.len())];
        let detections =
            self.events.iter().filter(|event| matches!(event.body, Body::LeakDetected(_)));
        let exposure = self.exposure();
        let truth = |event: &Event<'static>| match event.body {
            Body::TruthEstablished { correct_action, seeded } => {
                Some(Truth { established_at: event.time, correct_action, seeded })
            }
            _ => None,
        };
        let mut record = Record {
            workflow: self.events[0].workflow,
            credential_id: self.events[0].credential_id.to_string(),
            source: self.events.iter().find_map(|event| event.source.as_deref()).map(str::to_owned),
            location: detections
                .clone()
                .find_map(|event| match &event.body {
                    Body::LeakDetected(leak) => leak.location.as_deref(),
                    _ => None,
                })
                .map(str::to_owned),
            severity: self.events.iter().filter_map(|event| event.severity).max_by_key(weight),
            owner: self.events.iter().rev().find_map(|e| e.owner.as_deref()).map(str::to_owned),
            exposed_at: exposure.map(|(exposed, _)| exposed),
            exposed_at_quality: exposure.and_then(|(_, quality)| quality),
            detected_at: self.detected_at,
            triaged_at: self
                .events
                .iter()
                .find(|event| matches!(event.body, Body::TriageCompleted(_)))
                .map(|event| event.time),
            advice: before_decision.iter().filter_map(advice).next_back(),
            touched_at: self
                .events
                .iter()
                .find(|event| match &event.body {
                    Body::ReviewOpened(_) => true,
                    Body::DecisionMade(decision) => decision.actor_kind == Actor::Human,
                    _ => false,
                })
                .map(|event| event.time),
            escalated_at: self.events.iter().find(|event| escalation(event)).map(|e| e.time),
            escalations: self.events.iter().filter(|event| escalation(event)).count() as u64,
            resightings: self.resightings,
            decision: self.decision(),
            final_action: decisions
                .last()
                .and_then(|at| human_decision(&self.events[*at]))
                .map(|decision| decision.action),
            further_decisions: decisions.len().saturating_sub(1) as u64,
            nonhuman_decisions: self
                .events
                .iter()
                .filter(|event| {
                    matches!(&event.body, Body::DecisionMade(decision)
                        if decision.actor_kind != Actor::Human)
                })
                .count() as u64,
            dismissed_at: self.events.iter().find(|event| dismisses(event)).map(|event| event.time),
            contained_at: self.containments().next().map(|event| event.time),
            abused_at: self
                .events
                .iter()
                .filter(|event| matches!(event.body, Body::CredentialAbused))
                .map(|event| event.time)
                .min(),
            truth: self.events.iter().filter_map(truth).next_back(),
            ai_acted_first_at: self.ai_acted_first_at(),
            detections: detections.count() as u64,
            events: self.events.len() as u64 + self.resightings,
            adopted: self.adopted,
            closed_at: self.closed_at,
            figures: Figures {
                state: State::Open,
                clock: Clock::Detected,
                start: self.detected_at,
                skew_faults: 0,
                clock_skew: false,
                stages: Vec::new(),
                band: None,
                agreed: None,
                seeded_case_caught: None,
            },
        };
        record.figures = figures(&record);
        record
    }
}

fn weight(severity: &Severity) -> u8 {
    match severity {
        Severity::Low => 0,
        Severity::Medium => 1,
        Severity::High => 2,
        Severity::Critical => 3,
    }
}

/// The figures that a record's fields entail.
fn figures(record: &Record) -> Figures {
    let closed = record.closed_at.is_some();
    let decided = record.decision.as_ref().map(|decision| decision.decided_at);
    let state = match (closed, decided.is_some(), record.contained_at.is_some()) {
        (true, _, _) => State::Closed,
        (false, true, _) => State::Reviewed,
        (false, false, true) => State::Contained,
        (false, false, false) => State::Open,
    };
    let (clock, start) = match record.exposed_at {
        Some(exposed) if exposed <= record.detected_at => (Clock::Exposed, exposed),
        _ => (Clock::Detected, record.detected_at),
    };
    let presented = record.advice.as_ref().map(|advice| advice.presented_at);
    let end = match record.contained_at {
        Some(contained) => Some(contained),
        None => record.dismissed_at,
    };
    let stages = [
        ("detection", record.exposed_at, Some(record.detected_at)),
        ("triage", Some(record.detected_at), record.triaged_at),
        ("first_touch", Some(start), record.touched_at),
        ("review", presented, decided),
        ("time_to_review", Some(start), decided),
        ("containment", decided, record.contained_at),
        ("exposure", Some(start), end),
    ]
    .map(|(name, from, to)| {
        let length = match (from, to) {
            (Some(from), Some(to)) if to >= from => Some(to.as_millis() - from.as_millis()),
            _ => None,
        };
        (name, length, from.is_some() && to.is_none() && !closed)
    })
    .to_vec();
    const DAY_MS: i64 = 86_400_000;
    let (in_time, late) = match record.workflow {
        Workflow::PolicyChange => (DAY_MS, 3 * DAY_MS),
        Workflow::EntitlementReview => (7 * DAY_MS, 14 * DAY_MS),
        _ => (540_000, 1_020_000),
    };
    let band = stages[4].1.map(|ms| match ms {
        ms if ms < in_time => "ahead",
        ms if ms < late => "contested",
        _ => "behind",
    });
    let skew_faults =
        record.adopted + u64::from(record.exposed_at.is_some_and(|at| at > record.detected_at));
    let recommended = record.advice.as_ref().map(|advice| advice.recommendation);
    let verdict = record.decision.as_ref().and_then(|decision| decision.verdict);
    let as_advised = match (&record.decision, recommended) {
        (Some(decision), Some(recommended)) => Some(decision.action == recommended),
        _ => None,
    };
    let agreed = match verdict {
        Some(Verdict::Approve) => Some(true),
        Some(Verdict::Modify | Verdict::Reject) => Some(false),
        Some(Verdict::Escalate) => None,
        None => as_advised,
    };
    let seeded = record.truth.is_some_and(|truth| {
        truth.seeded && recommended.is_some_and(|recommended| recommended != truth.correct_action)
    });
    let seeded_case_caught = match (seeded && decided.is_some(), verdict) {
        (false, _) => None,
        (true, Some(verdict)) => Some(verdict != Verdict::Approve),
        (true, None) => as_advised.map(|as_advised| !as_advised),
    };
    Figures {
        state,
        clock,
        start,
        skew_faults,
        clock_skew: skew_faults > 0,
        stages,
        band,
        agreed,
        seeded_case_caught,
    }
}

/// Where two things differ when shown, for a message that can be read.
pub(crate) fn difference(got: &impl fmt::Debug, wanted: &impl fmt::Debug) -> String {
    let (got, wanted) = (format!("{got:#?}"), format!("{wanted:#?}"));
    let (got, wanted): (Vec<_>, Vec<_>) = (got.lines().collect(), wanted.lines().collect());
    let same_head = got.iter().zip(&wanted).take_while(|(got, wanted)| got == wanted).count();
    let (got, wanted) = (&got[same_head..], &wanted[same_head..]);
    let same = |(got, wanted): &(&&str, &&str)| got == wanted;
    let same_tail = got.iter().rev().zip(wanted.iter().rev()).take_while(same).count();
    let trimmed = |lines: &[&str]| {
        lines[..lines.len() - same_tail].iter().map(|line| line.trim()).collect::<String>()
    };
    format!("\n got    {}\n wanted {}", trimmed(got), trimmed(wanted))
}
