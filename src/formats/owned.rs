//! Events that must outlive the text they were decoded from.

use std::borrow::Cow;

use crate::event::{
    Body, CaseOpened, DecisionMade, Event, LeakDetected, ReviewOpened, TriageCompleted,
};

fn own(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

/// The same event, holding its own copy of every text.
pub(super) fn into_owned(event: Event<'_>) -> Event<'static> {
    let body = match event.body {
        Body::LeakDetected(leak) => Body::LeakDetected(LeakDetected {
            exposed_at: leak.exposed_at,
            exposed_at_quality: leak.exposed_at_quality,
            location: leak.location.map(own),
            provider: leak.provider.map(own),
            incident: leak.incident.map(own),
            reopened: leak.reopened,
        }),
        Body::CaseOpened(case) => Body::CaseOpened(CaseOpened {
            started_at: case.started_at,
            requested_by: case.requested_by.map(own),
            items: case.items,
            incident: case.incident.map(own),
            reopened: case.reopened,
        }),
        Body::TriageCompleted(triage) => Body::TriageCompleted(TriageCompleted {
            recommendation: triage.recommendation,
            model: triage.model.map(own),
            confidence: triage.confidence,
            summary_words: triage.summary_words,
            summary_chars: triage.summary_chars,
            provenance: triage.provenance,
            requested_by: triage.requested_by.map(own),
        }),
        Body::ReviewOpened(opened) => Body::ReviewOpened(ReviewOpened {
            reviewer: own(opened.reviewer),
            items_opened: opened.items_opened,
            evidence: opened.evidence,
        }),
        Body::DecisionMade(decision) => Body::DecisionMade(DecisionMade {
            reviewer: own(decision.reviewer),
            action: decision.action,
            actor_kind: decision.actor_kind,
            verdict: decision.verdict,
            rationale_words: decision.rationale_words,
            rationale_digest: decision.rationale_digest.map(own),
            batch_id: decision.batch_id.map(own),
            batch_size: decision.batch_size,
            items_opened: decision.items_opened,
            authorized: decision.authorized,
        }),
        Body::CredentialContained { method, actor_kind } => {
            Body::CredentialContained { method, actor_kind }
        }
        Body::CaseWithdrawn { reason } => Body::CaseWithdrawn { reason: reason.map(own) },
        Body::CredentialAbused => Body::CredentialAbused,
        Body::TruthEstablished { correct_action, seeded } => {
            Body::TruthEstablished { correct_action, seeded }
        }
    };
    Event {
        id: own(event.id),
        time: event.time,
        credential_id: own(event.credential_id),
        workflow: event.workflow,
        source: event.source.map(own),
        severity: event.severity,
        owner: event.owner.map(own),
        body,
    }
}
