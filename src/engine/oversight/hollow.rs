//! Why a decision was not a review.

use crate::event::words;

words! {
    /// A sign that a decision was not a review.
    HollowReason {
        /// Less time than reading takes.
        ImpossibleReading = "impossible_reading",
        /// The reviewer never looked at the case.
        EvidenceUnopened = "evidence_unopened",
        /// The reviewer had no authority for it.
        Unauthorized = "unauthorized",
        /// The reviewer approved an own request.
        SelfApproval = "self_approval",
        /// The same reasons again and again.
        TemplatedRationale = "templated_rationale",
    }
}

/// A set of reasons, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HollowReasons(u16);

// A window's state holds the reasons and four marks in sixteen bits.
const _: () = assert!(HollowReason::ALL.len() <= 12);

impl HollowReasons {
    /// Adds a reason if `holds`.
    pub const fn insert_if(&mut self, reason: HollowReason, holds: bool) {
        if holds {
            self.0 |= 1 << reason as u16;
        }
    }

    /// Whether there is none: the review was meaningful.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The reasons as bits, the first the lowest.
    pub(in crate::engine) const fn bits(self) -> u16 {
        self.0
    }

    /// The reasons that [`HollowReasons::bits`] gave; bits of none are left out.
    pub(in crate::engine) const fn from_bits(bits: u16) -> HollowReasons {
        HollowReasons(bits & ((1 << HollowReason::ALL.len()) - 1))
    }

    /// The reasons, in order.
    pub fn iter(self) -> impl Iterator<Item = HollowReason> {
        HollowReason::ALL.iter().copied().filter(move |reason| self.0 & (1 << *reason as u16) != 0)
    }
}

impl FromIterator<HollowReason> for HollowReasons {
    fn from_iter<I: IntoIterator<Item = HollowReason>>(reasons: I) -> HollowReasons {
        let mut all = HollowReasons::default();
        reasons.into_iter().for_each(|reason| all.insert_if(reason, true));
        all
    }
}

impl serde::Serialize for HollowReasons {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
