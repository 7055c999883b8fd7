//! Events that must outlive the text they were decoded from.

use std::borrow::Cow;

use super::{
    Body, CaseOpened, DecisionMade, Event, IdentityLinked, LeakDetected, ReviewOpened,
    TriageCompleted,
};

fn text(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

impl Event<'_> {
    /// The same event, holding its own copy of every text.
    pub fn into_owned(self) -> Event<'static> {
        let event = self;
        let body = match event.body {
            Body::LeakDetected(leak) => Body::LeakDetected(LeakDetected {
                exposed_at: leak.exposed_at,
                exposed_at_quality: leak.exposed_at_quality,
                location: leak.location.map(text),
                provider: leak.provider.map(text),
                requested_by: leak.requested_by.map(text),
                incident: leak.incident.map(text),
                reopened: leak.reopened,
            }),
            Body::CaseOpened(case) => Body::CaseOpened(CaseOpened {
                started_at: case.started_at,
                requested_by: case.requested_by.map(text),
                items: case.items,
                incident: case.incident.map(text),
                reopened: case.reopened,
            }),
            Body::TriageCompleted(triage) => Body::TriageCompleted(TriageCompleted {
                recommendation: triage.recommendation,
                model: triage.model.map(text),
                confidence: triage.confidence,
                summary_words: triage.summary_words,
                summary_chars: triage.summary_chars,
                provenance: triage.provenance,
                requested_by: triage.requested_by.map(text),
            }),
            Body::ReviewOpened(opened) => Body::ReviewOpened(ReviewOpened {
                reviewer: text(opened.reviewer),
                items_opened: opened.items_opened,
                evidence: opened.evidence,
            }),
            Body::DecisionMade(decision) => Body::DecisionMade(DecisionMade {
                reviewer: text(decision.reviewer),
                action: decision.action,
                actor_kind: decision.actor_kind,
                verdict: decision.verdict,
                rationale_words: decision.rationale_words,
                rationale_digest: decision.rationale_digest.map(text),
                batch_id: decision.batch_id.map(text),
                batch_size: decision.batch_size,
                items_opened: decision.items_opened,
                authorized: decision.authorized,
            }),
            Body::CredentialContained { method, actor_kind } => {
                Body::CredentialContained { method, actor_kind }
            }
            Body::CaseWithdrawn { reason } => Body::CaseWithdrawn { reason: reason.map(text) },
            Body::CredentialAbused => Body::CredentialAbused,
            Body::TruthEstablished { correct_action, seeded } => {
                Body::TruthEstablished { correct_action, seeded }
            }
            Body::IdentityLinked(link) => Body::IdentityLinked(IdentityLinked {
                aliases: link.aliases.into_iter().map(text).collect(),
                relation: link.relation,
            }),
        };
        Event {
            id: text(event.id),
            time: event.time,
            credential_id: text(event.credential_id),
            workflow: event.workflow,
            source: event.source.map(text),
            severity: event.severity,
            owner: event.owner.map(text),
            noted: event.noted,
            body,
        }
    }
}
