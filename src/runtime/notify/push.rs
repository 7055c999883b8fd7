//! The thread that pushes to one Alertmanager.
//!
//! Invariants: one that is away or hangs holds up no other; what could not be
//! pushed is tried again after a pause that grows, and meanwhile everything else
//! joins the queue; what was refused is given up until its next turn, and counted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use super::board::Board;
use super::client::{Client, NotTaken};
use super::queue::Queue;
use crate::metrics::Notify;
use crate::runtime::clock;
use crate::time::Span;

/// Alerts in one request, as Prometheus sends them.
const BATCH: usize = 64;
/// How long one wait lasts, and so how soon a stop is seen.
const PATIENCE: Duration = Duration::from_millis(100);
/// The first pause after a failure, doubled each time, and the longest.
const PAUSE: Span = Span::from_millis(500);
const PAUSE_MAX: Span = Span::from_secs(30);

/// What the thread works with.
pub(super) struct Pusher {
    pub(super) number: usize,
    pub(super) client: Client,
    pub(super) queue: Arc<Queue>,
    pub(super) board: Arc<Mutex<Board>>,
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
            let (tickets, pages): (Vec<_>, Vec<_>) = {
                let board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
                let known = |ticket| board.page(&ticket, now).map(|page| (ticket, page));
                taken.into_iter().filter_map(known).unzip()
            };
            if tickets.is_empty() {
                continue;
            }
            let result = self.client.push(&pages, now);
            self.metrics.skew(self.number, self.client.ahead());
            match result {
                Ok(()) => {
                    if std::mem::take(&mut in_trouble) {
                        info!(alertmanager = self.number, "alerts are taken again");
                    }
                    pause = PAUSE;
                    let now = clock::now();
                    self.metrics.pushed(self.number, tickets.len() as u64, now);
                    let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
                    for since in tickets.iter().filter_map(|ticket| board.accepted(ticket)) {
                        let late = u64::try_from(now.since(since).as_millis()).unwrap_or(0);
                        self.metrics.delay(Duration::from_millis(late));
                    }
                }
                Err(NotTaken { failure, passing, why }) => {
                    self.metrics.failed(self.number, failure);
                    // Once, however long it lasts.
                    if !std::mem::replace(&mut in_trouble, true) {
                        warn!(alertmanager = self.number, "alerts are not taken: {why}");
                    }
                    if passing {
                        self.queue.put_back(tickets);
                    } else {
                        self.metrics.dropped(self.number, tickets.len() as u64);
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
