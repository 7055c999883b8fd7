//! What the list could be filtered by, with the number of windows of each choice.
//!
//! Invariant: a number follows every other filter, so it is how many windows the list has
//! when this choice is made.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::{Severity, Workflow};
use crate::records::WindowRecord;
use crate::runtime::view::Row;

/// Owners and sources that are offered.
const CHOICES_MAX: usize = 200;

/// Which of the filters that have choices keep a window out of the list.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Misses {
    pub(super) workflow: bool,
    pub(super) severity: bool,
    pub(super) owner: bool,
    pub(super) source: bool,
}

impl Misses {
    /// Whether no filter keeps it out.
    pub(super) const fn none(self) -> bool {
        !(self.workflow || self.severity || self.owner || self.source)
    }
}

/// The choices.
#[derive(Debug, Default, Serialize)]
pub(super) struct Choices {
    workflow: BTreeMap<Workflow, u64>,
    severity: BTreeMap<Severity, u64>,
    owner: BTreeMap<String, u64>,
    source: BTreeMap<String, u64>,
}

impl Choices {
    /// Counts a window under each field whose filter alone may keep it out.
    pub(super) fn count(&mut self, row: &Row, record: &WindowRecord, misses: Misses) {
        if (Misses { workflow: false, ..misses }).none() {
            *self.workflow.entry(row.workflow).or_default() += 1;
        }
        let severity = row.severity.filter(|_| Misses { severity: false, ..misses }.none());
        if let Some(severity) = severity {
            *self.severity.entry(severity).or_default() += 1;
        }
        let owner = Misses { owner: false, ..misses };
        let source = Misses { source: false, ..misses };
        for (choices, text, misses) in
            [(&mut self.owner, &record.owner, owner), (&mut self.source, &record.source, source)]
        {
            let Some(text) = text.as_ref().filter(|_| misses.none()) else { continue };
            if let Some(count) = choices.get_mut(text) {
                *count += 1;
            } else if choices.len() < CHOICES_MAX {
                choices.insert(text.clone(), 1);
            }
        }
    }
}
