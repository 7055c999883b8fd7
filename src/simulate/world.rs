//! The state of the simulated organisation, and what happens next in it.
//!
//! The steps of a window are in files of their own: `beginning`, `review`, `outcome`.

use std::collections::VecDeque;

use crate::time::Timestamp;

use super::arrivals::Arrivals;
use super::delivery::Delivery;
use super::dice::{Dice, Stream, scramble};
use super::options::Options;
use super::people::People;
use super::truth::WindowTruth;

/// Everything that the stories of windows draw on.
pub(super) struct World {
    pub(super) options: Options,
    pub(super) dice: Dice,
    /// Makes the names of credentials differ from seed to seed.
    pub(super) key: u64,
    pub(super) next_case: u64,
    pub(super) repeats: u64,
    pub(super) people: People,
    pub(super) arrivals: Arrivals,
    pub(super) delivery: Delivery,
    pub(super) windows: VecDeque<WindowTruth>,
}

impl World {
    /// An organisation before its first leak.
    pub(super) fn new(options: Options) -> World {
        let seed = options.seed;
        World {
            dice: Dice::new(seed, Stream::Cases),
            key: scramble(seed),
            next_case: 0,
            repeats: 0,
            people: People::new(&options),
            arrivals: Arrivals::new(seed, options.start, options.windows_per_day()),
            delivery: Delivery::new(&options),
            windows: VecDeque::new(),
            options,
        }
    }

    /// When the next window opens or the next batch must be decided. Nothing that
    /// is still to be told can happen before.
    pub(super) fn next_story_at(&self) -> Timestamp {
        let arrival = self.arrivals.next_at();
        self.people.batch_due().map_or(arrival, |due| due.min(arrival))
    }

    pub(super) fn advance(&mut self) {
        let arrival = self.arrivals.next_at();
        if self.people.batch_due().is_some_and(|due| due <= arrival)
            && let Some((who, batch)) = self.people.take_due()
        {
            self.review_batch(who, batch.cases, batch.due);
        } else {
            let arrival = self.arrivals.pop();
            self.begin(arrival);
        }
    }

    /// The run is over: cases that still wait in a batch stay undecided. Their
    /// events could no longer be delivered, their truth is told.
    pub(super) fn leave_undecided(&mut self) {
        while let Some(batch) = self.people.take_any() {
            for case in batch.cases {
                let now = batch.due;
                self.conclude(case, None, now);
            }
        }
    }
}
