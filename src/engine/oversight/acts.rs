//! What of a reviewer's acts is compared with those of peers, and when.
//!
//! Invariants: an incident, a batch or a text about a ticket is one act, and its first decision
//! is the one that is compared, or none is. So which decision counts is settled before anybody
//! knows how it turns out. The same acts in the same order are compared alike, whatever else the reviewer did.

use super::advice::Heard;
use super::memory::Acts;
use super::peers::{Compared, OwnCounts};
use super::review::Facts;
use super::signals::Rules;

/// The part of a reviewer's state that decides what is compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Compares {
    pub(super) acts: Acts,
    pub(super) heard: Heard,
    pub(super) own: OwnCounts,
}

/// What became of an act.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entered {
    /// Whether it is a new one: not in an incident or batch that was decided in before, nor
    /// about a text that was decided about before.
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
        let heard = first.and_then(|first| first.advice);
        let new = new && !heard.is_some_and(|advice| self.heard.knows(&advice));
        let act = first.filter(|_| new).and_then(|case| {
            let period = rules.period_of(case.decided_at);
            Some(Compared { period, stratum: case.stratum, agreed: case.agreed? })
        });
        // What is settled does not change.
        let act = act.filter(|act| settled.is_none_or(|settled| act.period > settled));
        let counted = act.and_then(|act| Some((act, self.own.count(&act)?)));
        Entered { new, counted }
    }

    /// Takes in a case of the act that was entered last, and says whether its text was decided
    /// about before.
    pub(super) fn take_in(&mut self, case: &Facts) -> bool {
        case.advice.is_some_and(|advice| self.heard.enter(&advice, case.decided_at))
    }
}
