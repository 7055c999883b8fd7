//! What has come to be known of a window, each thing once.
//!
//! Invariant: a milestone is reported once, across restarts too, because what was
//! reported is part of the credential's state. A counter moved
//! by milestones therefore counts a window once, whatever its revisions.

use super::window::{Stage, Window};

/// A set of milestones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Milestones(u16);

const DECIDED: u16 = 1 << Stage::ALL.len();
const SEEDED_CASE: u16 = DECIDED << 1;
const SKEWED: u16 = DECIDED << 2;
const REVIEW_DUE: u16 = DECIDED << 3;

// The bits are part of every checkpoint: the stages and the four above must fit.
const _: () = assert!(Stage::ALL.len() + 4 <= u16::BITS as usize);

impl Milestones {
    /// All that `window` has reached.
    pub fn of(window: &Window<'_>) -> Milestones {
        let mut reached = 0;
        for stage in Stage::ALL {
            if window.duration(*stage).is_some() {
                reached |= 1 << *stage as u16;
            }
        }
        let mut set = |bit, holds| reached |= if holds { bit } else { 0 };
        set(DECIDED, window.decision.is_some());
        set(SEEDED_CASE, window.seeded_case_caught().is_some());
        set(SKEWED, window.clock_skew());
        Milestones(reached)
    }

    /// Whether the length of `stage` is known.
    pub const fn stage(self, stage: Stage) -> bool {
        self.0 & (1 << stage as u16) != 0
    }

    /// Whether a person has decided.
    pub const fn decided(self) -> bool {
        self.0 & DECIDED != 0
    }

    /// Whether it turned out to be a decided, seeded case.
    pub const fn seeded_case(self) -> bool {
        self.0 & SEEDED_CASE != 0
    }

    /// The outcome of the window's review, reported once.
    pub(super) const REVIEW_DUE: Milestones = Milestones(REVIEW_DUE);

    /// Whether the outcome of the review was reported.
    pub(super) const fn review_due(self) -> bool {
        self.0 & REVIEW_DUE != 0
    }

    /// Whether its clocks contradict each other.
    pub const fn skewed(self) -> bool {
        self.0 & SKEWED != 0
    }

    /// Those that are not in `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Milestones) -> Milestones {
        Milestones(self.0 & !earlier.0)
    }

    /// Those of either.
    #[must_use]
    pub(super) const fn and(self, other: Milestones) -> Milestones {
        Milestones(self.0 | other.0)
    }

    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    pub(super) const fn from_bits(bits: u16) -> Milestones {
        Milestones(bits)
    }
}
