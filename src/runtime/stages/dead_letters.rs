//! Dead letters: what could not be used, where it stood and why.
//!
//! Invariant: a dead letter shows the shape of a record, never its content.

use serde::Serialize;

use super::fault::Fault;
use super::outbox::{Outbox, Topic};
use super::publish::Writer;
use super::record::Record;
use crate::event::{Event, Kind};
use crate::formats::{RejectReason, Rejection, excerpt};
use crate::metrics::PipelineStage;
use crate::runtime::clock::Clock;
use crate::time::Timestamp;

/// One dead letter, as it stands in the topic.
#[derive(Debug, Serialize)]
struct DeadLetter<'l> {
    at: Timestamp,
    stage: PipelineStage,
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

impl<'l> From<&'l Event<'_>> for EventName<'l> {
    fn from(event: &'l Event<'_>) -> EventName<'l> {
        let (credential_id, id) = (&*event.credential_id, &*event.id);
        EventName { credential_id, id, kind: event.kind(), events: 1 }
    }
}

/// Writes the dead letters of a stage.
#[derive(Debug)]
pub(super) struct DeadLetters {
    pub(super) stage: PipelineStage,
    pub(super) clock: Clock,
}

impl DeadLetters {
    /// A record, or one of its events, that could not be used.
    pub(super) fn record<O: Outbox>(
        &self,
        writer: &mut Writer,
        outbox: &mut O,
        record: Record<'_>,
        rejection: &Rejection,
        event: Option<EventName<'_>>,
    ) -> Result<(), Fault> {
        let Record { topic, partition, offset, .. } = record;
        let letter = DeadLetter {
            at: self.clock.now(),
            stage: self.stage,
            reason: rejection.reason,
            detail: &rejection.detail,
            origin: Some(Origin { topic, partition, offset }),
            event,
            // An event that was decoded has a name, which says more.
            excerpt: event.is_none().then(|| excerpt(record.value)),
        };
        let key = format_args!("{topic}/{partition}/{offset}");
        writer.send(outbox, Topic::DeadLetters, None, key, &letter)
    }

    /// An event that was held for a while, so that its origin is not known any more.
    pub(super) fn event<O: Outbox>(
        &self,
        writer: &mut Writer,
        outbox: &mut O,
        at: Timestamp,
        rejection: &Rejection,
        event: EventName<'_>,
    ) -> Result<(), Fault> {
        let letter = DeadLetter {
            at,
            stage: self.stage,
            reason: rejection.reason,
            detail: &rejection.detail,
            origin: None,
            event: Some(event),
            excerpt: None,
        };
        writer.send(outbox, Topic::DeadLetters, None, event.credential_id, &letter)
    }
}
