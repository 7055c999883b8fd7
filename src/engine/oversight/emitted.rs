//! What the oversight stage emits, and what it does with what it is given.

use super::certificates::{Judgement, Quality};
use super::peers::PeerCounts;
use super::review::Review;
use super::reviewer::AlertEvidence;
use crate::engine::alerts::Transition;
use crate::engine::windows::ExposureId;
use crate::event::Workflow;
use crate::time::Timestamp;

/// What became of a review that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Receipt {
    /// Its decision waits to be judged.
    Held,
    /// Only its truth waits: its decision was judged before, or comes too late to be.
    Learning,
    /// All of it was judged before, or comes too late to be.
    Behind,
    /// There are too many reviewers for one more.
    Refused,
}

/// What the stage emits.
#[derive(Debug)]
pub enum Emitted<'o> {
    /// A decision is judged.
    Judged {
        /// The decision.
        review: &'o Review<'o>,
        /// Its judgement.
        judgement: &'o Judgement,
    },
    /// An act of review is judged: the decisions of one incident, of one batch or about one text
    /// of a ticket are one, so it comes with the first of them.
    Act {
        /// The decision that the act is known by.
        review: &'o Review<'o>,
        /// Whether the act was a review.
        quality: Quality,
    },
    /// A planted case with wrong advice was answered, by an act.
    Planted {
        /// In which workflow.
        workflow: Workflow,
        /// Whether the advice was challenged.
        caught: bool,
    },
    /// An alert about a reviewer begins or ends.
    Alert {
        /// Whose.
        reviewer: &'o str,
        /// When, by the sources' clocks.
        at: Timestamp,
        /// Begins or ends.
        transition: Transition,
        /// What it rests on, if it begins.
        evidence: Option<&'o AlertEvidence>,
        /// The windows of its path.
        cited: &'o [ExposureId<'o>],
    },
}

/// What has to be kept so that another process can go on from it.
#[derive(Debug)]
pub enum Change<'c> {
    /// A reviewer's state is another now.
    Reviewer {
        /// Whose.
        name: &'c str,
        /// For [`Stage::restore`](super::Stage::restore).
        state: &'c [u8],
    },
    /// Of this window nothing waits any more: its review need not be kept.
    Settled(ExposureId<'c>),
    /// The acts of a period, as far as they are counted.
    Period(&'c PeerCounts),
}
