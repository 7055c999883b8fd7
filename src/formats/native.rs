//! The native form: one flat object. This path has to be fast.
//!
//! Invariants: a plain record needs one pass, and its texts are borrowed; only the fields of
//! the event's own kind are read; all others are ignored, whatever they hold.

use std::borrow::Cow;

use super::field::{invalid, required};
use super::value::{Scalar, Seen, Verbatim, object};
use super::{Context, Decoded, RejectReason, Rejection, SkipReason, flat, json, links};
use crate::config::{ALIASES_MAX, COVERED_MAX, Limits};
use crate::event::{
    Actor, Body, CaseOpened, DecisionMade, Event, IdentityLinked, Kind, LeakDetected, Noted,
    Relation, ReviewOpened, TriageCompleted, Workflow,
};
use crate::time::Timestamp;

/// The type of the records with which the oversight stage of a live run reports judgements to
/// the windows stage. They are results and not events, so there is nothing to measure.
pub const REVIEW_JUDGED: &str = "review.judged";

/// The type of the records with which names that are linked forward what they get. What they
/// forward was an event of its own before.
pub const IDENTITY_FORWARDED: &str = "identity.forwarded";

const INTERNAL: [&str; 2] = [REVIEW_JUDGED, IDENTITY_FORWARDED];

object! {
    /// Every field of every kind of event, and the field that marks a CloudEvent.
    Flat {
        kind: Scalar<'a> = "type",
        id: Scalar<'a> = "id",
        time: Scalar<'a> = "time",
        credential_id: Scalar<'a> = "credential_id",
        workflow: Scalar<'a> = "workflow",
        source: Scalar<'a> = "source",
        severity: Scalar<'a> = "severity",
        owner: Scalar<'a> = "owner",
        clock_skew: Scalar<'a> = "clock_skew",
        recovered: Scalar<'a> = "recovered",
        exposed_at: Scalar<'a> = "exposed_at",
        exposed_at_quality: Scalar<'a> = "exposed_at_quality",
        location: Scalar<'a> = "location",
        provider: Scalar<'a> = "provider",
        incident: Scalar<'a> = "incident",
        reopened: Scalar<'a> = "reopened",
        started_at: Scalar<'a> = "started_at",
        items: Scalar<'a> = "items",
        items_opened: Scalar<'a> = "items_opened",
        evidence: Scalar<'a> = "evidence",
        reason: Scalar<'a> = "reason",
        recommendation: Scalar<'a> = "recommendation",
        model: Scalar<'a> = "model",
        confidence: Scalar<'a> = "confidence",
        summary_words: Scalar<'a> = "summary_words",
        summary_chars: Scalar<'a> = "summary_chars",
        provenance: Scalar<'a> = "provenance",
        requested_by: Scalar<'a> = "requested_by",
        reviewer: Scalar<'a> = "reviewer",
        action: Scalar<'a> = "action",
        actor_kind: Scalar<'a> = "actor_kind",
        verdict: Scalar<'a> = "verdict",
        rationale_words: Scalar<'a> = "rationale_words",
        rationale_digest: Scalar<'a> = "rationale_digest",
        batch_id: Scalar<'a> = "batch_id",
        batch_size: Scalar<'a> = "batch_size",
        authorized: Scalar<'a> = "authorized",
        method: Scalar<'a> = "method",
        correct_action: Scalar<'a> = "correct_action",
        seeded: Scalar<'a> = "seeded",
        aliases: Verbatim<'a> = "aliases",
        relation: Scalar<'a> = "relation",
        covers: Verbatim<'a> = "covers",
        specversion: Seen = "specversion",
    }
}

/// Decodes one native event. `fallback` comes from the envelope that it was in.
pub(super) fn decode<'a>(
    text: &'a str,
    fallback: Fallback<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let mut flat = Flat::default();
    json::fill(&mut flat, text)?;
    if flat.is_internal() {
        return Ok(Decoded::Skipped(SkipReason::NotMeasured));
    }
    flat.events(fallback, &context.limits, out)?;
    Ok(Decoded::Events)
}

/// Reads a native event and nothing else.
pub(super) fn events<'a>(
    text: &'a str,
    limits: &Limits,
    out: &mut Vec<Event<'a>>,
) -> Result<(), Rejection> {
    let mut flat = Flat::default();
    json::fill(&mut flat, text)?;
    flat.events(Fallback::default(), limits, out)
}

/// Decodes a native event whose JSON is plain, as nearly all are. `None` means that the record
/// is something else and needs the full parser; then `fallback` is as it was.
#[inline]
pub(super) fn decode_plain<'a>(
    text: &'a str,
    fallback: &mut Fallback<'a>,
    limits: &Limits,
    out: &mut Vec<Event<'a>>,
) -> Option<Result<Decoded, Rejection>> {
    let mut flat = Flat::default();
    let kind = flat::read(text, &mut flat)
        .then(|| flat.known_kind().or(fallback.kind.filter(|_| !flat.is_typed())))
        .flatten();
    let decoded = kind.map(|kind| {
        flat.event_of(kind, std::mem::take(fallback), limits).map(|event| {
            out.push(event);
            Decoded::Events
        })
    });
    // All that is left in it is borrowed from the record. To look for something to free in each
    // of its fields takes a twentieth of the time of an event.
    std::mem::forget(flat);
    decoded
}

/// The values of an envelope that stand in for missing fields of the event.
#[derive(Clone, Debug, Default)]
pub(super) struct Fallback<'a> {
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) time: Option<Timestamp>,
    pub(super) kind: Option<Kind>,
}

impl<'a> Fallback<'a> {
    /// The same, with the values of `other` where this has none.
    pub(super) fn or(self, other: Fallback<'a>) -> Fallback<'a> {
        Fallback {
            id: self.id.or(other.id),
            time: self.time.or(other.time),
            kind: self.kind.or(other.kind),
        }
    }

    /// The same with a copy of every text.
    pub(super) fn into_owned(self) -> Fallback<'static> {
        Fallback {
            id: self.id.map(|id| Cow::Owned(id.into_owned())),
            time: self.time,
            kind: self.kind,
        }
    }
}

/// Whether `type` names a native record: an event, or what stages send each other.
pub(super) fn is_named(word: &str) -> bool {
    INTERNAL.contains(&word) || Kind::parse(word).is_some()
}

impl<'a> Flat<'a> {
    /// The kind in `type`, if it is one that is known.
    pub(super) fn known_kind(&self) -> Option<Kind> {
        match &self.kind {
            Scalar::Text(word) => Kind::parse(word),
            _ => None,
        }
    }

    /// Whether it is what the stages of a live run send each other among the events.
    pub(super) fn is_internal(&self) -> bool {
        matches!(&self.kind, Scalar::Text(word) if INTERNAL.contains(&&**word))
    }

    /// Whether the record has a `type` of its own.
    pub(super) fn is_typed(&self) -> bool {
        !matches!(self.kind, Scalar::Absent | Scalar::Null)
    }

    /// The event, one for each name that it covers, and what links its names; or the first
    /// error in it. Nothing is appended then.
    pub(super) fn events(
        &mut self,
        fallback: Fallback<'a>,
        limits: &Limits,
        out: &mut Vec<Event<'a>>,
    ) -> Result<(), Rejection> {
        let event = self.event(fallback, limits)?;
        if event.kind() == Kind::IdentityLinked {
            out.push(event);
            return Ok(());
        }
        let covers = match event.kind() {
            Kind::DecisionMade | Kind::ReviewOpened | Kind::CredentialContained => {
                links::names(self.covers, "covers", COVERED_MAX, limits)?
            }
            _ => Vec::new(),
        };
        let aliases = links::names(self.aliases, "aliases", ALIASES_MAX, limits)?;
        if !aliases.is_empty() {
            out.push(links::link(&event, aliases));
        }
        match covers.is_empty() {
            true => out.push(event),
            false => out.extend(covers.into_iter().map(|name| event.clone().covering(name))),
        }
        Ok(())
    }

    /// The event without its lists of names, or the first error in it.
    fn event(&mut self, fallback: Fallback<'a>, limits: &Limits) -> Result<Event<'a>, Rejection> {
        let kind = match self.known_kind() {
            Some(kind) => kind,
            None => self.stated_kind()?.or(fallback.kind).ok_or_else(missing_kind)?,
        };
        self.event_of(kind, fallback, limits)
    }

    /// The same for a record whose kind is known.
    fn event_of(
        &mut self,
        kind: Kind,
        fallback: Fallback<'a>,
        limits: &Limits,
    ) -> Result<Event<'a>, Rejection> {
        let text_bytes = limits.text_bytes;
        let id = self.id.take().text("id", limits.id_bytes)?.or(fallback.id);
        let time = self.time.time("time")?.or(fallback.time);
        let credential_id =
            self.credential_id.take().text("credential_id", limits.credential_id_bytes)?;
        let body = match kind {
            Kind::LeakDetected => Body::LeakDetected(LeakDetected {
                exposed_at: self.exposed_at.time("exposed_at")?,
                exposed_at_quality: self.exposed_at_quality.word("exposed_at_quality")?,
                location: self.location.take().text("location", text_bytes)?,
                provider: self.provider.take().text("provider", text_bytes)?,
                requested_by: self.requested_by.take().text("requested_by", text_bytes)?,
                incident: self.incident.take().text("incident", text_bytes)?,
                reopened: self.reopened.flag("reopened")?.unwrap_or_default(),
            }),
            Kind::CaseOpened => Body::CaseOpened(CaseOpened {
                started_at: self.started_at.time("started_at")?,
                requested_by: self.requested_by.take().text("requested_by", text_bytes)?,
                items: self.items.count("items")?,
                incident: self.incident.take().text("incident", text_bytes)?,
                reopened: self.reopened.flag("reopened")?.unwrap_or_default(),
            }),
            Kind::TriageCompleted => Body::TriageCompleted(TriageCompleted {
                recommendation: required(
                    self.recommendation.word("recommendation")?,
                    "recommendation",
                )?,
                model: self.model.take().text("model", text_bytes)?,
                confidence: self.confidence.fraction("confidence")?,
                summary_words: self.summary_words.count("summary_words")?,
                summary_chars: self.summary_chars.count("summary_chars")?,
                provenance: self.provenance.word("provenance")?,
                requested_by: self.requested_by.take().text("requested_by", text_bytes)?,
            }),
            Kind::ReviewOpened => Body::ReviewOpened(ReviewOpened {
                reviewer: required(self.reviewer.take().text("reviewer", text_bytes)?, "reviewer")?,
                items_opened: self.items_opened.count("items_opened")?,
                evidence: self.evidence.word("evidence")?,
            }),
            Kind::DecisionMade => Body::DecisionMade(DecisionMade {
                reviewer: required(self.reviewer.take().text("reviewer", text_bytes)?, "reviewer")?,
                action: required(self.action.word("action")?, "action")?,
                actor_kind: self.actor_kind.word("actor_kind")?.unwrap_or(Actor::Human),
                verdict: self.verdict.word("verdict")?,
                rationale_words: self.rationale_words.count("rationale_words")?,
                rationale_digest: self
                    .rationale_digest
                    .take()
                    .text("rationale_digest", text_bytes)?,
                batch_id: self.batch_id.take().text("batch_id", text_bytes)?,
                batch_size: self.batch_size.count("batch_size")?,
                items_opened: self.items_opened.count("items_opened")?,
                authorized: self.authorized.flag("authorized")?,
            }),
            Kind::CredentialContained => Body::CredentialContained {
                method: required(self.method.word("method")?, "method")?,
                actor_kind: self.actor_kind.word("actor_kind")?.unwrap_or(Actor::Human),
            },
            Kind::CaseWithdrawn => {
                Body::CaseWithdrawn { reason: self.reason.take().text("reason", text_bytes)? }
            }
            Kind::CredentialAbused => Body::CredentialAbused,
            Kind::TruthEstablished => Body::TruthEstablished {
                correct_action: required(
                    self.correct_action.word("correct_action")?,
                    "correct_action",
                )?,
                seeded: required(self.seeded.flag("seeded")?, "seeded")?,
            },
            Kind::IdentityLinked => {
                let relation = self.relation.word("relation")?.unwrap_or_default();
                let most = match relation {
                    Relation::Same => ALIASES_MAX,
                    Relation::Covers => COVERED_MAX,
                };
                let aliases = links::names(self.aliases, "aliases", most, limits)?;
                let aliases = required((!aliases.is_empty()).then_some(aliases), "aliases")?;
                Body::IdentityLinked(IdentityLinked { aliases, relation })
            }
        };
        let workflow = self.workflow.word("workflow")?;
        if kind == Kind::CaseOpened && required(workflow, "workflow")? == Workflow::SecretExposure {
            return Err(invalid("workflow", "one in which nothing leaked, not `secret_exposure`"));
        }
        Ok(Event {
            id: required(id, "id")?,
            time: required(time, "time")?,
            credential_id: required(credential_id, "credential_id")?,
            workflow: workflow.unwrap_or(Workflow::SecretExposure),
            source: self.source.take().text("source", text_bytes)?,
            severity: self.severity.word("severity")?,
            owner: self.owner.take().text("owner", text_bytes)?,
            noted: self.noted()?,
            body,
        })
    }

    fn noted(&self) -> Result<Noted, Rejection> {
        Ok(Noted {
            clock_skew: self.clock_skew.flag("clock_skew")?.unwrap_or_default(),
            recovered: self.recovered.flag("recovered")?.unwrap_or_default(),
        })
    }

    /// The kind in `type`, where an unknown word has a reason of its own.
    fn stated_kind(&self) -> Result<Option<Kind>, Rejection> {
        self.kind.word("type").map_err(|rejection| match rejection.reason {
            RejectReason::InvalidValue => {
                Rejection::new(RejectReason::UnknownType, rejection.detail)
            }
            _ => rejection,
        })
    }
}

#[cold]
fn missing_kind() -> Rejection {
    super::field::missing("type")
}
