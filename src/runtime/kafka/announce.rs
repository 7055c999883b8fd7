//! How a change of an alert is written.
//!
//! Invariant: what fires is in the topic for as long as it does, and what has
//! ended does not stay for ever. The topic is compacted, late; an end is followed
//! by a tombstone, so that after compaction exactly what fires is left.

use super::error::Fault;
use super::producer::{Outbox, Outgoing};
use crate::engine::alerts::Transition;

/// Writes a change of an alert, and behind an end its tombstone.
pub(super) fn announce(
    outbox: &mut Outbox,
    topic: &str,
    partition: Option<i32>,
    key: &[u8],
    change: &[u8],
    transition: Transition,
) -> Result<(), Fault> {
    let record = Outgoing { topic, partition, key, value: Some(change), timestamp_ms: None };
    outbox.send(record)?;
    match transition {
        Transition::Firing => Ok(()),
        Transition::Resolved => outbox.send(Outgoing { value: None, ..record }),
    }
}
