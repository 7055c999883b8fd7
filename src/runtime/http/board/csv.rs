//! The list as comma-separated values (RFC 4180).
//!
//! Invariant: no cell is taken for a formula by a spreadsheet, and none holds a character
//! that is invisible or moves others.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::engine::identity::{KnownAs, NameOrder};
use crate::engine::oversight::HollowReasons;
use crate::records::WindowRecord;
use crate::report::spreadsheet;
use crate::runtime::view::{Attack, Row};
use crate::time::Timestamp;

/// The names of the columns.
const COLUMNS: [&str; 28] = [
    "exposure_id",
    "credential_id",
    "known_as",
    "other_names",
    "workflow",
    "severity",
    "state",
    "attack_unanswered",
    "source",
    "location",
    "owner",
    "incident",
    "recommendation",
    "confidence",
    "started_at",
    "detected_at",
    "escalated_at",
    "decided_at",
    "contained_at",
    "abused_at",
    "reviewer",
    "action",
    "quality",
    "hollow",
    "effective",
    "time_to_review_ms",
    "in_time_ms",
    "late_ms",
];

/// The windows as a file to save.
pub(super) fn response<'r>(
    windows: impl Iterator<Item = (&'r Row, &'r WindowRecord)>,
    order: &NameOrder,
) -> Response {
    let mut text = String::new();
    line(&mut text, COLUMNS.iter().map(|name| Some((*name).to_owned())));
    for (row, record) in windows {
        line(&mut text, cells(row, record, order).into_iter());
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"shutterlag-windows.csv\""),
    ];
    (headers, text).into_response()
}

fn cells(row: &Row, record: &WindowRecord, order: &NameOrder) -> [Option<String>; COLUMNS.len()] {
    let word = |word: Option<&'static str>| word.map(str::to_owned);
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let KnownAs { best, others } = record.known_as(order);
    [
        Some(record.exposure_id.to_string()),
        Some(record.credential_id.clone()),
        Some(best.to_owned()),
        Some(others.join(" ")),
        word(Some(record.workflow.as_str())),
        word(record.severity.map(|severity| severity.as_str())),
        word(Some(row.state.as_str())),
        Some((row.attack == Attack::Observed).to_string()),
        record.source.clone(),
        record.location.clone(),
        record.owner.clone(),
        record.incident.clone(),
        word(record.recommendation.map(|action| action.as_str())),
        record.confidence.map(|confidence| confidence.to_string()),
        time(Some(row.start)),
        time(Some(record.detected_at)),
        time(record.escalated_at),
        time(record.decided_at),
        time(record.contained_at),
        time(record.abused_at),
        record.reviewer.clone(),
        word(record.action.map(|action| action.as_str())),
        word(record.quality.map(|quality| quality.as_str())),
        record.hollow.map(reasons),
        record.effective.map(|effective| effective.to_string()),
        record.durations_ms.0.time_to_review.map(|span| span.as_millis().to_string()),
        Some(record.in_time_ms.as_millis().to_string()),
        Some(record.late_ms.as_millis().to_string()),
    ]
}

/// All of them in one cell, like other names.
fn reasons(reasons: HollowReasons) -> String {
    let words: Vec<_> = reasons.iter().map(|reason| reason.as_str()).collect();
    words.join(" ")
}

fn line(text: &mut String, cells: impl Iterator<Item = Option<String>>) {
    for (at, content) in cells.enumerate() {
        if at > 0 {
            text.push(',');
        }
        cell(text, &content.unwrap_or_default());
    }
    text.push_str("\r\n");
}

/// One cell, in quotes.
fn cell(text: &mut String, content: &str) {
    text.push('"');
    text.push_str(&spreadsheet::cell(content).replace('"', "\"\""));
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(content: &str) -> String {
        let mut text = String::new();
        cell(&mut text, content);
        text
    }

    #[test]
    fn no_cell_breaks_out_of_its_quotes_or_is_a_formula() {
        for (content, shown) in [
            ("plain, text", "\"plain, text\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("a\r\n=1", "\"a\\u{d}\\u{a}=1\""),
            ("\",=1", "\"\"\",=1\""),
            ("", "\"\""),
        ] {
            assert_eq!(written(content), shown, "{content:?}");
        }
    }
}
