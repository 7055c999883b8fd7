//! The judgement of one decision.
//!
//! Invariants: without the data that a reason needs there is no reason; what nothing is
//! known of is neither meaningful nor hollow.

use super::hollow::HollowReasons;
use super::review::Review;
use super::schedule::Certificate;
use crate::config::{OversightConfig, Profile};
use crate::engine::windows::Window;
use crate::event::words;
use crate::time::Span;

words! {
    /// Whether a decision was a review.
    Quality {
        /// There was something to judge it by, and nothing speaks against it.
        Meaningful = "meaningful",
        /// Something shows that it was none.
        Hollow = "hollow",
        /// There was nothing to judge it by: no advice, or none of reading time, opening
        /// and authority is known.
        Unassessed = "unassessed",
    }
}

/// The judgement of one window's decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Whether there is a decision to judge.
    pub reviewed: bool,
    /// Whether it came before the fastest attackers.
    pub ahead: bool,
    /// Why it is hollow.
    pub reasons: HollowReasons,
    /// Whether there was anything to judge it by.
    pub assessed: bool,
    /// The interval that was too short, with [`super::hollow::HollowReason::ImpossibleReading`].
    pub certificate: Option<Certificate>,
    /// From when the case could be read to the decision, where the length of the text is known
    /// and the clocks do not contradict each other. A picture of diligence, from which nothing
    /// follows.
    pub attention: Option<Span>,
    /// What reading takes at 300 words a minute, as far as most adults get (Brysbaert
    /// 2019). Part of the same picture.
    pub usual: Option<Span>,
}

impl Judgement {
    /// The judgement of a window's decision of which these reasons were found; an empty one
    /// of a window without a decision.
    pub fn found(
        window: &Window<'_>,
        reasons: HollowReasons,
        profile: &Profile,
        config: &OversightConfig,
    ) -> Judgement {
        let Some(review) = Review::of(window, profile, config) else {
            return Judgement::default();
        };
        Judgement {
            reviewed: true,
            ahead: review.ahead,
            reasons,
            assessed: review.is_assessed(),
            ..Judgement::default()
        }
    }

    /// Whether it was a review; `None` where there is no decision.
    pub fn quality(&self) -> Option<Quality> {
        self.reviewed.then(|| Quality::of(self.reasons, self.assessed))
    }
}

impl Quality {
    /// What the reasons, and whether there was anything to judge by, come to.
    pub fn of(reasons: HollowReasons, assessed: bool) -> Quality {
        match (reasons.is_empty(), assessed) {
            (false, _) => Quality::Hollow,
            (true, true) => Quality::Meaningful,
            (true, false) => Quality::Unassessed,
        }
    }
}
