//! The effective review rate: were leaked credentials really reviewed, and in time?
//!
//! Invariants: a window counts once, under one outcome; what is not known is width:
//! `low` takes it as not effective, `high` as effective; a rate exists only where a
//! window is old enough for its review to be due.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::bounds::{Bounds, Sample, share_bounds};
use super::oversight::Quality;
use super::windows::{Stage, Window};
use crate::config::Targets;
use crate::event::words;
use crate::time::Timestamp;

words! {
    /// What became of a review that was due.
    Outcome {
        /// A person decided in time, by a meaningful review.
        Effective = "effective",
        /// A person decided in time, and the events show that it was no review.
        Hollow = "hollow",
        /// No person had decided when the review was due, whatever came later.
        Overdue = "overdue",
        /// Decided in time as far as that is known, and not judged yet.
        Unjudged = "unjudged",
        /// Decided by a meaningful review, in time after the detection; when the
        /// credential was exposed is not known, or contradicts the decision.
        UnknownExposure = "unknown_exposure",
        /// Decided in time; nothing is known by which to tell whether it was a review.
        Unassessed = "unassessed",
    }
}

impl Outcome {
    /// Whether it may have been effective: a cause of the rate's width.
    pub const fn is_unknown(self) -> bool {
        matches!(self, Outcome::Unjudged | Outcome::UnknownExposure | Outcome::Unassessed)
    }

    /// Whether it was effective; `None` where that is not known.
    pub const fn effective(self) -> Option<bool> {
        if self.is_unknown() { None } else { Some(matches!(self, Outcome::Effective)) }
    }
}

/// What is known of a window's review before its quality is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is younger than its workflow's time for a review.
    NotYet,
    /// Its source took it back before a review was due.
    Withdrawn,
    /// No person had decided when the review was due.
    Overdue,
    /// A person decided in time: the quality tells the rest.
    InTime,
    /// A person decided in time after the detection, and maybe not after the exposure.
    MaybeInTime,
}

impl Due {
    /// How far the review of `window` has come at `as_of`.
    pub fn of(window: &Window<'_>, targets: Targets, as_of: Timestamp) -> Due {
        if as_of.since(window.start()) < targets.in_time {
            return Due::NotYet;
        }
        Due::decided(window, targets).unwrap_or_else(|| {
            let due_at = window.start() + targets.in_time;
            match window.withdrawn_at {
                Some(withdrawn) if withdrawn < due_at => Due::Withdrawn,
                _ => Due::Overdue,
            }
        })
    }

    /// The same for a counter, which counts a decision as soon as it is made, whatever the
    /// window's age, and an undecided window once its review is due.
    pub fn counted(window: &Window<'_>, targets: Targets, now: Timestamp) -> Due {
        Due::decided(window, targets).unwrap_or_else(|| Due::of(window, targets, now))
    }

    /// How the decision of `window` lies in time, whatever the window's age; `None`
    /// without a decision.
    pub fn decided(window: &Window<'_>, targets: Targets) -> Option<Due> {
        window.decision?;
        let Some(taken) = window.duration(Stage::TimeToReview) else {
            // Decided before it was exposed, say the clocks.
            return Some(Due::MaybeInTime);
        };
        Some(if taken >= targets.in_time {
            Due::Overdue
        } else if window.start_is_known() {
            Due::InTime
        } else {
            Due::MaybeInTime
        })
    }

    /// What came of it, once the decision's quality is known; `None` for a window whose
    /// review is not due.
    pub const fn outcome(self, quality: Option<Quality>) -> Option<Outcome> {
        Some(match (self, quality) {
            (Due::NotYet | Due::Withdrawn, _) => return None,
            (Due::Overdue, _) => Outcome::Overdue,
            (Due::InTime | Due::MaybeInTime, None) => Outcome::Unjudged,
            (_, Some(Quality::Hollow)) => Outcome::Hollow,
            (Due::MaybeInTime, Some(_)) => Outcome::UnknownExposure,
            (Due::InTime, Some(Quality::Unassessed)) => Outcome::Unassessed,
            (Due::InTime, Some(Quality::Meaningful)) => Outcome::Effective,
        })
    }
}

/// Reviews that were due, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes([u64; Outcome::ALL.len()]);

impl Outcomes {
    /// Takes in one.
    pub fn add(&mut self, outcome: Outcome) {
        self.0[outcome as usize] += 1;
    }

    /// Takes in all that another took in.
    pub fn merge(&mut self, other: &Outcomes) {
        self.0.iter_mut().zip(other.0).for_each(|(to, n)| *to += n);
    }

    /// How many had this outcome.
    pub const fn get(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize]
    }

    /// How many reviews were due.
    pub fn due(&self) -> u64 {
        self.0.iter().sum()
    }

    /// How many may have been effective, and are not known to be.
    pub fn unknown(&self) -> u64 {
        Outcome::ALL.iter().filter(|o| o.is_unknown()).map(|o| self.get(*o)).sum()
    }
}

impl Serialize for Outcomes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Outcome::ALL.len()))?;
        for outcome in Outcome::ALL {
            map.serialize_entry(outcome, &self.get(*outcome))?;
        }
        map.end()
    }
}

/// The rate, as wide as what is not known makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct EffectiveRate {
    /// The share of effective reviews if nothing unknown was one; `None` where no
    /// review was due.
    pub low: Option<f64>,
    /// The share if all that is unknown was.
    pub high: Option<f64>,
    /// The lower 95 % bound of `low`: what chance leaves open, by incident.
    pub low_bound: Option<f64>,
    /// The upper 95 % bound of `high`.
    pub high_bound: Option<f64>,
    /// The windows whose review was due, and the incidents they belong to.
    #[serde(flatten)]
    pub sample: Sample,
    /// What became of them. Those of `unjudged`, `unknown_exposure` and `unassessed`
    /// make the rate wide.
    pub outcomes: Outcomes,
}

impl EffectiveRate {
    /// The rate of `outcomes`, which are worth as much as `sample` says.
    pub fn of(outcomes: Outcomes, sample: Sample) -> EffectiveRate {
        let share = |count: u64| (outcomes.due() > 0).then(|| count as f64 / outcomes.due() as f64);
        let effective = outcomes.get(Outcome::Effective);
        let (low, high) = (share(effective), share(effective + outcomes.unknown()));
        let bounds = |share: Option<f64>| share.and_then(|s| share_bounds(s, sample.effective));
        EffectiveRate {
            low,
            high,
            low_bound: bounds(low).map(|bounds: Bounds| bounds.low),
            high_bound: bounds(high).map(|bounds| bounds.high),
            sample,
            outcomes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(counts: &[(Outcome, u64)]) -> Outcomes {
        let mut all = Outcomes::default();
        counts.iter().for_each(|(outcome, n)| (0..*n).for_each(|_| all.add(*outcome)));
        all
    }

    #[test]
    fn what_is_unknown_is_width() {
        let all = outcomes(&[
            (Outcome::Effective, 2),
            (Outcome::Overdue, 3),
            (Outcome::Unassessed, 1),
            (Outcome::UnknownExposure, 1),
            (Outcome::Unjudged, 1),
        ]);
        let rate = EffectiveRate::of(all, Sample::single(8));
        assert_eq!((rate.low, rate.high), (Some(0.25), Some(0.625)));
        assert!(rate.low_bound < rate.low && rate.high < rate.high_bound, "{rate:?}");
        let known = EffectiveRate::of(outcomes(&[(Outcome::Effective, 1)]), Sample::single(1));
        assert_eq!((known.low, known.high, known.high_bound), (Some(1.0), Some(1.0), Some(1.0)));
        assert!(known.low_bound.unwrap() < 0.03, "one observation says little");
    }

    #[test]
    fn no_review_due_is_no_rate() {
        let none = EffectiveRate::of(Outcomes::default(), Sample::default());
        assert_eq!(none, EffectiveRate::default());
    }

    #[test]
    fn an_outcome_follows_from_time_and_quality() {
        use Quality::{Hollow, Meaningful, Unassessed};
        for (due, quality, outcome) in [
            (Due::NotYet, Some(Meaningful), None),
            (Due::Withdrawn, None, None),
            (Due::Overdue, Some(Meaningful), Some(Outcome::Overdue)),
            (Due::Overdue, None, Some(Outcome::Overdue)),
            (Due::InTime, None, Some(Outcome::Unjudged)),
            (Due::InTime, Some(Meaningful), Some(Outcome::Effective)),
            (Due::InTime, Some(Hollow), Some(Outcome::Hollow)),
            (Due::InTime, Some(Unassessed), Some(Outcome::Unassessed)),
            (Due::MaybeInTime, None, Some(Outcome::Unjudged)),
            (Due::MaybeInTime, Some(Meaningful), Some(Outcome::UnknownExposure)),
            (Due::MaybeInTime, Some(Unassessed), Some(Outcome::UnknownExposure)),
            (Due::MaybeInTime, Some(Hollow), Some(Outcome::Hollow)),
        ] {
            assert_eq!(due.outcome(quality), outcome, "{due:?} {quality:?}");
        }
    }
}
