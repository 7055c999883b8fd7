//! What the second stage said of a decision, as a credential's state holds it.
//!
//! Invariant: sixteen bits hold it: the reasons from the lowest on, three marks above them.

use crate::engine::oversight::{HollowReason, HollowReasons};

/// What is known of a decision's judgement, in two bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Judged(u16);

const JUDGED: u16 = 1 << 15;
const UNSAID: u16 = 1 << 14;
/// It will not be judged any more.
const GIVEN_UP: u16 = 1 << 13;

// The reasons and the marks share the bits of one number in every checkpoint.
const _: () = assert!(HollowReason::ALL.len() <= 13);

impl Judged {
    /// Judged just now.
    pub(super) fn news(reasons: HollowReasons) -> Judged {
        Judged(JUDGED | UNSAID | reasons.bits())
    }

    /// It came too late to be judged, of which there is nothing to say.
    pub(super) const fn given_up() -> Judged {
        Judged(GIVEN_UP)
    }

    /// Why the decision is hollow; `None` while it is not judged.
    pub(super) fn reasons(self) -> Option<HollowReasons> {
        (self.0 & JUDGED != 0).then(|| HollowReasons::from_bits(self.0))
    }

    /// Whether the second stage has said all that it will.
    pub(super) const fn answered(self) -> bool {
        self.0 & (JUDGED | GIVEN_UP) != 0
    }

    /// Whether it is judged, and hollow.
    pub(super) fn hollow(self) -> bool {
        self.reasons().is_some_and(|reasons| !reasons.is_empty())
    }

    /// Whether it has yet to be said.
    pub(super) const fn unsaid(self) -> bool {
        self.0 & UNSAID != 0
    }

    /// The same once it is said.
    pub(super) const fn said(self) -> Judged {
        Judged(self.0 & !UNSAID)
    }

    /// Whether it says the same.
    pub(super) fn says(self, other: Judged) -> bool {
        self.said() == other.said()
    }

    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    pub(super) const fn from_bits(bits: u16) -> Judged {
        Judged(bits)
    }
}
