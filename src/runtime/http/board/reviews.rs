//! The latest decisions: how soon each came, and how much attention there was.
//!
//! Invariants: the time to review and whether it is hollow are the ledger's; attention
//! and reading floor are what the second stage makes of the same records; a decision
//! that has not been judged is shown as such.

use serde::{Deserialize, Serialize};

use super::text;
use crate::engine::oversight::{Advised, HollowReason, Known, Review, Reviews, Rules};
use crate::engine::windows::Truth;
use crate::event::{Action, Severity, Verdict, Workflow};
use crate::time::{Span, Timestamp};

/// What of a record bears on its decision.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Told {
    pub(super) exposure_id: String,
    pub(super) workflow: Workflow,
    pub(super) credential_id: String,
    severity: Option<Severity>,
    revision: u64,
    pub(super) detected_at: Timestamp,
    presented_at: Option<Timestamp>,
    opened_at: Option<Timestamp>,
    pub(super) decided_at: Option<Timestamp>,
    #[serde(default)]
    durations_ms: Durations,
    recommendation: Option<Action>,
    confidence: Option<f64>,
    summary_words: Option<u32>,
    reviewer: Option<String>,
    verdict: Option<Verdict>,
    action: Option<Action>,
    agreed: Option<bool>,
    batch_id: Option<String>,
    rationale_words: Option<u32>,
    rationale_digest: Option<String>,
    truth: Option<Known>,
    pub(super) hollow: Option<Vec<HollowReason>>,
    #[serde(default)]
    effective: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Durations {
    time_to_review: Option<i64>,
}

/// One decision as the board shows it.
#[derive(Debug, Serialize)]
struct Shown {
    at: Timestamp,
    credential: String,
    workflow: Workflow,
    reviewer: String,
    verdict: Option<Verdict>,
    action: Option<Action>,
    time_to_review_ms: i64,
    /// Attention available over reading floor; null where the advice or its length
    /// is not known.
    attention_ratio: Option<f64>,
    attention_ms: Option<Span>,
    floor_ms: Option<Span>,
    /// Null while it has not been judged.
    hollow: Option<Vec<HollowReason>>,
    effective: Option<bool>,
}

impl Told {
    pub(super) fn read(record: &str) -> Option<Told> {
        serde_json::from_str(record).ok()
    }

    /// What turned out to be right.
    pub(super) fn truth(&self) -> Option<Truth> {
        let Known { established_at, correct_action, seeded } = self.truth?;
        Some(Truth { established_at, correct_action, seeded })
    }

    fn review(&self) -> Option<Review<'_>> {
        let found = |reason| self.hollow.iter().flatten().any(|found| *found == reason);
        let advice = self.presented_at.zip(self.recommendation);
        Some(Review {
            workflow: self.workflow,
            credential_id: self.credential_id.as_str().into(),
            detected_at: self.detected_at,
            revision: self.revision,
            mark: 0,
            reviewer: self.reviewer.as_deref()?.into(),
            decided_at: self.decided_at?,
            first_opened_at: self.opened_at,
            opened_by_same_clock: true,
            opened_at: self.opened_at,
            source: Some("".into()),
            action: self.action?,
            verdict: self.verdict,
            agreed: self.agreed,
            advice: advice.map(|(presented_at, recommendation)| Advised {
                first_presented_at: presented_at,
                presented_by_same_clock: true,
                presented_at,
                recommendation,
                confidence: self.confidence,
                summary_words: self.summary_words,
                summary_chars: None,
                repeated: false,
            }),
            severity: self.severity,
            model: None,
            incident: None,
            own_request: found(HollowReason::SelfApproval),
            batch_id: self.batch_id.as_deref().map(Into::into),
            rationale_words: self.rationale_words,
            rationale_digest: self.rationale_digest.as_deref().map(Into::into),
            authorized: None,
            truth: None,
            expects_opening: false,
            ahead: false,
        })
    }
}

/// The decisions among `told`, which stand by name, as rows by key.
pub(super) fn rows(
    told: &[&Told],
    rules: &Rules,
    shown_max: usize,
) -> Vec<(String, impl Serialize)> {
    let mut reviews = Reviews::new();
    for window in told {
        reviews.add(window.review().as_ref());
    }
    let judgements = reviews.judge(rules).judgements;
    let mut rows: Vec<(Timestamp, String, Shown)> = told
        .iter()
        .zip(judgements)
        .filter_map(|(window, judgement)| {
            let at = window.decided_at?;
            let (attention, floor) = (judgement.attention, judgement.usual);
            let ratio = attention.zip(floor).filter(|(_, floor)| *floor > Span::ZERO);
            let ratio = ratio.map(|(attention, floor)| {
                attention.as_millis().max(0) as f64 / floor.as_millis() as f64
            });
            let shown = Shown {
                at,
                credential: text::shown(&window.credential_id),
                workflow: window.workflow,
                reviewer: text::shown(window.reviewer.as_deref().unwrap_or_default()),
                verdict: window.verdict,
                action: window.action,
                // Without one there is no place for it; the clocks disagree.
                time_to_review_ms: window.durations_ms.time_to_review?,
                // Three digits are more than can be seen.
                attention_ratio: ratio.map(|ratio| (ratio * 1000.0).round() / 1000.0),
                attention_ms: attention,
                floor_ms: floor,
                hollow: window.hollow.clone(),
                effective: window.effective,
            };
            Some((at, text::key(&window.exposure_id), shown))
        })
        .collect();
    rows.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    rows.truncate(shown_max);
    rows.into_iter().map(|(_, key, shown)| (key, shown)).collect()
}
