//! The bytes in which a credential's events are held.
//!
//! Invariants: what is read back equals what was written, except for
//! `provider`, which nothing asks for; equal events have equal bytes as
//! long as the table of texts lives; reading never panics, whatever the bytes.
//!
//! One event is `length u16, kind u8, time 6 bytes, weight, id, common, body`;
//! all integers little-endian, counts as LEB128. Texts that many events share
//! are numbers in a table.

mod head;
mod key;
mod read;
mod uuid;
mod write;

use std::borrow::Cow;

pub(super) use self::head::{Head, Log};
pub use self::key::Key;
pub(super) use self::read::{heads, is_whole};
pub(super) use self::write::{push, push_again};

use crate::event::{Body, Event};

/// Bytes of all texts of an event together.
pub(super) fn texts(event: &Event<'_>) -> usize {
    let some = |text: &Option<Cow<'_, str>>| text.as_ref().map_or(0, |text| text.len());
    let body = match &event.body {
        Body::LeakDetected(leak) => {
            some(&leak.location) + some(&leak.incident) + some(&leak.requested_by)
        }
        Body::CaseOpened(case) => some(&case.requested_by) + some(&case.incident),
        Body::TriageCompleted(triage) => some(&triage.requested_by) + some(&triage.model),
        Body::ReviewOpened(opened) => opened.reviewer.len(),
        Body::DecisionMade(decision) => {
            decision.reviewer.len() + some(&decision.rationale_digest) + some(&decision.batch_id)
        }
        Body::CaseWithdrawn { reason } => some(reason),
        Body::CredentialContained { .. }
        | Body::CredentialAbused
        | Body::TruthEstablished { .. } => 0,
        Body::IdentityLinked(link) => link.aliases.iter().map(|alias| alias.len()).sum(),
    };
    event.id.len() + event.credential_id.len() + some(&event.source) + some(&event.owner) + body
}
