//! Events to bytes.

use super::head::{Head, Log, PACKED_UUID, REOPENS};
use super::uuid;
use crate::event::{
    Action, Actor, Body, CaseOpened, DecisionMade, Event, Evidence, ExposedAtQuality, Kind, Method,
    Noted, Provenance, ReviewOpened, Severity, TriageCompleted, Verdict,
};
use crate::time::Timestamp;

// Two words share a byte, four bits each; where a word may be absent, zero says so.
const _: () = assert!(
    Action::ALL.len() <= 16
        && Actor::ALL.len() <= 16
        && Method::ALL.len() <= 16
        && Provenance::ALL.len() < 16
        && Verdict::ALL.len() < 16
);
// A severity has four bits between flags; above the flags of the others at least five remain.
const _: () = assert!(
    Severity::ALL.len() < 16 && ExposedAtQuality::ALL.len() < 32 && Evidence::ALL.len() < 32
);
// The highest bit of a kind says that the event reopens.
const _: () = assert!(Kind::ALL.len() <= REOPENS as usize);

/// Appends `event`, standing for `weight` events; `number` tells which texts
/// are held elsewhere.
pub(in super::super) fn push(
    log: &mut Vec<u8>,
    event: &Event<'_>,
    weight: u32,
    number: impl FnMut(&str) -> Option<u32>,
) {
    write(log, event, weight, number, |writer| writer.id(&event.id));
}

/// The same with an id that was written before: it is the same bytes in any log.
pub(in super::super) fn push_again(
    log: &mut Vec<u8>,
    written_id: &[u8],
    event: &Event<'_>,
    weight: u32,
    number: impl FnMut(&str) -> Option<u32>,
) {
    write(log, event, weight, number, |writer| writer.log.extend_from_slice(written_id));
}

impl Head {
    /// Appends the event to another log of the same credential.
    pub(in super::super) fn copy(self, log: Log<'_>, into: &mut Vec<u8>) {
        if self.reweighted
            && let Some(event) = self.named_event(log)
        {
            return push(into, &event, self.weight, |text| log.texts.number(text));
        }
        let written = log.bytes.get(self.start as usize..self.end as usize);
        into.extend_from_slice(written.unwrap_or_default());
    }
}

fn write<N: FnMut(&str) -> Option<u32>>(
    log: &mut Vec<u8>,
    event: &Event<'_>,
    weight: u32,
    number: N,
    id: impl FnOnce(&mut Writer<'_, N>),
) {
    let start = log.len();
    let mut writer = Writer { log, number };
    let reopens = if event.reopens() { REOPENS } else { 0 };
    writer.log.extend_from_slice(&[0, 0, event.kind() as u8 | reopens]);
    writer.time(event.time);
    writer.count(u64::from(weight));
    id(&mut writer);
    let severity = event.severity.map_or(0, |severity| severity as u8 + 1);
    let (sourced, owned) = (u8::from(event.source.is_some()), u8::from(event.owner.is_some()));
    let Noted { clock_skew, recovered } = event.noted;
    let noted = u8::from(clock_skew) << 6 | u8::from(recovered) << 7;
    writer.log.push(sourced | owned << 1 | severity << 2 | noted);
    writer.some(event.source.as_deref());
    writer.some(event.owner.as_deref());
    writer.body(&event.body);
    let length = u16::try_from(log.len() - start - 2).unwrap_or(u16::MAX);
    log[start..start + 2].copy_from_slice(&length.to_le_bytes());
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
        match uuid::pack(id) {
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
                let located = u8::from(leak.location.is_some());
                let grouped = u8::from(leak.incident.is_some());
                let requested = u8::from(leak.requested_by.is_some());
                self.log
                    .push(exposed | located << 1 | grouped << 2 | quality << 3 | requested << 5);
                if let Some(time) = leak.exposed_at {
                    self.time(time);
                }
                self.some(leak.location.as_deref());
                self.some_inline(leak.incident.as_deref());
                self.some(leak.requested_by.as_deref());
            }
            Body::CaseOpened(case) => self.case(case),
            Body::TriageCompleted(triage) => self.triage(triage),
            Body::ReviewOpened(opened) => self.opened(opened),
            Body::DecisionMade(decision) => self.decision(decision),
            Body::CredentialContained { method, actor_kind } => {
                self.log.push(*method as u8 | (*actor_kind as u8) << 4);
            }
            Body::CaseWithdrawn { reason } => {
                self.log.push(reason.is_some().into());
                self.some_inline(reason.as_deref());
            }
            // No window is made of links.
            Body::CredentialAbused | Body::IdentityLinked(_) => {}
            Body::TruthEstablished { correct_action, seeded } => {
                self.log.push(*correct_action as u8 | u8::from(*seeded) << 4);
            }
        }
    }

    /// Incidents and reasons are too many and too short-lived for a table.
    fn some_inline(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            self.inline(text);
        }
    }

    fn some_count(&mut self, count: Option<u32>) {
        if let Some(count) = count {
            self.count(u64::from(count));
        }
    }

    fn case(&mut self, case: &CaseOpened<'_>) {
        self.log.push(
            u8::from(case.started_at.is_some())
                | u8::from(case.requested_by.is_some()) << 1
                | u8::from(case.items.is_some()) << 2
                | u8::from(case.incident.is_some()) << 3,
        );
        if let Some(time) = case.started_at {
            self.time(time);
        }
        self.some(case.requested_by.as_deref());
        self.some_count(case.items);
        self.some_inline(case.incident.as_deref());
    }

    fn opened(&mut self, opened: &ReviewOpened<'_>) {
        let evidence = opened.evidence.map_or(0, |evidence| evidence as u8 + 1);
        self.log.push(u8::from(opened.items_opened.is_some()) | evidence << 1);
        self.text(&opened.reviewer);
        self.some_count(opened.items_opened);
    }

    fn triage(&mut self, triage: &TriageCompleted<'_>) {
        let provenance = triage.provenance.map_or(0, |provenance| provenance as u8 + 1);
        self.log.push(triage.recommendation as u8 | provenance << 4);
        self.log.push(
            u8::from(triage.confidence.is_some())
                | u8::from(triage.summary_words.is_some()) << 1
                | u8::from(triage.requested_by.is_some()) << 2
                | u8::from(triage.summary_chars.is_some()) << 3
                | u8::from(triage.model.is_some()) << 4,
        );
        if let Some(confidence) = triage.confidence {
            self.log.extend_from_slice(&confidence.to_le_bytes());
        }
        self.some_count(triage.summary_words);
        self.some(triage.requested_by.as_deref());
        self.some_count(triage.summary_chars);
        self.some(triage.model.as_deref());
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
                | u8::from(decision.batch_size.is_some()) << 3
                | u8::from(decision.items_opened.is_some()) << 4,
        );
        self.text(&decision.reviewer);
        self.some_count(decision.rationale_words);
        // Digests and batches are too many and too short-lived for a table.
        for text in [&decision.rationale_digest, &decision.batch_id].into_iter().flatten() {
            self.inline(text);
        }
        self.some_count(decision.batch_size);
        self.some_count(decision.items_opened);
    }
}
