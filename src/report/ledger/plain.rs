//! A record without anything wrong, in one pass: a ledger has millions.
//!
//! Invariant: whatever this gives, the reading field by field gives, too; where it
//! gives nothing, that one tells what is wrong.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::{LedgerAdvice, LedgerDecision, LedgerRecord};
use crate::engine::attacker::AttackerFirst;
use crate::engine::oversight::{HollowReason, HollowReasons, Known};
use crate::engine::windows::State;
use crate::event::{Action, ExposedAtQuality, Severity, Verdict, Workflow};
use crate::time::{Span, Timestamp};

#[derive(serde::Deserialize)]
struct Record<'j> {
    #[serde(borrow)]
    exposure_id: Cow<'j, str>,
    workflow: Workflow,
    credential_id: String,
    source: Option<String>,
    location: Option<String>,
    severity: Option<Severity>,
    owner: Option<String>,
    state: State,
    revision: u64,
    r#final: bool,
    clock_skew: bool,
    exposed_at: Option<Timestamp>,
    exposed_at_quality: Option<ExposedAtQuality>,
    detected_at: Timestamp,
    triaged_at: Option<Timestamp>,
    presented_at: Option<Timestamp>,
    opened_at: Option<Timestamp>,
    decided_at: Option<Timestamp>,
    contained_at: Option<Timestamp>,
    abused_at: Option<Timestamp>,
    durations_ms: Object<Durations>,
    attacker_first: Option<Object<First>>,
    detections: u64,
    recommendation: Option<Action>,
    confidence: Option<f64>,
    summary_words: Option<u32>,
    reviewer: Option<String>,
    verdict: Option<Verdict>,
    action: Option<Action>,
    final_action: Option<Action>,
    further_decisions: u64,
    batch_id: Option<String>,
    rationale_digest: Option<String>,
    truth: Option<Object<Truth>>,
    ai_acted_first: bool,
    hollow: Option<Vec<HollowReason>>,
}

#[derive(serde::Deserialize)]
struct Durations {
    exposure: Option<i64>,
}

#[derive(serde::Deserialize)]
struct Truth {
    established_at: Timestamp,
    correct_action: Action,
    seeded: bool,
}

#[derive(serde::Deserialize)]
struct First {
    probability: f64,
    lower_bound: f64,
}

/// An object that is none by position: the library would take a list for one.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        struct Named<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Named<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Named(PhantomData))
    }
}

/// The record, or `None` if anything about it is not plainly right.
pub(super) fn record(json: &str) -> Option<LedgerRecord> {
    let raw: Record<'_> = serde_json::from_str(json).ok()?;
    let fraction = |number: f64| (0.0..=1.0).contains(&number).then_some(number);
    let advice = match (raw.presented_at, raw.recommendation) {
        (Some(presented_at), Some(recommendation)) => {
            let (confidence, summary_words) = (raw.confidence, raw.summary_words);
            Some(LedgerAdvice { presented_at, recommendation, confidence, summary_words })
        }
        (None, None) => None,
        _ => return None,
    };
    if raw.confidence.is_some_and(|confidence| fraction(confidence).is_none()) {
        return None;
    }
    let decision = match (raw.decided_at, raw.reviewer, raw.action) {
        (Some(decided_at), Some(reviewer), Some(action)) => Some(LedgerDecision {
            decided_at,
            reviewer,
            action,
            verdict: raw.verdict,
            opened_at: raw.opened_at,
            batch_id: raw.batch_id,
            rationale_digest: raw.rationale_digest,
        }),
        (None, None, None) => None,
        _ => return None,
    };
    let attacker_first = match raw.attacker_first {
        Some(Object(First { probability, lower_bound })) => Some(AttackerFirst {
            probability: fraction(probability)?,
            lower_bound: fraction(lower_bound)?,
        }),
        None => None,
    };
    let exposure = raw.durations_ms.0.exposure.map(Span::from_millis);
    if exposure.is_some_and(|exposure| !(Span::ZERO..=Span::MAX).contains(&exposure)) {
        return None;
    }
    let mut record = LedgerRecord {
        workflow: raw.workflow,
        credential_id: raw.credential_id,
        source: raw.source,
        location: raw.location,
        severity: raw.severity,
        owner: raw.owner,
        state: raw.state,
        revision: raw.revision,
        is_final: raw.r#final,
        clock_skew: raw.clock_skew,
        exposed_at: raw.exposed_at,
        exposed_at_quality: raw.exposed_at_quality,
        detected_at: raw.detected_at,
        triaged_at: raw.triaged_at,
        advice,
        decision,
        final_action: raw.final_action,
        further_decisions: raw.further_decisions,
        dismissed_at: None,
        contained_at: raw.contained_at,
        abused_at: raw.abused_at,
        truth: raw.truth.map(|Object(truth)| {
            let Truth { established_at, correct_action, seeded } = truth;
            Known { established_at, correct_action, seeded }
        }),
        detections: raw.detections,
        ai_acted_first: raw.ai_acted_first,
        attacker_first,
        hollow: raw.hollow.map(HollowReasons::from_iter),
    };
    record.dismissed_at = super::read::dismissed_at(&record, exposure);
    let named = says(&raw.exposure_id, record.exposure_id());
    let consistent = record.window().state() == record.state
        && (record.decision.is_some() || record.state != State::Closed);
    (named && consistent).then_some(record)
}

/// Whether `text` is what `value` is shown as.
pub(super) fn says(text: &str, value: impl fmt::Display) -> bool {
    struct Rest<'t>(&'t str);
    impl Write for Rest<'_> {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            self.0 = self.0.strip_prefix(part).ok_or(fmt::Error)?;
            Ok(())
        }
    }
    let mut rest = Rest(text);
    write!(rest, "{value}").is_ok() && rest.0.is_empty()
}
