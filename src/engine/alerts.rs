//! Which alerts a window calls for, as a function of the window and the time.
//!
//! Invariants: no state; an alert is a stretch of time, so that the same code
//! tells what fires now, what will fire next and what fired in the past. Alerts
//! that mark a fact (the AI acted first, a seeded case was missed) have no end of
//! their own; a live run resolves them when the window is final.

use super::windows::Window;
use crate::config::Profile;
use crate::event::words;
use crate::time::Timestamp;

words! {
    /// The alerts. The subject of the last is a reviewer, of all others a window.
    Alert {
        /// Undecided and uncontained for two thirds of the attacker's fastest time.
        ReviewDueSoon = "ReviewDueSoon",
        /// … for the attacker's fastest time.
        ReviewOverdue = "ReviewOverdue",
        /// … for the attacker's mean time.
        AttackerLikelyPresent = "AttackerLikelyPresent",
        /// Decided to act, and not contained within the profile's limit.
        ContainmentOverdue = "ContainmentOverdue",
        /// The AI acted before a person had decided.
        AiActedFirst = "AiActedFirst",
        /// A decision shows signs of not having been a review.
        HollowApproval = "HollowApproval",
        /// A deliberately wrong recommendation was let through.
        SeededCaseMissed = "SeededCaseMissed",
        /// The evidence against a reviewer's decisions having been reviews has grown too large.
        RubberStampSuspected = "RubberStampSuspected",
    }
}

words! {
    /// How urgent an alert is.
    Urgency {
        /// Worth knowing.
        Warning = "warning",
        /// Somebody has to act now.
        Page = "page",
        /// The control has failed.
        Critical = "critical",
    }
}

words! {
    /// A change of an alert.
    Transition {
        /// It holds from now on.
        Firing = "firing",
        /// It no longer holds.
        Resolved = "resolved",
    }
}

words! {
    /// How far a stretch of an alert has come at some moment. Only its two ends
    /// are published: each open window has alerts pending, and nobody has to act on them.
    Phase {
        /// It will begin unless something is done first.
        Pending = "pending",
        /// It holds.
        Firing = "firing",
        /// It no longer holds.
        Resolved = "resolved",
    }
}

impl Alert {
    /// How urgent it is.
    pub const fn urgency(self) -> Urgency {
        match self {
            Alert::ReviewDueSoon
            | Alert::ContainmentOverdue
            | Alert::HollowApproval
            | Alert::SeededCaseMissed => Urgency::Warning,
            Alert::ReviewOverdue | Alert::RubberStampSuspected => Urgency::Page,
            Alert::AttackerLikelyPresent | Alert::AiActedFirst => Urgency::Critical,
        }
    }

    /// The alert's bit in a set.
    pub(super) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A stretch of time for which an alert holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Episode {
    /// Which alert.
    pub alert: Alert,
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while nothing has ended it.
    pub until: Option<Timestamp>,
}

impl Episode {
    /// How far it has come at `now`.
    pub fn phase(&self, now: Timestamp) -> Phase {
        if self.from > now {
            Phase::Pending
        } else if self.until.is_none_or(|until| until > now) {
            Phase::Firing
        } else {
            Phase::Resolved
        }
    }
}

/// Every alert that the window itself calls for, with its stretch of time.
///
/// What depends on other windows of the reviewer (a hollow approval) is not
/// among them.
pub fn episodes(window: &Window<'_>, profile: &Profile) -> impl Iterator<Item = Episode> + use<> {
    let start = window.start();
    let decided = window.decided_at();
    // The first thing that anybody did about the exposure ends the race.
    let answered = [decided, window.contained_at].into_iter().flatten().min();
    let waiting = [
        (Alert::ReviewDueSoon, profile.review_due_soon),
        (Alert::ReviewOverdue, profile.review_overdue),
        (Alert::AttackerLikelyPresent, profile.attacker_likely),
    ]
    // An exposure older than its detection is overdue from its detection on, not before.
    .map(|(alert, age)| Some((alert, (start + age).max(window.detected_at), answered)));
    let contained_or_dismissed =
        [window.contained_at, window.dismissed_at].into_iter().flatten().min();
    let containment = decided.map(|decided| {
        (Alert::ContainmentOverdue, decided + profile.containment_limit, contained_or_dismissed)
    });
    // Facts, not conditions: nothing undoes them.
    let ai = window
        .ai_acted_first_at
        .map(|acted| (Alert::AiActedFirst, acted.max(window.detected_at), None));
    let missed = window.seeded_case_caught() == Some(false);
    let seeded = window
        .truth
        .filter(|_| missed)
        .map(|truth| (Alert::SeededCaseMissed, truth.established_at.max(window.detected_at), None));
    waiting
        .into_iter()
        .chain([containment, ai, seeded])
        .flatten()
        .map(|(alert, from, until)| Episode { alert, from, until })
        // Ended before it began: it never held.
        .filter(|episode| episode.until.is_none_or(|until| until > episode.from))
}

/// The set of alerts that hold at `now`, and when it next changes by itself.
pub(super) fn at(
    window: &Window<'_>,
    profile: &Profile,
    now: Timestamp,
) -> (u8, Option<Timestamp>) {
    let (mut holding, mut next) = (0, None);
    for episode in episodes(window, profile) {
        let Episode { alert, from, until } = episode;
        if episode.phase(now) == Phase::Firing {
            holding |= alert.bit();
        }
        for change in [Some(from), until].into_iter().flatten().filter(|change| *change > now) {
            next = Some(next.map_or(change, |next: Timestamp| next.min(change)));
        }
    }
    (holding, next)
}
