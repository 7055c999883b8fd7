//! One window as a row of the board's list, and where the row stands in the list.

use std::cmp::Reverse;

use serde::Serialize;

use super::text;
use crate::config::Profiles;
use crate::engine::identity::NameOrder;
use crate::engine::oversight::Quality;
use crate::engine::windows::{Awaiting, State};
use crate::event::{Action, Severity, Workflow};
use crate::records::WindowRecord;
use crate::runtime::view::{Attack, Row};
use crate::time::{Span, Timestamp};

/// One window.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WaitingRow {
    /// Its name, uncut: the address of its page.
    pub(super) id: String,
    #[serde(flatten)]
    pub(super) names: text::Names,
    pub(super) workflow: Workflow,
    pub(super) source: Option<String>,
    pub(super) location: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) severity: Option<Severity>,
    pub(super) state: State,
    pub(super) awaiting: Option<Awaiting>,
    /// The first use by an attacker; null unless nobody has answered it yet.
    pub(super) attacked_ms: Option<i64>,
    /// Whether a person has looked at it, or handed it on.
    pub(super) touched: bool,
    pub(super) escalated: bool,
    pub(super) incident: Option<String>,
    pub(super) start_ms: i64,
    /// Whether the start is the exposure. Otherwise it is the detection, and the exposure is
    /// older by an unknown length.
    pub(super) exposure_known: bool,
    /// The targets of its workflow, from the start on.
    pub(super) in_time_ms: Span,
    pub(super) late_ms: Span,
    pub(super) raced: bool,
    pub(super) contained_ms: Option<i64>,
    pub(super) decided_ms: Option<i64>,
    pub(super) withdrawn_ms: Option<i64>,
    pub(super) reviewer: Option<String>,
    pub(super) action: Option<Action>,
    pub(super) quality: Option<Quality>,
    pub(super) recommendation: Option<Action>,
    pub(super) detections: u64,
}

impl WaitingRow {
    /// The row of a window.
    pub(super) fn of(
        row: &Row,
        record: &WindowRecord,
        profiles: &Profiles,
        order: &NameOrder,
    ) -> WaitingRow {
        let text = |text: &Option<String>| text.as_deref().map(text::shown);
        let targets = profiles.get(record.workflow).targets;
        let attacked_at = record.abused_at.filter(|_| row.attack == Attack::Observed);
        let ms = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
        WaitingRow {
            id: record.exposure_id.to_string(),
            names: text::Names::of(record, order),
            workflow: record.workflow,
            source: text(&record.source),
            location: text(&record.location),
            owner: text(&record.owner),
            severity: record.severity,
            state: row.state,
            awaiting: record.window().awaiting(),
            attacked_ms: ms(attacked_at),
            touched: record.touched_at.is_some(),
            escalated: record.escalations > 0,
            incident: text(&record.incident),
            start_ms: row.start.as_millis(),
            exposure_known: record.exposed_at.is_some(),
            in_time_ms: targets.in_time,
            late_ms: targets.late,
            raced: targets.raced,
            contained_ms: ms(record.contained_at),
            decided_ms: ms(record.decided_at),
            withdrawn_ms: ms(record.withdrawn_at),
            reviewer: text(&record.reviewer),
            action: record.action,
            quality: record.quality,
            recommendation: record.recommendation,
            detections: record.detections,
        }
    }
}

/// Where a window stands in the list: an attack that nobody has answered first, then by
/// severity, then by what can still be won.
pub(super) type Urgency = (Attack, Reverse<Option<Severity>>, Turn);

/// What can still be won. Of windows that are not late the one with the least time left
/// comes first; contained, late and decided ones follow, of each the latest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    /// Not late yet: when it will be.
    Racing(Timestamp),
    /// Contained, and still to be reviewed: when it began.
    Owed(Reverse<Timestamp>),
    /// Late: since when.
    Late(Reverse<Timestamp>),
    /// Nothing is waited for: when it began.
    Done(Reverse<Timestamp>),
}

/// Where the window of `row` stands at `now`.
pub(super) fn urgency(row: &Row, profiles: &Profiles, now: Timestamp) -> Urgency {
    let late_at = row.start + profiles.get(row.workflow).targets.late;
    let turn = match row.state {
        State::Open if late_at > now => Turn::Racing(late_at),
        State::Open => Turn::Late(Reverse(late_at)),
        State::Contained => Turn::Owed(Reverse(row.start)),
        State::Reviewed | State::Closed | State::Withdrawn => Turn::Done(Reverse(row.start)),
    };
    (row.attack, Reverse(row.severity), turn)
}
