//! A record's fields, one by one.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{Fault, LedgerError};
use super::field::Field;
use super::plain;
use super::{LedgerAdvice, LedgerDecision, LedgerRecord, RECORD_BYTES_MAX};
use crate::engine::attacker::AttackerFirst;
use crate::engine::oversight::{HollowReason, HollowReasons, Known};
use crate::engine::windows::State;
use crate::event::{Action, ExposedAtQuality, Severity, Verdict, Workflow};
use crate::time::{Span, Timestamp};

/// Declares an object whose fields are kept as JSON, and a way to each by name.
macro_rules! fields {
    ($name:ident { $($field:ident = $key:literal),+ $(,)? }) => {
        #[derive(Deserialize)]
        struct $name<'j> { $(#[serde(borrow, default, rename = $key)] $field: Option<&'j RawValue>),+ }

        impl<'j> $name<'j> {
            $(const fn $field(&self, name: &'static str) -> Field<'j> {
                Field { name, json: self.$field }
            })+
        }
    };
}

fields! {
    Record {
        exposure_id = "exposure_id",
        workflow = "workflow",
        credential_id = "credential_id",
        source = "source",
        location = "location",
        severity = "severity",
        owner = "owner",
        state = "state",
        revision = "revision",
        is_final = "final",
        clock_skew = "clock_skew",
        exposed_at = "exposed_at",
        exposed_at_quality = "exposed_at_quality",
        detected_at = "detected_at",
        triaged_at = "triaged_at",
        presented_at = "presented_at",
        opened_at = "opened_at",
        decided_at = "decided_at",
        contained_at = "contained_at",
        abused_at = "abused_at",
        durations_ms = "durations_ms",
        attacker_first = "attacker_first",
        detections = "detections",
        recommendation = "recommendation",
        confidence = "confidence",
        summary_words = "summary_words",
        reviewer = "reviewer",
        verdict = "verdict",
        action = "action",
        final_action = "final_action",
        further_decisions = "further_decisions",
        batch_id = "batch_id",
        rationale_digest = "rationale_digest",
        truth = "truth",
        ai_acted_first = "ai_acted_first",
        hollow = "hollow",
    }
}

fields! { Durations { exposure = "exposure" } }

fields! {
    TruthTold {
        established_at = "established_at",
        correct_action = "correct_action",
        seeded = "seeded",
    }
}

fields! { First { probability = "probability", lower_bound = "lower_bound" } }

/// A record's field under its own name.
macro_rules! field {
    ($record:ident.$field:ident) => {
        $record.$field(stringify!($field))
    };
}

pub(super) fn record(json: &[u8]) -> Result<LedgerRecord, LedgerError> {
    let whole = |fault| LedgerError { field: None, fault };
    if json.len() > RECORD_BYTES_MAX {
        return Err(whole(Fault::TooLarge));
    }
    // The library would take a list for an object as well, by position.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(whole(Fault::NotAnObject));
    }
    // Checked once as a whole, not once more for every text in it.
    let json = std::str::from_utf8(json).map_err(|_| whole(Fault::NotAnObject))?;
    plain::record(json).map_or_else(|| field_by_field(json), Ok)
}

/// Tells which field is wrong.
pub(super) fn field_by_field(json: &str) -> Result<LedgerRecord, LedgerError> {
    let not_an_object = LedgerError { field: None, fault: Fault::NotAnObject };
    let raw: Record<'_> = serde_json::from_str(json).map_err(|_| not_an_object)?;
    let workflow = field!(raw.workflow).word(Workflow::parse)?;
    let credential_id = field!(raw.credential_id).text()?;
    let state = field!(raw.state).word(State::parse)?;
    let revision = field!(raw.revision).count()?;
    let detected_at = field!(raw.detected_at).time()?;
    let is_final = raw.is_final("final");
    let record = LedgerRecord {
        workflow: field!(raw.workflow).required(workflow)?,
        credential_id: field!(raw.credential_id).required(credential_id)?,
        source: field!(raw.source).text()?,
        location: field!(raw.location).text()?,
        severity: field!(raw.severity).word(Severity::parse)?,
        owner: field!(raw.owner).text()?,
        state: field!(raw.state).required(state)?,
        revision: field!(raw.revision).required(revision)?,
        is_final: is_final.required(is_final.flag()?)?,
        clock_skew: field!(raw.clock_skew).required(field!(raw.clock_skew).flag()?)?,
        exposed_at: field!(raw.exposed_at).time()?,
        exposed_at_quality: field!(raw.exposed_at_quality).word(ExposedAtQuality::parse)?,
        detected_at: field!(raw.detected_at).required(detected_at)?,
        triaged_at: field!(raw.triaged_at).time()?,
        advice: advice(&raw)?,
        decision: decision(&raw)?,
        final_action: field!(raw.final_action).word(Action::parse)?,
        further_decisions: field!(raw.further_decisions)
            .required(field!(raw.further_decisions).count()?)?,
        dismissed_at: None,
        contained_at: field!(raw.contained_at).time()?,
        abused_at: field!(raw.abused_at).time()?,
        truth: truth(&raw)?,
        detections: field!(raw.detections).required(field!(raw.detections).count()?)?,
        ai_acted_first: field!(raw.ai_acted_first).required(field!(raw.ai_acted_first).flag()?)?,
        attacker_first: attacker_first(&raw)?,
        hollow: hollow(&raw)?,
    };
    let dismissed_at = dismissed_at(&record, exposure(&raw)?);
    let record = LedgerRecord { dismissed_at, ..record };
    check(&raw, &record)?;
    Ok(record)
}

fn advice(raw: &Record<'_>) -> Result<Option<LedgerAdvice>, LedgerError> {
    let presented_at = field!(raw.presented_at).time()?;
    let recommendation = field!(raw.recommendation).word(Action::parse)?;
    let confidence = field!(raw.confidence).fraction()?;
    let words = field!(raw.summary_words);
    let too_many = words.wrong(Fault::WrongType { expected: "a count" });
    let summary_words = words.count()?.map(u32::try_from).transpose().map_err(|_| too_many)?;
    match (presented_at, recommendation) {
        (Some(presented_at), Some(recommendation)) => {
            Ok(Some(LedgerAdvice { presented_at, recommendation, confidence, summary_words }))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err(field!(raw.recommendation).wrong(Fault::Missing)),
        (None, Some(_)) => Err(field!(raw.presented_at).wrong(Fault::Missing)),
    }
}

fn decision(raw: &Record<'_>) -> Result<Option<LedgerDecision>, LedgerError> {
    let decided_at = field!(raw.decided_at).time()?;
    let reviewer = field!(raw.reviewer).text()?;
    let action = field!(raw.action).word(Action::parse)?;
    let Some(decided_at) = decided_at else {
        let orphaned =
            [(field!(raw.reviewer), reviewer.is_some()), (field!(raw.action), action.is_some())];
        return match orphaned.into_iter().find(|(_, there)| *there) {
            Some((field, _)) => Err(field.wrong(Fault::Contradicts { other: "decided_at" })),
            None => Ok(None),
        };
    };
    Ok(Some(LedgerDecision {
        decided_at,
        reviewer: field!(raw.reviewer).required(reviewer)?,
        action: field!(raw.action).required(action)?,
        verdict: field!(raw.verdict).word(Verdict::parse)?,
        opened_at: field!(raw.opened_at).time()?,
        batch_id: field!(raw.batch_id).text()?,
        rationale_digest: field!(raw.rationale_digest).text()?,
    }))
}

/// An object within the record.
fn object<'j, T: Deserialize<'j>>(field: Field<'j>) -> Result<Option<T>, LedgerError> {
    let Some(json) = field.json.map(RawValue::get) else { return Ok(None) };
    let read = Some(json).filter(|json| json.starts_with('{')).map(serde_json::from_str);
    let wrong = field.wrong(Fault::WrongType { expected: "an object" });
    read.ok_or(wrong)?.map(Some).map_err(|_| wrong)
}

fn exposure(raw: &Record<'_>) -> Result<Option<Span>, LedgerError> {
    let field = field!(raw.durations_ms);
    let durations: Durations<'_> = field.required(object(field)?)?;
    durations.exposure("durations_ms.exposure").span()
}

fn attacker_first(raw: &Record<'_>) -> Result<Option<AttackerFirst>, LedgerError> {
    let Some(first) = object::<First<'_>>(field!(raw.attacker_first))? else { return Ok(None) };
    let probability = first.probability("attacker_first.probability");
    let lower_bound = first.lower_bound("attacker_first.lower_bound");
    Ok(Some(AttackerFirst {
        probability: probability.required(probability.fraction()?)?,
        lower_bound: lower_bound.required(lower_bound.fraction()?)?,
    }))
}

fn truth(raw: &Record<'_>) -> Result<Option<Known>, LedgerError> {
    let Some(truth) = object::<TruthTold<'_>>(field!(raw.truth))? else { return Ok(None) };
    let established_at = truth.established_at("truth.established_at");
    let correct_action = truth.correct_action("truth.correct_action");
    let seeded = truth.seeded("truth.seeded");
    Ok(Some(Known {
        established_at: established_at.required(established_at.time()?)?,
        correct_action: correct_action.required(correct_action.word(Action::parse)?)?,
        seeded: seeded.required(seeded.flag()?)?,
    }))
}

fn hollow(raw: &Record<'_>) -> Result<Option<HollowReasons>, LedgerError> {
    let words = field!(raw.hollow).words(HollowReason::parse)?;
    Ok(words.map(HollowReasons::from_iter))
}

/// A window that closed without containment ended its exposure with the decision
/// to dismiss it, and the length of the exposure tells when that was.
pub(super) fn dismissed_at(record: &LedgerRecord, exposure: Option<Span>) -> Option<Timestamp> {
    let dismissed = record.state == State::Closed && record.contained_at.is_none();
    exposure.filter(|_| dismissed).map(|exposure| record.start() + exposure)
}

fn check(raw: &Record<'_>, record: &LedgerRecord) -> Result<(), LedgerError> {
    let id = field!(raw.exposure_id);
    if !plain::says(&id.required(id.text()?)?, record.exposure_id()) {
        return Err(id.wrong(Fault::Contradicts { other: "detected_at" }));
    }
    let state = field!(raw.state);
    if record.decision.is_none() && record.state == State::Closed {
        return Err(state.wrong(Fault::Contradicts { other: "decided_at" }));
    }
    if record.window().state() != record.state {
        let other = if record.decision.is_some() { "decided_at" } else { "contained_at" };
        return Err(state.wrong(Fault::Contradicts { other }));
    }
    Ok(())
}
