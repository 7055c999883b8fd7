//! Stage 2: was the human review real? Keyed by reviewer.
//!
//! Invariants: a judgement cites only what the events say and can be repeated
//! by hand; it does not depend on the order in which windows are handed in.

mod acts;
mod agreement;
mod batch;
mod burst;
mod bytes;
mod certificates;
mod combine;
mod detection;
mod entry;
mod evidence;
mod flags;
mod hash;
mod memory;
mod peers;
mod review;
mod reviewer;
mod schedule;
mod signals;
mod stage;
mod whole;

pub use agreement::{LogFactors, Odds, Table};
pub use burst::Burst;
pub use certificates::{Judgement, Quality};
pub use combine::{Discoveries, e_bh, weighted};
pub use detection::{Reading, Sight, Trials, normal_quantile, wilson};
pub use evidence::{Evidence, Factors};
pub use flags::{Flags, by_word};
pub use peers::{Counts, PeerCounts, Stratum};
pub use review::{Advised, FASTEST_MS_PER_CHARACTER, FASTEST_MS_PER_WORD, Known, Review};
pub use reviewer::{PATH_MAX, Point, Reviewer, SignalStanding, Standing, Step, Suspicion};
pub use schedule::{Certificate, INTERVALS_MAX, Job, PACES, Pace, Schedule};
pub use signals::{BySignal, Comparison, Observed, Rules, SIGNALS, Signal};
pub use stage::{Change, Receipt, Said, Stage};
pub use whole::{Overseen, Person, Reviews, Turn, Watched};

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
pub struct HollowReasons(u8);

impl HollowReasons {
    /// Adds a reason if `holds`.
    pub const fn insert_if(&mut self, reason: HollowReason, holds: bool) {
        if holds {
            self.0 |= 1 << reason as u8;
        }
    }

    /// Whether there is none: the review was meaningful.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The reasons as bits, the first the lowest.
    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    /// The reasons that [`HollowReasons::bits`] gave; bits of none are left out.
    pub(super) const fn from_bits(bits: u8) -> HollowReasons {
        HollowReasons(bits & ((1 << HollowReason::ALL.len()) - 1))
    }

    /// The reasons, in order.
    pub fn iter(self) -> impl Iterator<Item = HollowReason> {
        HollowReason::ALL.iter().copied().filter(move |reason| self.0 & (1 << *reason as u8) != 0)
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
