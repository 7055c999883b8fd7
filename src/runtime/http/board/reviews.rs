//! The latest decisions: how soon each came, and with how much attention.
//!
//! Invariants: the time to review and the signs of being hollow come from the ledger;
//! attention and reading floor are computed from the same records by the oversight stage's
//! code; a decision that has not been judged is shown as such.

use serde::{Deserialize, Serialize};

use super::text;
use crate::engine::oversight::{Advised, HollowReason, Known, Review, Reviews, Rules};
use crate::engine::windows::Truth;
use crate::event::{Action, Severity, Verdict, Workflow};
use crate::time::{Span, Timestamp};

/// The fields of a ledger record that describe its decision.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct DecisionRecord {
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
struct DecisionRow {
    at: Timestamp,
    credential: String,
    workflow: Workflow,
    reviewer: String,
    verdict: Option<Verdict>,
    action: Option<Action>,
    time_to_review_ms: i64,
    /// Available attention divided by the reading floor; null if the advice or its length
    /// is unknown.
    attention_ratio: Option<f64>,
    attention_ms: Option<Span>,
    floor_ms: Option<Span>,
    /// Signs of being hollow; null while it has not been judged.
    hollow: Option<Vec<HollowReason>>,
    effective: Option<bool>,
}

impl DecisionRecord {
    pub(super) fn read(record: &str) -> Option<DecisionRecord> {
        serde_json::from_str(record).ok()
    }

    /// The known right answer.
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
            opened_at: self.opened_at,
            action: self.action?,
            verdict: self.verdict,
            agreed: self.agreed,
            advice: advice.map(|(presented_at, recommendation)| Advised {
                presented_at,
                recommendation,
                confidence: self.confidence,
                summary_words: self.summary_words,
                own_request: found(HollowReason::SelfApproval),
            }),
            severity: self.severity,
            batch_id: self.batch_id.as_deref().map(Into::into),
            rationale_digest: self.rationale_digest.as_deref().map(Into::into),
            authorized: None,
            truth: None,
            expects_opening: false,
            ahead: false,
        })
    }
}

/// The latest decisions among `records`, which are sorted by name, as rows by key.
pub(super) fn rows(
    records: &[&DecisionRecord],
    rules: &Rules,
    shown_max: usize,
) -> Vec<(String, impl Serialize)> {
    let mut reviews = Reviews::new();
    for window in records {
        reviews.add(window.review().as_ref());
    }
    let judgements = reviews.judge(rules).judgements;
    let mut rows: Vec<(Timestamp, String, DecisionRow)> = records
        .iter()
        .zip(judgements)
        .filter_map(|(window, judgement)| {
            let at = window.decided_at?;
            let (attention, floor) = (judgement.attention, judgement.floor);
            let ratio = attention.zip(floor).filter(|(_, floor)| *floor > Span::ZERO);
            let ratio = ratio.map(|(attention, floor)| {
                attention.as_millis().max(0) as f64 / floor.as_millis() as f64
            });
            let row = DecisionRow {
                at,
                credential: text::shown(&window.credential_id),
                workflow: window.workflow,
                reviewer: text::shown(window.reviewer.as_deref().unwrap_or_default()),
                verdict: window.verdict,
                action: window.action,
                // If the clocks contradict each other there is none, and no row.
                time_to_review_ms: window.durations_ms.time_to_review?,
                // Three digits are enough for the chart.
                attention_ratio: ratio.map(|ratio| (ratio * 1000.0).round() / 1000.0),
                attention_ms: attention,
                floor_ms: floor,
                hollow: window.hollow.clone(),
                effective: window.effective,
            };
            Some((at, text::key(&window.exposure_id), row))
        })
        .collect();
    rows.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    rows.truncate(shown_max);
    rows.into_iter().map(|(_, key, row)| (key, row)).collect()
}
