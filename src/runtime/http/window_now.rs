//! One window as answers show it.

use serde::Serialize;
use serde_json::value::RawValue;

use super::options::Shown;
use crate::engine::attacker::AttackerFirst;
use crate::engine::windows::State;
use crate::runtime::view::Row;
use crate::time::{Span, Timestamp};

/// One window in an answer.
#[derive(Serialize)]
pub(super) struct WindowNow {
    /// How long it has been waiting; null once it is closed.
    waiting_ms: Option<Span>,
    /// The attacker's chance now. The record has it for the time when it was written.
    attacker_first: Option<AttackerFirst>,
    /// The name of its credential that people know best; the record has all of them.
    known_as: Option<String>,
    record: Option<Box<RawValue>>,
}

impl WindowNow {
    /// The window of `row` at `now`.
    pub(super) fn of(row: &Row, shown: &Shown, now: Timestamp) -> WindowNow {
        let (record, json) = row.read_json().unzip();
        let waits = !matches!(row.state, State::Closed | State::Withdrawn);
        WindowNow {
            waiting_ms: waits.then(|| now.since(row.start).max(Span::ZERO)),
            attacker_first: record
                .as_ref()
                .and_then(|r| r.window().attacker_first(&shown.race, now)),
            known_as: record.as_ref().map(|record| record.known_as(&shown.names).best.to_owned()),
            record: json,
        }
    }
}
