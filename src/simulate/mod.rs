//! A simulated organisation, made from a seed, of which the whole truth is known.
//!
//! Leaks are detected, an AI advises, people of different habits decide, and attackers come
//! or do not. The output is events, some of which arrive late, twice or with the time of a
//! wrong clock, and a record of what really happened, against which a measurement of the
//! events can be checked.
//!
//! Invariants: the output depends on nothing but the [`Options`], byte for byte, on every
//! machine; no clock is read; memory depends on the windows in flight, not on the length of
//! the run.
//!
//! One run:
//!
//! ```
//! use shutterlag::simulate::{Extent, Options, Simulation};
//!
//! let options = Options { extent: Extent::Events(500), ..Options::DEFAULT };
//! let events: Vec<_> = Simulation::new(options)?.events().collect();
//! assert_eq!(events.len(), 500);
//! # Ok::<(), shutterlag::simulate::OptionError>(())
//! ```

mod arrivals;
mod beginning;
mod case;
mod delivery;
mod dice;
mod garbage;
mod options;
mod organisation;
mod outcome;
mod people;
mod review;
mod reviewer;
mod story;
mod truth;
mod week;
mod world;
mod write;

use std::collections::VecDeque;

use crate::event::{Event, Kind};
use crate::time::Timestamp;

pub use case::{Skew, System};
pub use delivery::{Delivered, Way};
pub use garbage::Fault;
pub use options::{Extent, OptionError, Options};
pub use reviewer::{Behaviour, DRIFT_LENGTH, Habits, Tally};
pub use story::story;
pub use truth::{
    Delivered as DeliveredCounts, Generated as GeneratedCounts, ReviewerTruth, Summary, WindowTruth,
};
pub use write::{WriteError, write, write_event};

use dice::{Dice, Stream};
use world::World;

/// What a simulation yields, in order of delivery.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and nearly all are events")]
pub enum Output {
    /// An event reached the reader.
    Event(Delivered),
    /// A malformed line reached the reader: its bytes, without the end of line.
    Garbage(Fault, Vec<u8>),
    /// The story of a window is complete, though some of its events may not be delivered yet.
    Window(Box<WindowTruth>),
}

/// A running simulation: an iterator over its [`Output`].
pub struct Simulation {
    world: World,
    garbage: Dice,
    ready: VecDeque<Output>,
    /// The latest time stated by an event delivered so far.
    stated: Timestamp,
    last: Timestamp,
    delivered: truth::Delivered,
    generated: truth::Generated,
    over: bool,
}

impl Simulation {
    /// An organisation on its first day.
    ///
    /// # Errors
    /// The first option that is out of its range.
    pub fn new(options: Options) -> Result<Simulation, OptionError> {
        options.check()?;
        let seed = options.seed;
        let world = World::new(options);
        Ok(Simulation {
            garbage: Dice::new(seed, Stream::Garbage),
            ready: VecDeque::new(),
            stated: Timestamp::MIN,
            last: world.options.start,
            delivered: truth::Delivered::default(),
            generated: truth::Generated::default(),
            over: false,
            world,
        })
    }

    /// The events alone, redeliveries included.
    pub fn events(self) -> impl Iterator<Item = Event<'static>> {
        self.filter_map(|output| match output {
            Output::Event(delivered) => Some(delivered.event),
            Output::Garbage(..) | Output::Window(_) => None,
        })
    }

    /// The options, and the counts so far.
    pub fn summary(&self) -> Summary {
        Summary {
            record: "parameters",
            version: env!("CARGO_PKG_VERSION"),
            options: self.world.options.clone(),
            ended_at: self.world.options.end().unwrap_or(self.last),
            delivered: self.delivered.clone(),
            generated: truth::Generated { repeats: self.world.repeats, ..self.generated.clone() },
        }
    }

    /// All reviewers, with the counts of their decisions so far.
    pub fn reviewers(&self) -> Vec<ReviewerTruth> {
        self.world.people.all().iter().map(ReviewerTruth::new).collect()
    }

    /// How many events are on their way and how many cases wait: memory depends on these.
    pub fn in_flight(&self) -> usize {
        self.world.delivery.len() + self.world.people.waiting() + self.world.arrivals.waiting()
    }

    /// Delivers the next event, and the malformed lines before it.
    fn deliver(&mut self) {
        let Some(delivered) = self.world.delivery.pop() else { return };
        while self.garbage.chance(self.world.options.garbage) {
            let fault = *self.garbage.pick(Fault::ALL);
            let line = garbage::line(fault, &delivered.event, &mut self.garbage);
            self.delivered.count_garbage(fault);
            self.ready.push_back(Output::Garbage(fault, line));
        }
        let kind: Kind = delivered.event.kind();
        self.delivered.count_event(kind, delivered.way, delivered.event.time < self.stated);
        self.stated = self.stated.max(delivered.event.time);
        self.last = delivered.at;
        self.ready.push_back(Output::Event(delivered));
    }

    /// Whether everything that the options ask for is delivered; `next` is the time of the next
    /// step.
    fn complete(&self, next: Timestamp) -> bool {
        match self.world.options.extent {
            Extent::Events(events) => self.delivered.events >= events,
            Extent::Days(_) => self.world.options.end().is_some_and(|end| next >= end),
        }
    }
}

impl Iterator for Simulation {
    type Item = Output;

    fn next(&mut self) -> Option<Output> {
        loop {
            if let Some(window) = self.world.windows.pop_front() {
                self.generated.count(&window);
                return Some(Output::Window(Box::new(window)));
            }
            if let Some(output) = self.ready.pop_front() {
                return Some(output);
            }
            if self.over {
                return None;
            }
            let story = self.world.next_story_at();
            let delivery = self.world.delivery.next_at().filter(|at| *at <= story);
            if self.complete(delivery.unwrap_or(story)) {
                self.world.leave_undecided();
                self.over = true;
            } else if delivery.is_some() {
                self.deliver();
            } else {
                self.world.advance();
            }
        }
    }
}
