//! The local runtime on a store in memory, fed with events that come when a clock says so:
//! what `shutterlag demo` runs.
//!
//! Invariants: everything that is shown was committed by the same stages as in a live run;
//! time goes on in steps of bounded length, so that an alert which is over soon fires all
//! the same; each feed has a store of its own, so that a demo that nobody stops does not grow.

mod past;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::config::EngineConfig;
use crate::engine::oversight::Rules;
use crate::event::Event;
use crate::formats::Format;
use crate::metrics::PipelineStage;
use crate::runtime::clock;
use crate::runtime::health::Health;
use crate::runtime::local::{StoreFile, Transactions};
use crate::runtime::receive::Delivery;
use crate::runtime::stages::{Context, Fault};
use crate::runtime::view::View;
use crate::time::{Span, Timestamp};

/// How long a closed window waits for what may still come: the right answers of planted
/// cases become known within two days, and count only as long as their window is held.
const SETTLE: Span = Span::from_mins(50 * 60);

/// The longest step of the demo's time.
const STEP_MAX: Span = Span::from_mins(1);

/// The partition of the view: there is one.
const PARTITION: i32 = 0;

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
    /// forgotten first. Of the events of `past` only the trend knows.
    ///
    /// # Errors
    /// Rules of oversight that promise nothing.
    pub fn run(
        &self,
        past: impl Iterator<Item = Fed> + Send,
        feed: impl Iterator<Item = Fed>,
        stop: &AtomicBool,
    ) -> Result<(), Fault> {
        let rules = Rules::new(self.context.oversight.clone())
            .map_err(|fault| Fault::Lasting(fault.to_string()))?;
        self.view.clear();
        std::thread::scope(|scope| {
            let past = past.map(|(_, event)| event);
            scope.spawn(|| past::look_back(&self.context, &self.view, &rules, past, stop));
            self.feed(&Arc::new(rules.clone()), feed, stop)
        })
    }

    fn feed(
        &self,
        rules: &Arc<Rules>,
        feed: impl Iterator<Item = Fed>,
        stop: &AtomicBool,
    ) -> Result<(), Fault> {
        self.view.progress(|progress| progress.assigned([(PARTITION, 0, 0)]));
        let time = self.context.clock;
        let workers = [PipelineStage::Intake, PipelineStage::Windows, PipelineStage::Oversight]
            .map(|stage| self.health.worker(stage, 0, clock::uptime()));
        workers.iter().for_each(|worker| worker.assigned());
        let config = EngineConfig {
            settle: Some(SETTLE),
            profiles: self.context.profiles,
            checkpoints: true,
            ..EngineConfig::default()
        };
        let Demo { context, view, .. } = self;
        let store = StoreFile::in_memory(&context.identity)?;
        let receivers = [("demo".to_owned(), Format::Native)];
        let mut transactions =
            Transactions::restore(&store, context, view, &config, rules, &receivers)?;
        let mut feed = feed.peekable();
        let mut reached = None;
        while !stop.load(Ordering::Relaxed) {
            let now = time.now();
            let until = step_until(reached, now, feed.peek().map(|(at, _)| *at));
            let mut deliveries = Vec::new();
            while let Some((at, event)) = feed.next_if(|(at, _)| *at <= until) {
                let body = serde_json::to_vec(&event);
                let body = body.map_err(|error| Fault::Lasting(error.to_string()))?;
                deliveries.push(Delivery::unasked(body, at));
            }
            transactions.transact(&mut deliveries, until)?;
            reached = Some(until);
            self.health.reached(until);
            if until < now {
                continue;
            }
            self.view.expire(now);
            workers.iter().for_each(|worker| {
                worker.progressed(clock::uptime());
                worker.caught_up(true);
            });
            let Some((next, _)) = feed.peek() else { break };
            let next = transactions.next_due().map_or(*next, |own| own.min(*next));
            std::thread::sleep(self.pause(now, next));
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

/// How far time may go in one step towards `now`. Over a stretch without events, such as that
/// before the first one, it goes at once.
fn step_until(reached: Option<Timestamp>, now: Timestamp, next: Option<Timestamp>) -> Timestamp {
    match reached.or(next) {
        Some(reached) => now.min(reached + STEP_MAX),
        None => now,
    }
}
