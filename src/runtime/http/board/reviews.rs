//! The latest decisions: how soon each came, and with how much attention.
//!
//! Invariants: the time to review and the signs of being hollow come from the ledger;
//! attention and reading floor are computed from the same records by the oversight stage's
//! code; a decision that has not been judged is shown as such.

use serde::Serialize;

use super::text;
use crate::engine::oversight::{HollowReasons, Quality, Reviews, Rules};
use crate::engine::windows::Clock;
use crate::event::{Action, Verdict, Workflow};
use crate::records::WindowRecord;
use crate::runtime::http::options::Shown;
use crate::time::{Span, Timestamp};

/// One decision as the board shows it.
#[derive(Debug, Serialize)]
struct DecisionRow {
    /// The name of the window: the address of its page.
    id: String,
    at: Timestamp,
    #[serde(flatten)]
    names: text::Names,
    workflow: Workflow,
    reviewer: String,
    verdict: Option<Verdict>,
    action: Option<Action>,
    time_to_review_ms: Span,
    /// Whether that is all of it: it took at least as long.
    exposure_known: bool,
    /// The target of its workflow: a decision sooner than this is in time.
    in_time_ms: Span,
    /// Available attention divided by the reading floor; null if the advice or its length
    /// is unknown.
    attention_ratio: Option<f64>,
    attention_ms: Option<Span>,
    floor_ms: Option<Span>,
    /// Signs of being hollow; null while it has not been judged.
    hollow: Option<HollowReasons>,
    /// What the judgement came to; null while there is none.
    quality: Option<Quality>,
    effective: Option<bool>,
}

/// The latest decisions among `records`, which are sorted by name, as rows by key.
pub(super) fn rows(
    records: &[&WindowRecord],
    rules: &Rules,
    shown: &Shown,
    shown_max: usize,
) -> Vec<(String, impl Serialize)> {
    let mut reviews = Reviews::new();
    for record in records {
        reviews.add(record.review(false).as_ref());
    }
    let judgements = reviews.judge(rules).judgements;
    let mut rows: Vec<(Timestamp, String, DecisionRow)> = records
        .iter()
        .zip(judgements)
        .filter_map(|(record, judgement)| {
            let at = record.decided_at?;
            let (attention, floor) = (judgement.attention, judgement.usual);
            let ratio = attention.zip(floor).filter(|(_, floor)| *floor > Span::ZERO);
            let ratio = ratio
                .map(|(attention, floor)| attention.as_millis() as f64 / floor.as_millis() as f64);
            let id = record.exposure_id.to_string();
            let key = text::key(&id);
            let row = DecisionRow {
                id,
                at,
                names: text::Names::of(record, &shown.names),
                workflow: record.workflow,
                reviewer: text::shown(record.reviewer.as_deref().unwrap_or_default()),
                verdict: record.verdict,
                action: record.action,
                // If the clocks contradict each other there is none, and no row.
                time_to_review_ms: record.durations_ms.0.time_to_review?,
                exposure_known: record.clock == Some(Clock::Exposed),
                in_time_ms: shown.profiles.get(record.workflow).targets.in_time,
                // Three digits are enough for the chart.
                attention_ratio: ratio.map(|ratio| (ratio * 1000.0).round() / 1000.0),
                attention_ms: attention,
                floor_ms: floor,
                hollow: record.hollow,
                quality: record.quality,
                effective: record.effective,
            };
            Some((at, key, row))
        })
        .collect();
    rows.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    rows.truncate(shown_max);
    rows.into_iter().map(|(_, key, row)| (key, row)).collect()
}
