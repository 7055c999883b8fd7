//! A record of a topic, borrowed from the consumer.

use rdkafka::message::{BorrowedMessage, Message};

use crate::time::Timestamp;

/// A record.
pub(in crate::runtime) struct Record<'c>(pub(super) BorrowedMessage<'c>);

impl Record<'_> {
    pub(in crate::runtime) fn partition(&self) -> i32 {
        self.0.partition()
    }

    pub(in crate::runtime) fn offset(&self) -> i64 {
        self.0.offset()
    }

    /// The key; empty if there is none.
    pub(in crate::runtime) fn key(&self) -> &[u8] {
        self.0.key().unwrap_or_default()
    }

    /// The value; `None` for a tombstone.
    pub(in crate::runtime) fn value(&self) -> Option<&[u8]> {
        self.0.payload()
    }

    /// When the record was published, by the producer's or the broker's clock.
    pub(in crate::runtime) fn published_at(&self) -> Option<Timestamp> {
        self.0.timestamp().to_millis().map(Timestamp::from_millis)
    }
}
