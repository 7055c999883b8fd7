//! The read view: the ledger's windows as they are now, for people to look at.
//!
//! ```text
//! ledger topic ──reader (one thread)──▶ apply ──▶ View ──▶ HTTP, metrics
//! ```
//!
//! Invariants: one writer, any number of readers, none of whom waits for another
//! for longer than it takes to copy a page; what the log says last of a name is
//! what stands, whatever its revision, since a late event can make a window smaller;
//! memory is bounded, and whatever the bound costs is counted and told; time is an
//! argument.
//!
//! A window that is not closed stays. A closed one stays for a while after its
//! closing: long enough that of every window detected in that while all is known,
//! so that figures over them leave nobody out.

mod apply;
mod figures;
mod page;
mod progress;
pub mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dashmap::DashMap;
use foldhash::quality::RandomState;
use serde::Serialize;
use serde_json::value::RawValue;

pub use apply::{Applied, Foreign};
pub use figures::{Bands, Older, Period, Reviewer, Reviewers, Summary};
pub use page::{Filter, Page, Place};
pub use progress::Progress;

use crate::engine::alerts::Moments;
use crate::engine::windows::State;
use crate::event::Workflow;
use crate::metrics::ViewFigures;
use crate::report::ledger::LedgerRecord;
use crate::time::{Span, Timestamp};

/// How much the view holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Windows at most; beyond it closed ones go first.
    pub windows_max: usize,
    /// How long a closed window stays.
    pub closed_kept: Span,
}

impl Bounds {
    /// How long a closed window stays unless told otherwise: a day.
    pub const CLOSED_KEPT: Span = Span::from_mins(24 * 60);
}

/// One window: its record as the ledger has it, and what it is ordered and
/// filtered by.
#[derive(Debug)]
pub struct Row {
    /// The record, byte for byte.
    pub record: Box<str>,
    /// The kind of process.
    pub workflow: Workflow,
    /// How far it has come.
    pub state: State,
    /// Where its measurement starts: the order of urgency.
    pub start: Timestamp,
    /// The detection that opened it.
    pub detected_at: Timestamp,
    /// The first human decision.
    pub decided_at: Option<Timestamp>,
    /// What its alerts follow from; none of a final window, which has no alerts.
    pub moments: Option<Moments>,
    /// What its stay is counted from, once it is closed.
    closed_at: Option<Timestamp>,
}

impl Row {
    /// The record, read.
    pub fn read(&self) -> Option<LedgerRecord> {
        // It was read before it was taken in, so this gives one.
        LedgerRecord::parse(self.record.as_bytes()).ok()
    }

    /// The record as JSON, to be handed on as it is.
    pub fn json(&self) -> Option<&RawValue> {
        // The same.
        serde_json::from_str(&self.record).ok()
    }
}

/// The windows of the whole fleet.
#[derive(Debug)]
pub struct View {
    bounds: Bounds,
    rows: DashMap<Arc<str>, Arc<Row>, RandomState>,
    orders: RwLock<Orders>,
    progress: Mutex<Progress>,
    not_kept: AtomicU64,
    closed_dropped: AtomicU64,
    foreign: AtomicU64,
}

/// The same rows in the orders that are asked for.
#[derive(Debug, Default)]
struct Orders {
    by_start: BTreeMap<Place, Arc<Row>>,
    by_closing: BTreeSet<(Timestamp, Arc<str>)>,
    states: [u64; State::ALL.len()],
    /// The latest detection among windows that the bound has cost.
    lost_up_to: Option<Timestamp>,
}

/// How far the view is to be trusted: part of every answer made from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Whether it has read the ledger to its end once.
    pub caught_up: bool,
    /// Records between it and the ledger's end, as last seen.
    pub lag_records: u64,
    /// When it last heard of the ledger's end; null before that.
    pub checked_at: Option<Timestamp>,
    /// What keeps it from reading; null when nothing does.
    pub trouble: Option<String>,
    /// Windows held.
    pub windows: u64,
    /// Windows that it may hold.
    pub windows_max: u64,
    /// Records of windows not closed that found no room: some are missing.
    pub not_kept: u64,
    /// Closed windows that went early to make room.
    pub closed_dropped: u64,
    /// Records that are none of ours, or that this version cannot read.
    pub foreign: u64,
}

impl View {
    /// An empty view.
    pub fn new(bounds: Bounds) -> View {
        View {
            bounds,
            rows: DashMap::with_hasher(RandomState::default()),
            orders: RwLock::default(),
            progress: Mutex::default(),
            not_kept: AtomicU64::new(0),
            closed_dropped: AtomicU64::new(0),
            foreign: AtomicU64::new(0),
        }
    }

    /// The bounds.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The window of this name.
    pub fn get(&self, exposure_id: &str) -> Option<Arc<Row>> {
        self.rows.get(exposure_id).map(|row| Arc::clone(&row))
    }

    /// How far the view is to be trusted.
    pub fn status(&self) -> Status {
        let (caught_up, lag_records, checked_at, trouble) = self.progress(|progress| {
            let trouble = progress.trouble().map(str::to_owned);
            (progress.caught_up(), progress.lag_records(), progress.checked_at(), trouble)
        });
        Status {
            caught_up,
            lag_records,
            checked_at,
            trouble,
            windows: self.orders().by_start.len() as u64,
            windows_max: self.bounds.windows_max as u64,
            not_kept: self.not_kept.load(Ordering::Relaxed),
            closed_dropped: self.closed_dropped.load(Ordering::Relaxed),
            foreign: self.foreign.load(Ordering::Relaxed),
        }
    }

    /// What its metrics tell.
    pub fn metrics(&self) -> ViewFigures {
        ViewFigures {
            windows: self.orders().states,
            lag_records: self.progress(|progress| progress.lag_records()),
            not_kept: self.not_kept.load(Ordering::Relaxed),
            foreign: self.foreign.load(Ordering::Relaxed),
        }
    }

    /// Looks at, or notes, how far the reading is.
    pub fn progress<T>(&self, with: impl FnOnce(&mut Progress) -> T) -> T {
        with(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn orders(&self) -> RwLockReadGuard<'_, Orders> {
        self.orders.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn orders_mut(&self) -> RwLockWriteGuard<'_, Orders> {
        self.orders.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
