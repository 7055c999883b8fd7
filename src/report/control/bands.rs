//! In time or not, real or not: by workflow, severity and place.
//!
//! Invariant: the groups of one kind add up to all exposures; places beyond the
//! largest are told together.

use std::collections::BTreeMap;

use serde::Serialize;

use super::share::Share;
use crate::engine::attacker::Band;
use crate::engine::oversight::Judgement;
use crate::engine::windows::Window;
use crate::time::Timestamp;

/// Places told one by one.
const PLACES_MAX: usize = 20;
/// The name of what no event states, and of all other places.
pub(super) const NONE: &str = "not stated";
const OTHERS: &str = "all others";

/// The exposures of one group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// Which.
    pub name: String,
    /// Exposures.
    pub windows: u64,
    /// Decided before the fastest attackers.
    pub ahead: u64,
    /// Decided between the fastest and the mean attackers.
    pub contested: u64,
    /// Decided later.
    pub behind: u64,
    /// Decided, at a time that contradicts the exposure.
    pub unknown: u64,
    /// Not decided.
    pub undecided: u64,
    /// Decisions with a sign of not having been a review, of those judged.
    pub hollow: Share,
    /// Decisions not judged yet.
    pub unjudged: u64,
    /// Effective reviews, of the exposures that should have one by now.
    pub effective: Share,
}

/// Counts of some exposures.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) windows: u64,
    bands: [u64; Band::ALL.len()],
    pub(super) unknown: u64,
    pub(super) undecided: u64,
    pub(super) overdue: u64,
    pub(super) judged: u64,
    pub(super) hollow: u64,
    pub(super) unjudged: u64,
    pub(super) unjudged_ahead: u64,
    effective: u64,
}

impl Counts {
    pub(super) fn add(
        &mut self,
        window: &Window<'_>,
        judgement: Option<&Judgement>,
        as_of: Timestamp,
    ) {
        self.windows += 1;
        if window.decision.is_none() {
            self.undecided += 1;
            self.overdue += u64::from(as_of.since(window.start()) >= window.targets.in_time);
            return;
        }
        let band = window.band();
        match band {
            Some(band) => self.bands[band as usize] += 1,
            None => self.unknown += 1,
        }
        match judgement {
            Some(judgement) => {
                self.judged += 1;
                self.hollow += u64::from(!judgement.reasons.is_empty());
                self.effective += u64::from(judgement.effective());
            }
            None => {
                self.unjudged += 1;
                self.unjudged_ahead += u64::from(band == Some(Band::Ahead));
            }
        }
    }

    fn merge(&mut self, other: &Counts) {
        self.windows += other.windows;
        self.bands.iter_mut().zip(other.bands).for_each(|(to, n)| *to += n);
        self.unknown += other.unknown;
        self.undecided += other.undecided;
        self.overdue += other.overdue;
        self.judged += other.judged;
        self.hollow += other.hollow;
        self.unjudged += other.unjudged;
        self.unjudged_ahead += other.unjudged_ahead;
        self.effective += other.effective;
    }

    pub(super) const fn decided(&self) -> u64 {
        self.windows - self.undecided
    }

    pub(super) const fn get(&self, band: Band) -> u64 {
        self.bands[band as usize]
    }

    /// Effective ones among those decided, or undecided and as old as the fastest
    /// attackers.
    pub(super) fn effective(&self) -> Share {
        Share::of(self.effective, self.decided() + self.overdue)
    }

    pub(super) fn group(&self, name: String) -> Group {
        Group {
            name,
            windows: self.windows,
            ahead: self.get(Band::Ahead),
            contested: self.get(Band::Contested),
            behind: self.get(Band::Behind),
            unknown: self.unknown,
            undecided: self.undecided,
            hollow: Share::of(self.hollow, self.judged),
            unjudged: self.unjudged,
            effective: self.effective(),
        }
    }
}

/// The bands, by what the exposures are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bands {
    /// All exposures.
    pub all: Group,
    /// By workflow.
    pub by_workflow: Vec<Group>,
    /// By severity, the highest first.
    pub by_severity: Vec<Group>,
    /// By place of exposure, the largest first.
    pub by_location: Vec<Group>,
}

/// Collects the groups.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) all: Counts,
    workflows: BTreeMap<&'static str, Counts>,
    severities: BTreeMap<Option<crate::event::Severity>, Counts>,
    places: BTreeMap<String, Counts>,
}

impl Groups {
    pub(super) fn add(
        &mut self,
        window: &Window<'_>,
        judgement: Option<&Judgement>,
        as_of: Timestamp,
    ) {
        let workflow = self.workflows.entry(window.key.workflow.as_str()).or_default();
        let severity = self.severities.entry(window.severity).or_default();
        let place = window.location.unwrap_or(NONE);
        if !self.places.contains_key(place) {
            self.places.insert(place.to_owned(), Counts::default());
        }
        let place = self.places.get_mut(place);
        for counts in [&mut self.all, workflow, severity].into_iter().chain(place) {
            counts.add(window, judgement, as_of);
        }
    }

    pub(super) fn finish(self) -> Bands {
        let name = |severity: Option<crate::event::Severity>| {
            severity.map_or(NONE, crate::event::Severity::as_str).to_owned()
        };
        let mut places: Vec<(String, Counts)> = self.places.into_iter().collect();
        places.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.windows));
        let rest = places.split_off(places.len().min(PLACES_MAX));
        let others = (!rest.is_empty()).then(|| {
            let mut together = Counts::default();
            rest.iter().for_each(|(_, counts)| together.merge(counts));
            together.group(format!("{OTHERS} ({})", rest.len()))
        });
        let places = places.into_iter().map(|(name, counts)| counts.group(name));
        Bands {
            all: self.all.group("all".to_owned()),
            by_workflow: self
                .workflows
                .into_iter()
                .map(|(name, counts)| counts.group(name.to_owned()))
                .collect(),
            by_severity: self
                .severities
                .into_iter()
                .rev()
                .map(|(severity, counts)| counts.group(name(severity)))
                .collect(),
            by_location: places.chain(others).collect(),
        }
    }
}
