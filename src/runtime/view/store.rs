//! The view itself: the windows, sorted, and how far the ledger has been read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dashmap::DashMap;
use foldhash::quality::RandomState;
use serde::Serialize;

use super::packed;
use super::row::{Attack, Row, SortKey};
use super::trend::Past;
use crate::engine::windows::State;
use crate::event::Workflow;
use crate::metrics::ViewFigures;
use crate::runtime::read_progress::ReadProgress;
use crate::time::{Span, Timestamp};

/// How much the view holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Windows at most. When one more comes, the window that was closed first goes.
    pub windows_max: usize,
    /// How long a closed window stays.
    pub closed_kept: Span,
}

impl Bounds {
    /// The usual time that a closed window stays: a day.
    pub const CLOSED_KEPT: Span = Span::from_mins(24 * 60);
}

/// The windows of all instances.
#[derive(Debug)]
pub struct View {
    pub(super) bounds: Bounds,
    pub(super) rows: DashMap<Arc<str>, Arc<Row>, RandomState>,
    orders: RwLock<Orders>,
    pub(super) past: Mutex<Past>,
    progress: Mutex<ReadProgress>,
    pub(super) not_kept: AtomicU64,
    pub(super) closed_dropped: AtomicU64,
    pub(super) foreign: AtomicU64,
}

/// The same rows, sorted.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) by_urgency: BTreeMap<SortKey, Arc<Row>>,
    pub(super) by_closing: BTreeSet<(Timestamp, Arc<str>)>,
    pub(super) states: [u64; State::ALL.len()],
    /// The latest detection among the windows that found no room.
    pub(super) lost_up_to: Option<Timestamp>,
}

/// How complete and how current the view is. Every answer made from it says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Whether it has read the ledger to the end that it had at first.
    pub caught_up: bool,
    /// Records between its position and the last known end of the ledger.
    pub lag_records: u64,
    /// When the broker last reported the ledger's end; null before that.
    pub checked_at: Option<Timestamp>,
    /// Why it cannot read; null when it can.
    pub trouble: Option<String>,
    /// Windows held.
    pub windows: u64,
    /// Windows that it may hold.
    pub windows_max: u64,
    /// Records of open windows that found no room. The view lacks these windows.
    pub not_kept: u64,
    /// Closed windows that were removed early to make room.
    pub closed_dropped: u64,
    /// Records that are not of the ledger, or that this version cannot read. Each time that a
    /// record held cannot be unpacked counts as well.
    pub foreign: u64,
}

impl View {
    /// An empty view.
    pub fn new(bounds: Bounds) -> View {
        View {
            bounds,
            rows: DashMap::with_hasher(RandomState::default()),
            orders: RwLock::default(),
            past: Mutex::default(),
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

    /// How complete and how current the view is.
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
            windows: self.orders().by_urgency.len() as u64,
            windows_max: self.bounds.windows_max as u64,
            not_kept: self.not_kept.load(Ordering::Relaxed),
            closed_dropped: self.closed_dropped.load(Ordering::Relaxed),
            foreign: self.unread(),
        }
    }

    /// Its metrics.
    pub fn metrics(&self) -> ViewFigures {
        let orders = self.orders();
        let mut attacked = [0; Workflow::ALL.len()];
        // They come first.
        for row in orders.by_urgency.values().take_while(|row| row.attack == Attack::Observed) {
            attacked[row.workflow as usize] += 1;
        }
        let windows = orders.states;
        drop(orders);
        ViewFigures {
            windows,
            attacked: self.progress(|progress| progress.caught_up()).then_some(attacked),
            lag_records: self.progress(|progress| progress.lag_records()),
            not_kept: self.not_kept.load(Ordering::Relaxed),
            foreign: self.unread(),
        }
    }

    /// Records that were not taken in, and how often one that is held could not be unpacked.
    fn unread(&self) -> u64 {
        self.foreign.load(Ordering::Relaxed) + packed::unreadable()
    }

    /// Reads or changes how far the ledger has been read.
    pub fn progress<T>(&self, with: impl FnOnce(&mut ReadProgress) -> T) -> T {
        with(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What has left the view.
    pub(super) fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn orders(&self) -> RwLockReadGuard<'_, Orders> {
        self.orders.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn orders_mut(&self) -> RwLockWriteGuard<'_, Orders> {
        self.orders.write().unwrap_or_else(PoisonError::into_inner)
    }
}
