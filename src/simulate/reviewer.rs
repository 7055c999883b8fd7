//! One reviewer: a behaviour, and counts of the decisions.
//!
//! Invariants: reviews of one reviewer are numbered in the order of their decisions,
//! and no decision comes before the one with the number below it.

use serde::Serialize;

use crate::event::words;
use crate::time::{Span, Timestamp};

use super::dice::Dice;

words! {
    /// A manner of reviewing.
    Behaviour {
        /// Opens the evidence, reads at an ordinary pace, mostly sees wrong advice.
        Diligent = "diligent",
        /// Reads near the limit of what is possible and sometimes beyond it.
        Hurried = "hurried",
        /// Gets more than there is time for, waits long and decides in batches.
        Overloaded = "overloaded",
        /// Approves within seconds, unread, with the same words.
        RubberStamping = "rubber_stamping",
        /// Begins diligent and slowly comes to rubber-stamp.
        Drifting = "drifting",
    }
}

/// The probabilities and times of a behaviour.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Habits {
    /// Probability of opening the evidence before deciding.
    pub opens: f64,
    /// Reading pace in words per minute, uniform between the two.
    pub words_per_minute: (u32, u32),
    /// Time to judge what was read, in milliseconds, uniform between the two.
    pub judging_ms: (i64, i64),
    /// Probability of agreeing with right advice.
    pub agrees_when_right: f64,
    /// Probability of agreeing with wrong advice.
    pub agrees_when_wrong: f64,
    /// Probability of giving the reviewer's stock reasons.
    pub templated: f64,
    /// Probability of deciding in a batch.
    pub batches: f64,
    /// Probability of jumping at a case within 3 seconds of the advice.
    pub jumps: f64,
    /// Median time until the case is looked at, in milliseconds.
    pub reaction_ms: i64,
}

const DILIGENT: Habits = Habits {
    opens: 0.985,
    words_per_minute: (150, 238),
    judging_ms: (8_000, 75_000),
    agrees_when_right: 0.96,
    agrees_when_wrong: 0.15,
    templated: 0.01,
    batches: 0.0,
    jumps: 0.0,
    reaction_ms: 95_000,
};
const HURRIED: Habits = Habits {
    opens: 0.95,
    words_per_minute: (240, 350),
    judging_ms: (0, 4_000),
    agrees_when_right: 0.975,
    agrees_when_wrong: 0.45,
    templated: 0.10,
    batches: 0.0,
    jumps: 0.0,
    reaction_ms: 60_000,
};
const OVERLOADED: Habits = Habits {
    opens: 0.60,
    words_per_minute: (220, 320),
    judging_ms: (0, 6_000),
    agrees_when_right: 0.98,
    agrees_when_wrong: 0.60,
    templated: 0.20,
    batches: 0.65,
    jumps: 0.0,
    reaction_ms: 420_000,
};
const RUBBER_STAMPING: Habits = Habits {
    opens: 0.03,
    words_per_minute: (0, 0),
    judging_ms: (1_000, 5_000),
    agrees_when_right: 0.998,
    agrees_when_wrong: 0.985,
    templated: 0.95,
    batches: 0.0,
    jumps: 0.80,
    reaction_ms: 60_000,
};

/// Decisions over which a drifting reviewer changes from one behaviour to the other.
pub const DRIFT_LENGTH: u64 = 150;

impl Behaviour {
    /// The habits; those of a drifting reviewer are the habits at the beginning.
    pub const fn habits(self) -> Habits {
        match self {
            Behaviour::Diligent | Behaviour::Drifting => DILIGENT,
            Behaviour::Hurried => HURRIED,
            Behaviour::Overloaded => OVERLOADED,
            Behaviour::RubberStamping => RUBBER_STAMPING,
        }
    }
}

/// Counts of a reviewer's decisions, from which follow the rates that a detector must find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// First decisions of a window.
    pub reviews: u64,
    /// … with advice given and either agreed or disagreed.
    pub judged: u64,
    /// … of those, agreed.
    pub agreed: u64,
    /// … of the judged, those with wrong advice.
    pub wrong_advice: u64,
    /// … of those, agreed: misses.
    pub wrong_agreed: u64,
    /// Seeded cases among the wrong advice.
    pub seeded: u64,
    /// … of those, agreed.
    pub seeded_missed: u64,
    /// Evidence opened before deciding.
    pub opened: u64,
    /// Decisions quicker, from looking to deciding, than 300 words per minute
    /// allow; batches not counted.
    pub below_floor: u64,
    /// Decisions taken in batches.
    pub batched: u64,
    /// Decisions without authority.
    pub unauthorized: u64,
    /// Decisions on a change that the reviewer had asked for.
    pub self_approved: u64,
}

/// A person who reviews.
#[derive(Clone, Debug)]
pub(super) struct Reviewer {
    pub(super) name: String,
    pub(super) behaviour: Behaviour,
    /// First hour of the shift (UTC); it lasts eight.
    pub(super) shift_from: u8,
    pub(super) weekends: bool,
    /// Whether doubtful cases are handed on.
    pub(super) junior: bool,
    /// The end of the work already accepted.
    pub(super) free_at: Timestamp,
    /// Stock reasons: digest and number of words.
    pub(super) stock_reasons: (String, u32),
    /// A drifting reviewer begins to drift after so many decisions …
    pub(super) change_after: Option<u64>,
    /// … which was at this time.
    pub(super) changed_at: Option<Timestamp>,
    pub(super) tally: Tally,
}

impl Reviewer {
    /// The habits of the next decision. A drifting reviewer mixes the two behaviours, with more
    /// of the second at every decision.
    pub(super) fn habits(&self, dice: &mut Dice) -> Habits {
        let drifted =
            self.change_after.map_or(0, |change| self.tally.reviews.saturating_sub(change));
        if drifted > 0 && dice.below(DRIFT_LENGTH) < drifted {
            return Behaviour::RubberStamping.habits();
        }
        self.behaviour.habits()
    }

    /// Counts a decision and returns its number, from 1.
    pub(super) fn decides(&mut self, at: Timestamp) -> u64 {
        self.tally.reviews += 1;
        if self.change_after.is_some_and(|change| self.tally.reviews == change + 1) {
            self.changed_at = Some(at);
        }
        self.tally.reviews
    }
}

/// The time to read `words` at 300 words per minute.
pub(super) const fn reading_floor(words: u32) -> Span {
    Span::from_millis(words as i64 * 200)
}
