//! One window of the view.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::marks::Marks;
use super::packed::Packed;
use super::trend::Reviewed;
use crate::engine::alerts::Moments;
use crate::engine::windows::State;
use crate::event::{Severity, Workflow};
use crate::records::{Declared, WindowRecord};
use crate::time::Timestamp;

/// Where a window stands in the order of urgency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SortKey {
    /// An attack that nobody has answered comes before everything else.
    pub attack: Attack,
    /// Where its measurement starts.
    pub start: Timestamp,
    /// Its name.
    pub exposure_id: Arc<str>,
}

/// Whether an attacker was seen to use a window's credential. The order is that of urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attack {
    /// Yes, and nobody has contained or dismissed it.
    Observed,
    /// No, or it was answered.
    None,
}

impl Attack {
    /// That of a window with these moments; a final window has none, and no alerts.
    pub(super) fn of(moments: Option<&Moments>) -> Attack {
        let observed = moments.is_some_and(Moments::attack_is_unanswered);
        if observed { Attack::Observed } else { Attack::None }
    }
}

/// One window: its record as the ledger has it, and the fields that windows are sorted
/// and filtered by.
#[derive(Debug)]
pub struct Row {
    /// The record, byte for byte.
    pub(super) record: Packed,
    /// What tells without its text that a name is not in it.
    pub(super) marks: Marks,
    /// The kind of process.
    pub workflow: Workflow,
    /// Its state.
    pub state: State,
    /// Whether an attack was observed. Windows are sorted by it first.
    pub attack: Attack,
    /// Where its measurement starts. Windows are sorted by it next: the oldest is the most
    /// urgent.
    pub start: Timestamp,
    /// The highest severity stated.
    pub severity: Option<Severity>,
    /// The detection that opened it.
    pub detected_at: Timestamp,
    /// The first human decision.
    pub decided_at: Option<Timestamp>,
    /// What its alerts are derived from; `None` for a final window, which has no alerts.
    pub moments: Option<Moments>,
    /// When it was closed. A closed window stays for [`Bounds::closed_kept`](super::Bounds)
    /// after that.
    pub(super) closed_at: Option<Timestamp>,
    /// What comes of its review, where attackers race.
    pub(super) reviewed: Option<Reviewed>,
}

/// The marks cost nothing: with the four fields of a byte each they are one word, which would be
/// half empty without them.
const _: () = assert!(
    size_of::<Row>()
        == size_of::<(Packed, u64, [Timestamp; 2], [Option<Timestamp>; 2])>()
            + size_of::<(Option<Moments>, Option<Reviewed>)>()
);

impl Row {
    /// Its place among all windows; `exposure_id` is its name.
    pub(super) fn sort_key(&self, exposure_id: Arc<str>) -> SortKey {
        SortKey { attack: self.attack, start: self.start, exposure_id }
    }

    /// The parsed record. `None`, which is counted: there is no memory for its text. A row is only
    /// made from a record that could be parsed.
    pub fn read(&self) -> Option<WindowRecord> {
        WindowRecord::read(self.record.text()?.as_bytes()).ok()
    }

    /// The same, and the record as JSON, to be passed on byte for byte.
    pub fn read_json(&self) -> Option<(WindowRecord, Box<RawValue>)> {
        let text = self.record.text()?;
        let record = WindowRecord::read(text.as_bytes()).ok()?;
        Some((record, RawValue::from_string(text).ok()?))
    }

    /// Whether the decision may be this reviewer's. It is not for certain: see the record.
    pub fn may_be_by(&self, reviewer: &str) -> bool {
        self.decided_at.is_some() && self.marks.may_be_by(reviewer)
    }

    /// Whether this may be a name of the credential. It is not for certain: see the record.
    pub fn may_be_of(&self, name: &str) -> bool {
        self.marks.may_be_of(name)
    }

    /// The parsed record, if its text has this part: to look for that is faster than to parse.
    pub fn read_if_it_has(&self, part: &str) -> Option<WindowRecord> {
        let text = self.record.text()?;
        text.contains(part).then(|| WindowRecord::read(text.as_bytes()).ok())?
    }
}
