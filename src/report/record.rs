//! The ledger's record of one window.
//!
//! Invariants: fields in a fixed order; the same window, judgement and time give
//! the same bytes; a reviewer's name appears only if the operator asked for names.

use serde::Serialize;

use super::people::People;
use crate::config::OversightConfig;
use crate::engine::attacker::{AttackerFirst, Band, Race};
use crate::engine::oversight::{HollowReasons, Judgement, Known};
use crate::engine::windows::{Clock, ExposureId, Stage, State, Window};
use crate::event::{Action, ExposedAtQuality, Severity, Verdict, Workflow};
use crate::time::{Span, Timestamp};

/// One revision of one window, as a line of the ledger.
#[derive(Clone, Debug, Serialize)]
pub struct Record<'r> {
    exposure_id: ExposureId<'r>,
    workflow: Workflow,
    credential_id: &'r str,
    source: Option<&'r str>,
    location: Option<&'r str>,
    severity: Option<Severity>,
    owner: Option<&'r str>,
    state: State,
    revision: u64,
    r#final: bool,
    clock: Clock,
    clock_skew: bool,
    exposed_at: Option<Timestamp>,
    exposed_at_quality: Option<ExposedAtQuality>,
    detected_at: Timestamp,
    triaged_at: Option<Timestamp>,
    presented_at: Option<Timestamp>,
    opened_at: Option<Timestamp>,
    decided_at: Option<Timestamp>,
    contained_at: Option<Timestamp>,
    abused_at: Option<Timestamp>,
    durations_ms: Durations,
    band: Option<Band>,
    attacker_first: Option<AttackerFirst>,
    detections: u64,
    recommendation: Option<Action>,
    confidence: Option<f64>,
    summary_words: Option<u32>,
    reviewer: Option<&'r str>,
    verdict: Option<Verdict>,
    action: Option<Action>,
    final_action: Option<Action>,
    further_decisions: u64,
    agreed: Option<bool>,
    batch_id: Option<String>,
    rationale_digest: Option<String>,
    truth: Option<Known>,
    ai_acted_first: bool,
    hollow: Option<HollowReasons>,
    effective: Option<bool>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Durations {
    detection: Option<Span>,
    triage: Option<Span>,
    review: Option<Span>,
    time_to_review: Option<Span>,
    containment: Option<Span>,
    exposure: Option<Span>,
}

/// What a record needs beside the window.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'c> {
    /// The judgement of its decision; `None` while there is one to be judged.
    pub judgement: Option<&'c Judgement>,
    /// The attackers' curves.
    pub race: &'c Race,
    /// Which ids are one person's.
    pub oversight: &'c OversightConfig,
    /// The moment at which it is told.
    pub as_of: Timestamp,
    /// Whether nothing can change it any more.
    pub is_final: bool,
}

impl<'r> Record<'r> {
    /// The record of `window`.
    pub fn new(
        window: &'r Window<'_>,
        told: Circumstances<'r>,
        people: &'r mut People,
    ) -> Record<'r> {
        let advice = window.advice;
        let decision = window.decision;
        let mark = |text: Option<&str>| text.map(|text| people.mark(text));
        let batch_id = mark(decision.and_then(|decision| decision.batch_id));
        let rationale_digest = mark(decision.and_then(|decision| decision.rationale_digest));
        Record {
            exposure_id: window.exposure_id(),
            workflow: window.key.workflow,
            credential_id: window.key.credential_id,
            source: window.source,
            location: window.location,
            severity: window.severity,
            owner: window.owner,
            state: window.state(),
            revision: window.events,
            r#final: told.is_final,
            clock: window.clock(),
            clock_skew: window.clock_skew(),
            exposed_at: window.exposed_at,
            exposed_at_quality: window.exposed_at_quality,
            detected_at: window.detected_at,
            triaged_at: window.triaged_at,
            presented_at: advice.map(|advice| advice.presented_at),
            opened_at: decision.and_then(|decision| decision.opened_at),
            decided_at: window.decided_at(),
            contained_at: window.contained_at,
            abused_at: window.abused_at,
            durations_ms: Durations {
                detection: window.duration(Stage::Detection),
                triage: window.duration(Stage::Triage),
                review: window.duration(Stage::Review),
                time_to_review: window.duration(Stage::TimeToReview),
                containment: window.duration(Stage::Containment),
                exposure: window.duration(Stage::Exposure),
            },
            band: window.band(),
            attacker_first: window.attacker_first(told.race, told.as_of),
            detections: window.detections,
            recommendation: advice.map(|advice| advice.recommendation),
            confidence: advice.and_then(|advice| advice.confidence),
            summary_words: advice.and_then(|advice| advice.summary_words),
            reviewer: decision
                .map(|decision| people.show(told.oversight.canonical(decision.reviewer))),
            verdict: decision.and_then(|decision| decision.verdict),
            action: decision.map(|decision| decision.action),
            final_action: window.final_action,
            further_decisions: window.further_decisions,
            agreed: window.agreed(),
            batch_id,
            rationale_digest,
            truth: window.truth.map(Known::from),
            ai_acted_first: window.ai_acted_first_at.is_some(),
            hollow: told.judgement.map(|judgement| judgement.reasons),
            effective: told.judgement.map(Judgement::effective),
        }
    }
}
