//! Which reviewers a report names.
//!
//! Invariants: e-BH over all reviewers with a decision, on present e-values of all
//! signals together; there is one list, so its rate of false discoveries is that of the
//! report; what each signal came to is shown as a part of the evidence and names nobody.

use super::combine::{Discoveries, e_bh};
use super::reviewer::Standing;
use super::signals::{BySignal, Rules, Signal};

/// Who is named.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flags {
    /// Reviewers with a decision.
    pub reviewers: usize,
    found: Discoveries,
}

impl Flags {
    /// Who is named among reviewers who stand so.
    pub fn of<'s>(standings: impl Iterator<Item = &'s Standing>, rules: &Rules) -> Flags {
        let logs: Vec<f64> = standings.map(|standing| standing.log_e).collect();
        Flags { reviewers: logs.len(), found: e_bh(&logs, rules.config().alpha) }
    }

    /// How many are named.
    pub const fn count(&self) -> usize {
        self.found.count
    }

    /// How many are named; `None` in a group so small that a count would single somebody out.
    pub fn told(&self, small_group: u32) -> Option<u64> {
        (self.reviewers as u64 >= u64::from(small_group)).then_some(self.found.count as u64)
    }

    /// The logarithm that a combined e-value had to reach; infinite when none did.
    pub const fn log_threshold(&self) -> f64 {
        self.found.log_threshold
    }

    /// Whether one who stands so is named.
    pub fn includes(&self, standing: &Standing) -> bool {
        self.found.includes(standing.log_e)
    }
}

/// One value per signal, as what it is told by.
pub fn by_word<T: Copy>(values: &BySignal<Option<T>>) -> impl Iterator<Item = (Signal, T)> {
    Signal::ALL.iter().zip(values).filter_map(|(signal, value)| Some((*signal, (*value)?)))
}
