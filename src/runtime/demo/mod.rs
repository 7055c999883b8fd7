//! The stages in one process without Kafka, fed with events that come when a clock says
//! so: what `shutterlag demo` runs.
//!
//! ```text
//! feed ──▶ windows ──▶ ledger records ──▶ view ──▶ HTTP, board
//!             ▲  └───▶ reviews ──▶ oversight ──▶ alerts about reviewers
//!             └──── judgements ───────┘
//! ```
//!
//! Invariants: everything that is shown was published by the same stages as in a live run;
//! time goes on in steps of bounded length, so that an alert which is over soon fires all
//! the same; nothing is kept that the engine and the view do not bound.

mod engine;
mod outbox;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use self::engine::{Engine, PARTITION};
use crate::config::EngineConfig;
use crate::engine::oversight::Rules;
use crate::event::Event;
use crate::metrics::PipelineStage;
use crate::runtime::health::Health;
use crate::runtime::stages::{Context, Fault, Fresh};
use crate::runtime::view::View;
use crate::time::{Span, Timestamp};

/// How long a closed window waits for what may still come: the right answers of planted
/// cases become known within two days, and count only as long as their window is held.
const SETTLE: Span = Span::from_mins(50 * 60);

/// How long it sleeps at most: how soon a stop is seen.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// An event, and when it reaches us.
pub type Fed = (Timestamp, Event<'static>);

/// What the demo moves, and who looks at it.
#[derive(Clone, Debug)]
pub struct Demo {
    /// The rules of the stages, their clock, and the figures that they move.
    pub context: Arc<Context>,
    /// How it is.
    pub health: Arc<Health>,
    /// The windows.
    pub view: Arc<View>,
}

impl Demo {
    /// Feeds the stages until the feed or the program ends; the state of an earlier feed is
    /// forgotten first.
    ///
    /// # Errors
    /// Rules of oversight that promise nothing.
    pub fn run(&self, feed: impl Iterator<Item = Fed>, stop: &AtomicBool) -> Result<(), Fault> {
        let rules = Rules::new(self.context.oversight.clone())
            .map_err(|fault| Fault::Lasting(fault.to_string()))?;
        self.view.clear();
        self.view.progress(|progress| progress.assigned([(PARTITION, 0, 0)]));
        let clock = self.context.clock;
        let started = clock.now();
        let workers = [PipelineStage::Windows, PipelineStage::Oversight]
            .map(|stage| self.health.worker(stage, 0, started));
        workers.iter().for_each(|worker| worker.assigned());
        let windows = Fresh::Windows(Box::new(EngineConfig {
            settle: Some(SETTLE),
            profiles: self.context.profiles,
            ..EngineConfig::default()
        }));
        let mut engine = Engine::new(&self.context, &self.view, &windows, rules);
        let mut feed = feed.peekable();
        while !stop.load(Ordering::Relaxed) {
            let now = clock.now();
            let until = engine.step_until(now, feed.peek().map(|(at, _)| *at));
            while let Some((_, event)) = feed.next_if(|(at, _)| *at <= until) {
                engine.take(&event)?;
            }
            engine.advance(until)?;
            if until < now {
                continue;
            }
            self.view.expire(now);
            self.view.progress(|progress| progress.heard_of_end(PARTITION, 0, now));
            workers.iter().for_each(|worker| {
                worker.progressed(now);
                worker.caught_up(true);
            });
            let Some((next, _)) = feed.peek() else { break };
            std::thread::sleep(self.pause(now, engine.next_deadline(*next)));
        }
        Ok(())
    }

    /// How long nothing happens.
    fn pause(&self, now: Timestamp, next: Timestamp) -> Duration {
        let simulated_ms = next.since(now).as_millis().max(0) as f64;
        // In whole milliseconds, and at least one: time passes in them.
        let ms = (simulated_ms / self.context.clock.speed()).ceil().max(1.0);
        Duration::from_millis(ms as u64).min(SLEEP_MAX)
    }
}
