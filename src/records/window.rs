//! The ledger's record of one window.
//!
//! Invariants: what contradicts itself is refused; what a record does not hold is
//! `None` or named below, never made up as a zero.
//!
//! A record does not hold all of a window. These are missing: decisions by
//! machines, who asked, the check of authority, and how often
//! clocks disagreed. [`WindowRecord::window`] says what stands in their place.

use std::num::NonZeroU32;

use super::declare::record;
use super::error::{Fault, RecordError};
use super::exposure_id::ExposureName;
use super::link::LinkRecord;
use super::object::Object;
use crate::config::Targets;
use crate::engine::attacker::Band;
use crate::engine::identity::{KnownAs, NameOrder};
use crate::engine::oversight::{HollowReasons, Quality};
use crate::engine::windows::{Clock, ExposureId, Key, State};
use crate::event::{Action, Evidence, ExposedAtQuality, Severity, Verdict, Workflow};
use crate::time::{Span, Timestamp};

record! {
    /// One revision of one window, as a line of the ledger.
    #[serde(bound(serialize = "T: AsRef<str> + serde::Serialize"))]
    pub struct WindowRecord<T = String> {
        /// The window's name; it follows from workflow, credential and detection.
        exposure_id: ExposureName<T>,
        /// The kind of process.
        workflow: Workflow,
        /// The credential's non-secret name, the smallest if it has several.
        credential_id: T,
        /// Its other names, in order.
        aliases: Option<Vec<T>>,
        /// Why they are one credential, in order.
        links: Option<Vec<Object<LinkRecord<T>>>>,
        /// The first source stated.
        source: Option<T>,
        /// The first place stated.
        location: Option<T>,
        /// The highest severity stated.
        severity: Option<Severity>,
        /// The last owner stated.
        owner: Option<T>,
        /// How far the window has come.
        state: State,
        /// Distinct events that it is made of. A later record may have fewer: a late
        /// event can move others into the next window.
        revision: u64,
        /// Whether nothing changes it any more.
        r#final: bool,
        /// Which end the measurement starts from.
        clock: Option<Clock>,
        /// Whether clocks contradict each other in it.
        clock_skew: bool,
        /// When it became public.
        exposed_at: Option<Timestamp>,
        /// How well that is known.
        exposed_at_quality: Option<ExposedAtQuality>,
        /// The detection that opened it.
        detected_at: Timestamp,
        /// The first AI output.
        triaged_at: Option<Timestamp>,
        /// When the judged advice was there to be read; while undecided, the latest.
        presented_at: Option<Timestamp>,
        /// The deciding reviewer's last look before the decision.
        opened_at: Option<Timestamp>,
        /// The first human decision.
        decided_at: Option<Timestamp>,
        /// The first containment.
        contained_at: Option<Timestamp>,
        /// The first use by an attacker that was seen.
        abused_at: Option<Timestamp>,
        /// When a person first did anything: a look, an escalation, a decision.
        touched_at: Option<Timestamp>,
        /// The first time that a person handed the case on.
        escalated_at: Option<Timestamp>,
        /// Who did, as the ledger shows people.
        escalated_by: Option<T>,
        /// How many times a person handed the case on.
        escalations: u64,
        /// When the source closed the case without a person's decision.
        withdrawn_at: Option<Timestamp>,
        /// Why, in the source's words.
        withdrawn_reason: Option<T>,
        /// When the first advice of the window was there to be read.
        first_presented_at: Option<Timestamp>,
        /// The deciding reviewer's first look before the decision.
        first_opened_at: Option<Timestamp>,
        /// A decision sooner than this after the start is in time.
        in_time_ms: Span,
        /// A decision from this on is late.
        late_ms: Span,
        /// Whether attackers race against the decision.
        raced: bool,
        /// The lengths of its stages.
        durations_ms: Object<Durations>,
        /// Where the decision fell against the targets; `None` where that is not known.
        band: Option<Band>,
        /// The chance that an attacker came first, as of when the record was
        /// written and by the curves then in force.
        attacker_first: Option<Object<AttackerChance>>,
        /// Detections, the first included.
        detections: u64,
        /// Detections after the closing that are of no new exposure.
        resightings: u64,
        /// The one act that exposed several credentials, or opened several cases.
        incident: Option<T>,
        /// How many items there are to decide about.
        items: Option<u32>,
        /// How many of them the deciding reviewer is known to have looked at.
        items_opened: Option<u32>,
        /// What the deciding reviewer is known to have looked at.
        evidence: Option<Evidence>,
        /// The source that told of the advice.
        advice_source: Option<T>,
        /// The number of the event that gave the advice: the same for one event about a ticket
        /// in the window of each credential on it.
        advice_event: Option<NonZeroU32>,
        /// The same of the first advice of the window.
        first_advice_event: Option<NonZeroU32>,
        /// Which model gave the advice.
        model: Option<T>,
        /// The severity as it was known when the advice was given.
        advised_severity: Option<Severity>,
        /// What the advice was.
        recommendation: Option<Action>,
        /// The AI's own confidence, 0 to 1.
        confidence: Option<f64>,
        /// Words of the advice.
        summary_words: Option<u32>,
        /// Characters of the advice.
        summary_chars: Option<u32>,
        /// Whether one source, so one clock, tells of the decision and of the advice.
        advice_same_clock: bool,
        /// Whether one source, so one clock, tells of the decision and of the looks.
        opening_same_clock: bool,
        /// Whether the same reviewer had decided about the same advice in an earlier window.
        repeats_advice: bool,
        /// Whether nobody delivered the decision, and only a comparison with a list of its
        /// source found it.
        recovered: bool,
        /// Who decided, as the ledger shows people: most often a pseudonym.
        reviewer: Option<T>,
        /// The stated answer to the advice.
        verdict: Option<Verdict>,
        /// What was decided.
        action: Option<Action>,
        /// The last human decision's action.
        final_action: Option<Action>,
        /// Human decisions after the first.
        further_decisions: u64,
        /// Whether the decision follows the advice.
        agreed: Option<bool>,
        /// The group of cases decided together, as the ledger marks it.
        batch_id: Option<T>,
        /// Words of the reasons given.
        rationale_words: Option<u32>,
        /// The reasons given, as the ledger marks them.
        rationale_digest: Option<T>,
        /// What turned out to be right.
        truth: Option<Object<RecordedTruth>>,
        /// Whether an AI acted before any person had decided.
        ai_acted_first: bool,
        /// Why the decision is hollow; `None` while it has not been judged.
        hollow: Option<HollowReasons>,
        /// Whether the decision was a review; `None` while it has not been judged.
        quality: Option<Quality>,
        /// Whether the decision was a meaningful review in time; `None` where that is not known:
        /// no decision yet, not judged, nothing to judge it by, or an unknown time of exposure.
        effective: Option<bool>,
    }
    check(record) {
        fits(record)
    }
}

record! {
    /// The lengths of a window's stages, in milliseconds.
    #[derive(Copy, Default, Eq)]
    pub struct Durations {
        /// Exposure to detection.
        detection: Option<Span>,
        /// Detection to the AI's first output.
        triage: Option<Span>,
        /// Start to the first thing that a person did.
        first_touch: Option<Span>,
        /// The first advice to the decision.
        review: Option<Span>,
        /// Start to the decision.
        time_to_review: Option<Span>,
        /// Decision to containment.
        containment: Option<Span>,
        /// Start to the end of the exposure.
        exposure: Option<Span>,
    }
}

record! {
    /// How likely an attacker was first ([`AttackerFirst`](crate::engine::attacker::AttackerFirst)).
    #[derive(Copy)]
    pub struct AttackerChance {
        /// Under the curve's law, 0 to 1.
        low: f64,
        /// The same where the time of the exposure is known, else 1.
        high: f64,
        /// Under any law with the same minimum and mean, 0 to 1.
        lower_bound: f64,
    }
}

record! {
    /// What turned out to be right ([`Truth`](crate::engine::windows::Truth)).
    #[derive(Copy, Eq)]
    pub struct RecordedTruth {
        /// When it became known.
        established_at: Timestamp,
        /// The right action.
        correct_action: Action,
        /// Whether the AI's output was wrong on purpose.
        seeded: bool,
    }
}

impl WindowRecord {
    /// The names of its credential, the best-known first.
    pub fn known_as(&self, order: &NameOrder) -> KnownAs<'_> {
        order.known_as(&self.credential_id, self.aliases.as_deref().unwrap_or_default())
    }
}

impl WindowRecord {
    /// The record of a window of which only the detection is known.
    pub fn detected(exposure: ExposureId<'_>) -> WindowRecord {
        let ExposureId { key, detected_at } = exposure;
        let targets = Targets::of(key.workflow);
        WindowRecord {
            exposure_id: exposure.into(),
            workflow: key.workflow,
            credential_id: key.credential_id.to_owned(),
            aliases: None,
            links: None,
            source: None,
            location: None,
            severity: None,
            owner: None,
            state: State::Open,
            revision: 1,
            r#final: false,
            clock: Some(Clock::Detected),
            clock_skew: false,
            exposed_at: None,
            exposed_at_quality: None,
            detected_at,
            triaged_at: None,
            presented_at: None,
            opened_at: None,
            decided_at: None,
            contained_at: None,
            abused_at: None,
            touched_at: None,
            escalated_at: None,
            escalated_by: None,
            escalations: 0,
            withdrawn_at: None,
            withdrawn_reason: None,
            first_presented_at: None,
            first_opened_at: None,
            in_time_ms: targets.in_time,
            late_ms: targets.late,
            raced: targets.raced,
            durations_ms: Object::default(),
            band: None,
            attacker_first: None,
            detections: 1,
            resightings: 0,
            incident: None,
            items: None,
            items_opened: None,
            evidence: None,
            advice_source: None,
            advice_event: None,
            first_advice_event: None,
            model: None,
            advised_severity: None,
            recommendation: None,
            confidence: None,
            summary_words: None,
            summary_chars: None,
            advice_same_clock: false,
            opening_same_clock: false,
            repeats_advice: false,
            recovered: false,
            reviewer: None,
            verdict: None,
            action: None,
            final_action: None,
            further_decisions: 0,
            agreed: None,
            batch_id: None,
            rationale_words: None,
            rationale_digest: None,
            truth: None,
            ai_acted_first: false,
            hollow: None,
            quality: None,
            effective: None,
        }
    }

    /// Whether it is the record of the window that has this name.
    pub fn is_of(&self, exposure_id: &str) -> bool {
        super::exposure_id::parse(exposure_id) == Some(self.exposure_id())
    }

    /// The window's name.
    pub fn exposure_id(&self) -> ExposureId<'_> {
        self.exposure_id.id()
    }

    /// Where the measurement starts: what makes a window urgent.
    pub fn start(&self) -> Timestamp {
        self.exposed_at.map_or(self.detected_at, |exposed| exposed.min(self.detected_at))
    }

    /// When the decision to dismiss it closed it. A window that closed without
    /// containment ended its exposure with that decision, and the length of the
    /// exposure says when that was.
    pub fn dismissed_at(&self) -> Option<Timestamp> {
        let dismissed = self.state == State::Closed && self.contained_at.is_none();
        self.durations_ms.0.exposure.filter(|_| dismissed).map(|length| self.start() + length)
    }

    /// By when the window had closed; `None` unless it has. A record does not hold
    /// the moment: this is the latest one that its times allow, and the detection
    /// where those contradict it.
    pub fn closed_at(&self) -> Option<Timestamp> {
        let closed = match self.contained_at {
            Some(contained) => self.decided_at.map(|decided| decided.max(contained)),
            None => self.dismissed_at().or(self.decided_at),
        };
        let closed = closed.max(self.withdrawn_at.filter(|_| self.dismissed_at().is_none()));
        let closed = closed.unwrap_or(self.detected_at).max(self.detected_at);
        matches!(self.state, State::Closed | State::Withdrawn).then_some(closed)
    }
}

/// Checks that the fields of a record fit each other.
fn fits(record: &WindowRecord) -> Result<(), RecordError> {
    let wrong = |field, fault| Err(RecordError::field(field, fault));
    let contradicts = |field, other| wrong(field, Fault::Contradicts { other });
    let name = ExposureId {
        key: Key { workflow: record.workflow, credential_id: &record.credential_id },
        detected_at: record.detected_at,
    };
    if record.exposure_id() != name {
        return contradicts("exposure_id", "detected_at");
    }
    let Object(durations) = record.durations_ms;
    let lengths = [
        ("detection", durations.detection),
        ("triage", durations.triage),
        ("first_touch", durations.first_touch),
        ("review", durations.review),
        ("time_to_review", durations.time_to_review),
        ("containment", durations.containment),
        ("exposure", durations.exposure),
    ];
    for (inner, length) in lengths {
        if length.is_some_and(|length| !(Span::ZERO..=Span::MAX).contains(&length)) {
            let fault = Fault::WrongType { expected: "a length in whole milliseconds" };
            let field = RecordError::field("durations_ms", fault);
            return Err(RecordError { inner: Some(inner), ..field });
        }
    }
    let chance = record.attacker_first.map(|Object(chance)| chance);
    let fractions = [
        ("confidence", None, record.confidence),
        ("attacker_first", Some("low"), chance.map(|chance| chance.low)),
        ("attacker_first", Some("high"), chance.map(|chance| chance.high)),
        ("attacker_first", Some("lower_bound"), chance.map(|chance| chance.lower_bound)),
    ];
    for (field, inner, fraction) in fractions {
        if fraction.is_some_and(|fraction| !(0.0..=1.0).contains(&fraction)) {
            let fault = Fault::WrongType { expected: "a number from 0 to 1" };
            return Err(RecordError { inner, ..RecordError::field(field, fault) });
        }
    }
    match (record.presented_at, record.recommendation) {
        (Some(_), None) => return wrong("recommendation", Fault::Missing),
        (None, Some(_)) => return wrong("presented_at", Fault::Missing),
        _ => {}
    }
    match (record.decided_at, &record.reviewer, record.action) {
        (Some(_), None, _) => return wrong("reviewer", Fault::Missing),
        (Some(_), _, None) => return wrong("action", Fault::Missing),
        (None, Some(_), _) => return contradicts("reviewer", "decided_at"),
        (None, None, Some(_)) => return contradicts("action", "decided_at"),
        _ => {}
    }
    let reached = match (record.decided_at, record.contained_at) {
        _ if record.state == State::Closed && record.decided_at.is_some() => State::Closed,
        (Some(_), _) => State::Reviewed,
        (None, _) if record.withdrawn_at.is_some() => State::Withdrawn,
        (None, Some(_)) => State::Contained,
        (None, None) => State::Open,
    };
    if record.state != reached {
        let decides = record.decided_at.is_some() || record.state == State::Closed;
        return contradicts("state", if decides { "decided_at" } else { "contained_at" });
    }
    Ok(())
}
