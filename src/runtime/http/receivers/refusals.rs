//! The log of deliveries that did not prove who sent them.
//!
//! Invariant: whatever is delivered, a receiver adds one line a minute at most.

use std::sync::{Mutex, PoisonError};

use super::verify::Unverified;
use crate::time::Span;

/// The shortest time between two lines of one receiver.
const LINE_EVERY: Span = Span::from_mins(1);

/// The refused deliveries of one receiver.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    /// When the last line was written, as uptime.
    last: Option<Span>,
    /// Refused deliveries since then, which got no line.
    unlogged: u64,
}

impl Refusals {
    /// Logs a refused delivery at this uptime, unless a line was logged a short time ago.
    pub(super) fn log(&self, receiver: &str, why: Unverified, uptime: Span) {
        if let Some(unlogged) = self.due(uptime) {
            tracing::warn!(receiver, unlogged, "a delivery was answered 401: {why}");
        }
    }

    /// Counts a refused delivery. If a line is due, returns how many got none since the last.
    fn due(&self, uptime: Span) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.last.is_some_and(|last| uptime < last + LINE_EVERY) {
            lines.unlogged += 1;
            return None;
        }
        lines.last = Some(uptime);
        Some(std::mem::take(&mut lines.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_wrong_signatures_adds_one_line_a_minute() {
        let refusals = Refusals::default();
        let due = |second| refusals.due(Span::from_secs(second));
        assert_eq!(due(5), Some(0));
        for second in 5..65 {
            assert_eq!(due(second), None, "{second}");
        }
        assert_eq!((due(65), due(66), due(500)), (Some(60), None, Some(1)));
    }
}
