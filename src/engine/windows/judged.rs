//! What the second stage says of a decision, taken back into its window.
//!
//! Invariants: a judgement belongs to one decision, named by its mark: when a late
//! event makes another decision the first, nothing is judged yet; a judgement is
//! said once, and then stands in every further word on the window.

use super::Windows;
use super::live::fnv1a;
use super::state;
use super::window::{ExposureId, Window};
use crate::engine::oversight::HollowReasons;

/// What is known of a decision's judgement, in one byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Judged(u8);

const JUDGED: u8 = 1 << 7;
const UNSAID: u8 = 1 << 6;

impl Judged {
    /// Judged just now.
    pub(super) fn news(reasons: HollowReasons) -> Judged {
        Judged(JUDGED | UNSAID | reasons.bits())
    }

    /// Why the decision is hollow; `None` while it is not judged.
    pub(super) fn reasons(self) -> Option<HollowReasons> {
        (self.0 & JUDGED != 0).then(|| HollowReasons::from_bits(self.0 & !(JUDGED | UNSAID)))
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

    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    pub(super) const fn from_bits(bits: u8) -> Judged {
        Judged(bits)
    }
}

impl Window<'_> {
    /// Names the window's decision by who made it and when, the same in every
    /// process; never 0. `None` while nobody has decided.
    pub fn decision_mark(&self) -> Option<u32> {
        let decision = self.decision?;
        let mut bytes = decision.decided_at.as_millis().to_le_bytes().to_vec();
        bytes.extend_from_slice(decision.reviewer.as_bytes());
        Some(fnv1a(&bytes).max(1))
    }
}

impl Windows {
    /// Takes in the judgement of the decision with this mark
    /// ([`Window::decision_mark`]): why it is hollow, or that it is not. The next
    /// [`Windows::advance`] says the window anew. `false` when there is nothing to
    /// say: the window is not held, was decided otherwise since, or is known to be
    /// judged so.
    pub fn judge(
        &mut self,
        exposure: ExposureId<'_>,
        decision: u32,
        reasons: HollowReasons,
    ) -> bool {
        let Some(at) = self.find(exposure.key, self.hash_of(exposure.key)) else { return false };
        let entry = &mut self.entries[at as usize];
        let judged = Judged::news(reasons);
        if !state::judge(&mut entry.bytes, exposure.detected_at, decision, judged) {
            return false;
        }
        if !std::mem::replace(&mut entry.dirty, true) {
            self.dirty.push(at);
        }
        self.mark_unsaved(at);
        true
    }
}
