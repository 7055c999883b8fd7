//! In time or not, real or not: by workflow, severity and place.
//!
//! Invariant: the groups of one kind add up to all exposures; places beyond the
//! largest are told together.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Case;
use super::share::Share;
use crate::engine::attacker::Band;
use crate::engine::bounds::Sizes;
use crate::engine::effective::{Due, EffectiveRate, Outcome, Outcomes};
use crate::engine::oversight::Quality;
use crate::engine::summary::FigureRules;
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
    /// Incidents that they belong to.
    pub incidents: u64,
    /// Decided in time.
    pub ahead: u64,
    /// Decided neither in time nor late.
    pub contested: u64,
    /// Decided late.
    pub behind: u64,
    /// Decided, and not late after the detection; the time of the exposure is not known, or
    /// contradicts the decision.
    pub unknown: u64,
    /// Not decided.
    pub undecided: u64,
    /// Taken back by their source before any decision.
    pub withdrawn: u64,
    /// Decisions with a sign of not having been a review, of those judged.
    pub hollow: Share,
    /// Decisions not judged yet.
    pub unjudged: u64,
    /// Effective reviews, of the exposures that are old enough to have one.
    pub effective: EffectiveRate,
}

/// Counts of some exposures.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) windows: u64,
    bands: [u64; Band::ALL.len()],
    pub(super) unknown: u64,
    pub(super) undecided: u64,
    withdrawn: u64,
    /// Undecided, and due.
    pub(super) overdue: u64,
    pub(super) hollow: u64,
    pub(super) unassessed: u64,
    pub(super) unjudged: u64,
    outcomes: Outcomes,
    all: Sizes,
    due: Sizes,
    judged: Sizes,
}

impl Counts {
    pub(super) fn add(&mut self, case: &Case<'_>, as_of: Timestamp) {
        let window = &case.window;
        self.windows += 1;
        self.all.add(case.incident);
        let due = Due::of(window, window.targets, as_of);
        let judgement = case.judgement.as_ref();
        let quality = judgement.and_then(crate::engine::oversight::Judgement::quality);
        if let Some(outcome) = due.outcome(quality) {
            self.outcomes.add(outcome);
            self.due.add(case.incident);
        }
        if window.decision.is_none() {
            let withdrawn = window.withdrawn_at.is_some();
            self.withdrawn += u64::from(withdrawn);
            self.undecided += u64::from(!withdrawn);
            self.overdue += u64::from(!withdrawn && due == Due::Overdue);
            return;
        }
        match window.band() {
            Some(band) => self.bands[band as usize] += 1,
            None => self.unknown += 1,
        }
        match quality {
            Some(quality) => {
                self.judged.add(case.incident);
                self.hollow += u64::from(quality == Quality::Hollow);
                self.unassessed += u64::from(quality == Quality::Unassessed);
            }
            None => self.unjudged += 1,
        }
    }

    fn merge(&mut self, other: &Counts) {
        self.windows += other.windows;
        self.bands.iter_mut().zip(other.bands).for_each(|(to, n)| *to += n);
        self.unknown += other.unknown;
        self.undecided += other.undecided;
        self.withdrawn += other.withdrawn;
        self.overdue += other.overdue;
        self.hollow += other.hollow;
        self.unassessed += other.unassessed;
        self.unjudged += other.unjudged;
        self.outcomes.merge(&other.outcomes);
        self.all.merge(&other.all);
        self.due.merge(&other.due);
        self.judged.merge(&other.judged);
    }

    pub(super) const fn get(&self, band: Band) -> u64 {
        self.bands[band as usize]
    }

    pub(super) const fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(outcome)
    }

    /// Effective reviews among those that were due.
    pub(super) fn effective(&self) -> EffectiveRate {
        EffectiveRate::of(self.outcomes, self.due.clone().sample())
    }

    pub(super) fn group(&self, name: String) -> Group {
        Group {
            name,
            windows: self.windows,
            incidents: self.all.clone().sample().incidents,
            ahead: self.get(Band::Ahead),
            contested: self.get(Band::Contested),
            behind: self.get(Band::Behind),
            unknown: self.unknown,
            undecided: self.undecided,
            withdrawn: self.withdrawn,
            hollow: Share::within(self.hollow, &self.judged.clone().sample()),
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
    /// Those that attackers race for.
    pub(super) raced: Counts,
    workflows: BTreeMap<&'static str, Counts>,
    severities: BTreeMap<Option<crate::event::Severity>, Counts>,
    places: BTreeMap<String, Counts>,
}

impl Groups {
    pub(super) fn add(&mut self, case: &Case<'_>, rules: &FigureRules<'_>, as_of: Timestamp) {
        let window = &case.window;
        let raced = rules.race.is_raced(window.key.workflow);
        let raced = raced.then_some(&mut self.raced);
        let workflow = self.workflows.entry(window.key.workflow.as_str()).or_default();
        let severity = self.severities.entry(window.severity).or_default();
        let place = window.location.unwrap_or(NONE);
        if !self.places.contains_key(place) {
            self.places.insert(place.to_owned(), Counts::default());
        }
        let place = self.places.get_mut(place);
        for counts in [&mut self.all, workflow, severity].into_iter().chain(place).chain(raced) {
            counts.add(case, as_of);
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
