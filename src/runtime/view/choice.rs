//! Which windows somebody wants to see, and in which order.

use super::row::{Attack, Row};
use crate::engine::oversight::Quality;
use crate::engine::windows::State;
use crate::event::words;
use crate::records::WindowRecord;

words! {
    /// Which windows, by what they wait for.
    Which {
        /// Nobody has decided, or an attack is not answered.
        Waiting = "waiting",
        /// An attack was observed and is not answered.
        Attacked = "attacked",
        /// Neither decided nor contained.
        Open = "open",
        /// Contained, not decided.
        Contained = "contained",
        /// Decided to act, not contained.
        Reviewed = "reviewed",
        /// Decided, and nothing is waited for.
        Closed = "closed",
        /// Closed by the source.
        Withdrawn = "withdrawn",
        /// Whatever its state.
        All = "all",
    }
}

words! {
    /// The order.
    Sort {
        /// An attack first, then severity, then what can still be won.
        Urgency = "urgency",
        /// The one that began first.
        Oldest = "oldest",
        /// The one that began last.
        Newest = "newest",
        /// By the credential's name.
        Credential = "credential",
        /// By the owner's name; windows without an owner last.
        Owner = "owner",
    }
}

words! {
    /// How a decision was judged.
    Judged {
        /// It was a review.
        Meaningful = "meaningful",
        /// It shows signs of not having been a review.
        Hollow = "hollow",
        /// Nothing tells whether it was a review.
        Unassessed = "unassessed",
        /// Decided, and not judged yet.
        Unjudged = "unjudged",
    }
}

impl Judged {
    /// Whether there is a decision, and it was judged so.
    pub fn is(self, record: &WindowRecord) -> bool {
        let quality = match self {
            Judged::Meaningful => Some(Quality::Meaningful),
            Judged::Hollow => Some(Quality::Hollow),
            Judged::Unassessed => Some(Quality::Unassessed),
            Judged::Unjudged => None,
        };
        record.decided_at.is_some() && record.quality == quality
    }
}

impl Which {
    /// Whether the window of `row` is one of them.
    pub fn is(self, row: &Row) -> bool {
        let attacked = row.attack == Attack::Observed;
        match self {
            Which::Waiting => attacked || matches!(row.state, State::Open | State::Contained),
            Which::Attacked => attacked,
            Which::Open => row.state == State::Open,
            Which::Contained => row.state == State::Contained,
            Which::Reviewed => row.state == State::Reviewed,
            Which::Closed => row.state == State::Closed,
            Which::Withdrawn => row.state == State::Withdrawn,
            Which::All => true,
        }
    }
}
