//! Findings about one window.
//!
//! Invariant: a replay and a live run tell the same finding of the same window in
//! the same bytes.

use serde::Serialize;

use crate::engine::oversight::{Certificate, HollowReason, Judgement};
use crate::engine::windows::{ExposureId, Window};
use crate::event::{Action, Workflow};
use crate::time::{Span, Timestamp};

/// One finding, as a line or a record.
#[derive(Clone, Debug, Serialize)]
pub struct Finding<'f> {
    finding: &'static str,
    at: Timestamp,
    exposure_id: ExposureId<'f>,
    workflow: Workflow,
    reviewer: Option<&'f str>,
    evidence: Evidence,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Evidence {
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    reading: Option<Reading>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recommendation: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correct_action: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<Timestamp>,
}

/// An interval that was too short for what was approved within it.
#[derive(Clone, Copy, Debug, Serialize)]
struct Reading {
    from: Timestamp,
    to: Timestamp,
    cases: u32,
    needed_ms: Span,
    unread_ms: Span,
    available_ms: Span,
}

impl From<Certificate> for Reading {
    fn from(certificate: Certificate) -> Reading {
        let Certificate { from, to, cases, needed, unread, available } = certificate;
        Reading { from, to, cases, needed_ms: needed, unread_ms: unread, available_ms: available }
    }
}

const AI_ACTED_FIRST: &str = "ai_acted_first";
const SEEDED_CASE_MISSED: &str = "seeded_case_missed";

impl<'f> Finding<'f> {
    /// Those that need no judgement: what they are called.
    pub const FACTS: [&'static str; 2] = [AI_ACTED_FIRST, SEEDED_CASE_MISSED];

    /// What it is called.
    pub const fn name(&self) -> &'static str {
        self.finding
    }

    /// A decision bears a sign of not having been a review.
    pub fn hollow(
        reason: HollowReason,
        exposure_id: ExposureId<'f>,
        decided_at: Timestamp,
        reviewer: Option<&'f str>,
        judgement: &Judgement,
    ) -> Finding<'f> {
        let mut evidence = Evidence::default();
        if reason == HollowReason::ImpossibleReading {
            evidence.reading = judgement.certificate.map(Reading::from);
        }
        Finding::new(reason.as_str(), decided_at, exposure_id, reviewer, evidence)
    }

    /// An AI acted before any person had decided; `None` if none did.
    pub fn ai_acted_first(
        window: &'f Window<'_>,
        reviewer: Option<&'f str>,
    ) -> Option<Finding<'f>> {
        let acted_at = window.ai_acted_first_at?;
        let evidence = Evidence { decided_at: window.decided_at(), ..Evidence::default() };
        Some(Finding::new(AI_ACTED_FIRST, acted_at, window.exposure_id(), reviewer, evidence))
    }

    /// Planted wrong advice was let through; `None` if it was not.
    pub fn seeded_case_missed(
        window: &'f Window<'_>,
        reviewer: Option<&'f str>,
    ) -> Option<Finding<'f>> {
        let missed = window.seeded_case_caught() == Some(false);
        let (truth, decision) = window.truth.zip(window.decision).filter(|_| missed)?;
        let evidence = Evidence {
            recommendation: window.advice.map(|advice| advice.recommendation),
            action: Some(decision.action),
            correct_action: Some(truth.correct_action),
            ..Evidence::default()
        };
        let (at, exposure_id) = (truth.established_at, window.exposure_id());
        Some(Finding::new(SEEDED_CASE_MISSED, at, exposure_id, reviewer, evidence))
    }

    fn new(
        finding: &'static str,
        at: Timestamp,
        exposure_id: ExposureId<'f>,
        reviewer: Option<&'f str>,
        evidence: Evidence,
    ) -> Finding<'f> {
        let workflow = exposure_id.key.workflow;
        Finding { finding, at, exposure_id, workflow, reviewer, evidence }
    }
}
