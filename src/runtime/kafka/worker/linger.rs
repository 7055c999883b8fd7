//! How long a producer waits for more records before it sends a batch.
//!
//! Somebody waits for the records of a worker that has caught up. Nobody waits for those of a
//! worker that lags, and there fuller batches save the brokers much of their work. librdkafka
//! takes the time once, when a producer is made, so a change needs another producer.

use crate::time::Span;

/// A worker that has lagged for this long makes fuller batches: another producer costs some
/// milliseconds.
const LAGGING_AFTER: Span = Span::from_secs(2);

/// Which of the two times a producer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Linger {
    /// As short as batches allow.
    #[default]
    Live,
    /// Long enough for full batches.
    Lagging,
}

impl Linger {
    /// The value of librdkafka's `linger.ms`.
    pub(super) const fn ms(self) -> &'static str {
        match self {
            Linger::Live => "1",
            Linger::Lagging => "50",
        }
    }
}

/// Follows whether a worker lags.
#[derive(Debug, Default)]
pub(super) struct FollowLag {
    lagging_since: Option<Span>,
}

impl FollowLag {
    /// What a producer should have at `uptime`.
    pub(super) fn at(&mut self, caught_up: bool, uptime: Span) -> Linger {
        if caught_up {
            self.lagging_since = None;
            return Linger::Live;
        }
        let since = *self.lagging_since.get_or_insert(uptime);
        if uptime >= since + LAGGING_AFTER { Linger::Lagging } else { Linger::Live }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_full_while_a_worker_lags_for_long() {
        let mut follow = FollowLag::default();
        let mut at = |caught_up, s| follow.at(caught_up, Span::from_secs(s));
        assert_eq!(at(true, 0), Linger::Live);
        assert_eq!([at(false, 10), at(false, 11)], [Linger::Live; 2], "it may be short");
        assert_eq!(at(false, 12), Linger::Lagging);
        assert_eq!(at(true, 13), Linger::Live, "at once: somebody waits");
        assert_eq!(at(false, 14), Linger::Live, "counted anew");
        assert_eq!(at(false, 16), Linger::Lagging);
    }
}
