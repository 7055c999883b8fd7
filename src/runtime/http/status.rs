//! `/healthz` tells whether to restart the process, `/readyz` whether its answers are
//! complete.

use serde::Serialize;

use super::options::Shown;
use crate::metrics::PipelineStage;
use crate::runtime::clock;
use crate::runtime::health::WorkerReport;
use crate::runtime::view::Status;
use crate::time::{Span, Timestamp};

/// A delivery that has waited for longer shows that the process cannot follow.
const WAITING_MAX: Span = Span::from_secs(10);

/// `/healthz`. Anyone may ask without a token, so it says little.
#[derive(Debug, Serialize)]
pub(super) struct Alive {
    pub(super) healthy: bool,
    failing: Vec<Failing>,
}

#[derive(Debug, Serialize)]
struct Failing {
    stage: PipelineStage,
    worker: u32,
    /// Whether it ended. Otherwise it makes no progress.
    ended: bool,
}

/// `/readyz`
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    pub(super) ready: bool,
    /// What is missing until it is ready, one sentence each.
    missing: Vec<String>,
    as_of: Timestamp,
    workers: Vec<WorkerReport>,
    view: Status,
}

impl Ready {
    /// What is missing until it is ready.
    pub(super) fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Records that workers have yet to read to restore their state.
    pub(super) fn to_restore(&self) -> u64 {
        let restoring = self.workers.iter().flat_map(|worker| worker.restoring.values());
        restoring.map(|progress| progress.expected.saturating_sub(progress.restored)).sum()
    }

    /// How many workers there are.
    pub(super) fn workers(&self) -> usize {
        self.workers.len()
    }
}

pub(super) fn alive(shown: &Shown) -> Alive {
    let workers = shown.health.report(clock::uptime(), shown.stalled_after);
    let failing: Vec<_> = workers
        .iter()
        .filter(|worker| !worker.alive())
        .map(|worker| Failing {
            stage: worker.stage,
            worker: worker.worker,
            ended: worker.fatal.is_some(),
        })
        .collect();
    Alive { healthy: failing.is_empty(), failing }
}

pub(super) fn ready(shown: &Shown) -> Ready {
    let as_of = shown.clock.now();
    let workers = shown.health.report(clock::uptime(), shown.stalled_after);
    let view = shown.view.status();
    let mut missing = Vec::new();
    if shown.health.stopping() {
        missing.push("the process is shutting down".to_owned());
    }
    if workers.is_empty() {
        missing.push("no worker has been started".to_owned());
    }
    if let Some(why) = shown.health.trouble() {
        missing.push(format!("deliveries cannot be made durable: {why}"));
    }
    let waiting = shown.health.waiting(as_of);
    if waiting > WAITING_MAX {
        let seconds = waiting.as_millis() / 1000;
        missing.push(format!("a delivery has waited for {seconds} s to be made durable"));
    }
    workers.iter().for_each(|worker| lacks(worker, &mut missing));
    if !view.caught_up && !shown.only_receives {
        let trouble = view.trouble.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        missing.push(format!("the view has not caught up with the ledger{trouble}"));
    }
    Ready { ready: missing.is_empty(), missing, as_of, workers, view }
}

fn lacks(worker: &WorkerReport, missing: &mut Vec<String>) {
    let name = format!("worker {} of {}", worker.worker, worker.stage);
    if let Some(why) = &worker.fatal {
        missing.push(format!("{name} has ended: {why}"));
        return;
    }
    if let Some(why) = &worker.fruitless {
        missing.push(format!("{name} works in vain: {why}"));
    }
    if worker.stalled {
        missing.push(format!("{name} has made no progress for {} ms", worker.idle_ms));
    }
    if !worker.assigned {
        missing.push(format!("{name} waits for its partitions"));
    }
    for (partition, progress) in &worker.restoring {
        let (restored, expected) = (progress.restored, progress.expected);
        missing.push(format!(
            "{name} restores partition {partition}: {restored} of {expected} records"
        ));
    }
}
