//! How often peers agree with the AI in like cases.
//!
//! Invariants: what a decision is compared with was published a whole period
//! before the period of the decision, so it depends on no decision that comes
//! after it and on no order of arrival; a reviewer's own acts are taken out.
//!
//! The counts of a period are published once it is over and all of its decisions are
//! judged: the same sums stand in a live run and in a replay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::Severity;
use crate::time::{Span, Timestamp};

/// Cases that are alike: severity and how sure the AI said it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stratum(u8);

/// Bounds of the bands of confidence; one more band is for none stated.
const BANDS: [f64; 2] = [0.7, 0.9];
const BAND_COUNT: usize = BANDS.len() + 2;

impl Stratum {
    /// How many there are.
    pub const COUNT: usize = (Severity::ALL.len() + 1) * BAND_COUNT;

    /// The stratum of a case.
    pub fn of(severity: Option<Severity>, confidence: Option<f64>) -> Stratum {
        let severity = severity.map_or(Severity::ALL.len(), |severity| severity as usize);
        let band = confidence.map_or(0, |c| 1 + BANDS.iter().filter(|bound| c >= **bound).count());
        Stratum((severity * BAND_COUNT + band) as u8)
    }

    pub(super) fn from_index(index: u8) -> Option<Stratum> {
        (usize::from(index) < Stratum::COUNT).then_some(Stratum(index))
    }

    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Acts of review in one stratum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// … that agreed with the AI.
    pub agreed: u64,
    /// … that agreed or disagreed.
    pub acts: u64,
}

impl Counts {
    /// The share that agreed; `None` of nothing.
    pub fn rate(self) -> Option<f64> {
        (self.acts > 0).then(|| self.agreed as f64 / self.acts as f64)
    }

    fn add(&mut self, other: Counts) {
        self.agreed += other.agreed;
        self.acts += other.acts;
    }

    /// All but `own`, which are among them.
    fn without(self, own: Counts) -> Counts {
        Counts {
            agreed: self.agreed.saturating_sub(own.agreed),
            acts: self.acts.saturating_sub(own.acts),
        }
    }
}

/// Counts of every stratum.
pub(super) type Strata = [Counts; Stratum::COUNT];

/// The counts of one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCounts {
    /// The period, counted from 1970 in lengths of the configured one.
    pub period: i64,
    /// Every stratum in which there was an act, in order.
    pub strata: BTreeMap<u8, Counts>,
}

impl PeerCounts {
    pub(super) fn new(period: i64, strata: &Strata) -> PeerCounts {
        let numbered = (0_u8..).zip(strata).filter(|(_, counts)| counts.acts > 0);
        PeerCounts { period, strata: numbered.map(|(n, counts)| (n, *counts)).collect() }
    }
}

/// The period in which `at` lies.
pub(super) fn period_of(at: Timestamp, period: Span) -> i64 {
    at.as_millis().div_euclid(period.as_millis().max(1))
}

/// All acts that were published, summed up to the end of each period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    through: BTreeMap<i64, Box<Strata>>,
}

impl Peers {
    /// Takes in what was published of a period; the order does not matter.
    pub fn absorb(&mut self, counts: &PeerCounts) {
        let before = self.through.range(..=counts.period).next_back();
        if before.is_none_or(|(period, _)| *period < counts.period) {
            let carried = before.map_or_else(Default::default, |(_, strata)| strata.clone());
            self.through.insert(counts.period, carried);
        }
        for (_, strata) in self.through.range_mut(counts.period..) {
            for (stratum, counts) in &counts.strata {
                if let Some(to) = strata.get_mut(usize::from(*stratum)) {
                    to.add(*counts);
                }
            }
        }
    }

    /// What a decision in `period` is compared with: everything up to the end of the
    /// period before the last, less the reviewer's own.
    pub(super) fn before(&self, period: i64, stratum: Stratum, own: Counts) -> Counts {
        let usable = self.through.range(..=period - 2).next_back();
        let all = usable.map_or(Counts::default(), |(_, strata)| strata[stratum.index()]);
        all.without(own)
    }
}

/// Counts of many acts by period.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(BTreeMap<i64, Box<Strata>>);

impl Tally {
    pub(super) fn count(&mut self, period: i64, stratum: Stratum, agreed: bool) {
        let strata = self.0.entry(period).or_default();
        strata[stratum.index()].add(Counts { agreed: u64::from(agreed), acts: 1 });
    }

    pub(super) fn set(&mut self, counts: &PeerCounts) {
        let strata = self.0.entry(counts.period).or_default();
        **strata = Strata::default();
        for (stratum, counts) in &counts.strata {
            if let Some(to) = strata.get_mut(usize::from(*stratum)) {
                to.add(*counts);
            }
        }
    }

    /// What is complete when all periods before `period` are.
    pub(super) fn take_before(&mut self, period: i64) -> Vec<PeerCounts> {
        let later = self.0.split_off(&period);
        let done = std::mem::replace(&mut self.0, later);
        done.into_iter().map(|(period, strata)| PeerCounts::new(period, &strata)).collect()
    }

    /// What is counted of `period` so far.
    pub(super) fn of(&self, period: i64) -> Option<PeerCounts> {
        self.0.get(&period).map(|strata| PeerCounts::new(period, strata))
    }

    pub(super) fn earliest(&self) -> Option<i64> {
        self.0.keys().next().copied()
    }
}

/// A reviewer's own acts, kept apart for the periods that are not yet published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnCounts {
    /// The period of `recent[1]`.
    pub(super) period: i64,
    /// Agreed and all, up to the end of the period before the last.
    pub(super) settled: [(u32, u32); Stratum::COUNT],
    /// The last period and the present one.
    pub(super) recent: [[(u16, u16); Stratum::COUNT]; 2],
}

impl OwnCounts {
    /// The own acts among those that a decision in `period` is compared with.
    pub(super) fn before(&mut self, period: i64, stratum: Stratum) -> Counts {
        self.roll(period);
        let (agreed, acts) = self.settled[stratum.index()];
        Counts { agreed: agreed.into(), acts: acts.into() }
    }

    /// Counts an act of the period last asked for. A person does not do more than
    /// 65,535 of one kind in a day; what does has too little taken out as its own.
    pub(super) fn count(&mut self, stratum: Stratum, own_agreed: bool) {
        let (agreed, acts) = &mut self.recent[1][stratum.index()];
        if *acts < u16::MAX {
            *acts += 1;
            *agreed += u16::from(own_agreed);
        }
    }

    fn roll(&mut self, period: i64) {
        // Acts come in order, so the period never goes back.
        let steps = period.saturating_sub(self.period).clamp(0, 2);
        for _ in 0..steps {
            for (settled, last) in self.settled.iter_mut().zip(&self.recent[0]) {
                settled.0 = settled.0.saturating_add(last.0.into());
                settled.1 = settled.1.saturating_add(last.1.into());
            }
            self.recent[0] = self.recent[1];
            self.recent[1] = Default::default();
        }
        self.period = self.period.max(period);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(period: i64, agreed: u64, acts: u64) -> PeerCounts {
        PeerCounts { period, strata: [(3, Counts { agreed, acts })].into() }
    }

    #[test]
    fn every_case_has_its_stratum() {
        let mut seen = std::collections::BTreeSet::new();
        let severities = Severity::ALL.iter().copied().map(Some).chain([None]);
        for severity in severities {
            for confidence in [None, Some(0.0), Some(0.7), Some(0.9)] {
                seen.insert(Stratum::of(severity, confidence).index());
            }
        }
        assert_eq!(seen.len(), Stratum::COUNT);
        assert_eq!(seen.last(), Some(&(Stratum::COUNT - 1)));
    }

    #[test]
    fn a_decision_is_compared_with_what_was_over_a_period_before() {
        let stratum = Stratum(3);
        let none = Counts::default();
        let mut orders = [
            [counts(5, 1, 2), counts(6, 3, 4), counts(8, 10, 10)],
            [counts(8, 10, 10), counts(5, 1, 2), counts(6, 3, 4)],
        ];
        for order in &mut orders {
            let mut peers = Peers::default();
            order.iter().for_each(|counts| peers.absorb(counts));
            let at = |period| peers.before(period, stratum, none);
            assert_eq!(
                [at(6).acts, at(7).acts, at(8).acts, at(9).acts, at(10).acts],
                [0, 2, 6, 6, 16]
            );
            let own = Counts { agreed: 1, acts: 1 };
            assert_eq!(peers.before(8, stratum, own), Counts { agreed: 3, acts: 5 });
        }
    }

    #[test]
    fn own_acts_settle_two_periods_later() {
        let stratum = Stratum(3);
        let mut own = OwnCounts::default();
        for (period, expected) in [(10, 0), (10, 0), (11, 0), (12, 2), (13, 3), (30, 5)] {
            assert_eq!(own.before(period, stratum).acts, expected, "{period}");
            own.count(stratum, true);
        }
    }
}
