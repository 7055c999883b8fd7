//! Bytes to events. Never panics: a byte that makes no sense ends the reading.

use std::borrow::Cow;

use super::head::{Head, Log, PACKED_UUID, REOPENS};
use super::uuid;
use crate::event::{
    Action, Actor, Body, CaseOpened, DecisionMade, Event, Evidence, ExposedAtQuality, Kind,
    LeakDetected, Method, Noted, Provenance, ReviewOpened, Severity, TriageCompleted, Verdict,
};
use crate::time::Timestamp;

/// Lists the events of a log, in the order of writing.
pub(in super::super) fn heads(log: Log<'_>, into: &mut Vec<Head>) {
    into.clear();
    let mut at = 0;
    while let Some(head) = head(log, at) {
        at = head.end as usize;
        into.push(head);
    }
}

/// Whether `heads`, as listed, take up all of the log.
pub(in super::super) fn is_whole(bytes: &[u8], heads: &[Head]) -> bool {
    heads.last().map_or(0, |last| last.end as usize) == bytes.len()
}

impl Head {
    /// The event's id.
    pub(in super::super) fn id(self, log: Log<'_>) -> Cow<'_, str> {
        if let [PACKED_UUID, packed @ ..] = self.written_id(log) {
            return Cow::Owned(uuid::unpack(packed));
        }
        let mut reader = Reader { log, at: self.id_start as usize };
        reader.text().unwrap_or_default()
    }

    /// Decodes the event but for its names, which a fold does not look at:
    /// `id` and `credential_id` are empty. `None` when the bytes are not one.
    pub(in super::super) fn event(self, log: Log<'_>) -> Option<Event<'_>> {
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
            severity: word(Severity::ALL, usize::from(common >> 2 & 15).checked_sub(1)),
            owner,
            noted: Noted { clock_skew: common & 64 != 0, recovered: common & 128 != 0 },
            body: reader.body(self.kind, self.reopens)?,
        })
    }

    /// Decodes the event with its id.
    pub(in super::super) fn named_event(self, log: Log<'_>) -> Option<Event<'_>> {
        self.event(log).map(|event| Event { id: self.id(log), ..event })
    }
}

fn head(log: Log<'_>, start: usize) -> Option<Head> {
    let mut reader = Reader { log, at: start };
    let length = u16::from_le_bytes([reader.u8()?, reader.u8()?]);
    let end = reader.at.checked_add(usize::from(length)).filter(|end| *end <= log.bytes.len())?;
    let kind = reader.u8()?;
    let reopens = kind & REOPENS != 0;
    let kind = word(Kind::ALL, Some(usize::from(kind & !REOPENS)))?;
    let time = reader.time()?;
    let weight = reader.count_u32()?;
    let id_start = reader.at;
    reader.skip_id()?;
    let id_end = Some(reader.at).filter(|id_end| *id_end <= end)?;
    Some(Head {
        time,
        kind,
        reopens,
        reweighted: false,
        weight,
        start: u32::try_from(start).ok()?,
        end: u32::try_from(end).ok()?,
        id_start: u32::try_from(id_start).ok()?,
        id_end: u32::try_from(id_end).ok()?,
    })
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

    fn some<T>(
        &mut self,
        given: bool,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        if given { read(self).map(Some) } else { Some(None) }
    }

    fn body(&mut self, kind: Kind, reopened: bool) -> Option<Body<'l>> {
        Some(match kind {
            Kind::LeakDetected => {
                let flags = self.u8()?;
                Body::LeakDetected(LeakDetected {
                    exposed_at: self.some(flags & 1 != 0, Reader::time)?,
                    exposed_at_quality: word(
                        ExposedAtQuality::ALL,
                        usize::from(flags >> 3 & 3).checked_sub(1),
                    ),
                    location: self.some(flags & 2 != 0, Reader::text)?,
                    provider: None,
                    incident: self.some(flags & 4 != 0, Reader::text)?,
                    requested_by: self.some(flags & 32 != 0, Reader::text)?,
                    reopened,
                })
            }
            Kind::CaseOpened => {
                let flags = self.u8()?;
                Body::CaseOpened(CaseOpened {
                    started_at: self.some(flags & 1 != 0, Reader::time)?,
                    requested_by: self.some(flags & 2 != 0, Reader::text)?,
                    items: self.some(flags & 4 != 0, Reader::count_u32)?,
                    incident: self.some(flags & 8 != 0, Reader::text)?,
                    reopened,
                })
            }
            Kind::TriageCompleted => self.triage()?,
            Kind::ReviewOpened => {
                let packed = self.u8()?;
                Body::ReviewOpened(ReviewOpened {
                    reviewer: self.text()?,
                    items_opened: self.some(packed & 1 != 0, Reader::count_u32)?,
                    evidence: word(Evidence::ALL, usize::from(packed >> 1).checked_sub(1)),
                })
            }
            Kind::DecisionMade => self.decision()?,
            Kind::CredentialContained => {
                let packed = self.u8()?;
                Body::CredentialContained {
                    method: word(Method::ALL, Some(usize::from(packed & 15)))?,
                    actor_kind: word(Actor::ALL, Some(usize::from(packed >> 4)))?,
                }
            }
            Kind::CaseWithdrawn => {
                let given = self.u8()? != 0;
                Body::CaseWithdrawn { reason: self.some(given, Reader::text)? }
            }
            Kind::CredentialAbused => Body::CredentialAbused,
            // No window is made of links.
            Kind::IdentityLinked => return None,
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
            confidence: self.some(flags & 1 != 0, |reader| {
                Some(f64::from_le_bytes(reader.take(8)?.try_into().ok()?))
            })?,
            summary_words: self.some(flags & 2 != 0, Reader::count_u32)?,
            provenance: word(Provenance::ALL, usize::from(packed >> 4).checked_sub(1)),
            requested_by: self.some(flags & 4 != 0, Reader::text)?,
            summary_chars: self.some(flags & 8 != 0, Reader::count_u32)?,
            model: self.some(flags & 16 != 0, Reader::text)?,
        }))
    }

    fn decision(&mut self) -> Option<Body<'l>> {
        let (packed, answer, flags) = (self.u8()?, self.u8()?, self.u8()?);
        Some(Body::DecisionMade(DecisionMade {
            reviewer: self.text()?,
            action: word(Action::ALL, Some(usize::from(packed & 15)))?,
            actor_kind: word(Actor::ALL, Some(usize::from(packed >> 4)))?,
            verdict: word(Verdict::ALL, usize::from(answer & 15).checked_sub(1)),
            rationale_words: self.some(flags & 1 != 0, Reader::count_u32)?,
            rationale_digest: self.some(flags & 2 != 0, Reader::text)?,
            batch_id: self.some(flags & 4 != 0, Reader::text)?,
            batch_size: self.some(flags & 8 != 0, Reader::count_u32)?,
            items_opened: self.some(flags & 16 != 0, Reader::count_u32)?,
            authorized: match answer >> 4 {
                1 => Some(false),
                2 => Some(true),
                _ => None,
            },
        }))
    }
}
