//! What of a reviewer's acts is compared with those of peers, and when.
//!
//! Invariants: an incident or a batch is one act, and its first decision is the one that is
//! compared, or none is. So which decision counts is settled before anybody knows how it turns
//! out. The same acts in the same order are compared alike, whatever else the reviewer did.

use super::memory::Acts;
use super::peers::{Compared, OwnCounts};
use super::review::Facts;
use super::signals::Rules;

/// The part of a reviewer's state that decides what is compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Compares {
    pub(super) acts: Acts,
    pub(super) own: OwnCounts,
}

/// What became of an act.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entered {
    /// Whether it is a new one: not in an incident or batch that was decided in before.
    pub(super) new: bool,
    /// What everybody's totals take in, and whether it is the reviewer's first of its kind.
    pub(super) counted: Option<(Compared, bool)>,
}

impl Compares {
    /// Takes in the next act: the cases decided by it, by their names.
    pub(super) fn enter<'f>(
        &mut self,
        cases: impl Iterator<Item = &'f Facts>,
        rules: &Rules,
        settled: Option<i64>,
    ) -> Entered {
        // Of decisions of one moment the first is the first by name, as they come in that order.
        let first = cases.min_by_key(|case| case.decided_at);
        let group = first.and_then(|first| Some((first.group?, first.decided_at)));
        let hold = rules.config().batch_hold;
        let new = group.is_none_or(|(group, at)| self.acts.enter(group, at, hold));
        let act = first.filter(|_| new).and_then(|case| {
            let period = rules.period_of(case.decided_at);
            Some(Compared { period, stratum: case.stratum, agreed: case.agreed? })
        });
        // What is settled does not change.
        let act = act.filter(|act| settled.is_none_or(|settled| act.period > settled));
        let counted = act.and_then(|act| Some((act, self.own.count(&act)?)));
        Entered { new, counted }
    }
}
