//! Which alerts a window calls for, as a function of the window and the time.
//!
//! Invariants: no state; an alert is a stretch of time, so that the same code
//! tells what fires now, what will fire next and what fired in the past. Alerts
//! that mark a fact (the AI acted first, a seeded case was missed, a decision was
//! hollow) have no end of their own; a live run resolves them when the window is
//! final. Every rule about when an alert begins or ends stands here and nowhere else.

use super::windows::Window;
use crate::config::{Profile, Targets};
use crate::event::words;
use crate::time::Timestamp;

words! {
    /// The alerts. The subject of the last is a reviewer, of all others a window.
    Alert {
        /// An attacker uses the credential, and nobody has contained or dismissed it.
        AttackObserved = "AttackObserved",
        /// Undecided and uncontained, and soon not in time any more.
        ReviewDueSoon = "ReviewDueSoon",
        /// … and not in time any more.
        ReviewOverdue = "ReviewOverdue",
        /// … and late, where attackers race.
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
            Alert::AttackObserved | Alert::AttackerLikelyPresent | Alert::AiActedFirst => {
                Urgency::Critical
            }
        }
    }
}

/// A set of alerts: one bit each, in the order of [`Alert::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertSet(u16);

// The bits are part of every checkpoint: an alert without one would be mistaken for another.
const _: () = assert!(Alert::ALL.len() <= u16::BITS as usize);

impl AlertSet {
    /// Adds an alert.
    pub const fn insert(&mut self, alert: Alert) {
        self.0 |= 1 << alert as u16;
    }

    /// Whether `alert` is in the set.
    pub const fn contains(self, alert: Alert) -> bool {
        self.0 & (1 << alert as u16) != 0
    }

    /// Whether it has none.
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The alerts of either.
    #[must_use]
    pub(super) const fn and(self, other: AlertSet) -> AlertSet {
        AlertSet(self.0 | other.0)
    }

    /// Those that are not in `other`.
    #[must_use]
    pub(super) const fn without(self, other: AlertSet) -> AlertSet {
        AlertSet(self.0 & !other.0)
    }

    /// The alerts, in order.
    pub fn iter(self) -> impl Iterator<Item = Alert> {
        Alert::ALL.iter().copied().filter(move |alert| self.contains(*alert))
    }

    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    pub(super) const fn from_bits(bits: u16) -> AlertSet {
        AlertSet(bits)
    }
}

words! {
    /// Why an alert begins or ends.
    Cause {
        /// A deadline passed while nobody acted.
        Deadline = "deadline",
        /// An event says so.
        Fact = "fact",
        /// The second stage judged the decision.
        Judgement = "judgement",
        /// Somebody did what was waited for.
        Answered = "answered",
        /// A late event shows that the alert never should have begun.
        Undone = "undone",
        /// The window is final: nobody can act on the alert any more.
        Final = "final",
        /// Its window is no more, or the alert fires for it under another name.
        Retracted = "retracted",
        /// It goes on: its window has another name, and the alert keeps the one under which it
        /// began.
        Renamed = "renamed",
    }
}

/// The moments of a window that decide which alerts hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moments {
    start: Timestamp,
    detected_at: Timestamp,
    decided_at: Option<Timestamp>,
    contained_at: Option<Timestamp>,
    dismissed_at: Option<Timestamp>,
    withdrawn_at: Option<Timestamp>,
    abused_at: Option<Timestamp>,
    ai_acted_first_at: Option<Timestamp>,
    seeded_missed_at: Option<Timestamp>,
    hollow: bool,
}

impl Moments {
    /// The moments of `window`; `hollow` says whether its decision was judged hollow.
    pub fn of(window: &Window<'_>, hollow: bool) -> Moments {
        let missed = window.seeded_case_caught() == Some(false);
        let truth = window.truth.filter(|_| missed);
        Moments {
            start: window.start(),
            detected_at: window.detected_at,
            decided_at: window.decided_at(),
            contained_at: window.contained_at,
            dismissed_at: window.dismissed_at,
            withdrawn_at: window.withdrawn_at,
            abused_at: window.abused_at,
            ai_acted_first_at: window.ai_acted_first_at,
            seeded_missed_at: truth.map(|truth| truth.established_at),
            hollow,
        }
    }

    /// Whether an attacker was seen to use the credential and nothing has answered that yet:
    /// whether [`Alert::AttackObserved`] holds once the present has come so far.
    pub const fn attack_is_unanswered(&self) -> bool {
        self.abused_at.is_some() && self.contained_at.is_none() && self.dismissed_at.is_none()
    }

    /// Every alert that the window calls for, with its stretch of time.
    pub fn episodes(&self, profile: &Profile) -> impl Iterator<Item = Episode> + use<> {
        let Moments { start, detected_at, decided_at, contained_at, .. } = *self;
        let Moments { dismissed_at, withdrawn_at, .. } = *self;
        let first = |ends: [Option<Timestamp>; 3]| ends.into_iter().flatten().min();
        let harmless = first([contained_at, dismissed_at, None]);
        let attack =
            self.abused_at.map(|abused| (Alert::AttackObserved, abused.max(detected_at), harmless));
        // The first thing that anybody did about the exposure ends the wait. To hand the
        // case on does not.
        let answered = first([decided_at, contained_at, withdrawn_at]);
        let Targets { in_time, late, raced } = profile.targets;
        let waiting = [
            (Alert::ReviewDueSoon, Some(profile.review_due_soon)),
            (Alert::ReviewOverdue, Some(in_time)),
            (Alert::AttackerLikelyPresent, Some(late).filter(|_| raced)),
        ]
        // An exposure older than its detection is overdue from its detection on, not before.
        .map(|(alert, age)| Some((alert, (start + age?).max(detected_at), answered)));
        let ended = first([contained_at, dismissed_at, withdrawn_at]);
        let containment =
            decided_at.map(|at| (Alert::ContainmentOverdue, at + profile.containment_limit, ended));
        // Facts, not conditions: nothing undoes them.
        let fact = |alert, at: Option<Timestamp>| at.map(|at| (alert, at.max(detected_at), None));
        let facts = [
            fact(Alert::AiActedFirst, self.ai_acted_first_at),
            fact(Alert::SeededCaseMissed, self.seeded_missed_at),
            fact(Alert::HollowApproval, decided_at.filter(|_| self.hollow)),
        ];
        [attack]
            .into_iter()
            .chain(waiting)
            .chain([containment])
            .chain(facts)
            .flatten()
            .map(|(alert, from, until)| Episode { alert, from, until })
            // Ended before it began: it never held.
            .filter(|episode| episode.until.is_none_or(|until| until > episode.from))
    }

    /// The alerts that hold at `now`, and when that next changes by itself.
    pub fn at(&self, profile: &Profile, now: Timestamp) -> (AlertSet, Option<Timestamp>) {
        let mut holding = AlertSet::default();
        let mut next = None;
        for episode in self.episodes(profile) {
            if episode.phase(now) == Phase::Firing {
                holding.insert(episode.alert);
            }
            let changes = [Some(episode.from), episode.until];
            for change in changes.into_iter().flatten().filter(|change| *change > now) {
                next = Some(next.map_or(change, |next: Timestamp| next.min(change)));
            }
        }
        (holding, next)
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

/// When and why an alert began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When, by the times of the events; the present where no event tells.
    pub at: Timestamp,
    /// Why.
    pub cause: Cause,
}

impl Change {
    /// The change of `alert` that is found out at `now`; `episode` is the alert's
    /// stretch of time as far as the events call for it.
    pub(super) fn of(
        alert: Alert,
        transition: Transition,
        episode: Option<Episode>,
        now: Timestamp,
    ) -> Change {
        let (at, cause) = match (transition, episode, episode.map(|episode| episode.phase(now))) {
            (Transition::Firing, Some(episode), _) => (episode.from, alert.cause()),
            (_, Some(Episode { until: Some(until), .. }), Some(Phase::Resolved)) => {
                (until, Cause::Answered)
            }
            // It would hold still: only the end of the window ends it.
            (_, _, Some(Phase::Firing)) => (now, Cause::Final),
            _ => (now, Cause::Undone),
        };
        Change { at: at.min(now), cause }
    }
}

impl Alert {
    /// Why it begins.
    const fn cause(self) -> Cause {
        match self {
            Alert::ReviewDueSoon
            | Alert::ReviewOverdue
            | Alert::AttackerLikelyPresent
            | Alert::ContainmentOverdue => Cause::Deadline,
            Alert::AttackObserved | Alert::AiActedFirst | Alert::SeededCaseMissed => Cause::Fact,
            Alert::HollowApproval | Alert::RubberStampSuspected => Cause::Judgement,
        }
    }
}
