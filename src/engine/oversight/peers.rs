//! Acts of review by period and stratum: everybody's, and each reviewer's own.
//!
//! Invariants: what everybody did in a period is read only once the period is settled,
//! and does not change after that; it does not depend on the order of arrival; what is
//! held is bounded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agreement::Table;
use super::hash::Hash;
use super::memory::make_room;
use crate::event::{Severity, Workflow};
use crate::time::{Span, Timestamp};

/// Like cases: the same workflow, the same model, the severity as it was when the AI
/// advised, and how sure the AI said it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stratum(u32);

/// Bounds of the bands of confidence; one more band is for none stated.
const BANDS: [f64; 2] = [0.7, 0.9];

impl Stratum {
    /// The stratum of a case: the same number in every process.
    pub fn of(
        workflow: Workflow,
        model: Option<&str>,
        severity: Option<Severity>,
        confidence: Option<f64>,
    ) -> Stratum {
        let band = confidence.map_or(0, |c| 1 + BANDS.iter().filter(|bound| c >= **bound).count());
        let severity = severity.map_or(0, |severity| 1 + severity as u8);
        let hash = Hash::new().byte(workflow as u8).byte(severity).byte(band as u8);
        Stratum(hash.optional(model).short().get())
    }

    pub(super) const fn number(self) -> u32 {
        self.0
    }

    pub(super) const fn from_number(number: u32) -> Stratum {
        Stratum(number)
    }
}

/// Everybody's acts in one stratum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Those that agreed with the AI.
    pub agreed: u64,
    /// Those that agreed or disagreed.
    pub acts: u64,
    /// Whose they were: the number of reviewers.
    pub reviewers: u32,
}

/// Everybody's acts in one period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCounts {
    /// The period, counted from 1970 in lengths of the configured one.
    pub period: i64,
    /// Every stratum in which there was an act.
    pub strata: BTreeMap<Stratum, Counts>,
    /// Whether the period is settled, and with it all before: acts that come later are late.
    #[serde(default)]
    pub settled: bool,
}

/// The period in which `at` lies.
pub(super) fn period_of(at: Timestamp, period: Span) -> i64 {
    at.as_millis().div_euclid(period.as_millis().max(1))
}

/// Strata told apart in one period; acts in further ones are not compared.
const STRATA_MAX: usize = 4_096;

/// Everybody's acts.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals(BTreeMap<i64, PeerCounts>);

impl Totals {
    /// The periods of which acts are counted.
    pub(super) fn periods(&self) -> impl Iterator<Item = i64> {
        self.0.keys().copied()
    }

    /// Counts an act; `first` says whether it is its reviewer's first in the stratum and period.
    pub(super) fn count(&mut self, act: &Compared, first: bool) {
        let counts = self.0.entry(act.period).or_default();
        counts.period = act.period;
        let full = counts.strata.len() >= STRATA_MAX;
        if full && !counts.strata.contains_key(&act.stratum) {
            return;
        }
        let counts = counts.strata.entry(act.stratum).or_default();
        counts.acts += 1;
        counts.agreed += u64::from(act.agreed);
        counts.reviewers += u32::from(first);
    }

    /// Notes that a period is settled.
    pub(super) fn settle(&mut self, period: i64) {
        if let Some(counts) = self.0.get_mut(&period) {
            counts.settled = true;
        }
    }

    pub(super) fn set(&mut self, counts: &PeerCounts) {
        self.0.insert(counts.period, counts.clone());
    }

    pub(super) fn of(&self, period: i64) -> Option<&PeerCounts> {
        self.0.get(&period)
    }

    pub(super) fn get(&self, period: i64, stratum: Stratum) -> Counts {
        let counts = self.0.get(&period).and_then(|counts| counts.strata.get(&stratum));
        counts.copied().unwrap_or_default()
    }

    /// The latest period with acts in it, up to `period`.
    pub(super) fn latest(&self, period: i64) -> Option<i64> {
        self.0.range(..=period).next_back().map(|(latest, _)| *latest)
    }

    pub(super) fn forget_before(&mut self, period: i64) {
        self.0 = self.0.split_off(&period);
    }
}

/// An act that is compared with those of peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) period: i64,
    pub(super) stratum: Stratum,
    pub(super) agreed: bool,
}

/// A reviewer's own acts in one stratum of a period that is not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) period: i64,
    pub(super) stratum: Stratum,
    pub(super) acts: u16,
    pub(super) agreed: u16,
}

/// Strata told apart in a reviewer's periods that are not settled; acts in further ones
/// are not compared.
pub(super) const OWN_MAX: usize = 24;

/// A reviewer's own acts of periods that are not settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnCounts(pub(super) Vec<Own>);

impl OwnCounts {
    /// Counts an act, and says whether it is the first in its stratum and period; `None`
    /// where there is no room for it.
    pub(super) fn count(&mut self, act: &Compared) -> Option<bool> {
        let same = |own: &&mut Own| own.period == act.period && own.stratum == act.stratum;
        if let Some(own) = self.0.iter_mut().find(same) {
            own.acts = own.acts.checked_add(1)?;
            own.agreed += u16::from(act.agreed);
            return Some(false);
        }
        if self.0.len() >= OWN_MAX {
            return None;
        }
        let Compared { period, stratum, agreed } = *act;
        make_room(&mut self.0, OWN_MAX);
        self.0.push(Own { period, stratum, acts: 1, agreed: agreed.into() });
        Some(true)
    }

    /// The earliest period that is not settled.
    pub(super) fn earliest(&self) -> Option<i64> {
        self.0.iter().map(|own| own.period).min()
    }

    /// Takes out the acts of `period`.
    pub(super) fn take(&mut self, period: i64) -> impl Iterator<Item = Own> {
        let taken: Vec<Own> = self.0.extract_if(.., |own| own.period == period).collect();
        if self.0.is_empty() {
            // Most reviewers have none most of the time.
            self.0 = Vec::new();
        }
        taken.into_iter()
    }
}

impl Own {
    /// The acts beside everybody's, and how many peers there are.
    pub(super) fn beside(&self, all: Counts) -> (Table, u32) {
        let table = Table {
            acts: self.acts.into(),
            agreed: self.agreed.into(),
            all_acts: all.acts,
            all_agreed: all.agreed,
        };
        (table, all.reviewers.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_its_stratum() {
        let mut seen = std::collections::BTreeSet::new();
        let severities = Severity::ALL.iter().copied().map(Some).chain([None]);
        for severity in severities {
            for confidence in [None, Some(0.0), Some(0.7), Some(0.9)] {
                for model in [None, Some(""), Some("model-1")] {
                    for workflow in Workflow::ALL {
                        seen.insert(Stratum::of(*workflow, model, severity, confidence));
                    }
                }
            }
        }
        assert_eq!(seen.len(), (Severity::ALL.len() + 1) * 4 * 3 * Workflow::ALL.len());
    }

    #[test]
    fn own_acts_are_counted_apart_and_taken_by_period() {
        let stratum = |n: u32| Stratum(n);
        let act = |period, n, agreed| Compared { period, stratum: stratum(n), agreed };
        let mut own = OwnCounts::default();
        assert_eq!(own.earliest(), None);
        assert_eq!(own.count(&act(6, 1, true)), Some(true));
        assert_eq!(own.count(&act(5, 1, true)), Some(true));
        assert_eq!(own.count(&act(6, 1, false)), Some(false));
        assert_eq!(own.earliest(), Some(5));
        let taken: Vec<Own> = own.take(6).collect();
        assert_eq!(taken, [Own { period: 6, stratum: stratum(1), acts: 2, agreed: 1 }]);
        for n in 2..100 {
            let room = own.0.len() < OWN_MAX;
            assert_eq!(own.count(&act(5, n, true)), room.then_some(true));
        }
        assert_eq!(own.0.len(), OWN_MAX);
    }
}
