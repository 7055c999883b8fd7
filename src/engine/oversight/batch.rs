//! Which decisions were one act: cases of one batch, decided together.
//!
//! Invariants: which decisions belong together depends on nothing but their batch and
//! their times; an id that is used for ever is many batches.

use crate::time::{Span, Timestamp};

/// The longest pause between two decisions of one act. A tool that carries out one click
/// for many cases does so without pause.
pub(super) const PAUSE: Span = Span::from_mins(1);

/// The first and the last decision of a batch, as far as they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

impl Extent {
    /// Whether the next decision belongs to it, where a batch lasts at most `hold`.
    pub(super) fn reaches(&self, next: Timestamp, hold: Span) -> bool {
        next <= self.last + PAUSE && next <= self.first + hold
    }

    /// When nothing that belongs to it can come any more, where everything comes within
    /// `delay` of its time.
    pub(super) fn complete_at(&self, hold: Span, delay: Span) -> Timestamp {
        (self.last + PAUSE).min(self.first + hold).max(self.last) + delay
    }
}
