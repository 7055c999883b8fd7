//! What a stage sends.

use super::fault::Fault;
use crate::event::words;
use crate::time::Timestamp;

words! {
    /// Where the records of the stages go.
    Topic {
        /// Events and judgements, keyed by credential: from intake and oversight to windows.
        Events = "events",
        /// The changelog that windows are restored from.
        State = "state",
        /// The ledger: one record for each revision of a window.
        Windows = "windows",
        /// Alerts that fire and resolve.
        Alerts = "alerts",
        /// Reviews, many in a record: from windows to oversight.
        Reviews = "reviews",
        /// The changelog that oversight is restored from.
        Reviewers = "reviewers",
        /// What oversight found.
        Findings = "findings",
        /// Records that could not be used, with their origin and the reason.
        DeadLetters = "dead-letters",
    }
}

/// One record to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'o> {
    /// Where to.
    pub topic: Topic,
    /// Which partition; `None`: the key decides.
    pub partition: Option<i32>,
    /// The key.
    pub key: &'o [u8],
    /// The value; `None` is a tombstone, which deletes what was sent under the key before.
    pub value: Option<&'o [u8]>,
    /// The time that the record bears; `None`: the present.
    pub written_at: Option<Timestamp>,
}

/// Bears a changelog's record whose partition knows no time yet: without a time of its own it
/// would bear the present.
const EARLIEST: Timestamp = Timestamp::from_millis(1);

/// The time that a partition had reached when this record of its changelog was written;
/// `None`: it knew none yet.
pub fn restored_time(written_at: Timestamp) -> Option<Timestamp> {
    Some(written_at).filter(|time| *time > EARLIEST)
}

impl<'o> Outgoing<'o> {
    /// A record whose key decides on the partition, written now.
    pub const fn new(topic: Topic, key: &'o [u8], value: Option<&'o [u8]>) -> Outgoing<'o> {
        Outgoing { topic, partition: None, key, value, written_at: None }
    }

    /// A record of a changelog. It bears the time that its partition had reached, which
    /// [`restored_time`] gives back.
    pub fn changelog(
        topic: Topic,
        partition: i32,
        time: Option<Timestamp>,
        key: &'o [u8],
        value: Option<&'o [u8]>,
    ) -> Outgoing<'o> {
        let written_at = Some(time.unwrap_or(EARLIEST));
        Outgoing { partition: Some(partition), written_at, ..Outgoing::new(topic, key, value) }
    }
}

/// Takes what a stage sends. All that was sent since the last commit becomes visible
/// with the next one, together with the positions of the inputs.
pub trait Outbox {
    /// What is sent next follows from `record`. Whoever calls a stage says so, for outboxes
    /// that tell one record from another by what it holds.
    fn follows_from(&mut self, _record: &[u8]) {}

    /// Sends one record.
    ///
    /// # Errors
    /// When it cannot be taken; the stage must not be used any further then.
    fn send(&mut self, record: Outgoing<'_>) -> Result<(), Fault>;
}
