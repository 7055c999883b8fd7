//! Ends a process whose worker hangs.
//!
//! A worker may wait for ever in a call that a library does not end, such as
//! `send_offsets_to_transaction` of librdkafka 2.12.1 after a coordinator was restarted. Nobody can
//! end such a call from outside, and while it lasts the worker keeps its partitions. What is
//! committed is safe: so the process ends, and whoever supervises it starts it again.

use std::sync::Arc;

use super::health::{Health, WorkerReport};
use crate::time::Span;

/// A gap between two looks that shows that the whole process stood still, and not one worker.
const STOOD_STILL: Span = Span::from_secs(5);

/// A hang lasts minutes: there is no need to look more often.
const LOOK_EVERY: Span = Span::from_secs(1);

/// Looks again and again at the progress of all workers.
#[derive(Debug)]
pub struct Watchdog {
    health: Arc<Health>,
    limit: Span,
    /// Uptime of the latest look.
    looked_at: Span,
    /// Since when every look has come in time, as uptime.
    awake_since: Span,
}

impl Watchdog {
    /// A watchdog that lets a worker make no progress for `limit` at most.
    pub fn new(health: Arc<Health>, limit: Span, uptime: Span) -> Watchdog {
        Watchdog { health, limit, looked_at: uptime, awake_since: uptime }
    }

    /// Says which worker hangs at `uptime`, and what to do. Call it once a second or more
    /// often. It passes over a worker without partitions, which may be restoring a large state.
    pub fn look(&mut self, uptime: Span) -> Option<String> {
        if elapsed(self.looked_at, uptime) < LOOK_EVERY {
            return None;
        }
        if elapsed(self.looked_at, uptime) > STOOD_STILL {
            self.awake_since = uptime;
        }
        self.looked_at = uptime;
        if elapsed(self.awake_since, uptime) <= self.limit {
            return None;
        }
        let workers = self.health.report(uptime, self.limit);
        let hangs = |it: &&WorkerReport| it.stalled && it.assigned && it.fatal.is_none();
        workers.iter().find(hangs).map(|worker| {
            format!(
                "worker {} of {} has made no progress for {} s and cannot be stopped; what is \
                 committed is safe: start the process again, or let a supervisor do so",
                worker.worker,
                worker.stage,
                worker.idle_ms / 1000
            )
        })
    }
}

fn elapsed(since: Span, until: Span) -> Span {
    Span::from_millis(until.as_millis() - since.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::PipelineStage;

    /// When it first finds a worker that hangs, if it looks each second from `from` to `to`.
    fn found(watchdog: &mut Watchdog, from: i64, to: i64) -> Option<(i64, String)> {
        (from..to).find_map(|s| watchdog.look(Span::from_secs(s)).map(|why| (s, why)))
    }

    #[test]
    fn it_finds_the_worker_that_hangs_and_no_other() {
        let health = Arc::new(Health::new());
        let hangs = health.worker(PipelineStage::Intake, 0, Span::ZERO);
        let works = health.worker(PipelineStage::Windows, 0, Span::ZERO);
        let restores = health.worker(PipelineStage::Oversight, 0, Span::ZERO);
        [&hangs, &works].iter().for_each(|it| it.assigned());
        drop(restores);
        let mut watchdog = Watchdog::new(Arc::clone(&health), Span::from_secs(120), Span::ZERO);
        for second in 0..100 {
            [&hangs, &works].iter().for_each(|it| it.progressed(Span::from_secs(second)));
            assert_eq!(watchdog.look(Span::from_secs(second)), None);
        }
        let mut at = 100;
        let why = loop {
            works.progressed(Span::from_secs(at));
            if let Some(why) = watchdog.look(Span::from_secs(at)) {
                break why;
            }
            at += 1;
        };
        assert_eq!(at, 220);
        assert!(why.starts_with("worker 0 of intake has made no progress for 121 s"), "{why}");
    }

    #[test]
    fn a_process_that_stood_still_as_a_whole_is_given_its_time() {
        let health = Arc::new(Health::new());
        health.worker(PipelineStage::Intake, 0, Span::ZERO).assigned();
        let mut watchdog = Watchdog::new(Arc::clone(&health), Span::from_secs(120), Span::ZERO);
        assert_eq!(found(&mut watchdog, 0, 60), None);
        // An hour in a debugger, or of a machine that slept.
        assert_eq!(found(&mut watchdog, 3_660, 3_781), None);
        assert_eq!(found(&mut watchdog, 3_781, 3_900).map(|(at, _)| at), Some(3_781));
    }
}
