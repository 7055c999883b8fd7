//! Windows a page at a time, the most urgent first.
//!
//! Invariants: windows are sorted by (attack, start, name), so a window moves only when an
//! attack is observed or answered, or its start changes; the next page begins after a sort key, not after a number of windows,
//! so windows that come and go between two pages make it neither repeat nor skip one;
//! a lock is held for a bounded number of windows.

use std::ops::Bound;
use std::sync::Arc;

use super::row::{Row, SortKey};
use super::store::View;
use crate::engine::windows::State;
use crate::event::Workflow;

/// Windows looked at under one lock.
const STRETCH: usize = 2_000;

/// Bytes of records on one page at most; a page has at least one record.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// Which windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In this state; `None` for any.
    pub state: Option<State>,
    /// Of this workflow; `None` for any.
    pub workflow: Option<Workflow>,
}

impl Filter {
    fn matches(&self, row: &Row) -> bool {
        self.state.is_none_or(|state| row.state == state)
            && self.workflow.is_none_or(|workflow| row.workflow == workflow)
    }
}

/// Some windows in order.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The windows.
    pub rows: Vec<Arc<Row>>,
    /// Where the next page begins: after this sort key; `None` on the last page.
    pub next: Option<SortKey>,
}

impl View {
    /// Up to `limit` windows that match `filter`, after the sort key `after`.
    pub fn page(&self, filter: &Filter, after: Option<SortKey>, limit: usize) -> Page {
        let (mut page, mut bytes) = (Page::default(), 0);
        let mut last = None;
        self.walk(after, |key, row| {
            if !filter.matches(row) {
                return true;
            }
            let full = page.rows.len() >= limit || bytes >= PAGE_BYTES_MAX;
            if full {
                // There is one more window, with which the next page begins.
                page.next = last.take();
                return false;
            }
            bytes += row.record.len();
            page.rows.push(Arc::clone(row));
            last = Some(key.clone());
            true
        });
        page
    }

    /// Visits all windows, the most urgent first.
    pub fn each(&self, mut visit: impl FnMut(&Arc<Row>)) {
        self.walk(None, |_, row| {
            visit(row);
            true
        });
    }

    /// The names of all windows. They are copied, so that a slow reader holds no lock.
    pub fn names(&self) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        self.walk(None, |key, _| {
            names.push(Arc::clone(&key.exposure_id));
            true
        });
        names
    }

    /// Visits the windows after `after`, in order, until `visit` returns `false`.
    /// Releases the lock after every stretch, so that the writer can go on.
    pub(super) fn walk(
        &self,
        mut after: Option<SortKey>,
        mut visit: impl FnMut(&SortKey, &Arc<Row>) -> bool,
    ) {
        loop {
            let orders = self.orders();
            let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let mut stretch =
                orders.by_urgency.range::<SortKey, _>((from, Bound::Unbounded)).take(STRETCH);
            let mut reached = None;
            for (key, row) in stretch.by_ref() {
                if !visit(key, row) {
                    return;
                }
                reached = Some(key);
            }
            match reached.cloned() {
                Some(key) => after = Some(key),
                None => return,
            }
        }
    }
}
