//! Which windows somebody wants to see, and in which order.

use super::row::{Attack, Row};
use crate::engine::windows::State;
use crate::event::words;

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
