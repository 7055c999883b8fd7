//! What is remembered of a reviewer's earlier acts.
//!
//! Invariant: a bounded size, whatever the number of acts; what was longest not used is
//! forgotten.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use crate::time::{Span, Timestamp};

/// Reasons of how many earlier acts are looked through, and how many make a template.
pub(super) const TEMPLATE_ACTS: usize = 20;
const TEMPLATE_REPEATS: usize = 5;

/// Digests of the reasons given for the last acts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reasons(pub(super) Vec<Option<NonZeroU32>>);

impl Reasons {
    /// Whether these reasons were given again and again.
    pub(super) fn templated(&self, digest: Option<NonZeroU32>) -> bool {
        let same = |other: &&Option<NonZeroU32>| **other == digest;
        digest.is_some() && self.0.iter().filter(same).count() >= TEMPLATE_REPEATS
    }

    /// Goes on to the next act.
    pub(super) fn push(&mut self, digest: Option<NonZeroU32>) {
        if self.0.len() >= TEMPLATE_ACTS {
            self.0.remove(0);
        }
        make_room(&mut self.0, TEMPLATE_ACTS);
        self.0.push(digest);
    }
}

/// Incidents and batches that are remembered.
pub(super) const ACTS_MAX: usize = 16;

/// Incidents and batches in which the reviewer decided, those decided last at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Acts(pub(super) VecDeque<Seen>);

/// What several decisions have in common that makes one act of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// They are about one incident.
    Incident(NonZeroU32),
    /// They have one batch id; one that is used for ever is many batches.
    Batch(NonZeroU32),
}

impl Group {
    /// Its number; an incident and a batch do not share one.
    pub(super) fn number(self) -> NonZeroU32 {
        match self {
            Group::Incident(number) | Group::Batch(number) => number,
        }
    }
}

/// Takes the first row that is `wanted` out of `rows`.
pub(super) fn recall<T>(rows: &mut VecDeque<T>, wanted: impl FnMut(&T) -> bool) -> Option<T> {
    let place = rows.iter().position(wanted)?;
    rows.remove(place)
}

/// Makes room for one more row: for twice as many as there are, but never for more than `most`.
pub(super) fn make_room<T>(rows: &mut Vec<T>, most: usize) {
    if rows.len() == rows.capacity() {
        let left = most.saturating_sub(rows.len()).max(1);
        rows.reserve_exact(rows.len().max(4).min(left));
    }
}

/// An incident or a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) group: NonZeroU32,
    /// When it was first decided in.
    pub(super) since: Timestamp,
}

impl Acts {
    /// Takes in that the reviewer decides in `group`, and says whether that is new: not
    /// decided in before, or a batch that is longer than `hold` by now.
    pub(super) fn enter(&mut self, group: Group, at: Timestamp, hold: Span) -> bool {
        let (number, lasts) = match group {
            Group::Incident(number) => (number, None),
            Group::Batch(number) => (number, Some(hold)),
        };
        let known = recall(&mut self.0, |seen| seen.group == number);
        let apart = |seen: &Seen| Span::from_millis(at.since(seen.since).as_millis().abs());
        let known = known.filter(|seen| lasts.is_none_or(|lasts| apart(seen) <= lasts));
        if self.0.len() >= ACTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(known.unwrap_or(Seen { group: number, since: at }));
        known.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    #[test]
    fn five_equal_reasons_among_the_last_twenty_acts_are_a_template() {
        for (others, template) in [(15, true), (16, false)] {
            let mut reasons = Reasons::default();
            for n in 0..5 {
                assert!(!reasons.templated(Some(number(1))), "{n}");
                reasons.push(Some(number(1)));
            }
            (0..others).for_each(|n| reasons.push(Some(number(100 + n))));
            assert_eq!(reasons.templated(Some(number(1))), template);
            assert!(!reasons.templated(None));
        }
    }

    fn enter(acts: &mut Acts, incident: u32) -> bool {
        acts.enter(Group::Incident(number(incident)), Timestamp::MIN, Span::ZERO)
    }

    #[test]
    fn an_incident_that_goes_on_stays_known() {
        let mut acts = Acts::default();
        assert!(enter(&mut acts, 1));
        for n in 2..200 {
            assert!(enter(&mut acts, n));
            assert!(!enter(&mut acts, 1));
            assert!(acts.0.len() <= ACTS_MAX);
        }
        assert!(enter(&mut acts, 2), "forgotten");
    }

    #[test]
    fn a_batch_id_that_is_used_for_ever_is_many_batches() {
        let mut acts = Acts::default();
        let hour = Span::from_mins(60);
        let mut enter = |minute: i64| {
            let at = Timestamp::from_millis(minute * 60_000);
            acts.enter(Group::Batch(number(1)), at, hour)
        };
        assert_eq!(
            [0, 30, 60, 61, 121, 122].map(&mut enter),
            [true, false, false, true, false, true]
        );
    }
}
