//! The oversight stage's judgement of a decision, as a credential's state holds it.
//!
//! Invariant: sixteen bits hold it: the reasons from the lowest on, four marks above them.

use crate::engine::oversight::{HollowReason, HollowReasons};

/// What is known of a decision's judgement, in two bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Judged(u16);

const JUDGED: u16 = 1 << 15;
const PENDING: u16 = 1 << 14;
/// It will not be judged any more.
const EXPIRED: u16 = 1 << 13;

// The reasons and the marks share the bits of one number in every checkpoint.
const _: () = assert!(HollowReason::ALL.len() <= 12);

impl Judged {
    /// Judged just now.
    pub(super) fn news(reasons: HollowReasons) -> Judged {
        Judged(JUDGED | PENDING | reasons.bits())
    }

    /// It came too late to be judged; that is not emitted.
    pub(super) const fn expired() -> Judged {
        Judged(EXPIRED)
    }

    /// Why the decision is hollow; `None` while it is not judged.
    pub(super) fn reasons(self) -> Option<HollowReasons> {
        (self.0 & JUDGED != 0).then(|| HollowReasons::from_bits(self.0))
    }

    /// Whether nothing more will come from the oversight stage.
    pub(super) const fn answered(self) -> bool {
        self.0 & (JUDGED | EXPIRED) != 0
    }

    /// Whether it is judged, and hollow.
    pub(super) fn hollow(self) -> bool {
        self.reasons().is_some_and(|reasons| !reasons.is_empty())
    }

    /// Whether it has yet to be emitted.
    pub(super) const fn pending(self) -> bool {
        self.0 & PENDING != 0
    }

    /// The same after it is emitted.
    pub(super) const fn emitted(self) -> Judged {
        Judged(self.0 & !PENDING)
    }

    /// Whether both are the same judgement, emitted or not.
    pub(super) fn equals(self, other: Judged) -> bool {
        self.emitted() == other.emitted()
    }

    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    pub(super) const fn from_bits(bits: u16) -> Judged {
        Judged(bits)
    }
}
