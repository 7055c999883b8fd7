//! Cases whose right answer is known: would wrong advice be noticed?
//!
//! Invariant: planted cases are told apart from what came to be known later, which
//! may have come to be known because it was let through.

use serde::Serialize;

use super::context::Case;
use super::judged::Judged;
use super::share::Share;
use crate::engine::bounds::Sizes;
use crate::engine::oversight::{Sight, Trials};

/// How decisions on cases with a known answer went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Seeded {
    /// Planted cases with wrong advice that were decided: challenged.
    pub caught: Share,
    /// … let through.
    pub missed: Share,
    /// … not decided yet.
    pub undecided: u64,
    /// The share that may be let through.
    pub allowed_miss_rate: f64,
    /// Right and wrong advice told apart by all reviewers together: the sum of what each
    /// reviewer's evidence counts, which is one case of an incident or batch.
    pub sight: Sight,
    /// The cases that is of.
    pub trials: TrialCounts,
}

/// Cases with a known answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrialCounts {
    /// The advice was wrong.
    pub wrong_advice: u32,
    /// … and was challenged.
    pub challenged: u32,
    /// The advice was right.
    pub right_advice: u32,
    /// … and was challenged all the same.
    pub false_alarms: u32,
}

/// Collects planted cases.
#[derive(Debug, Default)]
pub(super) struct Cases {
    caught: u64,
    missed: u64,
    undecided: u64,
    decided: Sizes,
}

impl Cases {
    pub(super) fn add(&mut self, case: &Case<'_>) {
        let window = &case.window;
        if let Some(caught) = window.seeded_case_caught() {
            *(if caught { &mut self.caught } else { &mut self.missed }) += 1;
            self.decided.add(case.incident);
        }
        let planted = window.truth.filter(|truth| truth.seeded).zip(window.advice);
        let wrong =
            planted.is_some_and(|(truth, advice)| truth.correct_action != advice.recommendation);
        self.undecided += u64::from(wrong && window.decision.is_none());
    }

    /// `hasty`: less time than reading takes more often than allowed.
    pub(super) fn finish(self, judged: &Judged, hasty: bool) -> Seeded {
        let sample = self.decided.sample();
        let mut trials = Trials::default();
        judged.people.values().for_each(|person| trials += person.trials);
        Seeded {
            caught: Share::within(self.caught, &sample),
            missed: Share::within(self.missed, &sample),
            undecided: self.undecided,
            allowed_miss_rate: judged.rules.config().seeded.null,
            sight: trials.sight(hasty),
            trials: TrialCounts {
                wrong_advice: trials.signals,
                challenged: trials.hits,
                right_advice: trials.others,
                false_alarms: trials.false_alarms,
            },
        }
    }
}
