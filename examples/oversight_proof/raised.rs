//! A review as the engine makes it of a window's events, so that what comes after the decision
//! is in the window as well.

use shutterlag::config::{EngineConfig, OversightConfig, Profile};
use shutterlag::engine::oversight::Review;
use shutterlag::engine::windows::Windows;
use shutterlag::event::{
    Actor, Body, DecisionMade, Event, LeakDetected, Noted, ReviewOpened, Severity, TriageCompleted,
};
use shutterlag::time::{Span, Timestamp};

/// The review of the window that `review` comes from. If it is `raised`, an attack is seen ten
/// minutes after the decision, and the window's severity becomes critical.
pub(crate) fn by_events(review: &Review<'static>, raised: bool) -> Review<'static> {
    let mut engine = Windows::new(EngineConfig::default());
    for event in events(review, raised) {
        let _ = engine.handle(&event);
    }
    let mut made = None;
    let _ = engine.view().for_each(|window| {
        assert_eq!(window.severity == Some(Severity::Critical), raised);
        let (profile, config) = (Profile::of(review.workflow), OversightConfig::default());
        made = Review::of(window, &profile, &config).map(Review::into_owned);
    });
    let made = made.unwrap();
    assert_eq!(made.severity, review.severity, "as it was when the advice was given");
    Review { expects_opening: review.expects_opening, truth: review.truth, ..made }
}

fn events(review: &Review<'static>, raised: bool) -> Vec<Event<'static>> {
    let event = |time: Timestamp, severity: Option<Severity>, body: Body<'static>| Event {
        id: format!("{}-{}", review.credential_id, time.as_millis()).into(),
        time,
        credential_id: review.credential_id.clone(),
        workflow: review.workflow,
        source: review.source.clone(),
        severity,
        owner: None,
        noted: Noted::default(),
        body,
    };
    let advice = review.advice.unwrap();
    let triage = Body::TriageCompleted(TriageCompleted {
        recommendation: advice.recommendation,
        model: review.model.clone(),
        confidence: advice.confidence,
        summary_words: advice.summary_words,
        summary_chars: advice.summary_chars,
        provenance: None,
        requested_by: None,
    });
    let decision = Body::DecisionMade(DecisionMade {
        reviewer: review.reviewer.clone(),
        action: review.action,
        actor_kind: Actor::Human,
        verdict: review.verdict,
        rationale_words: None,
        rationale_digest: None,
        batch_id: None,
        batch_size: None,
        items_opened: None,
        authorized: review.authorized,
    });
    let look =
        ReviewOpened { reviewer: review.reviewer.clone(), items_opened: None, evidence: None };
    let mut events = vec![
        event(review.detected_at, review.severity, Body::LeakDetected(LeakDetected::default())),
        event(advice.presented_at, None, triage),
        event(review.opened_at.unwrap(), None, Body::ReviewOpened(look)),
        event(review.decided_at, None, decision),
    ];
    if raised {
        let seen = review.decided_at + Span::from_mins(10);
        events.push(event(seen, Some(Severity::Critical), Body::CredentialAbused));
    }
    events
}
