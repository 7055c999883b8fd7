//! Which reviewers a report names, and on what evidence.
//!
//! Invariants: e-BH over all reviewers with a decision, on present e-values; every
//! list (one per signal, one of all signals together) keeps the false discovery rate
//! by itself, not all lists at once.

use super::combine::{Discoveries, e_bh};
use super::reviewer::Standing;
use super::signals::{BySignal, Rules, Signal};
use crate::event::words;

words! {
    /// A list of flagged reviewers.
    List {
        /// By wrong advice let through.
        Seeded = "seeded",
        /// By less time than reading takes.
        Dwell = "dwell",
        /// By evidence not opened.
        Context = "context",
        /// By agreement.
        Agreement = "agreement",
        /// By all signals together: the weighted mean of their e-values.
        Combined = "combined",
    }
}

impl List {
    /// The signal that it is by, unless it is by all.
    pub const fn signal(self) -> Option<Signal> {
        match self {
            List::Seeded => Some(Signal::Seeded),
            List::Dwell => Some(Signal::Dwell),
            List::Context => Some(Signal::Context),
            List::Agreement => Some(Signal::Agreement),
            List::Combined => None,
        }
    }

    /// The logarithm of the e-value that counts in it.
    pub fn log_e(self, standing: &Standing) -> f64 {
        self.signal().map_or(standing.log_e, |signal| standing.signals[signal as usize].log_e)
    }
}

/// All lists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flags {
    /// Reviewers with a decision.
    pub reviewers: usize,
    lists: [Discoveries; List::ALL.len()],
}

impl Flags {
    /// Who is flagged among reviewers who stand so.
    pub fn of<'s>(standings: impl Iterator<Item = &'s Standing> + Clone, rules: &Rules) -> Flags {
        let alpha = rules.config().alpha;
        let mut lists = [Discoveries { count: 0, log_threshold: f64::INFINITY }; List::ALL.len()];
        for (found, list) in lists.iter_mut().zip(List::ALL) {
            let logs: Vec<f64> = standings.clone().map(|standing| list.log_e(standing)).collect();
            *found = e_bh(&logs, alpha);
        }
        Flags { reviewers: standings.count(), lists }
    }

    /// One list.
    pub const fn get(&self, list: List) -> &Discoveries {
        &self.lists[list as usize]
    }

    /// The lists on which one who stands so is.
    pub fn on<'f>(&'f self, standing: &'f Standing) -> impl Iterator<Item = List> + 'f {
        let lists = List::ALL.iter().copied();
        lists.filter(move |list| self.get(*list).includes(list.log_e(standing)))
    }
}

/// One value per signal, as what it is told by.
pub fn by_word<T: Copy>(values: &BySignal<Option<T>>) -> impl Iterator<Item = (Signal, T)> {
    Signal::ALL.iter().zip(values).filter_map(|(signal, value)| Some((*signal, (*value)?)))
}
