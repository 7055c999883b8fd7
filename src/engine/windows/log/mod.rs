//! The bytes in which a credential's events are held.
//!
//! Invariants: what is read back equals what was written, except for
//! `provider`, which nothing asks for; equal events have equal bytes as
//! long as the table of texts lives; reading never panics, whatever the bytes.
//!
//! One event is `length u16, kind u8, time 6 bytes, weight, id, common, body`;
//! all integers little-endian, counts as LEB128. Texts that many events share
//! are numbers in a table.

mod read;
mod uuid;
mod write;

use std::borrow::Cow;

pub(super) use self::write::{push, push_again};

use self::read::{Reader, word};
use super::texts::Texts;
use crate::event::{Body, Event, Kind, Severity, Workflow};
use crate::time::Timestamp;

/// What names a window's state: the workflow and the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key<'k> {
    /// The kind of process.
    pub workflow: Workflow,
    /// The credential's non-secret name.
    pub credential_id: &'k str,
}

/// Orders as exposure ids do: by the workflow's word, then by the credential's
/// bytes with the `/` that follows them there.
impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let name = |key: &Self| key.credential_id.bytes().chain([b'/']);
        self.workflow.as_str().cmp(other.workflow.as_str()).then_with(|| {
            let (a, b) = (self.credential_id.as_bytes(), other.credential_id.as_bytes());
            let shared = a.len().min(b.len());
            a[..shared]
                .cmp(&b[..shared])
                .then_with(|| name(self).skip(shared).cmp(name(other).skip(shared)))
        })
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A credential's events as they lie in its state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log<'l> {
    /// Whose they are.
    pub(super) key: Key<'l>,
    /// The events, one after the other.
    pub(super) bytes: &'l [u8],
    /// What the numbers of texts mean.
    pub(super) texts: &'l Texts,
}

/// Where an event lies in a log, and the start of its sort order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) time: Timestamp,
    pub(super) kind: Kind,
    /// Whether it reopens a closed window: see [`Head::rank`].
    reopens: bool,
    /// Whether `weight` differs from what is written.
    reweighted: bool,
    /// How many events it stands for: one, unless repeats were folded into it.
    pub(super) weight: u32,
    start: u32,
    end: u32,
    id_start: u32,
    id_end: u32,
}

impl Head {
    /// Where the event stands among those of its time: by kind, and what reopens behind
    /// all others, so that it finds closed what was closed at that time.
    pub(super) const fn rank(self) -> u8 {
        if self.reopens { u8::MAX } else { self.kind as u8 }
    }

    /// The event's id as written: equal for equal ids, in no useful order.
    pub(super) fn written_id(self, log: Log<'_>) -> &[u8] {
        log.bytes.get(self.id_start as usize..self.id_end as usize).unwrap_or_default()
    }

    /// The event's id.
    pub(super) fn id(self, log: Log<'_>) -> Cow<'_, str> {
        if let [PACKED_UUID, packed @ ..] = self.written_id(log) {
            return Cow::Owned(uuid::unpack(packed));
        }
        let mut reader = Reader { log, at: self.id_start as usize };
        reader.text().unwrap_or_default()
    }

    /// Takes over what a dropped repeat of this event stood for besides itself.
    pub(super) fn absorb(&mut self, repeat: Head) {
        if repeat.weight > 1 {
            self.weight = self.weight.saturating_add(repeat.weight - 1);
            self.reweighted = true;
        }
    }

    /// Takes over all that a folded event stood for.
    pub(super) fn take_over(&mut self, folded: Head) {
        self.weight = self.weight.saturating_add(folded.weight);
        self.reweighted = true;
    }

    /// Appends the event to another log of the same credential.
    pub(super) fn copy(self, log: Log<'_>, into: &mut Vec<u8>) {
        if self.reweighted
            && let Some(event) = self.named_event(log)
        {
            return push(into, &event, self.weight, |text| log.texts.number(text));
        }
        let written = log.bytes.get(self.start as usize..self.end as usize);
        into.extend_from_slice(written.unwrap_or_default());
    }

    /// Decodes the event but for its names, which a fold does not look at:
    /// `id` and `credential_id` are empty. `None` when the bytes are not one.
    pub(super) fn event(self, log: Log<'_>) -> Option<Event<'_>> {
        let mut reader = Reader { log, at: self.id_end as usize };
        let common = reader.u8()?;
        let source = if common & 1 != 0 { Some(reader.text()?) } else { None };
        let owner = if common & 2 != 0 { Some(reader.text()?) } else { None };
        Some(Event {
            id: Cow::Borrowed(""),
            time: self.time,
            credential_id: Cow::Borrowed(""),
            workflow: log.key.workflow,
            source,
            severity: word(Severity::ALL, usize::from(common >> 2).checked_sub(1)),
            owner,
            body: reader.body(self.kind, self.reopens)?,
        })
    }

    /// Decodes the event with its id.
    pub(super) fn named_event(self, log: Log<'_>) -> Option<Event<'_>> {
        self.event(log).map(|event| Event { id: self.id(log), ..event })
    }
}

/// Bytes of all texts of an event together.
pub(super) fn texts(event: &Event<'_>) -> usize {
    let some = |text: &Option<Cow<'_, str>>| text.as_ref().map_or(0, |text| text.len());
    let body = match &event.body {
        Body::LeakDetected(leak) => some(&leak.location) + some(&leak.incident),
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
    };
    event.id.len() + event.credential_id.len() + some(&event.source) + some(&event.owner) + body
}

/// First byte of an id written as the 16 bytes of a UUID instead of as text:
/// odd, where the length of a text is even.
const PACKED_UUID: u8 = 1;

/// Set in the byte of a kind: the event reopens a closed window.
const REOPENS: u8 = 1 << 7;

/// Lists the events of a log, in the order of writing.
pub(super) fn heads(log: Log<'_>, into: &mut Vec<Head>) {
    into.clear();
    let mut at = 0;
    while let Some(head) = read::head(log, at) {
        at = head.end as usize;
        into.push(head);
    }
}

/// Whether `heads`, as listed, take up all of the log.
pub(super) fn is_whole(bytes: &[u8], heads: &[Head]) -> bool {
    heads.last().map_or(0, |last| last.end as usize) == bytes.len()
}
