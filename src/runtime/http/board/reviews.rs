//! The latest decisions: how soon each came, and with how much attention.
//!
//! Invariants: the time to review, its target and the signs of being hollow come from the
//! ledger; the time to read is computed from the same records by the oversight stage's
//! code; a decision that has not been judged is shown as such.

use serde::Serialize;

use super::text;
use crate::engine::oversight::{HollowReasons, Quality, Reviews, Rules};
use crate::engine::windows::Clock;
use crate::event::Workflow;
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
    time_to_review_ms: Span,
    /// Whether that is all of it: it took at least as long.
    exposure_known: bool,
    /// The target that its record states: a decision sooner than this is in time.
    in_time_ms: Span,
    /// The time that there was to read, divided by the time that reading takes most people;
    /// null if the advice or its length is unknown.
    attention_ratio: Option<f64>,
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
            let read = judgement.attention.zip(judgement.usual);
            let read = read.filter(|(_, usual)| *usual > Span::ZERO);
            let ratio = read
                .map(|(attention, usual)| attention.as_millis() as f64 / usual.as_millis() as f64);
            let id = record.exposure_id.to_string();
            let key = text::key(&id);
            let row = DecisionRow {
                id,
                at,
                names: text::Names::of(record, &shown.names),
                workflow: record.workflow,
                reviewer: text::shown(record.reviewer.as_deref().unwrap_or_default()),
                // If the clocks contradict each other there is none, and no row.
                time_to_review_ms: record.durations_ms.0.time_to_review?,
                exposure_known: !record.raced || record.clock == Some(Clock::Exposed),
                in_time_ms: record.in_time_ms,
                // Three digits are enough for the chart.
                attention_ratio: ratio.map(|ratio| (ratio * 1000.0).round() / 1000.0),
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
