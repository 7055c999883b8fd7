//! Events from the future.
//!
//! A live run knows when an event arrived, and an event happens before it arrives. A source whose
//! clock is ahead would begin its waits later than they began: the deadlines of its own leaks
//! would stay silent.

use crate::event::Event;
use crate::time::{Span, Timestamp};

/// Brings the time of an event that is later than its arrival and `tolerance` back to there, and
/// notes that. Deadlines count from this time.
pub(super) fn correct(event: &mut Event<'_>, arrived_at: Option<Timestamp>, tolerance: Span) {
    let Some(latest) = arrived_at.map(|arrived_at| arrived_at + tolerance) else { return };
    if event.time > latest {
        event.time = latest;
        event.noted.clock_skew = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Body, Noted, Workflow};

    #[test]
    fn an_event_is_no_later_than_its_arrival_and_the_tolerance() {
        let at = |second: i64| Timestamp::from_millis(second * 1_000);
        let event = |second| Event {
            id: "1".into(),
            time: at(second),
            credential_id: "key".into(),
            workflow: Workflow::SecretExposure,
            source: None,
            severity: None,
            owner: None,
            noted: Noted::default(),
            body: Body::CredentialAbused,
        };
        let corrected = |second, arrived| {
            let mut event = event(second);
            correct(&mut event, arrived, Span::from_secs(120));
            (event.time, event.noted.clock_skew)
        };
        assert_eq!(corrected(1_120, Some(at(1_000))), (at(1_120), false));
        assert_eq!(corrected(4_600, Some(at(1_000))), (at(1_120), true));
        assert_eq!(corrected(4_600, None), (at(4_600), false));
    }
}
