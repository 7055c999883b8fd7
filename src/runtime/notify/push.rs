//! The thread that pushes to one Alertmanager.
//!
//! Invariants: an Alertmanager that is down or hangs delays no other; a push that failed
//! is repeated after a growing pause, while new alerts join the queue; an alert that was
//! refused is counted, and pushed again when it is due the next time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use super::client::{Client, PushError};
use super::queue::Queue;
use super::store::AlertStore;
use crate::metrics::Notify;
use crate::runtime::clock;
use crate::time::Span;

/// Alerts in one request, as Prometheus sends them.
const BATCH: usize = 64;
/// How long one wait for alerts lasts, and so how soon a stop is seen.
const PATIENCE: Duration = Duration::from_millis(100);
/// The first pause after a failure, doubled each time, and the longest.
const PAUSE: Span = Span::from_millis(500);
const PAUSE_MAX: Span = Span::from_secs(30);

/// What the thread works with.
pub(super) struct Pusher {
    pub(super) number: usize,
    pub(super) client: Client,
    pub(super) queue: Arc<Queue>,
    pub(super) store: Arc<Mutex<AlertStore>>,
    pub(super) metrics: Notify,
    pub(super) stop: Arc<AtomicBool>,
}

impl Pusher {
    pub(super) fn run(mut self) {
        let mut pause = PAUSE;
        let mut in_trouble = false;
        while !self.stopped() {
            self.metrics.queue(self.number, self.queue.len());
            let taken = self.queue.take(BATCH, PATIENCE);
            let now = clock::now();
            let (keys, alerts): (Vec<_>, Vec<_>) = {
                let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
                let known = |key| store.content(&key, now).map(|alert| (key, alert));
                taken.into_iter().filter_map(known).unzip()
            };
            if keys.is_empty() {
                continue;
            }
            let result = self.client.push(&alerts, now);
            self.metrics.skew(self.number, self.client.ahead());
            match result {
                Ok(()) => {
                    if std::mem::take(&mut in_trouble) {
                        info!(alertmanager = self.number, "Alertmanager accepts alerts again");
                    }
                    pause = PAUSE;
                    let now = clock::now();
                    self.metrics.pushed(self.number, keys.len() as u64, now);
                    let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
                    for since in keys.iter().filter_map(|key| store.accepted(key)) {
                        self.metrics.delay(now.since(since).to_std());
                    }
                }
                Err(PushError { failure, passing, why }) => {
                    self.metrics.failed(self.number, failure);
                    // One line, however long it lasts.
                    if !std::mem::replace(&mut in_trouble, true) {
                        warn!(
                            alertmanager = self.number,
                            "Alertmanager does not accept alerts: {why}"
                        );
                    }
                    if passing {
                        self.queue.put_back(keys);
                    } else {
                        self.metrics.dropped(self.number, keys.len() as u64);
                    }
                    self.rest(pause);
                    pause = (pause + pause).min(PAUSE_MAX);
                }
            }
        }
    }

    fn rest(&self, pause: Span) {
        let until = clock::uptime() + pause;
        while clock::uptime() < until && !self.stopped() {
            std::thread::sleep(PATIENCE.min(Duration::from_millis(50)));
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
