//! The health of this process's workers, which `/healthz` and `/readyz` show.
//!
//! Invariants: a worker only touches its own [`WorkerHealth`], and only atomics on its hot
//! path; whoever asks brings the time and decides whether the worker is well. Progress is
//! measured by uptime: a clock that is set neither hides a stall nor makes one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::metrics::PipelineStage;
use crate::time::{Span, Timestamp};

/// All workers of the process.
#[derive(Debug, Default)]
pub struct Health {
    workers: Mutex<BTreeMap<(PipelineStage, u32), Arc<WorkerHealth>>>,
    stopping: AtomicBool,
    /// Why nothing can be made durable; `None` when it can.
    trouble: Mutex<Option<String>>,
    /// When the oldest delivery arrived that is not durable yet, in milliseconds since the
    /// epoch; 0 if none waits.
    waiting_since_ms: AtomicI64,
    /// Up to when everything has been taken in, in milliseconds since the epoch; 0 if nobody says.
    reached_ms: AtomicI64,
}

/// Sessions in a row that may end without a commit. A worker beyond them does no work, whatever
/// it tries: it is not healthy any more.
const RESTARTS_MAX: u32 = 10;

/// The health of one worker.
#[derive(Debug)]
pub struct WorkerHealth {
    stage: PipelineStage,
    number: u32,
    /// Uptime in milliseconds when it last made progress.
    progress_ms: AtomicI64,
    assigned: AtomicBool,
    caught_up: AtomicBool,
    /// Whether it was at their end once since they were assigned.
    was_caught_up: AtomicBool,
    /// Sessions that have ended without a commit since the last commit.
    restarts: AtomicU32,
    rare: Mutex<Rare>,
}

/// What changes with assignments and failures only.
#[derive(Clone, Debug, Default)]
struct Rare {
    restoring: BTreeMap<i32, Restoring>,
    fatal: Option<String>,
    /// Why the latest session ended.
    restarted: String,
}

/// How far the restore of a partition is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Restoring {
    /// Records read.
    pub restored: u64,
    /// Records to read in all, as far as that is known.
    pub expected: u64,
}

/// How one worker is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WorkerReport {
    /// The stage that it runs.
    pub stage: PipelineStage,
    /// Which of the stage's workers, from 0.
    pub worker: u32,
    /// Whether it has an assignment, which may be empty.
    pub assigned: bool,
    /// Partitions whose state is not restored yet.
    pub restoring: BTreeMap<i32, Restoring>,
    /// Whether it has read its partitions to their ends since they were assigned.
    pub caught_up: bool,
    /// How long ago it made progress, in milliseconds.
    pub idle_ms: i64,
    /// Whether that is too long ago.
    pub stalled: bool,
    /// Why it commits nothing although it begins anew again and again.
    pub fruitless: Option<String>,
    /// Why it ended, if it did.
    pub fatal: Option<String>,
}

impl WorkerReport {
    /// Whether it works: it has neither ended nor stalled, and does not begin anew in vain.
    pub fn alive(&self) -> bool {
        self.fatal.is_none() && !self.stalled && self.fruitless.is_none()
    }

    /// Whether it does its part: it works, and has its partitions with their state.
    pub fn ready(&self) -> bool {
        self.alive() && self.assigned && self.restoring.is_empty()
    }
}

impl Health {
    /// No workers yet.
    pub fn new() -> Health {
        Health::default()
    }

    /// Enters a worker and returns its health; it counts as having made progress at `uptime`. A
    /// worker that is started again replaces its old entry. Enter all workers before any of
    /// them starts: nobody waits for one that is not entered.
    pub fn worker(&self, stage: PipelineStage, number: u32, uptime: Span) -> Arc<WorkerHealth> {
        let worker = Arc::new(WorkerHealth {
            stage,
            number,
            progress_ms: AtomicI64::new(uptime.as_millis()),
            assigned: AtomicBool::new(false),
            caught_up: AtomicBool::new(false),
            was_caught_up: AtomicBool::new(false),
            restarts: AtomicU32::new(0),
            rare: Mutex::default(),
        });
        lock(&self.workers).insert((stage, number), Arc::clone(&worker));
        worker
    }

    /// Whether a worker of a stage has not been at the end of its partitions since it got them:
    /// what is shown is of an earlier time.
    pub fn catching_up(&self) -> bool {
        let behind = |worker: &WorkerHealth| {
            worker.stage != PipelineStage::Receivers
                && !worker.was_caught_up.load(Ordering::Relaxed)
        };
        lock(&self.workers).values().any(|worker| behind(worker))
    }

    /// Everything up to `at` has been taken in.
    pub fn reached(&self, at: Timestamp) {
        self.reached_ms.store(at.as_millis(), Ordering::Relaxed);
    }

    /// How far what was taken in is behind `now`; `None` if nobody says.
    pub fn behind(&self, now: Timestamp) -> Option<Span> {
        let reached_ms = self.reached_ms.load(Ordering::Relaxed);
        (reached_ms != 0).then(|| now.since(Timestamp::from_millis(reached_ms)).max(Span::ZERO))
    }

    /// The process is about to end: it is not ready any more.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the process is about to end.
    pub fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Why nothing can be made durable at present; `None` when it can. Operators see it, so it
    /// must not hold a secret.
    pub fn set_trouble(&self, why: Option<String>) {
        *lock(&self.trouble) = why;
    }

    /// Why nothing can be made durable at present.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    /// When the oldest delivery arrived that is not durable yet; `None` if none waits. Cheap.
    pub fn set_waiting_since(&self, arrived_at: Option<Timestamp>) {
        let since = arrived_at.map_or(0, Timestamp::as_millis);
        self.waiting_since_ms.store(since, Ordering::Relaxed);
    }

    /// For how long the oldest delivery has waited at `now`.
    pub fn waiting(&self, now: Timestamp) -> Span {
        match self.waiting_since_ms.load(Ordering::Relaxed) {
            0 => Span::ZERO,
            since => now.since(Timestamp::from_millis(since)).max(Span::ZERO),
        }
    }

    /// All workers as they are at `uptime`, in order. One without progress for longer
    /// than `stalled_after` is stalled.
    pub fn report(&self, uptime: Span, stalled_after: Span) -> Vec<WorkerReport> {
        let workers: Vec<_> = lock(&self.workers).values().cloned().collect();
        workers.iter().map(|worker| worker.report(uptime, stalled_after)).collect()
    }
}

impl WorkerHealth {
    /// It has gone through its loop once. Cheap.
    pub fn progressed(&self, uptime: Span) {
        self.progress_ms.store(uptime.as_millis(), Ordering::Relaxed);
    }

    /// It has an assignment, which may be empty.
    pub fn assigned(&self) {
        self.assigned.store(true, Ordering::Relaxed);
    }

    /// Its assignment was revoked, and it has yet to catch up.
    pub fn revoked(&self) {
        self.assigned.store(false, Ordering::Relaxed);
        self.caught_up.store(false, Ordering::Relaxed);
        self.was_caught_up.store(false, Ordering::Relaxed);
        lock(&self.rare).restoring.clear();
    }

    /// The restore of a partition begins.
    pub fn restoring(&self, partition: i32) {
        lock(&self.rare).restoring.insert(partition, Restoring::default());
    }

    /// How far that is. Ignored for a partition that is no longer to be restored.
    pub fn read_back(&self, partition: i32, progress: Restoring) {
        if let Some(known) = lock(&self.rare).restoring.get_mut(&partition) {
            *known = progress;
        }
    }

    /// A partition is restored, or no longer to be.
    pub fn restored(&self, partition: i32) {
        lock(&self.rare).restoring.remove(&partition);
    }

    /// Whether it is at the end of its partitions. Cheap.
    pub fn caught_up(&self, caught_up: bool) {
        self.caught_up.store(caught_up, Ordering::Relaxed);
        if caught_up {
            self.was_caught_up.store(true, Ordering::Relaxed);
        }
    }

    /// A session has ended, and the next one begins. Operators see `why`, so it must not hold a
    /// secret. Returns whether the worker counts as one that works in vain from now on.
    pub fn restarted(&self, why: &str) -> bool {
        why.clone_into(&mut lock(&self.rare).restarted);
        self.restarts.fetch_add(1, Ordering::Relaxed) + 1 == RESTARTS_MAX
    }

    /// It has committed, or has had nothing to commit for a while. Cheap.
    pub fn committed(&self) {
        self.restarts.store(0, Ordering::Relaxed);
    }

    /// It has ended. Operators see `why`, so it must not hold a secret.
    pub fn failed(&self, why: String) {
        lock(&self.rare).fatal = Some(why);
    }

    fn report(&self, uptime: Span, stalled_after: Span) -> WorkerReport {
        let rare = lock(&self.rare).clone();
        let progress_ms = self.progress_ms.load(Ordering::Relaxed);
        let idle = Span::from_millis((uptime.as_millis() - progress_ms).max(0));
        WorkerReport {
            stage: self.stage,
            worker: self.number,
            assigned: self.assigned.load(Ordering::Relaxed),
            restoring: rare.restoring,
            caught_up: self.caught_up.load(Ordering::Relaxed),
            idle_ms: idle.as_millis(),
            stalled: idle > stalled_after,
            fruitless: Some(self.restarts.load(Ordering::Relaxed))
                .filter(|restarts| *restarts >= RESTARTS_MAX)
                .map(|restarts| {
                    format!("{restarts} sessions without a commit: {}", rare.restarted)
                }),
            fatal: rare.fatal,
        }
    }
}

/// What a panic elsewhere left behind is still right: each change is a single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Span = Span::from_secs(60);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + second * 1000)
    }

    fn up(second: i64) -> Span {
        Span::from_secs(second)
    }

    fn only(health: &Health, uptime: Span) -> WorkerReport {
        let [report] = health.report(uptime, LIMIT).try_into().unwrap();
        report
    }

    #[test]
    fn a_worker_catches_up_once_after_each_assignment() {
        let health = Health::new();
        let worker = health.worker(PipelineStage::Windows, 0, up(0));
        health.worker(PipelineStage::Receivers, 0, up(0));
        assert!(health.catching_up());
        assert_eq!(health.behind(at(60)), None);
        health.reached(at(20));
        assert_eq!(health.behind(at(60)), Some(Span::from_secs(40)));
        worker.caught_up(true);
        // What comes at the moment is no reason to doubt what is shown.
        worker.caught_up(false);
        assert!(!health.catching_up());
        worker.revoked();
        assert!(health.catching_up());
    }

    #[test]
    fn a_worker_is_ready_when_it_has_its_partitions_and_their_state() {
        let health = Health::new();
        let worker = health.worker(PipelineStage::Windows, 0, up(0));
        assert!(only(&health, up(1)).alive() && !only(&health, up(1)).ready());
        worker.restoring(3);
        worker.read_back(3, Restoring { restored: 5, expected: 10 });
        worker.read_back(4, Restoring { restored: 1, expected: 1 });
        worker.assigned();
        let report = only(&health, up(1));
        assert!(!report.ready());
        assert_eq!(report.restoring[&3], Restoring { restored: 5, expected: 10 });
        worker.restored(3);
        assert!(only(&health, up(1)).ready());
        worker.revoked();
        assert!(!only(&health, up(1)).ready());
    }

    #[test]
    fn no_progress_for_too_long_is_a_stall_until_there_is_some() {
        let health = Health::new();
        let worker = health.worker(PipelineStage::Intake, 0, up(0));
        worker.assigned();
        assert!(!only(&health, up(60)).stalled);
        let stalled = only(&health, up(61));
        assert!(stalled.stalled && !stalled.alive() && !stalled.ready());
        worker.progressed(up(61));
        assert!(only(&health, up(121)).ready());
        // Whoever asks may have looked at the time before the worker did.
        assert_eq!((only(&health, up(50)).idle_ms, only(&health, up(62)).idle_ms), (0, 1000));
    }

    #[test]
    fn one_that_begins_anew_again_and_again_without_a_commit_is_not_well() {
        let health = Health::new();
        let worker = health.worker(PipelineStage::Windows, 0, up(0));
        worker.assigned();
        for _ in 1..RESTARTS_MAX {
            assert!(!worker.restarted("the broker refused the commit"));
        }
        assert!(only(&health, up(1)).ready());
        assert!(worker.restarted("the broker refused the commit"));
        let report = only(&health, up(1));
        assert!(!report.alive() && !report.ready());
        assert!(report.fruitless.unwrap().ends_with("the broker refused the commit"));
        worker.committed();
        assert!(only(&health, up(1)).ready());
    }

    #[test]
    fn the_oldest_delivery_tells_how_far_behind_it_is() {
        let health = Health::new();
        assert_eq!(health.waiting(at(9)), Span::ZERO);
        health.set_waiting_since(Some(at(2)));
        assert_eq!(
            (health.waiting(at(9)), health.waiting(at(1))),
            (Span::from_secs(7), Span::ZERO)
        );
        health.set_waiting_since(None);
        assert_eq!(health.waiting(at(9)), Span::ZERO);
    }

    #[test]
    fn a_worker_that_ended_says_why_until_it_is_started_again() {
        let health = Health::new();
        let worker = health.worker(PipelineStage::Windows, 1, up(0));
        health.worker(PipelineStage::Windows, 0, up(0));
        worker.failed("the changelog is from a newer version".to_owned());
        let reports = health.report(up(1), LIMIT);
        assert_eq!(
            reports.iter().map(|r| (r.worker, r.alive())).collect::<Vec<_>>(),
            [(0, true), (1, false)]
        );
        health.worker(PipelineStage::Windows, 1, up(2));
        assert!(health.report(up(3), LIMIT).iter().all(WorkerReport::alive));
    }
}
