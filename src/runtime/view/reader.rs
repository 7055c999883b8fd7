//! The thread that reads the ledger into the view.
//!
//! At first it lets the workers restore their state: their work is more urgent than
//! showing it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::{info, warn};

use super::apply::Applied;
use super::store::View;
use crate::runtime::clock;
use crate::runtime::health::{Health, WorkerReport};
use crate::runtime::kafka::tail::{Follow, Follower, Record, Topic};
use crate::runtime::read_progress::ReadProgress;
use crate::time::{Span, Timestamp};

/// How often to look at the workers, and so how soon a stop is seen.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often windows that closed too long ago are removed.
const EXPIRE_EVERY: Span = Span::from_secs(5);

/// How long to wait at most for workers that restore their state.
const RESTORE_WITHIN: Span = Span::from_secs(20);

/// How long to wait at most for workers to get their partitions. The machine has
/// nothing else to do while they wait for their group.
const ASSIGNED_WITHIN: Span = Span::from_secs(3);

/// What the thread needs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The ledger's topic.
    pub topic: Topic,
    /// The view to fill.
    pub view: Arc<View>,
    /// The workers, which restore their state first.
    pub health: Arc<Health>,
    /// Ends the thread when set.
    pub stop: Arc<AtomicBool>,
    /// The time.
    pub now: fn() -> Timestamp,
}

/// Starts the thread.
///
/// # Errors
/// When the system has no thread to give.
pub fn spawn(options: Options) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("view".to_owned()).spawn(move || run(&options))
}

fn run(options: &Options) {
    let Options { topic, view, stop, now, .. } = options;
    let began = clock::uptime();
    while !stop.load(Ordering::Relaxed)
        && clock::uptime() < began + RESTORE_WITHIN
        && restoring(options, began)
    {
        thread::sleep(LOOK_EVERY);
    }
    let mut reader = Reader { view, topic: topic.name(), now: *now, expired_at: None };
    Follow { topic, purpose: "view", check_ends: true, now: *now, stop }.run(&mut reader);
}

/// Whether a worker restores its state, or may be about to.
fn restoring(options: &Options, began: Span) -> bool {
    let soon = clock::uptime() < began + ASSIGNED_WITHIN;
    let workers = options.health.report(clock::uptime(), Span::MAX);
    let busy = |it: &WorkerReport| !it.restoring.is_empty() || soon && !it.assigned;
    workers.iter().any(|worker| worker.alive() && busy(worker))
}

/// Applies the ledger's records to the view.
struct Reader<'o> {
    view: &'o View,
    topic: &'o str,
    now: fn() -> Timestamp,
    expired_at: Option<Timestamp>,
}

impl Follower for Reader<'_> {
    fn record(&mut self, record: &Record<'_>) {
        let applied = self.view.apply(record.key, record.value, (self.now)());
        if let Applied::Foreign(why) = applied {
            // A topic full of foreign records must not fill the log as well.
            let foreign = self.view.status().foreign;
            if foreign.is_power_of_two() {
                let (topic, partition, offset) = (self.topic, record.partition, record.offset);
                warn!(topic, partition, offset, foreign, "not a record of the ledger: {why:?}");
            }
        }
    }

    fn caught_up(&mut self) {
        info!(topic = self.topic, "the view has caught up");
    }

    fn restart(&mut self) {
        self.view.clear();
    }

    fn tick(&mut self) -> Option<Span> {
        let now = (self.now)();
        if self.expired_at.is_none_or(|expired| now.since(expired) >= EXPIRE_EVERY) {
            self.expired_at = Some(now);
            self.view.expire(now);
        }
        None
    }

    fn progress<T>(&mut self, with: impl FnOnce(&mut ReadProgress) -> T) -> T {
        self.view.progress(with)
    }
}
