//! A window's events to its record: *Fields that several events can state*, *Advice*, *What is
//! known of the decision* and *Durations* in `docs/semantics.md`.

use shutterlag::engine::windows::{Clock, State, Truth};
use shutterlag::event::{
    Action, Actor, Body, Event, Evidence, ExposedAtQuality, ReviewOpened, Severity, Verdict,
    Workflow,
};
use shutterlag::time::Timestamp;

use super::Reading;
use super::fold::{Open, advises, dismisses, disposal, escalation, human, is_detection};
use super::record::{Advice, Decision, Figures, Given, Record};

/// Who decided about which advice: the reviewer, what was recommended, the classes of the
/// lengths in words and characters.
pub(super) type Pair = (String, Action, Option<i64>, Option<i64>);

/// How many pairs are remembered of a credential.
const PAIRS_MAX: usize = 12;

/// The records of one credential's windows, which are in order.
pub(super) fn records(windows: &[Open], reading: &Reading) -> Vec<Record> {
    let mut known: Vec<Pair> = Vec::new();
    let mut records = Vec::new();
    for window in windows {
        let record = window.record(&known, reading);
        if let Some((decision, advice)) = record.decision.as_ref().zip(record.advice.as_ref()) {
            let pair = pair(&decision.reviewer, advice);
            known.retain(|other| *other != pair);
            known.push(pair);
            if known.len() > PAIRS_MAX {
                known.remove(0);
            }
        }
        records.push(record);
    }
    records
}

fn pair(reviewer: &str, advice: &Advice) -> Pair {
    let class = |length: Option<u32>| length.map(class);
    (
        reviewer.to_owned(),
        advice.recommendation,
        class(advice.summary_words),
        class(advice.summary_chars),
    )
}

/// Four classes from each power of two to the next.
fn class(length: u32) -> i64 {
    let length = f64::from(length.max(1));
    let power = length.log2().floor();
    (4.0 * power + (4.0 * (length / power.exp2() - 1.0)).floor()) as i64
}

/// Whether both are about the same advice: lengths of the same class or of neighbouring ones.
fn is_same(a: &Pair, b: &Pair) -> bool {
    let near = |a: Option<i64>, b: Option<i64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1,
        (a, b) => a == b,
    };
    (&a.0, a.1) == (&b.0, b.1) && near(a.2, b.2) && near(a.3, b.3)
}

fn given(event: &Event<'static>) -> Given {
    Given(Some((event.id.to_string(), event.time)))
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

/// The source that all of the events name, empty where none names any; `None` where they differ.
fn one_source<'e>(events: impl Iterator<Item = &'e Event<'static>>) -> Option<String> {
    let mut sources: Vec<&str> =
        events.map(|event| event.source.as_deref().unwrap_or_default()).collect();
    sources.sort_unstable();
    sources.dedup();
    (sources.len() == 1).then(|| sources[0].to_owned())
}

fn highest<'e>(events: impl Iterator<Item = &'e Event<'static>>) -> Option<Severity> {
    use Severity::{Critical, High, Low, Medium};
    let stated: Vec<Severity> = events.filter_map(|event| event.severity).collect();
    [Critical, High, Medium, Low].into_iter().find(|severity| stated.contains(severity))
}

impl Open {
    /// The events before the decision, or all.
    fn undecided(&self) -> &[Event<'static>] {
        &self.events[..self.decision().map_or(self.events.len(), |(at, _)| at)]
    }

    fn advice(&self) -> Option<Advice> {
        let before = self.undecided();
        let all = || before.iter().enumerate().filter(|(_, event)| advises(event));
        let (at, event) = all().next_back()?;
        let Body::TriageCompleted(triage) = &event.body else { return None };
        Some(Advice {
            presented_at: event.time,
            first_presented_at: all().next()?.1.time,
            event: given(event),
            first_event: given(all().next()?.1),
            source: one_source(all().map(|(_, event)| event)),
            model: owned(triage.model.as_deref()),
            severity: highest(before[..=at].iter()),
            recommendation: triage.recommendation,
            confidence: triage.confidence,
            summary_words: triage.summary_words,
            summary_chars: triage.summary_chars,
            requested_by: owned(triage.requested_by.as_deref()),
        })
    }

    fn decided(&self, known: &[Pair]) -> Option<Decision> {
        let (at, decision) = self.decision()?;
        let event = &self.events[at];
        let looks: Vec<(&Event<'static>, &ReviewOpened<'static>)> = self
            .early_looks
            .iter()
            .chain(&self.events[..at])
            .filter_map(|event| match &event.body {
                Body::ReviewOpened(look) => Some((event, look)),
                _ => None,
            })
            .filter(|(_, look)| look.reviewer == decision.reviewer)
            .collect();
        let evidence = |wanted| looks.iter().any(|(_, look)| look.evidence == Some(wanted));
        let advices = || self.undecided().iter().filter(|event| advises(event));
        let itself = || std::iter::once(event);
        let repeated = self
            .advice()
            .map(|advice| pair(&decision.reviewer, &advice))
            .is_some_and(|mine| known.iter().any(|other| is_same(other, &mine)));
        Some(Decision {
            decided_at: event.time,
            reviewer: decision.reviewer.to_string(),
            action: decision.action,
            verdict: decision.verdict,
            first_opened_at: looks.first().map(|(event, _)| event.time),
            opened_at: looks.last().map(|(event, _)| event.time),
            items_opened: looks
                .iter()
                .filter_map(|(_, look)| look.items_opened)
                .chain(decision.items_opened)
                .max(),
            evidence: [Evidence::Raw, Evidence::Summary].into_iter().find(|it| evidence(*it)),
            advice_same_clock: advices().next().is_some()
                && one_source(advices().chain(itself())).is_some(),
            opening_same_clock: !looks.is_empty()
                && one_source(looks.iter().map(|(event, _)| *event).chain(itself())).is_some(),
            repeats_advice: repeated,
            owner: owned(self.events[..=at].iter().rev().find_map(|e| e.owner.as_deref())),
            rationale_words: decision.rationale_words,
            rationale_digest: owned(decision.rationale_digest.as_deref()),
            batch_id: owned(decision.batch_id.as_deref()),
            authorized: decision.authorized,
        })
    }

    fn ai_acted_first_at(&self) -> Option<Timestamp> {
        let acts = |event: &&Event<'static>| match &event.body {
            Body::DecisionMade(decision) => {
                decision.actor_kind == Actor::Ai
                    && decision.action != Action::Escalate
                    && decision.verdict != Some(Verdict::Escalate)
            }
            Body::CredentialContained { actor_kind, .. } => *actor_kind == Actor::Ai,
            _ => false,
        };
        self.undecided().iter().find(acts).map(|event| event.time)
    }

    /// The earliest that is stated; of equal ones one that is exact, else the first.
    fn exposure(&self, reading: &Reading) -> Option<(Timestamp, Option<ExposedAtQuality>)> {
        let stated: Vec<_> =
            self.events.iter().filter_map(|event| reading.exposure(event)).collect();
        let earliest = stated.iter().map(|(exposed, _)| *exposed).min()?;
        let equal = || stated.iter().filter(|(exposed, _)| *exposed == earliest);
        let exact = equal().find(|(_, quality)| *quality == Some(ExposedAtQuality::Exact));
        exact.or_else(|| equal().next()).copied()
    }

    #[allow(clippy::too_many_lines, reason = "one line or two for each field")]
    fn record(&self, known: &[Pair], reading: &Reading) -> Record {
        let events = || self.events.iter();
        let detections = || events().filter(|event| is_detection(event));
        let time = |event: Option<&Event<'static>>| event.map(|event| event.time);
        let exposure = self.exposure(reading);
        let escalations: Vec<_> =
            events().filter_map(|event| Some((event.time, escalation(event)?))).collect();
        let withdrawal = self.withdrawal();
        let touches = |event: &&Event<'static>| {
            matches!(event.body, Body::ReviewOpened(_)) || human(event).is_some()
        };
        let truth = |event: &Event<'static>| match event.body {
            Body::TruthEstablished { correct_action, seeded } => {
                Some(Truth { established_at: event.time, correct_action, seeded })
            }
            _ => None,
        };
        let nonhuman = |event: &&Event<'static>| {
            matches!(event.body, Body::DecisionMade(_)) && human(event).is_none()
        };
        let mut record = Record {
            workflow: self.events[0].workflow,
            credential_id: self.events[0].credential_id.to_string(),
            source: owned(events().find_map(|event| event.source.as_deref())),
            location: owned(detections().find_map(|event| match &event.body {
                Body::LeakDetected(leak) => leak.location.as_deref(),
                _ => None,
            })),
            incident: owned(detections().find_map(|event| match &event.body {
                Body::LeakDetected(leak) => leak.incident.as_deref(),
                Body::CaseOpened(case) => case.incident.as_deref(),
                _ => None,
            })),
            requested_by: owned(detections().find_map(|event| match &event.body {
                Body::CaseOpened(case) => case.requested_by.as_deref(),
                _ => None,
            })),
            items: detections()
                .filter_map(|event| match &event.body {
                    Body::CaseOpened(case) => case.items,
                    _ => None,
                })
                .max(),
            severity: highest(events()),
            owner: owned(events().rev().find_map(|event| event.owner.as_deref())),
            exposed_at: exposure.map(|(exposed, _)| exposed),
            exposed_at_quality: exposure.and_then(|(_, quality)| quality),
            detected_at: self.detected_at,
            triaged_at: time(events().find(|event| matches!(event.body, Body::TriageCompleted(_)))),
            advice: self.advice(),
            touched_at: time(events().find(touches)),
            escalated_at: escalations.first().map(|(at, _)| *at),
            escalated_by: escalations.first().map(|(_, it)| it.reviewer.to_string()),
            escalations: escalations.len() as u64,
            resightings: self.resightings.len() as u64,
            decision: self.decided(known),
            final_action: self.final_action(),
            further_decisions: self.decisions().skip(1).count() as u64,
            nonhuman_decisions: events().filter(nonhuman).count() as u64,
            dismissed_at: time(events().find(|event| dismisses(event))),
            contained_at: time(self.containments().next()),
            dead: self.is_dead(),
            withdrawn_at: withdrawal.as_ref().map(|(at, _)| *at),
            withdrawn_reason: withdrawal.and_then(|(_, reason)| reason),
            abused_at: self
                .early_looks
                .iter()
                .chain(events())
                .filter(|event| matches!(event.body, Body::CredentialAbused))
                .map(|event| event.time)
                .min(),
            truth: events().filter_map(truth).next_back(),
            ai_acted_first_at: self.ai_acted_first_at(),
            detections: detections().count() as u64,
            events: (self.events.len() + self.early_looks.len() + self.resightings.len()) as u64,
            last_event_at: events()
                .map(|event| event.time)
                .chain(self.resightings.iter().copied())
                .max()
                .unwrap_or(self.detected_at),
            adopted: self.adopted,
            closed_at: self.closed_at,
            figures: Figures::unknown(self.detected_at),
        };
        record.figures = figures(&record, reading);
        debug_assert_eq!(record.decision.is_some(), events().any(|e| disposal(e).is_some()));
        record
    }
}

impl Reading {
    /// In time and late, in ms.
    pub(super) fn targets(&self, workflow: Workflow) -> (i64, i64) {
        let own = self.targets.iter().find(|(of, ..)| *of == workflow);
        own.map_or_else(|| targets(workflow), |(_, targets, _)| *targets)
    }

    /// Whether attackers race.
    pub(super) fn raced(&self, workflow: Workflow) -> bool {
        let own = self.targets.iter().find(|(of, ..)| *of == workflow);
        own.map_or_else(|| raced(workflow), |(.., raced)| *raced)
    }
}

/// In time and late, in ms: the table of *Targets*.
fn targets(workflow: Workflow) -> (i64, i64) {
    const MINUTE: i64 = 60_000;
    const DAY: i64 = 24 * 60 * MINUTE;
    match workflow {
        Workflow::SecretExposure | Workflow::ActivityTriage | Workflow::SocClassification => {
            (9 * MINUTE, 17 * MINUTE)
        }
        Workflow::PolicyChange => (DAY, 3 * DAY),
        Workflow::EntitlementReview => (7 * DAY, 14 * DAY),
    }
}

/// Whether attackers race: the last column of the same table.
fn raced(workflow: Workflow) -> bool {
    !matches!(workflow, Workflow::PolicyChange | Workflow::EntitlementReview)
}

/// The figures that a record's fields entail.
fn figures(record: &Record, reading: &Reading) -> Figures {
    let closed = record.closed_at.is_some();
    let decided = record.decision.as_ref().map(|decision| decision.decided_at);
    let state = match (closed, decided.is_some(), record.contained_at.is_some()) {
        (true, false, _) if record.withdrawn_at.is_some() => State::Withdrawn,
        (true, _, _) => State::Closed,
        (false, true, _) => State::Reviewed,
        (false, false, true) => State::Contained,
        (false, false, false) => State::Open,
    };
    let (clock, start) = match record.exposed_at {
        Some(exposed) if exposed <= record.detected_at => (Clock::Exposed, exposed),
        _ => (Clock::Detected, record.detected_at),
    };
    let presented = record.advice.as_ref().map(|advice| advice.first_presented_at);
    let stages = [
        ("detection", record.exposed_at, Some(record.detected_at)),
        ("triage", Some(record.detected_at), record.triaged_at),
        ("first_touch", Some(start), record.touched_at),
        ("review", presented, decided),
        ("time_to_review", Some(start), decided),
        ("containment", decided, record.contained_at),
        ("exposure", Some(start), record.contained_at.or(record.dismissed_at)),
    ]
    .map(|(name, from, to)| {
        let length = match (from, to) {
            (Some(from), Some(to)) if to >= from => Some(to.as_millis() - from.as_millis()),
            _ => None,
        };
        (name, length, from.is_some() && to.is_none() && !closed)
    })
    .to_vec();
    let (in_time, late) = reading.targets(record.workflow);
    // Late after the detection is late after the exposure. Anything else takes a known exposure
    // where attackers race; elsewhere nothing was exposed.
    let told = clock == Clock::Exposed || !reading.raced(record.workflow);
    let band = stages[4].1.and_then(|ms| match (ms, told) {
        (ms, _) if ms >= late => Some("behind"),
        (_, false) => None,
        (ms, _) if ms < in_time => Some("ahead"),
        _ => Some("contested"),
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
