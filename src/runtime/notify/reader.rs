//! Reads the alerts' topic into the alert store, and queues what is due.
//!
//! Invariants: nothing is queued before the topic was read to its end, so an alert that
//! ended meanwhile is not pushed as firing; while Kafka is down, alerts that fire are
//! still pushed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::info;

use super::queue::Queue;
use super::store::{AlertStore, Applied};
use crate::metrics::{Notify, NotifyFigures};
use crate::runtime::clock;
use crate::runtime::kafka::tail::{Follower, Record};
use crate::runtime::read_progress::ReadProgress;
use crate::time::Span;

/// How often metrics are updated.
const FIGURES_EVERY: Span = Span::from_secs(1);
/// Records after which old alerts are removed while much is read.
const FORGET_EVERY: u64 = 10_000;

pub(super) struct Reader {
    store: Arc<Mutex<AlertStore>>,
    queues: Vec<Arc<Queue>>,
    metrics: Notify,
    progress: ReadProgress,
    /// Records read since the beginning of the topic.
    records: u64,
    figures_at: Option<Span>,
}

impl Reader {
    pub(super) fn new(
        store: Arc<Mutex<AlertStore>>,
        queues: Vec<Arc<Queue>>,
        metrics: Notify,
    ) -> Reader {
        let progress = ReadProgress::default();
        Reader { store, queues, metrics, progress, records: 0, figures_at: None }
    }

    fn queue_due(&self) {
        let keys = self.store().due(clock::now());
        if keys.is_empty() {
            return;
        }
        for (number, queue) in self.queues.iter().enumerate() {
            let refused = queue.add(&keys);
            if refused > 0 {
                self.metrics.dropped(number, refused);
            }
        }
    }

    fn update_metrics(&mut self) {
        let now = clock::uptime();
        if self.figures_at.is_some_and(|updated| now < updated + FIGURES_EVERY) {
            return;
        }
        self.figures_at = Some(now);
        let unread_partitions = self.progress.unread_partitions();
        let figures = self.store().figures(clock::now());
        self.metrics.figures(&NotifyFigures { unread_partitions, ..figures });
    }

    fn store(&self) -> MutexGuard<'_, AlertStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower for Reader {
    fn record(&mut self, record: &Record<'_>) {
        let now = clock::now();
        // A timestamp in the future must not delay the push.
        let published_at = record.published_at.map_or(now, |at| at.min(now));
        let key = String::from_utf8_lossy(record.key);
        self.records += 1;
        let mut store = self.store();
        match store.apply(&key, record.value, published_at) {
            Applied::Taken => {}
            Applied::Foreign => self.metrics.foreign(),
            Applied::Full => self.metrics.not_kept(),
        }
        if self.records.is_multiple_of(FORGET_EVERY) {
            store.forget(now);
        }
    }

    fn caught_up(&mut self) {
        self.store().restored();
        info!(records = self.records, "the alerts that fire are known and will be pushed");
    }

    fn restart(&mut self) {
        self.records = 0;
        self.store().clear();
    }

    fn tick(&mut self) -> Option<Span> {
        if self.progress.caught_up() {
            self.queue_due();
        }
        self.update_metrics();
        let next = self.store().next();
        next.map(|next| next.since(clock::now()).max(Span::from_millis(1)))
    }

    fn progress<T>(&mut self, with: impl FnOnce(&mut ReadProgress) -> T) -> T {
        with(&mut self.progress)
    }
}
