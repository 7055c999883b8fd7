//! Shares of counts, with what chance leaves open.
//!
//! Invariants: nothing is divided by nothing: a share of no cases is `None`; bounds
//! enclose the share and lie in [0, 1]; exposures of one incident are taken together.

use serde::Serialize;

use crate::engine::bounds::{Sample, clopper_pearson, difference, share_bounds};
use crate::engine::effective::EffectiveRate;

/// A share of a count, with its 95 % bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Share {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The incidents that those belong to.
    pub incidents: u64,
    /// The share; `None` of nothing.
    pub share: Option<f64>,
    /// Its lower 95 % bound, by incident.
    pub low: Option<f64>,
    /// Its upper 95 % bound.
    pub high: Option<f64>,
}

impl Share {
    /// So many of so many that have nothing to do with each other.
    pub fn of(count: u64, of: u64) -> Share {
        Share::within(count, &Sample::single(of))
    }

    /// So many of the windows of `sample`.
    pub fn within(count: u64, sample: &Sample) -> Share {
        let share = (sample.windows > 0).then(|| count as f64 / sample.windows as f64);
        let bounds = share.and_then(|share| share_bounds(share, sample.effective));
        Share {
            count,
            of: sample.windows,
            incidents: sample.incidents,
            share,
            low: bounds.map(|bounds| bounds.low),
            high: bounds.map(|bounds| bounds.high),
        }
    }
}

/// By how much one rate is larger than another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The least that it may be, whatever is not known.
    pub least: f64,
    /// The most.
    pub most: f64,
    /// The lower 95 % bound of the least.
    pub low: f64,
    /// The upper 95 % bound of the most.
    pub high: f64,
}

impl Difference {
    /// `now` less `before`; `None` where either is a rate of nothing.
    ///
    /// Newcombe's method 10 (1998, Stat. Med. 17) on the bounds of Clopper and Pearson:
    /// with Wilson's, one change in twenty would be called one although nothing changed.
    pub fn between(now: &EffectiveRate, before: &EffectiveRate) -> Option<Difference> {
        let told = |share: f64, rate: &EffectiveRate| {
            Some((share, clopper_pearson(share, rate.sample.effective)?))
        };
        let (now_low, now_high) = (told(now.low?, now)?, told(now.high?, now)?);
        let (before_low, before_high) = (told(before.low?, before)?, told(before.high?, before)?);
        Some(Difference {
            least: now_low.0 - before_high.0,
            most: now_high.0 - before_low.0,
            low: difference(now_low, before_high).low,
            high: difference(now_high, before_low).high,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::effective::{Outcome, Outcomes};

    fn rate(effective: u64, unknown: u64, overdue: u64, sample: Option<Sample>) -> EffectiveRate {
        let mut outcomes = Outcomes::default();
        (0..effective).for_each(|_| outcomes.add(Outcome::Effective));
        (0..unknown).for_each(|_| outcomes.add(Outcome::Unassessed));
        (0..overdue).for_each(|_| outcomes.add(Outcome::Overdue));
        EffectiveRate::of(outcomes, sample.unwrap_or(Sample::single(outcomes.due())))
    }

    #[test]
    fn what_is_not_known_does_not_make_a_trend() {
        let before = rate(40, 0, 60, None);
        let better = Difference::between(&rate(80, 0, 20, None), &before).unwrap();
        assert!(better.low > 0.0 && better.least == better.most, "{better:?}");
        let unclear = Difference::between(&rate(40, 40, 20, None), &before).unwrap();
        assert!(unclear.low < 0.0 && unclear.high > 0.0, "{unclear:?}");
        assert_eq!((unclear.least, unclear.most), (0.0, 0.4));
        assert_eq!(Difference::between(&before, &rate(0, 0, 0, None)), None);
    }

    #[test]
    fn one_commit_makes_no_trend() {
        let commit = Sample::of_sizes([5_000].into_iter().chain(std::iter::repeat_n(1, 20)));
        let now = rate(5_000, 0, 20, Some(commit));
        let change = Difference::between(&now, &rate(40, 0, 60, None)).unwrap();
        assert!(change.least > 0.5 && change.low < 0.0, "{change:?}");
    }

    #[test]
    fn nothing_of_nothing_is_no_share() {
        assert_eq!(Share::of(0, 0), Share::default());
        let incident = Share::within(60, &Sample::of_sizes([60]));
        assert_eq!((incident.share, incident.incidents, incident.high), (Some(1.0), 1, Some(1.0)));
        assert!(incident.low.unwrap() < 0.03, "{incident:?}");
    }
}
