//! The loop of the local runtime.
//!
//! A session lasts from a restore to the first fault. After a fault everything in memory is
//! dropped, and the next session begins from what is committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::check::Check;
use super::expire::Expiry;
use super::file::StoreFile;
use super::pipeline::PARTITION;
use super::transactions::Transactions;
use crate::config::EngineConfig;
use crate::engine::oversight::Rules;
use crate::formats::Format;
use crate::metrics::PipelineStage;
use crate::runtime::clock;
use crate::runtime::health::{Health, WorkerHealth};
use crate::runtime::notify::News;
use crate::runtime::receive::{Delivery, NotTaken, refuse};
use crate::runtime::retry::Retry;
use crate::runtime::stages::{Context, Fault};
use crate::runtime::view::View;
use crate::runtime::view::trend::HISTORY;
use crate::time::{Span, Timestamp};

/// How long it waits for deliveries at most, and so how soon a stop is seen.
const WAIT_MAX: Span = Span::from_millis(50);
/// Bytes of deliveries that share a transaction, so that a commit stays short.
const TRANSACTION_BYTES_MAX: usize = 8 << 20;
/// How often windows that closed long ago leave the view, and old events the store.
const EXPIRE_EVERY: Span = Span::from_secs(5);
/// How far back the notifier is told of alerts that no longer fire: it pushes the end of an
/// alert for a while, and counts how often one fires.
const ALERTS_KEPT: Span = Span::from_mins(24 * 60);

/// What the local runtime needs.
#[derive(Debug)]
pub struct Local {
    /// The rules of the stages, their clock, and the figures that they move.
    pub context: Arc<Context>,
    /// How it is.
    pub health: Arc<Health>,
    /// The windows to show.
    pub view: Arc<View>,
    /// How the engine treats time.
    pub config: EngineConfig,
    /// The rules by which reviews are judged.
    pub rules: Arc<Rules>,
    /// Name and format of each receiver.
    pub receivers: Vec<(String, Format)>,
    /// What the receivers got.
    pub deliveries: Receiver<Delivery>,
    /// Gets every change of an alert, if somebody pushes them.
    pub alerts: Option<Sender<News>>,
    /// How long events stay in the store.
    pub keep_events: Span,
}

impl Local {
    /// Runs until `stop` is set or a fault lasts.
    ///
    /// # Errors
    /// The fault that lasts.
    pub fn run(&self, store: &StoreFile, stop: &AtomicBool) -> Result<(), Fault> {
        let workers = [PipelineStage::Intake, PipelineStage::Windows, PipelineStage::Oversight]
            .map(|stage| self.health.worker(stage, 0, clock::uptime()));
        let ended = self.sessions(store, stop, &workers);
        if let Err(fault) = &ended {
            workers.iter().for_each(|worker| worker.failed(fault.to_string()));
        }
        ended
    }

    fn sessions(
        &self,
        store: &StoreFile,
        stop: &AtomicBool,
        workers: &[Arc<WorkerHealth>],
    ) -> Result<(), Fault> {
        let (mut retry, mut check) = (Retry::new(), None);
        loop {
            let began = clock::uptime();
            let Err(fault) = self.session(store, stop, workers, &mut check) else { return Ok(()) };
            let (why, pause) = retry.after(fault, clock::since(began))?;
            self.view.progress(|progress| progress.set_trouble(Some(why.clone())));
            self.health.set_trouble(Some(why.clone()));
            tracing::warn!("a new session begins: {why}");
            refuse(&self.deliveries, pause, stop, &why);
        }
    }

    fn session(
        &self,
        store: &StoreFile,
        stop: &AtomicBool,
        workers: &[Arc<WorkerHealth>],
        check: &mut Option<Check>,
    ) -> Result<(), Fault> {
        let began = clock::instant();
        workers.iter().for_each(|worker| worker.progressed(clock::uptime()));
        let context = &self.context;
        if self.health.trouble().is_some() {
            // Reading works on a full disk as well.
            store.try_to_write()?;
        }
        let transactions = self.restore(store)?;
        context.pipeline.restored(0, clock::instant() - began);
        let (expired_at, expiry) = (None, Expiry::default());
        let mut session = Session { local: self, store, transactions, expired_at, expiry };
        // Everything that fell due while the program did not run.
        session.step(Vec::new())?;
        workers.iter().for_each(|worker| {
            worker.progressed(clock::uptime());
            worker.assigned();
        });
        self.health.set_trouble(None);
        if check.is_none() {
            *check = Some(Check::start(store)?);
        }
        while !stop.load(Ordering::Acquire) {
            if let Some(damage) = check.as_ref().and_then(Check::damage) {
                return Err(damage);
            }
            let deliveries = session.wait();
            session.step(deliveries)?;
            let uptime = clock::uptime();
            workers.iter().for_each(|worker| {
                worker.progressed(uptime);
                worker.caught_up(self.deliveries.is_empty());
            });
        }
        // What waits in the queue was not answered yet.
        loop {
            let deliveries: Vec<Delivery> = self.deliveries.try_iter().take(1024).collect();
            if deliveries.is_empty() {
                return Ok(());
            }
            session.step(deliveries)?;
        }
    }

    /// The stages with the state that the store has. What it holds is shown meanwhile: that
    /// takes as long again.
    fn restore<'s>(&self, store: &'s StoreFile) -> Result<Transactions<'s>, Fault> {
        let reader = store.reader()?;
        let (restored, shown) = thread::scope(|scope| {
            let shown = scope.spawn(|| self.show(&{ reader }));
            let Local { context, view, config, rules, receivers, .. } = self;
            let restored = Transactions::restore(store, context, view, config, rules, receivers);
            (restored, shown.join())
        });
        shown.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        restored
    }

    /// Shows what the store holds.
    fn show(&self, store: &StoreFile) -> Result<(), Fault> {
        let now = self.context.clock.now();
        self.view.clear();
        let kept = self.view.bounds().closed_kept.max(HISTORY);
        let since = now + Span::from_millis(-kept.as_millis());
        store.windows(Some(since), &mut |key, record| {
            self.view.apply(key.as_bytes(), Some(record), now);
            Ok(())
        })?;
        self.view.progress(|progress| {
            progress.restart();
            progress.assigned([(PARTITION, 0, 0)]);
            progress.set_trouble(None);
        });
        if let Some(alerts) = &self.alerts {
            // Whoever pushes them has ended only when the program ends.
            let _ = alerts.send(News::Restart);
            let since = now + Span::from_millis(-ALERTS_KEPT.as_millis());
            store.alerts(since, &mut |key, record, at| {
                let (key, record) = (key.as_bytes().to_vec(), Some(record.to_vec()));
                let _ = alerts.send(News::Change { key, record, at });
            })?;
            let _ = alerts.send(News::CaughtUp);
        }
        Ok(())
    }
}

/// The runtime between a restore and the first fault.
struct Session<'l> {
    local: &'l Local,
    store: &'l StoreFile,
    transactions: Transactions<'l>,
    expired_at: Option<Timestamp>,
    expiry: Expiry,
}

impl Session<'_> {
    /// The deliveries of the next transaction: none when something else is due, or for a while
    /// nothing comes.
    fn wait(&mut self) -> Vec<Delivery> {
        let now = self.local.context.clock.now();
        let next =
            self.transactions.next_due().map_or(WAIT_MAX, |next| next.since(now).max(Span::ZERO));
        let mut all = Vec::new();
        let mut bytes = 0;
        match self.local.deliveries.recv_timeout(next.min(WAIT_MAX).to_std()) {
            Ok(first) => {
                bytes += first.received.body.len();
                all.push(first);
            }
            Err(RecvTimeoutError::Timeout) => return all,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(next.min(WAIT_MAX).to_std());
                return all;
            }
        }
        while bytes < TRANSACTION_BYTES_MAX
            && let Ok(delivery) = self.local.deliveries.try_recv()
        {
            bytes += delivery.received.body.len();
            all.push(delivery);
        }
        all
    }

    /// One transaction: takes the deliveries in, brings the stages up to the present, commits
    /// and answers.
    fn step(&mut self, mut deliveries: Vec<Delivery>) -> Result<(), Fault> {
        let now = self.local.context.clock.now();
        let oldest = deliveries.iter().map(|delivery| delivery.received.queued_at).min();
        self.local.health.set_waiting_since(oldest);
        let first = self.expired_at.is_none();
        let is_due = self.transactions.next_due().is_some_and(|next| next <= now);
        if deliveries.is_empty() && !first && !is_due {
            return self.expire(now);
        }
        match self.transactions.transact(&mut deliveries, now) {
            Ok(taken) => {
                if let Some(alerts) = &self.local.alerts {
                    for (key, record) in self.transactions.alerts() {
                        let _ = alerts.send(News::Change { key, record, at: now });
                    }
                }
                for (delivery, taken) in deliveries.into_iter().zip(taken) {
                    // Whoever asked may have left; what was taken stays.
                    let _ = delivery.answer.send(Ok(taken));
                }
                self.expire(now)
            }
            Err(fault) => {
                // Whoever gets an answer may ask why.
                self.local.health.set_trouble(Some(fault.to_string()));
                for delivery in deliveries {
                    let _ = delivery.answer.send(Err(NotTaken(fault.to_string())));
                }
                Err(fault)
            }
        }
    }

    /// Lets old windows leave the view, and old events the store.
    fn expire(&mut self, now: Timestamp) -> Result<(), Fault> {
        if self.expired_at.is_some_and(|expired| now.since(expired) < EXPIRE_EVERY) {
            return Ok(());
        }
        self.expired_at = Some(now);
        self.local.view.expire(now);
        let before = now + Span::from_millis(-self.local.keep_events.as_millis());
        self.expiry.step(self.store, before, now)
    }
}
