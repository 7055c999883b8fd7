//! A record of a topic.

use rdkafka::message::{BorrowedMessage, Message};

use crate::time::Timestamp;

/// A record, whose bytes belong to whoever read it.
#[derive(Clone, Copy, Debug)]
pub(in crate::runtime) struct Record<'r> {
    pub(in crate::runtime) partition: i32,
    pub(in crate::runtime) offset: i64,
    /// Empty if there is none.
    pub(in crate::runtime) key: &'r [u8],
    /// `None` for a tombstone.
    pub(in crate::runtime) value: Option<&'r [u8]>,
    /// When the record was published, by the producer's or the broker's clock.
    pub(in crate::runtime) published_at: Option<Timestamp>,
}

impl<'r> From<&'r BorrowedMessage<'_>> for Record<'r> {
    fn from(message: &'r BorrowedMessage<'_>) -> Record<'r> {
        Record {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().unwrap_or_default(),
            value: message.payload(),
            published_at: message.timestamp().to_millis().map(Timestamp::from_millis),
        }
    }
}
