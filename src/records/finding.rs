//! Findings: what somebody who reviews the reviews should look at.
//!
//! Invariant: a replay and a live run write the same finding of the same window in
//! the same bytes.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::declare::record;
use super::exposure_id::ExposureName;
use crate::config::OversightConfig;
use crate::engine::oversight::{HollowReason, Judgement};
use crate::engine::windows::{ExposureId, Window};
use crate::event::{Action, Workflow};
use crate::time::{Span, Timestamp};

record! {
    /// One finding about a window or a reviewer, with evidence of the type `E`.
    #[serde(bound(serialize = "T: AsRef<str> + Serialize, E: Serialize"))]
    pub struct Finding<T = String, E = serde_json::Value> {
        /// What it is called.
        finding: T,
        /// When what was found happened.
        at: Timestamp,
        /// The window; `None` in a finding about a reviewer.
        exposure_id: Option<ExposureName<T>>,
        /// The window's kind of process.
        workflow: Option<Workflow>,
        /// Who decided, as people are shown.
        reviewer: Option<T>,
        /// What it rests on.
        evidence: E,
    }
}

/// What a finding about a window rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowEvidence {
    /// When the interval begins that was too short for what was approved within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Cases that were approved within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cases: Option<u32>,
    /// What reading all of them takes at the least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed_ms: Option<Span>,
    /// What of that belongs to cases that were named before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread_ms: Option<Span>,
    /// The time that there was, tolerance included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_ms: Option<Span>,
    /// The rules by which acts and reading times were judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<WindowRules>,
    /// What the AI advised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<Action>,
    /// What was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// What would have been right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correct_action: Option<Action>,
    /// When it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
}

/// The rules that a finding about a window rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowRules {
    /// How far the clocks of different sources may be apart.
    pub skew_tolerance_ms: Span,
    /// How long a batch lasts at most.
    pub batch_hold_ms: Span,
}

impl WindowRules {
    /// The configuration that has them; what a finding does not rest on is as by default.
    pub(crate) fn config(self) -> OversightConfig {
        OversightConfig {
            skew_tolerance: self.skew_tolerance_ms,
            batch_hold: self.batch_hold_ms,
            ..OversightConfig::default()
        }
    }
}

const AI_ACTED_FIRST: &str = "ai_acted_first";
const SEEDED_CASE_MISSED: &str = "seeded_case_missed";

impl<T: AsRef<str>, E> Finding<T, E> {
    /// What it is called.
    pub fn name(&self) -> &str {
        self.finding.as_ref()
    }
}

impl Finding {
    /// The findings that need no judgement: what they are called.
    pub const FACTS: [&'static str; 2] = [AI_ACTED_FIRST, SEEDED_CASE_MISSED];
}

impl<'f> Finding<Cow<'f, str>, WindowEvidence> {
    /// A decision shows a sign of not having been a review, by `rules`.
    pub fn hollow(
        reason: HollowReason,
        exposure_id: ExposureId<'f>,
        decided_at: Timestamp,
        reviewer: Option<&'f str>,
        judgement: &Judgement,
        rules: &OversightConfig,
    ) -> Self {
        let mut evidence = WindowEvidence::default();
        if matches!(reason, HollowReason::ImpossibleReading | HollowReason::TemplatedRationale) {
            evidence.rules = Some(WindowRules {
                skew_tolerance_ms: rules.skew_tolerance,
                batch_hold_ms: rules.batch_hold,
            });
        }
        let certificate = judgement.certificate;
        if let Some(found) = certificate.filter(|_| reason == HollowReason::ImpossibleReading) {
            evidence.from = Some(found.from);
            evidence.to = Some(found.to);
            evidence.cases = Some(found.cases);
            evidence.needed_ms = Some(found.needed);
            evidence.unread_ms = Some(found.unread);
            evidence.available_ms = Some(found.available);
        }
        Finding::about(reason.as_str(), decided_at, exposure_id, reviewer, evidence)
    }

    /// An AI acted before any person had decided; `None` if none did.
    pub fn ai_acted_first(window: &'f Window<'_>, reviewer: Option<&'f str>) -> Option<Self> {
        let acted_at = window.ai_acted_first_at?;
        let evidence =
            WindowEvidence { decided_at: window.decided_at(), ..WindowEvidence::default() };
        Some(Finding::about(AI_ACTED_FIRST, acted_at, window.exposure_id(), reviewer, evidence))
    }

    /// Planted wrong advice was let through; `None` if it was not.
    pub fn seeded_case_missed(window: &'f Window<'_>, reviewer: Option<&'f str>) -> Option<Self> {
        let missed = window.seeded_case_caught() == Some(false);
        let (truth, decision) = window.truth.zip(window.decision).filter(|_| missed)?;
        let evidence = WindowEvidence {
            recommendation: window.advice.map(|advice| advice.recommendation),
            action: Some(decision.action),
            correct_action: Some(truth.correct_action),
            ..WindowEvidence::default()
        };
        let (at, exposure_id) = (truth.established_at, window.exposure_id());
        Some(Finding::about(SEEDED_CASE_MISSED, at, exposure_id, reviewer, evidence))
    }

    fn about(
        finding: &'static str,
        at: Timestamp,
        exposure_id: ExposureId<'f>,
        reviewer: Option<&'f str>,
        evidence: WindowEvidence,
    ) -> Self {
        Finding {
            finding: finding.into(),
            at,
            exposure_id: Some(exposure_id.into()),
            workflow: Some(exposure_id.key.workflow),
            reviewer: reviewer.map(Cow::Borrowed),
            evidence,
        }
    }
}
