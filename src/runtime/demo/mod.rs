//! The engine in one process without Kafka, fed with events that come when a clock
//! says so: what `shutterlag demo` runs.
//!
//! ```text
//! feed ──▶ windows ──▶ ledger records ──▶ view ──▶ HTTP, board
//!             ▲  └───▶ reviews ──▶ oversight ──▶ judgements, pages
//!             └──────────────────────┘
//! ```
//!
//! Invariants: whatever is shown was said by the engine of these events; time goes
//! on in steps of bounded length, so that an alert which is
//! over soon was still said; nothing is kept that the engine and the view do not bound.

mod voice;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::config::{EngineConfig, OversightConfig, OversightFault, Profiles};
use crate::engine::Receipt;
use crate::engine::attacker::Race;
use crate::engine::oversight::{Rules, Stage};
use crate::engine::windows::{Counts, Windows};
use crate::event::Event;
use crate::formats::{Identity, RejectReason};
use crate::metrics::{Metrics, Pipeline, PipelineStage};
use crate::report::People;
use crate::runtime::clock::Clock;
use crate::runtime::health::Health;
use crate::runtime::standings::PartitionStandings;
use crate::runtime::suspicions::Suspicions;
use crate::runtime::view::View;
use crate::time::{Span, Timestamp};

use voice::Voice;

/// The longest step of the demo's time.
const STEP_MAX: Span = Span::from_mins(1);

/// How long a closed window waits for what may still come: the right answers of planted
/// cases become known within two days, and count only as long as their window is held.
const SETTLE: Span = Span::from_mins(50 * 60);

/// How long it sleeps at most: how soon a stop is seen.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// The partition under which the metrics tell of it: there is one.
const PARTITION: i32 = 0;

/// An event, and when it reaches us.
pub type Fed = (Timestamp, Event<'static>);

/// What the demo moves, and who looks at it.
#[derive(Clone, Debug)]
pub struct Demo {
    /// The time that is simulated.
    pub clock: Clock,
    /// Deadlines, and what is expected of tools.
    pub profiles: Profiles,
    /// The attackers' curves.
    pub race: Race,
    /// The rules by which reviews are judged.
    pub oversight: OversightConfig,
    /// The key of pseudonyms.
    pub identity: Identity,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Those of a live run.
    pub pipeline: Pipeline,
    /// How it is.
    pub health: Arc<Health>,
    /// The windows.
    pub view: Arc<View>,
    /// The windows that wait.
    pub standings: Arc<PartitionStandings>,
    /// Reviewers whose page is on.
    pub suspicions: Arc<Suspicions>,
}

impl Demo {
    /// Feeds the engine until the feed or the program ends; the state of an earlier
    /// feed is forgotten first. Whether there is more to come after this feed.
    ///
    /// # Errors
    /// Rules that promise nothing.
    pub fn run(
        &self,
        feed: impl Iterator<Item = Fed>,
        stop: &AtomicBool,
    ) -> Result<(), OversightFault> {
        let rules = Rules::new(self.oversight.clone())?;
        self.view.clear();
        self.suspicions.clear();
        self.view.progress(|progress| progress.assigned([(PARTITION, 0, 0)]));
        let started = self.clock.now();
        let workers = [PipelineStage::Windows, PipelineStage::Oversight]
            .map(|stage| self.health.worker(stage, 0, started));
        workers.iter().for_each(|worker| worker.assigned());
        let mut engine = Engine {
            windows: Windows::new(EngineConfig {
                settle: Some(SETTLE),
                profiles: self.profiles,
                ..EngineConfig::default()
            }),
            stage: Stage::new(rules),
            voice: Voice::new(self, People::pseudonyms(self.identity.clone())),
            counted: Counts::default(),
            reached: None,
        };
        let mut feed = feed.peekable();
        while !stop.load(Ordering::Relaxed) {
            let now = self.clock.now();
            let until = engine.step_until(now, feed.peek().map(|(at, _)| *at));
            while let Some((_, event)) = feed.next_if(|(at, _)| *at <= until) {
                engine.take(&event);
            }
            engine.advance(until);
            if until < now {
                continue;
            }
            self.tell(&engine.windows, now);
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
        let ms = (simulated_ms / self.clock.speed()).ceil().max(1.0);
        Duration::from_millis(ms as u64).min(SLEEP_MAX)
    }

    /// Shows what is held, in the metrics and the view.
    fn tell(&self, windows: &Windows, now: Timestamp) {
        self.standings.publish(PARTITION, windows);
        self.pipeline.state(PARTITION, windows.credentials() as u64, windows.state_bytes());
        self.view.expire(now);
        self.view.progress(|progress| progress.heard_of_end(PARTITION, 0, now));
    }
}

/// What holds the state.
struct Engine<'d> {
    windows: Windows,
    stage: Stage,
    voice: Voice<'d>,
    counted: Counts,
    reached: Option<Timestamp>,
}

impl Engine<'_> {
    /// How far time may go in one step towards `now`. Over a stretch in which nothing
    /// is fed, such as that before the first event, it goes at once.
    fn step_until(&self, now: Timestamp, next: Option<Timestamp>) -> Timestamp {
        match self.reached.or(next) {
            Some(reached) => now.min(reached + STEP_MAX),
            None => now,
        }
    }

    fn take(&mut self, event: &Event<'_>) {
        self.voice.pending.event(event);
        match self.windows.handle(event) {
            Receipt::Held => {}
            Receipt::Late => self.voice.pending.rejected(RejectReason::Late),
            Receipt::Refused => self.voice.pending.rejected(RejectReason::BeyondBound),
        }
    }

    fn advance(&mut self, now: Timestamp) {
        let Engine { windows, stage, voice, counted, reached } = self;
        *reached = Some(now);
        windows.advance(now, &mut |output| voice.windows(&output, now, stage));
        stage.advance(now, &mut |said| voice.oversight(&said));
        if voice.judge(windows) {
            windows.advance(now, &mut |output| voice.windows(&output, now, stage));
        }
        voice.lists(stage, now);
        let counts = windows.counts();
        voice.pending.counts(*counted, counts);
        *counted = counts;
        voice.count();
    }

    /// When something happens next, the next event coming at `next`.
    fn next_deadline(&mut self, next: Timestamp) -> Timestamp {
        let own = [self.windows.next_deadline(), self.stage.next_deadline()];
        own.into_iter().flatten().fold(next, Timestamp::min)
    }
}
