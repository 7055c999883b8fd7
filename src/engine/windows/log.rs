//! The bytes in which a credential's events are held.
//!
//! Invariants: what is read back equals what was written, except for the fields
//! that no window uses (`model`, `provider`); equal events have equal bytes as
//! long as the table of texts lives; reading never panics, whatever the bytes.
//!
//! One event is `length u16, kind u8, time 6 bytes, weight, id, common, body`;
//! all integers little-endian, counts as LEB128. Texts that many events share
//! are numbers in a table.

use std::borrow::Cow;

use super::texts::Texts;
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
    /// The event's id as written: equal for equal ids, in no useful order.
    pub(super) fn written_id(self, log: Log<'_>) -> &[u8] {
        log.bytes.get(self.id_start as usize..self.id_end as usize).unwrap_or_default()
    }

    /// The event's id.
    pub(super) fn id(self, log: Log<'_>) -> Cow<'_, str> {
        if let [PACKED_UUID, packed @ ..] = self.written_id(log) {
            return Cow::Owned(unpack_uuid(packed));
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
        match self.named_event(log).filter(|_| self.reweighted) {
            Some(event) => push(into, &event, self.weight, |text| log.texts.number(text)),
            None => {
                let written = log.bytes.get(self.start as usize..self.end as usize);
                into.extend_from_slice(written.unwrap_or_default());
            }
        }
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
            body: reader.body(self.kind)?,
        })
    }

    /// Decodes the event with its id.
    pub(super) fn named_event(self, log: Log<'_>) -> Option<Event<'_>> {
        self.event(log).map(|event| Event { id: self.id(log), ..event })
    }
}

/// Appends `event`, standing for `weight` events; `number` tells which texts
/// are held elsewhere.
pub(super) fn push(
    log: &mut Vec<u8>,
    event: &Event<'_>,
    weight: u32,
    number: impl FnMut(&str) -> Option<u32>,
) {
    let start = log.len();
    let mut writer = Writer { log, number };
    writer.log.extend_from_slice(&[0, 0, event.kind() as u8]);
    writer.time(event.time);
    writer.count(u64::from(weight));
    writer.id(&event.id);
    let severity = event.severity.map_or(0, |severity| severity as u8 + 1);
    let (sourced, owned) = (u8::from(event.source.is_some()), u8::from(event.owner.is_some()));
    writer.log.push(sourced | owned << 1 | severity << 2);
    writer.some(event.source.as_deref());
    writer.some(event.owner.as_deref());
    writer.body(&event.body);
    let length = u16::try_from(log.len() - start - 2).unwrap_or(u16::MAX);
    log[start..start + 2].copy_from_slice(&length.to_le_bytes());
}

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

/// Lists the events of a log, in the order of writing.
pub(super) fn heads(log: Log<'_>, into: &mut Vec<Head>) {
    into.clear();
    let mut at = 0;
    while let Some(head) = read_head(log, at) {
        at = head.end as usize;
        into.push(head);
    }
}

fn read_head(log: Log<'_>, start: usize) -> Option<Head> {
    let mut reader = Reader { log, at: start };
    let length = u16::from_le_bytes([reader.u8()?, reader.u8()?]);
    let end = reader.at.checked_add(usize::from(length)).filter(|end| *end <= log.bytes.len())?;
    let kind = word(Kind::ALL, Some(usize::from(reader.u8()?)))?;
    let time = reader.time()?;
    let weight = reader.count_u32()?;
    let id_start = reader.at;
    reader.skip_id()?;
    let id_end = Some(reader.at).filter(|id_end| *id_end <= end)?;
    Some(Head {
        time,
        kind,
        reweighted: false,
        weight,
        start: u32::try_from(start).ok()?,
        end: u32::try_from(end).ok()?,
        id_start: u32::try_from(id_start).ok()?,
        id_end: u32::try_from(id_end).ok()?,
    })
}

/// First byte of an id written as the 16 bytes of a UUID instead of as text:
/// odd, where the length of a text is even.
const PACKED_UUID: u8 = 1;

/// Where the sixteen pairs of digits stand in the usual form of a UUID.
const UUID_PAIRS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// Marks a byte that is no lower-case hexadecimal digit.
const NO_DIGIT: u8 = 0x80;

/// The value of each byte as a lower-case hexadecimal digit.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// The bytes of a UUID in its usual form, lower-case with hyphens.
fn pack_uuid(id: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = id.as_bytes().try_into().ok()?;
    if [text[8], text[13], text[18], text[23]] != [b'-'; 4] {
        return None;
    }
    let mut packed = [0; 16];
    let mut seen = 0;
    // No early exit: on every event, and nearly always to the end.
    for (byte, at) in packed.iter_mut().zip(UUID_PAIRS) {
        let (high, low) = (DIGITS[usize::from(text[at])], DIGITS[usize::from(text[at + 1])]);
        seen |= high | low;
        *byte = high << 4 | low;
    }
    (seen & NO_DIGIT == 0).then_some(packed)
}

fn unpack_uuid(packed: &[u8]) -> String {
    let mut id = String::with_capacity(36);
    for (at, byte) in packed.iter().enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            id.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            id.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
        }
    }
    id
}

struct Writer<'w, N> {
    log: &'w mut Vec<u8>,
    number: N,
}

impl<N: FnMut(&str) -> Option<u32>> Writer<'_, N> {
    fn time(&mut self, time: Timestamp) {
        // Six bytes reach the year 10889; the vocabulary ends in 2100.
        self.log.extend_from_slice(&time.as_millis().to_le_bytes()[..6]);
    }

    fn count(&mut self, mut count: u64) {
        while count >= 0x80 {
            self.log.push(count as u8 | 0x80);
            count >>= 7;
        }
        self.log.push(count as u8);
    }

    /// Even: twice the length of the text that follows. [`PACKED_UUID`]: a UUID.
    fn id(&mut self, id: &str) {
        match pack_uuid(id) {
            Some(packed) => {
                self.log.push(PACKED_UUID);
                self.log.extend_from_slice(&packed);
            }
            None => self.inline(id),
        }
    }

    /// Odd: twice the text's number, plus one. Even: twice its length.
    fn text(&mut self, text: &str) {
        match (self.number)(text) {
            Some(number) => self.count(u64::from(number) * 2 + 1),
            None => self.inline(text),
        }
    }

    fn inline(&mut self, text: &str) {
        self.count(text.len() as u64 * 2);
        self.log.extend_from_slice(text.as_bytes());
    }

    fn some(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn body(&mut self, body: &Body<'_>) {
        match body {
            Body::LeakDetected(leak) => {
                let quality = leak.exposed_at_quality.map_or(0, |quality| quality as u8 + 1);
                let exposed = u8::from(leak.exposed_at.is_some());
                self.log.push(exposed | u8::from(leak.location.is_some()) << 1 | quality << 2);
                if let Some(time) = leak.exposed_at {
                    self.time(time);
                }
                self.some(leak.location.as_deref());
            }
            Body::TriageCompleted(triage) => self.triage(triage),
            Body::ReviewOpened { reviewer } => self.text(reviewer),
            Body::DecisionMade(decision) => self.decision(decision),
            Body::CredentialContained { method, actor_kind } => {
                self.log.push(*method as u8 | (*actor_kind as u8) << 4);
            }
            Body::CredentialAbused => {}
            Body::TruthEstablished { correct_action, seeded } => {
                self.log.push(*correct_action as u8 | u8::from(*seeded) << 4);
            }
        }
    }

    fn triage(&mut self, triage: &TriageCompleted<'_>) {
        let provenance = triage.provenance.map_or(0, |provenance| provenance as u8 + 1);
        self.log.push(triage.recommendation as u8 | provenance << 4);
        self.log.push(
            u8::from(triage.confidence.is_some())
                | u8::from(triage.summary_words.is_some()) << 1
                | u8::from(triage.requested_by.is_some()) << 2,
        );
        if let Some(confidence) = triage.confidence {
            self.log.extend_from_slice(&confidence.to_le_bytes());
        }
        if let Some(words) = triage.summary_words {
            self.count(u64::from(words));
        }
        self.some(triage.requested_by.as_deref());
    }

    fn decision(&mut self, decision: &DecisionMade<'_>) {
        self.log.push(decision.action as u8 | (decision.actor_kind as u8) << 4);
        let verdict = decision.verdict.map_or(0, |verdict| verdict as u8 + 1);
        let authorized = decision.authorized.map_or(0, |authorized| 1 + u8::from(authorized));
        self.log.push(verdict | authorized << 4);
        self.log.push(
            u8::from(decision.rationale_words.is_some())
                | u8::from(decision.rationale_digest.is_some()) << 1
                | u8::from(decision.batch_id.is_some()) << 2
                | u8::from(decision.batch_size.is_some()) << 3,
        );
        self.text(&decision.reviewer);
        if let Some(words) = decision.rationale_words {
            self.count(u64::from(words));
        }
        // Digests and batches are too many and too short-lived for a table.
        for text in [&decision.rationale_digest, &decision.batch_id].into_iter().flatten() {
            self.inline(text);
        }
        if let Some(size) = decision.batch_size {
            self.count(u64::from(size));
        }
    }
}

fn word<T: Copy>(all: &[T], index: Option<usize>) -> Option<T> {
    index.and_then(|index| all.get(index).copied())
}

struct Reader<'l> {
    log: Log<'l>,
    at: usize,
}

impl<'l> Reader<'l> {
    fn u8(&mut self) -> Option<u8> {
        let byte = *self.log.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, length: usize) -> Option<&'l [u8]> {
        let taken = self.log.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn skip_id(&mut self) -> Option<()> {
        let length = match self.count()? {
            packed if packed == u64::from(PACKED_UUID) => 16,
            twice => usize::try_from(twice / 2).ok()?,
        };
        self.take(length).map(drop)
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

    fn text(&mut self) -> Option<Cow<'l, str>> {
        let written = self.count()?;
        if written % 2 == 1 {
            return self.log.texts.get(u32::try_from(written / 2).ok()?).map(Cow::Borrowed);
        }
        let text = self.take(usize::try_from(written / 2).ok()?)?;
        std::str::from_utf8(text).ok().map(Cow::Borrowed)
    }

    fn body(&mut self, kind: Kind) -> Option<Body<'l>> {
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

    fn triage(&mut self) -> Option<Body<'l>> {
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

    fn decision(&mut self) -> Option<Body<'l>> {
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
