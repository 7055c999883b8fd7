//! Cases whose right answer is known: would wrong advice be noticed?
//!
//! Invariant: planted cases are told apart from what came to be known later, which
//! may have come to be known because it was let through.

use serde::Serialize;

use super::share::Share;
use crate::engine::oversight::{Sight, Trials};
use crate::engine::windows::Window;
use crate::event::Verdict;

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
    /// Right and wrong advice told apart, over all decided cases whose answer is
    /// known, planted or not, by all reviewers together.
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

/// Collects cases with a known answer.
#[derive(Debug, Default)]
pub(super) struct Cases {
    caught: u64,
    missed: u64,
    undecided: u64,
    trials: Trials,
}

impl Cases {
    pub(super) fn add(&mut self, window: &Window<'_>) {
        match window.seeded_case_caught() {
            Some(true) => self.caught += 1,
            Some(false) => self.missed += 1,
            None => {}
        }
        let (Some(truth), Some(advice)) = (window.truth, window.advice) else { return };
        let wrong = truth.correct_action != advice.recommendation;
        let Some(decision) = window.decision else {
            self.undecided += u64::from(truth.seeded && wrong);
            return;
        };
        let challenged = match decision.verdict {
            Some(verdict) => verdict != Verdict::Approve,
            None => decision.action != advice.recommendation,
        };
        self.trials.add(wrong, challenged);
    }

    /// `hasty`: less time than reading takes more often than allowed.
    pub(super) fn finish(self, hasty: bool, allowed_miss_rate: f64) -> Seeded {
        let caught = Share::of(self.caught, self.caught + self.missed);
        let trials = self.trials;
        Seeded {
            caught,
            missed: Share::of(self.missed, self.caught + self.missed),
            undecided: self.undecided,
            allowed_miss_rate,
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
