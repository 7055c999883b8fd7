//! Dead letters: what could not be used, where it stood and why.
//!
//! Invariant: a letter tells the shape of a record, never its content.

use serde::Serialize;

use super::error::Fault;
use super::producer::{Outbox, Outgoing};
use super::raw::Record;
use crate::formats::{Rejection, excerpt};
use crate::records::{DeadLetter, EventName, Object, Origin};
use crate::time::Timestamp;

/// Writes letters to their topic.
#[derive(Debug)]
pub(super) struct Letters {
    pub(super) topic: String,
    pub(super) stage: &'static str,
    pub(super) value: Vec<u8>,
}

impl Letters {
    /// A record, or one of its events, that could not be used.
    pub(super) fn record(
        &mut self,
        outbox: &mut Outbox,
        record: Record<'_>,
        rejection: &Rejection,
        event: Option<EventName<&str>>,
    ) -> Result<(), Fault> {
        let topic = record.topic();
        let origin = Origin { topic, partition: record.partition(), offset: record.offset() };
        let key = format!("{topic}/{}/{}", origin.partition, origin.offset);
        // An event that was decoded has a name, which says more.
        let shape = event.is_none().then(|| excerpt(record.payload().unwrap_or_default()));
        let letter = DeadLetter {
            at: crate::runtime::clock::now(),
            stage: self.stage,
            reason: rejection.reason,
            detail: &rejection.detail,
            origin: Some(Object(origin)),
            event: event.map(Object),
            excerpt: shape.as_deref(),
        };
        self.send(outbox, &key, &letter)
    }

    /// An event that was held for a while, so that its origin is not known.
    pub(super) fn event(
        &mut self,
        outbox: &mut Outbox,
        at: Timestamp,
        rejection: &Rejection,
        event: EventName<&str>,
    ) -> Result<(), Fault> {
        let letter = DeadLetter {
            at,
            stage: self.stage,
            reason: rejection.reason,
            detail: &rejection.detail,
            origin: None,
            event: Some(Object(event)),
            excerpt: None,
        };
        self.send(outbox, event.credential_id, &letter)
    }

    fn send(
        &mut self,
        outbox: &mut Outbox,
        key: &str,
        letter: &DeadLetter<&str>,
    ) -> Result<(), Fault> {
        json(&mut self.value, letter)?;
        outbox.send(Outgoing {
            topic: &self.topic,
            partition: None,
            key: key.as_bytes(),
            value: Some(&self.value),
            timestamp_ms: None,
        })
    }
}

/// Writes `value` as JSON in place of whatever `into` holds.
pub(super) fn json(into: &mut Vec<u8>, value: &impl Serialize) -> Result<(), Fault> {
    into.clear();
    serde_json::to_writer(into, value)
        .map_err(|error| Fault::Lasting(format!("writing JSON: {error}")))
}
