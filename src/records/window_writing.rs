//! From a window to its record in the ledger.
//!
//! Invariants: the same window, judgement and time give the same bytes; a
//! reviewer's name appears only if the operator asked for names.

use std::borrow::Cow;

use super::link::LinkRecord;
use super::object::Object;
use super::people::People;
use super::window::{AttackerChance, Durations, RecordedTruth, WindowRecord};
use crate::config::{OversightConfig, Profile};
use crate::engine::attacker::{AttackerFirst, Race};
use crate::engine::effective::{Due, Outcome};
use crate::engine::identity::Names;
use crate::engine::oversight::{HollowReasons, Judgement};
use crate::engine::windows::{Stage, Truth, Window};
use crate::time::Timestamp;

/// What a record tells besides the window.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'c> {
    /// Why its decision is hollow; `None` while the decision has not been judged.
    pub hollow: Option<HollowReasons>,
    /// The rules of the window's workflow.
    pub profile: &'c Profile,
    /// The attackers' curves.
    pub race: &'c Race,
    /// Which ids are one person's.
    pub oversight: &'c OversightConfig,
    /// The names that credentials have.
    pub names: &'c Names,
    /// The moment at which it is written.
    pub as_of: Timestamp,
    /// Whether nothing can change it any more.
    pub is_final: bool,
}

/// The other names of a credential; `None` where it has only one.
fn aliases<'r>(names: &'r Names, credential_id: &str) -> Option<Vec<Cow<'r, str>>> {
    let aliases: Vec<_> = names.aliases(credential_id).map(Cow::Borrowed).collect();
    (!aliases.is_empty()).then_some(aliases)
}

/// Bytes of the texts of the links that a record tells of; those last in order are left out.
const LINKS_BYTES_MAX: usize = 32 << 10;

/// Why they are one credential; `None` where there is only one.
fn links<'r>(
    names: &'r Names,
    credential_id: &str,
) -> Option<Vec<Object<LinkRecord<Cow<'r, str>>>>> {
    let mut bytes = 0;
    let links = names.links(credential_id).take_while(|link| {
        bytes += link.bytes();
        bytes <= LINKS_BYTES_MAX
    });
    let links: Vec<_> = links.map(|link| Object(link.into())).collect();
    (!links.is_empty()).then_some(links)
}

fn durations(window: &Window<'_>) -> Object<Durations> {
    Object(Durations {
        detection: window.duration(Stage::Detection),
        triage: window.duration(Stage::Triage),
        first_touch: window.duration(Stage::FirstTouch),
        review: window.duration(Stage::Review),
        time_to_review: window.duration(Stage::TimeToReview),
        containment: window.duration(Stage::Containment),
        exposure: window.duration(Stage::Exposure),
    })
}

impl<'r> WindowRecord<Cow<'r, str>> {
    /// The record of `window`.
    pub fn new(
        window: &'r Window<'_>,
        circumstances: Circumstances<'r>,
        people: &'r mut People,
    ) -> WindowRecord<Cow<'r, str>> {
        let Circumstances { hollow, profile, race, oversight, names, as_of, is_final } =
            circumstances;
        let advice = window.advice;
        let decision = window.decision;
        // Without a decision there is nothing to judge, and that is known at once.
        let hollow = hollow.or(decision.is_none().then(HollowReasons::default));
        let judgement = hollow.map(|reasons| Judgement::found(window, reasons, profile, oversight));
        let mark = |text: Option<&str>| text.map(|text| people.mark(text).into());
        let batch_id = mark(decision.and_then(|decision| decision.batch_id));
        let rationale_digest = mark(decision.and_then(|decision| decision.rationale_digest));
        let text = |text: Option<&'r str>| text.map(Cow::Borrowed);
        let escalated_by = window
            .escalated_by
            .map(|by| Cow::Owned(people.show(oversight.canonical(by)).to_owned()));
        WindowRecord {
            exposure_id: window.exposure_id().into(),
            workflow: window.key.workflow,
            credential_id: window.key.credential_id.into(),
            aliases: aliases(names, window.key.credential_id),
            links: links(names, window.key.credential_id),
            source: text(window.source),
            location: text(window.location),
            severity: window.severity,
            owner: text(window.owner),
            state: window.state(),
            revision: window.events,
            r#final: is_final,
            clock: Some(window.clock()),
            clock_skew: window.clock_skew(),
            exposed_at: window.exposed_at,
            exposed_at_quality: window.exposed_at_quality,
            detected_at: window.detected_at,
            triaged_at: window.triaged_at,
            presented_at: advice.map(|advice| advice.presented_at),
            opened_at: decision.and_then(|decision| decision.opened_at),
            decided_at: window.decided_at(),
            contained_at: window.contained_at,
            abused_at: window.abused_at,
            touched_at: window.touched_at,
            escalated_at: window.escalated_at,
            escalated_by,
            escalations: window.escalations,
            withdrawn_at: window.withdrawn_at,
            withdrawn_reason: text(window.withdrawn_reason),
            first_presented_at: advice.map(|advice| advice.first_presented_at),
            first_opened_at: decision.and_then(|decision| decision.first_opened_at),
            in_time_ms: window.targets.in_time,
            late_ms: window.targets.late,
            raced: window.targets.raced,
            durations_ms: durations(window),
            band: window.band(),
            attacker_first: window.attacker_first(race, as_of).map(|first| {
                let AttackerFirst { low, high, lower_bound } = first;
                Object(AttackerChance { low, high, lower_bound })
            }),
            detections: window.detections,
            resightings: window.resightings,
            incident: text(window.incident),
            items: window.items,
            items_opened: decision.and_then(|decision| decision.items_opened),
            evidence: decision.and_then(|decision| decision.evidence),
            advice_source: text(advice.and_then(|advice| advice.source)),
            advice_event: advice.and_then(|advice| advice.event),
            first_advice_event: advice.and_then(|advice| advice.first_event),
            model: text(advice.and_then(|advice| advice.model)),
            advised_severity: advice.and_then(|advice| advice.severity),
            recommendation: advice.map(|advice| advice.recommendation),
            confidence: advice.and_then(|advice| advice.confidence),
            summary_words: advice.and_then(|advice| advice.summary_words),
            summary_chars: advice.and_then(|advice| advice.summary_chars),
            advice_same_clock: decision.is_some_and(|decision| decision.advice_same_clock),
            opening_same_clock: decision.is_some_and(|decision| decision.opening_same_clock),
            repeats_advice: decision.is_some_and(|decision| decision.repeats_advice),
            recovered: decision.is_some_and(|decision| decision.recovered),
            reviewer: decision
                .map(|decision| people.show(oversight.canonical(decision.reviewer)).into()),
            verdict: decision.and_then(|decision| decision.verdict),
            action: decision.map(|decision| decision.action),
            final_action: window.final_action,
            further_decisions: window.further_decisions,
            agreed: window.agreed(),
            batch_id,
            rationale_words: decision.and_then(|decision| decision.rationale_words),
            rationale_digest,
            truth: window.truth.map(|truth| {
                let Truth { established_at, correct_action, seeded } = truth;
                Object(RecordedTruth { established_at, correct_action, seeded })
            }),
            ai_acted_first: window.ai_acted_first_at.is_some(),
            hollow: judgement.map(|judgement| judgement.reasons),
            quality: judgement.and_then(|judgement| judgement.quality()),
            effective: Due::decided(window, window.targets)
                .and_then(|due| due.outcome(judgement.and_then(|it| it.quality())))
                .and_then(Outcome::effective),
        }
    }
}
