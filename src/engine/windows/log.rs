//! The bytes in which a credential's events are held: compact, self-contained,
//! free of pointers.
//!
//! Invariants: what is read back equals what was written, except for the fields
//! that no window uses (`model`, `provider`); equal events have equal bytes;
//! reading never panics, whatever the bytes (they may come from a changelog).
//!
//! One event is `length u16, kind u8, time 6 bytes, weight, id, common, body`;
//! all integers little-endian, counts and text lengths as LEB128.

use std::borrow::Cow;

use crate::event::{
    Action, Actor, Body, DecisionMade, Event, ExposedAtQuality, Kind, LeakDetected, Method,
    Provenance, Severity, TriageCompleted, Verdict, Workflow,
};
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

/// Where an event lies in a log, and the start of its sort order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) time: Timestamp,
    pub(super) kind: Kind,
    /// How many events it stands for: one, unless repeats were folded into it.
    pub(super) weight: u32,
    /// Whether `weight` differs from what is written.
    reweighted: bool,
    start: u32,
    end: u32,
    id_start: u32,
    id_end: u32,
}

impl Head {
    /// The event's bytes, length prefix included.
    pub(super) fn bytes(self, log: &[u8]) -> &[u8] {
        log.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The event's id.
    pub(super) fn id(self, log: &[u8]) -> &[u8] {
        log.get(self.id_start as usize..self.id_end as usize).unwrap_or_default()
    }

    /// Takes over what a dropped repeat of this event stood for besides itself.
    pub(super) fn absorb(&mut self, repeat: Head) {
        if repeat.weight > 1 {
            self.weight = self.weight.saturating_add(repeat.weight - 1);
            self.reweighted = true;
        }
    }

    /// Appends the event to another log.
    pub(super) fn copy(self, log: &[u8], key: Key<'_>, into: &mut Vec<u8>) {
        match self.named_event(log, key).filter(|_| self.reweighted) {
            Some(event) => push(into, &event, self.weight),
            None => into.extend_from_slice(self.bytes(log)),
        }
    }

    /// Decodes the event with its id, to write it again.
    pub(super) fn named_event<'l>(self, log: &'l [u8], key: Key<'_>) -> Option<Event<'l>> {
        let id = std::str::from_utf8(self.id(log)).ok()?;
        self.event(log, key).map(|event| Event { id: Cow::Borrowed(id), ..event })
    }

    /// Decodes the event but for its names, which a fold does not look at:
    /// `id` and `credential_id` are empty. `None` when the bytes are not one.
    pub(super) fn event<'l>(self, log: &'l [u8], key: Key<'_>) -> Option<Event<'l>> {
        let mut reader = Reader { bytes: log.get(..self.end as usize)?, at: self.id_end as usize };
        let common = reader.u8()?;
        let source = (common & 1 != 0).then(|| reader.text()).flatten();
        let owner = (common & 2 != 0).then(|| reader.text()).flatten();
        let severity = word(Severity::ALL, usize::from(common >> 2).checked_sub(1));
        let body = reader.body(self.kind)?;
        Some(Event {
            id: Cow::Borrowed(""),
            time: self.time,
            credential_id: Cow::Borrowed(""),
            workflow: key.workflow,
            source,
            severity,
            owner,
            body,
        })
    }
}

/// Appends `event`, standing for `weight` events.
pub(super) fn push(log: &mut Vec<u8>, event: &Event<'_>, weight: u32) {
    let start = log.len();
    // In small steps: most logs stay short, and there are millions of them.
    let needed = start + texts(event) + FIXED_BYTES_MAX;
    if needed > log.capacity() {
        log.reserve_exact(needed.max(start + start / 4) - start);
    }
    log.extend_from_slice(&[0, 0, event.kind() as u8]);
    put_time(log, event.time);
    put_count(log, u64::from(weight));
    put_text(log, &event.id);
    let severity = event.severity.map_or(0, |severity| severity as u8 + 1);
    log.push(
        u8::from(event.source.is_some()) | u8::from(event.owner.is_some()) << 1 | severity << 2,
    );
    put_some(log, event.source.as_deref());
    put_some(log, event.owner.as_deref());
    put_body(log, &event.body);
    let length = u16::try_from(log.len() - start - 2).unwrap_or(u16::MAX);
    log[start..start + 2].copy_from_slice(&length.to_le_bytes());
}

/// Lists the events of a log, in the order of writing.
pub(super) fn heads(log: &[u8], into: &mut Vec<Head>) {
    into.clear();
    let mut at = 0;
    while let Some(head) = read_head(log, at) {
        at = head.end as usize;
        into.push(head);
    }
}

fn read_head(log: &[u8], start: usize) -> Option<Head> {
    let mut reader = Reader { bytes: log, at: start };
    let length = u16::from_le_bytes([reader.u8()?, reader.u8()?]);
    let end = reader.at.checked_add(usize::from(length)).filter(|end| *end <= log.len())?;
    let kind = word(Kind::ALL, Some(usize::from(reader.u8()?)))?;
    let time = reader.time()?;
    let weight = u32::try_from(reader.count()?).ok()?;
    let id_length = usize::try_from(reader.count()?).ok()?;
    let id_end = reader.at.checked_add(id_length).filter(|id_end| *id_end <= end)?;
    Some(Head {
        time,
        kind,
        weight,
        reweighted: false,
        start: u32::try_from(start).ok()?,
        end: u32::try_from(end).ok()?,
        id_start: u32::try_from(reader.at).ok()?,
        id_end: u32::try_from(id_end).ok()?,
    })
}

/// What an event takes beside its texts, at the most: length, kind, time, weight,
/// common flags; the lengths of its six longest texts; a decision's or an
/// advice's own fields.
const FIXED_BYTES_MAX: usize = (2 + 1 + 6 + 2 + 1) + 6 + 14;

/// Bytes of all texts of an event together.
pub(super) fn texts(event: &Event<'_>) -> usize {
    let some = |text: &Option<Cow<'_, str>>| text.as_ref().map_or(0, |text| text.len());
    let body = match &event.body {
        Body::LeakDetected(leak) => some(&leak.location),
        Body::TriageCompleted(triage) => some(&triage.requested_by),
        Body::ReviewOpened { reviewer } => reviewer.len(),
        Body::DecisionMade(decision) => {
            decision.reviewer.len() + some(&decision.rationale_digest) + some(&decision.batch_id)
        }
        _ => 0,
    };
    event.id.len() + event.credential_id.len() + some(&event.source) + some(&event.owner) + body
}

fn put_time(log: &mut Vec<u8>, time: Timestamp) {
    // Six bytes reach the year 10889; the vocabulary ends in 2100.
    log.extend_from_slice(&time.as_millis().to_le_bytes()[..6]);
}

fn put_count(log: &mut Vec<u8>, mut count: u64) {
    while count >= 0x80 {
        log.push(count as u8 | 0x80);
        count >>= 7;
    }
    log.push(count as u8);
}

fn put_text(log: &mut Vec<u8>, text: &str) {
    put_count(log, text.len() as u64);
    log.extend_from_slice(text.as_bytes());
}

fn put_some(log: &mut Vec<u8>, text: Option<&str>) {
    if let Some(text) = text {
        put_text(log, text);
    }
}

fn put_body(log: &mut Vec<u8>, body: &Body<'_>) {
    match body {
        Body::LeakDetected(leak) => {
            let quality = leak.exposed_at_quality.map_or(0, |quality| quality as u8 + 1);
            let exposed = u8::from(leak.exposed_at.is_some());
            log.push(exposed | u8::from(leak.location.is_some()) << 1 | quality << 2);
            if let Some(time) = leak.exposed_at {
                put_time(log, time);
            }
            put_some(log, leak.location.as_deref());
        }
        Body::TriageCompleted(triage) => {
            let provenance = triage.provenance.map_or(0, |provenance| provenance as u8 + 1);
            log.push(triage.recommendation as u8 | provenance << 4);
            log.push(
                u8::from(triage.confidence.is_some())
                    | u8::from(triage.summary_words.is_some()) << 1
                    | u8::from(triage.requested_by.is_some()) << 2,
            );
            if let Some(confidence) = triage.confidence {
                log.extend_from_slice(&confidence.to_le_bytes());
            }
            if let Some(words) = triage.summary_words {
                put_count(log, u64::from(words));
            }
            put_some(log, triage.requested_by.as_deref());
        }
        Body::ReviewOpened { reviewer } => put_text(log, reviewer),
        Body::DecisionMade(decision) => put_decision(log, decision),
        Body::CredentialContained { method, actor_kind } => {
            log.push(*method as u8 | (*actor_kind as u8) << 4);
        }
        Body::CredentialAbused => {}
        Body::TruthEstablished { correct_action, seeded } => {
            log.push(*correct_action as u8 | u8::from(*seeded) << 4);
        }
    }
}

fn put_decision(log: &mut Vec<u8>, decision: &DecisionMade<'_>) {
    log.push(decision.action as u8 | (decision.actor_kind as u8) << 4);
    let verdict = decision.verdict.map_or(0, |verdict| verdict as u8 + 1);
    let authorized = decision.authorized.map_or(0, |authorized| 1 + u8::from(authorized));
    log.push(verdict | authorized << 4);
    log.push(
        u8::from(decision.rationale_words.is_some())
            | u8::from(decision.rationale_digest.is_some()) << 1
            | u8::from(decision.batch_id.is_some()) << 2
            | u8::from(decision.batch_size.is_some()) << 3,
    );
    put_text(log, &decision.reviewer);
    if let Some(words) = decision.rationale_words {
        put_count(log, u64::from(words));
    }
    put_some(log, decision.rationale_digest.as_deref());
    put_some(log, decision.batch_id.as_deref());
    if let Some(size) = decision.batch_size {
        put_count(log, u64::from(size));
    }
}

fn word<T: Copy>(all: &[T], index: Option<usize>) -> Option<T> {
    index.and_then(|index| all.get(index).copied())
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn u8(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn time(&mut self) -> Option<Timestamp> {
        let mut ms = [0; 8];
        ms[..6].copy_from_slice(self.take(6)?);
        Some(Timestamp::from_millis(i64::from_le_bytes(ms)))
    }

    fn count(&mut self) -> Option<u64> {
        let mut count = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            count |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(count);
            }
        }
        None
    }

    fn count_u32(&mut self) -> Option<u32> {
        u32::try_from(self.count()?).ok()
    }

    fn text(&mut self) -> Option<Cow<'b, str>> {
        let length = usize::try_from(self.count()?).ok()?;
        std::str::from_utf8(self.take(length)?).ok().map(Cow::Borrowed)
    }

    fn body(&mut self, kind: Kind) -> Option<Body<'b>> {
        Some(match kind {
            Kind::LeakDetected => {
                let flags = self.u8()?;
                Body::LeakDetected(LeakDetected {
                    exposed_at: if flags & 1 != 0 { Some(self.time()?) } else { None },
                    exposed_at_quality: word(
                        ExposedAtQuality::ALL,
                        usize::from(flags >> 2).checked_sub(1),
                    ),
                    location: if flags & 2 != 0 { Some(self.text()?) } else { None },
                    provider: None,
                })
            }
            Kind::TriageCompleted => self.triage()?,
            Kind::ReviewOpened => Body::ReviewOpened { reviewer: self.text()? },
            Kind::DecisionMade => self.decision()?,
            Kind::CredentialContained => {
                let packed = self.u8()?;
                Body::CredentialContained {
                    method: word(Method::ALL, Some(usize::from(packed & 15)))?,
                    actor_kind: word(Actor::ALL, Some(usize::from(packed >> 4)))?,
                }
            }
            Kind::CredentialAbused => Body::CredentialAbused,
            Kind::TruthEstablished => {
                let packed = self.u8()?;
                Body::TruthEstablished {
                    correct_action: word(Action::ALL, Some(usize::from(packed & 15)))?,
                    seeded: packed >> 4 != 0,
                }
            }
        })
    }

    fn triage(&mut self) -> Option<Body<'b>> {
        let (packed, flags) = (self.u8()?, self.u8()?);
        Some(Body::TriageCompleted(TriageCompleted {
            recommendation: word(Action::ALL, Some(usize::from(packed & 15)))?,
            model: None,
            confidence: if flags & 1 != 0 {
                Some(f64::from_le_bytes(self.take(8)?.try_into().ok()?))
            } else {
                None
            },
            summary_words: if flags & 2 != 0 { Some(self.count_u32()?) } else { None },
            provenance: word(Provenance::ALL, usize::from(packed >> 4).checked_sub(1)),
            requested_by: if flags & 4 != 0 { Some(self.text()?) } else { None },
        }))
    }

    fn decision(&mut self) -> Option<Body<'b>> {
        let (packed, answer, flags) = (self.u8()?, self.u8()?, self.u8()?);
        Some(Body::DecisionMade(DecisionMade {
            reviewer: self.text()?,
            action: word(Action::ALL, Some(usize::from(packed & 15)))?,
            actor_kind: word(Actor::ALL, Some(usize::from(packed >> 4)))?,
            verdict: word(Verdict::ALL, usize::from(answer & 15).checked_sub(1)),
            rationale_words: if flags & 1 != 0 { Some(self.count_u32()?) } else { None },
            rationale_digest: if flags & 2 != 0 { Some(self.text()?) } else { None },
            batch_id: if flags & 4 != 0 { Some(self.text()?) } else { None },
            batch_size: if flags & 8 != 0 { Some(self.count_u32()?) } else { None },
            authorized: match answer >> 4 {
                1 => Some(false),
                2 => Some(true),
                _ => None,
            },
        }))
    }
}
