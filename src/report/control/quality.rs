//! What the figures stand on: clocks, refusals, and stretches without data.
//!
//! Invariants: what was not counted by whoever wrote the ledger is `None`, never
//! zero; a stretch without decisions is told as what it is, without a claim about
//! why.

use std::collections::BTreeMap;

use serde::Serialize;

use super::evidence::InputCounts;
use super::moments::{GAP_MIN, Moments};
use super::question::Period;
use super::{Case, Context};
use crate::engine::windows::{Clock, Window};
use crate::event::{ExposedAtQuality, words};
use crate::time::{Span, Timestamp};

/// Stretches told one by one, of each kind.
const STRETCHES_MAX: usize = 5;
/// A stretch is told when its like would come about by chance less often than this.
const CHANCE: f64 = 0.001;

/// The quality of the data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// Exposures whose time of exposure is known exactly.
    pub exposed_exactly: u64,
    /// … is that of the commit, which may be earlier than publication.
    pub exposed_by_commit: u64,
    /// … is known, and how well is not said.
    pub exposed_unqualified: u64,
    /// … is not known: measured from detection, the wait is told too short.
    pub from_detection: u64,
    /// Exposures in which clocks contradict each other.
    pub clock_skew: u64,
    /// Records written under other attackers' curves than this report's.
    pub other_curves: u64,
    /// Decisions not judged yet.
    pub unjudged: u64,
    /// Decisions that nobody delivered: only a comparison with a list of their source found them.
    pub recovered: u64,
    /// Advice whose length is not stated: there is no reading floor.
    pub advice_without_length: u64,
    /// How the input fared, by whoever wrote the ledger; `None` where that is not
    /// beside it.
    pub input: Option<InputCounts>,
    /// Dead letters by reason, late events among them; `None` where their topic
    /// was not read.
    pub dead_letters: Option<BTreeMap<String, u64>>,
    /// Records that could not be read and were left out.
    pub damaged_records: u64,
    /// Whether the ledger ends before the period does.
    pub ends_early: bool,
    /// Whether the ledger begins after the period does.
    pub begins_late: bool,
    /// Whether it begins after the previous period does; `None` without one.
    pub previous_begins_late: Option<bool>,
    /// Stretches in which there may have been no data.
    pub stretches: Vec<Stretch>,
}

words! {
    /// What a stretch is without.
    Without {
        /// Any event at all.
        Events = "events",
        /// Any decision, while exposures were detected.
        Decisions = "decisions",
    }
}

/// A stretch of time in which something did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// What did not come.
    pub without: Without,
    /// From the last one.
    pub from: Timestamp,
    /// To the next, or to the end of the period.
    pub to: Timestamp,
    /// Exposures detected in it.
    pub detections: u64,
}

/// Collects moments and counts.
#[derive(Debug, Default)]
pub(super) struct Seen {
    windows: u64,
    decided: u64,
    exposed: BTreeMap<Option<ExposedAtQuality>, u64>,
    from_detection: u64,
    clock_skew: u64,
    other_curves: u64,
    unjudged: u64,
    recovered: u64,
    advice_without_length: u64,
    detections: Vec<Timestamp>,
    decisions: Moments,
    events: Moments,
}

impl Seen {
    /// Takes in when things happened in a window of the slice, whenever it was detected.
    pub(super) fn moments(&mut self, window: &Window<'_>, period: &Period) {
        let inside = |at: &Timestamp| period.holds(*at);
        let presented = window.advice.map(|advice| advice.presented_at);
        let others = [window.triaged_at, presented, window.contained_at, window.abused_at];
        let detected = Some(window.detected_at).filter(inside);
        let decided = window.decided_at().filter(inside);
        self.detections.extend(detected);
        decided.into_iter().for_each(|at| self.decisions.add(at));
        let others = others.into_iter().flatten().filter(inside);
        others.chain(detected).chain(decided).for_each(|at| self.events.add(at));
    }

    /// Takes in a window of the period.
    pub(super) fn add(&mut self, case: &Case<'_>) {
        let window = &case.window;
        self.windows += 1;
        self.decided += u64::from(window.decision.is_some());
        match window.clock() {
            Clock::Exposed => *self.exposed.entry(window.exposed_at_quality).or_default() += 1,
            Clock::Detected => self.from_detection += 1,
        }
        self.clock_skew += u64::from(window.clock_skew());
        self.other_curves += u64::from(case.row.other_curve());
        self.unjudged += u64::from(case.judgement.is_none());
        self.recovered += u64::from(window.decision.is_some_and(|decision| decision.recovered));
        let unmeasured = window.advice.is_some_and(|advice| advice.summary_words.is_none());
        self.advice_without_length += u64::from(unmeasured && window.decision.is_some());
    }

    pub(super) fn finish(mut self, context: &Context<'_>) -> Quality {
        let exposed = |quality| self.exposed.get(&quality).copied().unwrap_or(0);
        let (exact, commit, unqualified) = (
            exposed(Some(ExposedAtQuality::Exact)),
            exposed(Some(ExposedAtQuality::Commit)),
            exposed(None),
        );
        self.detections.sort_unstable();
        let (period, extent) = (&context.period, &context.extent);
        let end = period.to.min(extent.as_of + Span::from_millis(1));
        let long = self.long(period.from, end);
        let begins_late = |from| extent.first.since(from) > long;
        Quality {
            exposed_exactly: exact,
            exposed_by_commit: commit,
            exposed_unqualified: unqualified,
            from_detection: self.from_detection,
            clock_skew: self.clock_skew,
            other_curves: self.other_curves,
            unjudged: self.unjudged,
            recovered: self.recovered,
            advice_without_length: self.advice_without_length,
            input: context.inputs.counts.clone(),
            dead_letters: context.inputs.dead_letters.clone(),
            damaged_records: context.inputs.damaged,
            ends_early: period.to.since(extent.as_of) > long,
            begins_late: begins_late(period.from),
            previous_begins_late: period.previous_from.map(begins_late),
            stretches: self.stretches(period.from, end, long),
        }
    }

    /// The length that no gap between events would reach by chance, were they as
    /// frequent all the time.
    fn long(&self, from: Timestamp, end: Timestamp) -> Span {
        let gaps = self.events.count() as f64 + 1.0;
        let mean = end.since(from).as_millis().max(0) as f64 / gaps;
        let ms = mean * (gaps.ln() - CHANCE.ln());
        Span::from_millis(ms as i64).max(GAP_MIN)
    }

    fn stretches(&self, from: Timestamp, end: Timestamp, long: Span) -> Vec<Stretch> {
        // The event that a stretch begins after is not in it.
        let within = |from: Timestamp, to: Timestamp| {
            let upto = self.detections.partition_point(|own| *own <= from);
            let before = self.detections.partition_point(|own| *own < to);
            before.saturating_sub(upto) as u64
        };
        let mut silent: Vec<Stretch> = self
            .events
            .gaps(from, end)
            .into_iter()
            .filter(|(from, to)| to.since(*from) > long)
            .map(|(from, to)| Stretch {
                without: Without::Events,
                from,
                to,
                detections: within(from, to),
            })
            .collect();
        silent.sort_by_key(|gap| (std::cmp::Reverse(gap.to.since(gap.from)), gap.from));
        silent.truncate(STRETCHES_MAX);
        let share = self.decided as f64 / self.windows.max(1) as f64;
        // Where nobody ever decided, any detection could have had a decision.
        let missed = 1.0 - if self.decided == 0 { 1.0 - CHANCE } else { share };
        let mut undecided: Vec<Stretch> = self
            .decisions
            .gaps(from, end)
            .into_iter()
            .map(|(from, to)| Stretch {
                without: Without::Decisions,
                from,
                to,
                detections: within(from, to),
            })
            .filter(|gap| gap.detections > 0 && missed.powf(gap.detections as f64) < CHANCE)
            .collect();
        undecided.sort_by_key(|gap| (std::cmp::Reverse(gap.detections), gap.from));
        undecided.truncate(STRETCHES_MAX);
        let mut all = silent;
        all.extend(undecided);
        all.sort_by_key(|gap| (gap.from, gap.to, gap.without));
        all
    }
}
