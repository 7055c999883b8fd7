//! Dead letters: what could not be used, where it was, and why.
//!
//! Invariant: a dead letter shows the shape of a record, never its content.

use super::declare::record;
use super::object::Object;
use crate::event::Kind;
use crate::formats::RejectReason;
use crate::time::Timestamp;

record! {
    /// A record, or one event of a record, that could not be used.
    pub struct DeadLetter<T = String> {
        /// When it was refused.
        at: Timestamp,
        /// The stage that refused it.
        stage: T,
        /// Why.
        reason: RejectReason,
        /// Why, in words.
        detail: T,
        /// Where the record was; `None` for an event that was held for a while.
        origin: Option<Object<Origin<T>>>,
        /// Which event it was, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        event: Option<Object<EventName<T>>>,
        /// The shape of a record that gave no event.
        #[serde(skip_serializing_if = "Option::is_none")]
        excerpt: Option<T>,
    }
}

record! {
    /// Where a record was.
    #[derive(Copy)]
    pub struct Origin<T = String> {
        /// The topic.
        topic: T,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    }
}

record! {
    /// Which event it was.
    #[derive(Copy)]
    pub struct EventName<T = String> {
        /// The credential's non-secret name.
        credential_id: T,
        /// The event's id.
        id: T,
        /// The event's kind.
        kind: Kind,
        /// How many events it stands for: more than one if repeats were folded into it.
        events: u64,
    }
}
