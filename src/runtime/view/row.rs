//! One window of the view.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::engine::alerts::Moments;
use crate::engine::windows::State;
use crate::event::Workflow;
use crate::records::{Declared, WindowRecord};
use crate::time::Timestamp;

/// Where a window stands in the order of urgency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SortKey {
    /// Where its measurement starts.
    pub start: Timestamp,
    /// Its name.
    pub exposure_id: Arc<str>,
}

/// One window: its record as the ledger has it, and the fields that windows are sorted
/// and filtered by.
#[derive(Debug)]
pub struct Row {
    /// The record, byte for byte.
    pub record: Box<str>,
    /// The kind of process.
    pub workflow: Workflow,
    /// Its state.
    pub state: State,
    /// Where its measurement starts. Windows are sorted by it: the oldest is the most urgent.
    pub start: Timestamp,
    /// The detection that opened it.
    pub detected_at: Timestamp,
    /// The first human decision.
    pub decided_at: Option<Timestamp>,
    /// What its alerts are derived from; `None` for a final window, which has no alerts.
    pub moments: Option<Moments>,
    /// When it was closed. A closed window stays for [`Bounds::closed_kept`](super::Bounds)
    /// after that.
    pub(super) closed_at: Option<Timestamp>,
}

impl Row {
    /// The parsed record.
    pub fn read(&self) -> Option<WindowRecord> {
        // Never `None`: a row is only made from a record that could be parsed.
        WindowRecord::read(self.record.as_bytes()).ok()
    }

    /// The record as JSON, to be passed on byte for byte.
    pub fn json(&self) -> Option<&RawValue> {
        // Never `None`, for the same reason.
        serde_json::from_str(&self.record).ok()
    }
}
