//! Events that collide: few names, few moments, every field.

use std::borrow::Cow;
use std::fmt;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use shutterlag::event::{
    Action, Actor, Body, CaseOpened, DecisionMade, Event, Evidence, ExposedAtQuality, LeakDetected,
    Method, Provenance, ReviewOpened, Severity, TriageCompleted, Verdict, Workflow,
};
use shutterlag::time::Timestamp;

/// 2026-03-02T10:00:00Z, the zero of every test.
pub(crate) const ZERO_MS: i64 = 1_772_445_600_000;

/// Events that show as the JSON lines that they are.
#[derive(Clone, PartialEq)]
pub(crate) struct Events(pub(crate) Vec<Event<'static>>);

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.0 {
            write!(f, "\n  {}", serde_json::to_string(event).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

/// So many milliseconds after the zero.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ZERO_MS + ms)
}

/// Half minutes, so that times tie and sit on the edge of the skew tolerance;
/// some a millisecond off.
pub(crate) fn moment(half_minutes: i64) -> impl Strategy<Value = Timestamp> {
    let jitter = prop_oneof![6 => Just(0), 1 => Just(-1), 1 => Just(1)];
    (0..=half_minutes, jitter).prop_map(|(half_minutes, jitter)| at(half_minutes * 30_000 + jitter))
}

fn word(words: &'static [&'static str]) -> impl Strategy<Value = Cow<'static, str>> {
    select(words).prop_map(Cow::Borrowed)
}

fn reviewer() -> impl Strategy<Value = Cow<'static, str>> {
    word(&["reviewer-01", "reviewer-02", "reviewer-03"])
}

fn incident() -> impl Strategy<Value = Option<Cow<'static, str>>> {
    option::weighted(0.3, word(&["commit-1", "commit-2"]))
}

fn reopened() -> impl Strategy<Value = bool> {
    prop_oneof![4 => Just(false), 1 => Just(true)]
}

fn leak() -> impl Strategy<Value = Body<'static>> {
    (
        option::of(moment(24)),
        option::of(select(ExposedAtQuality::ALL)),
        option::of(word(&["github", "npm", "s3", "internal"])),
        option::of(word(&["aws", "gcp"])),
        incident(),
        reopened(),
    )
        .prop_map(
            |(exposed_at, exposed_at_quality, location, provider, incident, reopened)| {
                Body::LeakDetected(LeakDetected {
                    exposed_at,
                    exposed_at_quality,
                    location,
                    provider,
                    requested_by: None,
                    incident,
                    reopened,
                })
            },
        )
}

fn case() -> impl Strategy<Value = Body<'static>> {
    (option::of(moment(24)), option::of(reviewer()), option::of(0..4_u32), incident(), reopened())
        .prop_map(|(started_at, requested_by, items, incident, reopened)| {
            Body::CaseOpened(CaseOpened { started_at, requested_by, items, incident, reopened })
        })
}

fn look() -> impl Strategy<Value = Body<'static>> {
    (reviewer(), option::of(0..4_u32), option::of(select(Evidence::ALL))).prop_map(
        |(reviewer, items_opened, evidence)| {
            Body::ReviewOpened(ReviewOpened { reviewer, items_opened, evidence })
        },
    )
}

fn triage() -> impl Strategy<Value = Body<'static>> {
    (
        select(Action::ALL),
        option::of(word(&["model-a", "model-b"])),
        option::of(select(&[0.0, 0.25, 1.0][..])),
        option::of(0..4_u32),
        option::of(0..3_u32),
        option::of(select(Provenance::ALL)),
        option::of(reviewer()),
    )
        .prop_map(
            |(recommendation, model, confidence, words, chars, provenance, requested_by)| {
                Body::TriageCompleted(TriageCompleted {
                    recommendation,
                    model,
                    confidence,
                    summary_words: words,
                    summary_chars: chars,
                    provenance,
                    requested_by,
                })
            },
        )
}

fn actor() -> impl Strategy<Value = Actor> {
    prop_oneof![2 => Just(Actor::Human), 1 => Just(Actor::Ai), 1 => Just(Actor::Automation)]
}

fn decision() -> impl Strategy<Value = Body<'static>> {
    (
        reviewer(),
        select(Action::ALL),
        actor(),
        option::of(select(Verdict::ALL)),
        option::of(0..3_u32),
        option::of(word(&["digest-1", "digest-2"])),
        option::of(word(&["batch-1", "batch-2"])),
        option::of(1..4_u32),
        option::of(0..4_u32),
        option::of(any::<bool>()),
    )
        .prop_map(
            |(reviewer, action, actor, verdict, words, digest, batch, size, items, authorized)| {
                Body::DecisionMade(DecisionMade {
                    reviewer,
                    action,
                    actor_kind: actor,
                    verdict,
                    rationale_words: words,
                    rationale_digest: digest,
                    batch_id: batch,
                    batch_size: size,
                    items_opened: items,
                    authorized,
                })
            },
        )
}

/// Any of the kinds, all fields varied.
pub(crate) fn body() -> impl Strategy<Value = Body<'static>> {
    prop_oneof![
        4 => leak(),
        3 => triage(),
        1 => case(),
        3 => look(),
        4 => decision(),
        2 => (select(Method::ALL), actor())
            .prop_map(|(method, actor_kind)| Body::CredentialContained { method, actor_kind }),
        1 => option::of(word(&["pattern deleted", "setting changed"]))
            .prop_map(|reason| Body::CaseWithdrawn { reason }),
        1 => Just(Body::CredentialAbused),
        1 => (select(Action::ALL), any::<bool>()).prop_map(|(correct_action, seeded)| {
            Body::TruthEstablished { correct_action, seeded }
        }),
    ]
}

/// One event; `ids` is how many ids there are to choose from.
pub(crate) fn event(ids: u32, half_minutes: i64) -> impl Strategy<Value = Event<'static>> {
    (
        (0..ids).prop_map(|id| Cow::Owned(format!("event-{id}"))),
        moment(half_minutes),
        word(&["AKIAIOSFODNN7EXAMPLE", "credential-b"]),
        prop_oneof![3 => Just(Workflow::SecretExposure), 1 => Just(Workflow::PolicyChange)],
        option::of(word(&["github", "scanner", "siem"])),
        option::of(select(Severity::ALL)),
        option::of(word(&["example-org/payments", "example-org/search"])),
        body(),
    )
        .prop_map(|(id, time, credential_id, workflow, source, severity, owner, body)| Event {
            id,
            time,
            credential_id,
            // Nothing leaked in a case: it has another workflow.
            workflow: match &body {
                Body::CaseOpened(_) => Workflow::PolicyChange,
                _ => workflow,
            },
            source,
            severity,
            owner,
            noted: shutterlag::event::Noted::default(),
            body,
        })
}

/// A handful of minutes of them. With few ids most conflict: the same id with
/// another time, kind or content; with many hardly any does.
pub(crate) fn events() -> impl Strategy<Value = Events> {
    (prop_oneof![Just(6_u32), Just(20), Just(10_000)], prop_oneof![Just(2_i64), Just(8), Just(24)])
        .prop_flat_map(|(ids, minutes)| prop::collection::vec(event(ids, minutes), 0..40))
        .prop_map(Events)
}
