//! The headline: the effective review rate of the last day, and what it is made of.
//!
//! Invariants: every figure comes from the view's summary; bands and the rate are of the
//! workflows in which attackers race, and each other workflow has a rate of its own.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::{Profiles, Targets};
use crate::engine::effective::EffectiveRate;
use crate::engine::oversight::HollowReason;
use crate::engine::waits::Between;
use crate::engine::windows::State;
use crate::event::Workflow;
use crate::runtime::http::options::Shown;
use crate::time::{Span, Timestamp};

/// The headline figure, and what it is made of.
#[derive(Clone, Serialize)]
pub(super) struct Headline {
    complete: bool,
    open: u64,
    older_open: u64,
    effective: EffectiveRate,
    /// The targets of the raced workflows; null where they differ from each other.
    in_time_ms: Option<Span>,
    late_ms: Option<Span>,
    unknown: u64,
    withdrawn: u64,
    others: Vec<OtherRate>,
    reviews: u64,
    judged: u64,
    hollow: Option<u64>,
    unassessed: Option<u64>,
    by_reason: BTreeMap<&'static str, u64>,
    median_ms: Between<Option<i64>>,
    attacker_first: Between<f64>,
}

/// The rate of a workflow in which attackers do not race.
#[derive(Clone, Serialize)]
struct OtherRate {
    workflow: Workflow,
    in_time_ms: Span,
    effective: EffectiveRate,
}

impl Headline {
    /// The figures of the windows detected in the day before `now`.
    pub(super) fn of(shown: &Shown, now: Timestamp) -> Headline {
        let summary = shown.view.summary(&shown.figure_rules(), None, now);
        let (older, figures) = (summary.older, summary.figures);
        let (race, oversight) = (figures.attacker_window, figures.oversight);
        let reasons = HollowReason::ALL.iter().filter_map(|reason| {
            let found = oversight.by_reason.as_ref()?.get(*reason);
            (found > 0).then_some((reason.as_str(), found))
        });
        let others = figures.workflows.iter().filter(|(_, own)| !own.raced);
        let others = others.map(|(workflow, own)| OtherRate {
            workflow,
            in_time_ms: own.in_time_ms,
            effective: own.effective_review_rate,
        });
        let targets = raced(&shown.profiles);
        Headline {
            complete: summary.period.complete,
            open: figures.windows.get(State::Open) + figures.windows.get(State::Contained),
            older_open: older.open + older.contained,
            effective: figures.effective_review_rate,
            in_time_ms: targets.map(|targets| targets.in_time),
            late_ms: targets.map(|targets| targets.late),
            unknown: race.bands.unknown,
            withdrawn: race.bands.withdrawn,
            others: others.collect(),
            reviews: oversight.reviews,
            judged: oversight.judged,
            hollow: oversight.hollow,
            unassessed: oversight.unassessed,
            by_reason: reasons.collect(),
            median_ms: figures.survival.time_to_review.median_ms,
            attacker_first: Between {
                low: tenths(race.attacker_first.expected_low),
                high: tenths(race.attacker_first.expected_high),
            },
        }
    }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// The targets of the raced workflows, if all of them have the same.
fn raced(profiles: &Profiles) -> Option<Targets> {
    let mut all = Workflow::ALL.iter().map(|workflow| profiles.get(*workflow).targets);
    let mut raced = all.by_ref().filter(|targets| targets.raced);
    let first = raced.next()?;
    raced.all(|targets| targets == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_named_only_where_all_raced_workflows_share_them() {
        let mut profiles = Profiles::default();
        assert_eq!(raced(&profiles), Some(Targets::of(Workflow::SecretExposure)));
        profiles.get_mut(Workflow::PolicyChange).targets.in_time = Span::from_mins(5);
        assert_eq!(raced(&profiles), Some(Targets::of(Workflow::SecretExposure)));
        profiles.get_mut(Workflow::ActivityTriage).targets.in_time = Span::from_mins(5);
        assert_eq!(raced(&profiles), None);
    }
}
