//! One window of a ledger, as little of it as the report needs.

use std::num::NonZeroU32;

use sha2::{Digest as _, Sha256};

use super::held::{Name, Shared};
use crate::config::Targets;
use crate::engine::attacker::Race;
use crate::engine::oversight::{HollowReasons, Quality};
use crate::engine::windows::State;
use crate::event::{Action, Evidence, ExposedAtQuality, Severity, Verdict, Workflow};
use crate::records::{Object, WindowRecord};
use crate::time::Timestamp;

/// SHA-256 of some bytes.
pub type Digest = [u8; 32];

/// SHA-256 of one record, as it stands in the ledger without the line's end.
pub fn digest(record: &[u8]) -> Digest {
    Sha256::digest(record).into()
}

/// One window of the ledger. Texts are numbers; [`Rows::window`](super::Rows::window) puts them back.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub(super) digest: Digest,
    pub(super) credential: Name,
    /// Which of the lists of further names.
    pub(super) aliases: Option<NonZeroU32>,
    pub(super) source: Option<NonZeroU32>,
    pub(super) location: Option<NonZeroU32>,
    pub(super) owner: Option<NonZeroU32>,
    pub(super) reviewer: Option<NonZeroU32>,
    pub(super) batch: Option<NonZeroU32>,
    pub(super) incident: Option<NonZeroU32>,
    pub(super) model: Option<NonZeroU32>,
    pub(super) advice_source: Option<NonZeroU32>,
    pub(super) advice_event: Option<NonZeroU32>,
    pub(super) first_advice_event: Option<NonZeroU32>,
    /// Which of the targets told apart.
    pub(super) targets: u32,
    pub(super) detected_at: Timestamp,
    pub(super) exposed_at: Option<Timestamp>,
    pub(super) triaged_at: Option<Timestamp>,
    pub(super) presented_at: Option<Timestamp>,
    pub(super) opened_at: Option<Timestamp>,
    pub(super) decided_at: Option<Timestamp>,
    pub(super) dismissed_at: Option<Timestamp>,
    pub(super) contained_at: Option<Timestamp>,
    pub(super) closed_at: Option<Timestamp>,
    pub(super) abused_at: Option<Timestamp>,
    pub(super) truth_at: Option<Timestamp>,
    pub(super) first_presented_at: Option<Timestamp>,
    pub(super) first_opened_at: Option<Timestamp>,
    pub(super) withdrawn_at: Option<Timestamp>,
    pub(super) confidence: Option<f64>,
    pub(super) summary_words: Option<u32>,
    pub(super) summary_chars: Option<u32>,
    pub(super) rationale_words: Option<u32>,
    pub(super) workflow: Workflow,
    pub(super) severity: Option<Severity>,
    pub(super) state: State,
    pub(super) exposed_at_quality: Option<ExposedAtQuality>,
    pub(super) recommendation: Option<Action>,
    pub(super) action: Option<Action>,
    pub(super) verdict: Option<Verdict>,
    pub(super) correct_action: Option<Action>,
    pub(super) seeded: bool,
    pub(super) clock_skew: bool,
    pub(super) ai_acted_first: bool,
    pub(super) hollow: Option<HollowReasons>,
    pub(super) quality: Option<Quality>,
    pub(super) advised_severity: Option<Severity>,
    pub(super) evidence: Option<Evidence>,
    pub(super) advice_same_clock: bool,
    pub(super) opening_same_clock: bool,
    pub(super) repeats_advice: bool,
    pub(super) recovered: bool,
    pub(super) other_curve: bool,
    pub(super) void: bool,
}

impl Row {
    /// SHA-256 of its record.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The detection that opened the window: what decides whether it is of a period.
    pub const fn detected_at(&self) -> Timestamp {
        self.detected_at
    }

    /// The kind of process.
    pub const fn workflow(&self) -> Workflow {
        self.workflow
    }

    /// The highest severity stated.
    pub const fn severity(&self) -> Option<Severity> {
        self.severity
    }

    /// Why its decision is hollow, as recorded; `None` while it has not been judged.
    pub const fn hollow(&self) -> Option<HollowReasons> {
        self.hollow
    }

    /// How far the window has come, as recorded.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether its record holds another chance of the attacker than the curves of
    /// this report give.
    pub const fn other_curve(&self) -> bool {
        self.other_curve
    }

    /// Whether the record says that clocks contradict each other in it.
    pub const fn clock_skew(&self) -> bool {
        self.clock_skew
    }

    /// The row of a record, without further names of its credential.
    pub(super) fn of(
        record: &WindowRecord,
        credential: Name,
        digest: Digest,
        race: &Race,
        shared: &mut Shared,
    ) -> Row {
        let WindowRecord { in_time_ms: in_time, late_ms: late, raced, .. } = *record;
        let targets = shared.targets.number(Targets { in_time, late, raced });
        let mut number = |text: Option<&str>| text.map(|text| shared.texts.number(text));
        let truth = record.truth.map(|Object(truth)| truth);
        Row {
            digest,
            credential,
            aliases: None,
            source: number(record.source.as_deref()),
            location: number(record.location.as_deref()),
            owner: number(record.owner.as_deref()),
            reviewer: number(record.reviewer.as_deref()),
            batch: number(record.batch_id.as_deref()),
            incident: number(record.incident.as_deref()),
            model: number(record.model.as_deref()),
            advice_source: number(record.advice_source.as_deref()),
            advice_event: record.advice_event,
            first_advice_event: record.first_advice_event,
            targets,
            detected_at: record.detected_at,
            exposed_at: record.exposed_at,
            triaged_at: record.triaged_at,
            presented_at: record.presented_at,
            opened_at: record.opened_at,
            evidence: record.evidence,
            decided_at: record.decided_at,
            dismissed_at: record.dismissed_at(),
            contained_at: record.contained_at,
            closed_at: record.closed_at(),
            abused_at: record.abused_at,
            truth_at: truth.map(|truth| truth.established_at),
            first_presented_at: record.first_presented_at,
            first_opened_at: record.first_opened_at,
            withdrawn_at: record.withdrawn_at,
            confidence: record.confidence,
            summary_words: record.summary_words,
            summary_chars: record.summary_chars,
            rationale_words: record.rationale_words,
            workflow: record.workflow,
            severity: record.severity,
            state: record.state,
            exposed_at_quality: record.exposed_at_quality,
            recommendation: record.recommendation,
            action: record.action,
            verdict: record.verdict,
            correct_action: truth.map(|truth| truth.correct_action),
            seeded: truth.is_some_and(|truth| truth.seeded),
            clock_skew: record.clock_skew,
            ai_acted_first: record.ai_acted_first,
            hollow: record.hollow,
            quality: record.quality,
            advised_severity: record.advised_severity,
            advice_same_clock: record.advice_same_clock,
            opening_same_clock: record.opening_same_clock,
            repeats_advice: record.repeats_advice,
            recovered: record.recovered,
            other_curve: other_curve(record, race),
            void: false,
        }
    }
}

/// Whether a record was written under another curve: told by windows that have an
/// end, whose chance no longer depends on when it is told.
fn other_curve(record: &WindowRecord, race: &Race) -> bool {
    let window = record.window();
    let ended = window.contained_at.is_some() || window.decision.is_some();
    let recorded = record.attacker_first.map(|Object(recorded)| recorded).filter(|_| ended);
    let ours = window.attacker_first(race, record.detected_at);
    recorded.zip(ours).is_some_and(|(recorded, ours)| (recorded.low - ours.low).abs() > 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attacker::AttackerFirst;
    use crate::engine::windows::{ExposureId, Key};
    use crate::records::AttackerChance;
    use crate::time::Span;

    #[test]
    fn a_row_stays_small() {
        assert!(size_of::<Row>() <= 320, "{}", size_of::<Row>());
    }

    #[test]
    fn a_curve_that_the_record_was_not_written_under_is_noticed() {
        let key = Key { workflow: Workflow::SecretExposure, credential_id: "a" };
        let detected_at = Timestamp::from_millis(1_800_000_000_000);
        let mut decided = WindowRecord::detected(ExposureId { key, detected_at });
        decided.state = State::Contained;
        decided.contained_at = Some(decided.detected_at + Span::from_mins(30));
        let curve = |race: &Race| decided.window().attacker_first(race, decided.detected_at);
        let own = Race::default();
        let other = Race::from_settings(["1m,3m".parse().unwrap()]).unwrap();
        decided.attacker_first = curve(&own).map(|first| {
            let AttackerFirst { low, high, lower_bound } = first;
            Object(AttackerChance { low, high, lower_bound })
        });
        assert!(!other_curve(&decided, &own) && other_curve(&decided, &other));
        decided.attacker_first = None;
        assert!(!other_curve(&decided, &other), "nothing is told of");
    }
}
