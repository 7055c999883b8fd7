//! Events made by hand: `leak().at(5)` is a detection five seconds after the zero.

use shutterlag::event::{
    Action, Actor, Body, DecisionMade, Event, LeakDetected, Method, ReviewOpened, TriageCompleted,
    Verdict, Workflow,
};
use shutterlag::time::Timestamp;

use super::hostile;

/// So many seconds after the zero.
pub(crate) fn seconds(s: i64) -> Timestamp {
    hostile::at(s * 1000)
}

/// Gives a body a time; the id says kind and time, so that the same event made
/// twice is a repeat.
pub(crate) trait At {
    fn at(self, s: i64) -> Event<'static>;
    fn of(self, credential_id: &str, s: i64) -> Event<'static>;
}

impl At for Body<'static> {
    fn at(self, s: i64) -> Event<'static> {
        self.of("AKIAIOSFODNN7EXAMPLE", s)
    }

    fn of(self, credential_id: &str, s: i64) -> Event<'static> {
        let mut event = Event {
            id: "".into(),
            time: seconds(s),
            credential_id: credential_id.to_owned().into(),
            workflow: Workflow::SecretExposure,
            source: None,
            severity: None,
            owner: None,
            noted: shutterlag::event::Noted::default(),
            body: self,
        };
        event.id = format!("{}@{s}", event.kind()).into();
        event
    }
}

pub(crate) fn leak() -> Body<'static> {
    Body::LeakDetected(LeakDetected::default())
}

pub(crate) fn leak_exposed(s: i64) -> Body<'static> {
    Body::LeakDetected(LeakDetected { exposed_at: Some(seconds(s)), ..LeakDetected::default() })
}

pub(crate) fn triage(recommendation: Action) -> Body<'static> {
    Body::TriageCompleted(TriageCompleted {
        recommendation,
        model: None,
        confidence: None,
        summary_words: None,
        summary_chars: None,
        provenance: None,
        requested_by: None,
    })
}

pub(crate) fn opened() -> Body<'static> {
    Body::ReviewOpened(ReviewOpened::by("reviewer-01"))
}

pub(crate) fn decided(action: Action) -> Body<'static> {
    decided_by(Actor::Human, action, None)
}

pub(crate) fn decided_by(
    actor_kind: Actor,
    action: Action,
    verdict: Option<Verdict>,
) -> Body<'static> {
    Body::DecisionMade(DecisionMade {
        reviewer: "reviewer-01".into(),
        action,
        actor_kind,
        verdict,
        rationale_words: None,
        rationale_digest: None,
        batch_id: None,
        batch_size: None,
        items_opened: None,
        authorized: None,
    })
}

pub(crate) fn contained_by(actor_kind: Actor) -> Body<'static> {
    Body::CredentialContained { method: Method::Revoked, actor_kind }
}

pub(crate) fn abused() -> Body<'static> {
    Body::CredentialAbused
}

pub(crate) fn truth(correct_action: Action) -> Body<'static> {
    Body::TruthEstablished { correct_action, seeded: true }
}
