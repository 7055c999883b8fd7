//! Dead letters: what could not be used, where it stood and why.
//!
//! Invariant: a letter tells the shape of a record, never its content.

use serde::Serialize;

use super::error::Fault;
use super::producer::{Outbox, Outgoing};
use super::raw::Record;
use crate::event::Kind;
use crate::formats::{RejectReason, Rejection, excerpt};
use crate::time::Timestamp;

/// One letter, as it stands in the topic.
#[derive(Debug, Serialize)]
struct Letter<'l> {
    at: Timestamp,
    stage: &'static str,
    reason: RejectReason,
    detail: &'l str,
    origin: Option<Origin<'l>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventName<'l>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    excerpt: Option<String>,
}

/// Where the record stood.
#[derive(Debug, Serialize)]
struct Origin<'l> {
    topic: &'l str,
    partition: i32,
    offset: i64,
}

/// Which event it was, where that is known.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct EventName<'l> {
    pub(super) credential_id: &'l str,
    pub(super) id: &'l str,
    pub(super) kind: Kind,
    pub(super) events: u64,
}

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
        event: Option<EventName<'_>>,
    ) -> Result<(), Fault> {
        let topic = record.topic();
        let origin = Origin { topic, partition: record.partition(), offset: record.offset() };
        let key = format!("{topic}/{}/{}", origin.partition, origin.offset);
        let letter = Letter {
            at: crate::runtime::clock::now(),
            stage: self.stage,
            reason: rejection.reason,
            detail: &rejection.detail,
            origin: Some(origin),
            event,
            // An event that was decoded has a name, which says more.
            excerpt: event.is_none().then(|| excerpt(record.payload().unwrap_or_default())),
        };
        self.send(outbox, &key, &letter)
    }

    /// An event that was held for a while, so that its origin is not known.
    pub(super) fn event(
        &mut self,
        outbox: &mut Outbox,
        at: Timestamp,
        rejection: &Rejection,
        event: EventName<'_>,
    ) -> Result<(), Fault> {
        let letter = Letter {
            at,
            stage: self.stage,
            reason: rejection.reason,
            detail: &rejection.detail,
            origin: None,
            event: Some(event),
            excerpt: None,
        };
        self.send(outbox, event.credential_id, &letter)
    }

    fn send(&mut self, outbox: &mut Outbox, key: &str, letter: &Letter<'_>) -> Result<(), Fault> {
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
