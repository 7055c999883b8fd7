//! What a record says of a decision: its judgement, and the review to judge again.

use std::borrow::Cow;

use crate::engine::attacker::Band;
use crate::engine::oversight::{
    Advised, HollowReason, HollowReasons, Judgement, Known, Quality, Review,
};
use crate::engine::windows::Window;

/// The judgement of a window's decision that was found `hollow`, of the recorded
/// `quality`: an empty one where there is no decision, `None` while the decision has
/// not been judged.
pub fn judgement(
    window: &Window<'_>,
    hollow: Option<HollowReasons>,
    quality: Option<Quality>,
) -> Option<Judgement> {
    if window.decision.is_none() {
        return Some(Judgement::default());
    }
    hollow.map(|reasons| Judgement {
        reviewed: true,
        ahead: window.band() == Some(Band::Ahead),
        reasons,
        assessed: quality != Some(Quality::Unassessed),
        ..Judgement::default()
    })
}

/// The review of a recorded window's decision, for judging it again; `None` while
/// nobody has decided. A record does not hold who asked for what was reviewed, nor
/// the check of authority: both are taken from what they led to, the reasons in
/// `hollow`. `expects_opening` says whether the workflow's tools report that a case
/// was opened.
pub fn review<'w>(
    window: &Window<'w>,
    hollow: Option<HollowReasons>,
    expects_opening: bool,
) -> Option<Review<'w>> {
    let decision = window.decision?;
    let found = |reason: HollowReason| hollow.is_some_and(|all| all.iter().any(|it| it == reason));
    let advised_by = window.advice.and_then(|advice| advice.source);
    Some(Review {
        origin: 0,
        workflow: window.key.workflow,
        credential_id: window.key.credential_id.into(),
        detected_at: window.detected_at,
        revision: window.events,
        mark: 0,
        reviewer: decision.reviewer.into(),
        decided_at: decision.decided_at,
        first_opened_at: decision.first_opened_at,
        opened_by_same_clock: decision.opening_same_clock,
        opened_at: decision.opened_at,
        source: advised_by.filter(|_| decision.advice_same_clock).map(Cow::Borrowed),
        action: decision.action,
        verdict: decision.verdict,
        agreed: window.agreed(),
        advice: window.advice.map(|advice| Advised {
            first_presented_at: advice.first_presented_at,
            presented_by_same_clock: decision.advice_same_clock,
            presented_at: advice.presented_at,
            event: advice.event,
            first_event: advice.first_event,
            recommendation: advice.recommendation,
            confidence: advice.confidence,
            summary_words: advice.summary_words,
            summary_chars: advice.summary_chars,
            repeated: decision.repeats_advice,
        }),
        severity: window.advice.map_or(window.severity, |advice| advice.severity),
        model: window.advice.and_then(|advice| advice.model).map(Cow::Borrowed),
        incident: window.incident.map(Cow::Borrowed),
        own_request: found(HollowReason::SelfApproval),
        batch_id: decision.batch_id.map(Into::into),
        rationale_words: decision.rationale_words,
        rationale_digest: decision.rationale_digest.map(Into::into),
        authorized: found(HollowReason::Unauthorized).then_some(false),
        truth: window.truth.map(Known::from),
        expects_opening,
        ahead: window.band() == Some(Band::Ahead),
    })
}
