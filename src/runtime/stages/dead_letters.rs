//! Dead letters: what could not be used, where it stood and why.
//!
//! Invariant: a dead letter shows the shape of a record, never its content.

use serde::Serialize;

use super::record::Record;
use crate::event::{Event, Kind};
use crate::formats::{RejectReason, Rejection, excerpt};
use crate::metrics::PipelineStage;
use crate::time::Timestamp;

/// One dead letter, as it stands in the topic.
#[derive(Debug, Serialize)]
pub(super) struct DeadLetter<'l> {
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

impl<'l> DeadLetter<'l> {
    /// A record, or one of its events, that could not be used. An event that was held for
    /// a while has no record any more, so that its origin is not known.
    pub(super) fn new(
        at: Timestamp,
        stage: PipelineStage,
        record: Option<Record<'l>>,
        rejection: &'l Rejection,
        event: Option<EventName<'l>>,
    ) -> DeadLetter<'l> {
        DeadLetter {
            at,
            stage,
            reason: rejection.reason,
            detail: &rejection.detail,
            origin: record.map(|Record { topic, partition, offset, .. }| Origin {
                topic,
                partition,
                offset,
            }),
            event,
            // An event that was decoded has a name, which says more.
            excerpt: record.filter(|_| event.is_none()).map(|record| excerpt(record.value)),
        }
    }

    /// Where the record stood, else the credential.
    pub(super) fn key(&self) -> String {
        match (&self.origin, &self.event) {
            (Some(Origin { topic, partition, offset }), _) => {
                format!("{topic}/{partition}/{offset}")
            }
            (None, event) => event.map_or("", |event| event.credential_id).to_owned(),
        }
    }
}
