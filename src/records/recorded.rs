//! What a record says of a decision: its judgement, and the review to judge again.

use crate::engine::attacker::Band;
use crate::engine::oversight::{Advised, HollowReason, HollowReasons, Judgement, Known, Review};
use crate::engine::windows::Window;

/// The judgement of a window's decision that was found `hollow`: an empty one where
/// there is no decision, `None` while the decision has not been judged.
pub fn judgement(window: &Window<'_>, hollow: Option<HollowReasons>) -> Option<Judgement> {
    if window.decision.is_none() {
        return Some(Judgement::default());
    }
    let ahead = window.band() == Some(Band::Ahead);
    hollow.map(|reasons| Judgement { reviewed: true, ahead, reasons, ..Judgement::default() })
}

/// The review of a recorded window's decision, for judging it again; `None` while
/// nobody has decided. A record does not hold who asked for what was reviewed, nor
/// the source's check of authority: both are taken from what they led to, the
/// reasons in `hollow`. `expects_opening` says whether the workflow's tools report
/// that a case was opened.
pub fn review<'w>(
    window: &Window<'w>,
    hollow: Option<HollowReasons>,
    expects_opening: bool,
) -> Option<Review<'w>> {
    let decision = window.decision?;
    let found = |reason: HollowReason| hollow.is_some_and(|all| all.iter().any(|it| it == reason));
    Some(Review {
        workflow: window.key.workflow,
        credential_id: window.key.credential_id.into(),
        detected_at: window.detected_at,
        revision: window.events,
        mark: 0,
        reviewer: decision.reviewer.into(),
        decided_at: decision.decided_at,
        opened_at: decision.opened_at,
        action: decision.action,
        verdict: decision.verdict,
        agreed: window.agreed(),
        advice: window.advice.map(|advice| Advised {
            presented_at: advice.presented_at,
            recommendation: advice.recommendation,
            confidence: advice.confidence,
            summary_words: advice.summary_words,
            own_request: found(HollowReason::SelfApproval),
        }),
        severity: window.severity,
        batch_id: decision.batch_id.map(Into::into),
        rationale_digest: decision.rationale_digest.map(Into::into),
        authorized: found(HollowReason::Unauthorized).then_some(false),
        truth: window.truth.map(Known::from),
        expects_opening,
        ahead: window.band() == Some(Band::Ahead),
    })
}
