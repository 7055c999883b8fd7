//! What a record says of a decision: its judgement, and the review to judge again.

use crate::engine::attacker::Band;
use crate::engine::oversight::{HollowReason, HollowReasons, Judgement, Quality, Review};
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
    let found = |reason: HollowReason| hollow.is_some_and(|all| all.iter().any(|it| it == reason));
    Some(Review {
        own_request: found(HollowReason::SelfApproval),
        authorized: found(HollowReason::Unauthorized).then_some(false),
        expects_opening,
        ..Review::told_by(window)?
    })
}
