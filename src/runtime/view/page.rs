//! Windows a page at a time, the most urgent first.
//!
//! Invariants: windows stand by (start, name), which no change of a window but its
//! start moves; a page goes on after a place, not after a number, so that what comes
//! and goes between two pages neither repeats a window nor skips one; no lock is held
//! for longer than a stretch of a bounded length.

use std::ops::Bound;
use std::sync::Arc;

use super::{Row, View};
use crate::engine::windows::State;
use crate::event::Workflow;
use crate::time::Timestamp;

/// Windows looked at under one lock.
const STRETCH: usize = 2_000;

/// The most bytes of records on one page; at least one record is.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// A window's place in the order of urgency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Where its measurement starts.
    pub start: Timestamp,
    /// Its name.
    pub exposure_id: Arc<str>,
}

/// Which windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In this state; `None` for any.
    pub state: Option<State>,
    /// Of this workflow; `None` for any.
    pub workflow: Option<Workflow>,
}

impl Filter {
    fn lets(&self, row: &Row) -> bool {
        self.state.is_none_or(|state| row.state == state)
            && self.workflow.is_none_or(|workflow| row.workflow == workflow)
    }
}

/// Some windows in order.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The windows.
    pub rows: Vec<Arc<Row>>,
    /// The place after which the next page goes on; `None` when there is none.
    pub next: Option<Place>,
}

impl View {
    /// Up to `limit` windows that `filter` lets through, after the place `after`.
    pub fn page(&self, filter: &Filter, after: Option<Place>, limit: usize) -> Page {
        let (mut page, mut bytes) = (Page::default(), 0);
        let mut last = None;
        self.walk(after, |place, row| {
            if !filter.lets(row) {
                return true;
            }
            let full = page.rows.len() >= limit || bytes >= PAGE_BYTES_MAX;
            if full {
                // There is one more: the next page begins with it.
                page.next = last.take();
                return false;
            }
            bytes += row.record.len();
            page.rows.push(Arc::clone(row));
            last = Some(place.clone());
            true
        });
        page
    }

    /// Goes through all windows, the most urgent first.
    pub fn each(&self, mut visit: impl FnMut(&Arc<Row>)) {
        self.walk(None, |_, row| {
            visit(row);
            true
        });
    }

    /// Goes through the windows after `after`, in order, until `visit` says no.
    /// The writer gets its turn after every stretch.
    pub(super) fn walk(
        &self,
        mut after: Option<Place>,
        mut visit: impl FnMut(&Place, &Arc<Row>) -> bool,
    ) {
        loop {
            let orders = self.orders();
            let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let mut stretch =
                orders.by_start.range::<Place, _>((from, Bound::Unbounded)).take(STRETCH);
            let mut reached = None;
            for (place, row) in stretch.by_ref() {
                if !visit(place, row) {
                    return;
                }
                reached = Some(place);
            }
            match reached.cloned() {
                Some(place) => after = Some(place),
                None => return,
            }
        }
    }
}
