//! Which credentials are due when.
//!
//! Invariants: a credential that has a deadline has an entry in that deadline's
//! slot; entries whose credential has moved on are dropped when met, never
//! searched for. Slots are coarse, deadlines exact.

use std::collections::BTreeMap;

use crate::time::{Span, Timestamp};

/// Width of a slot: fine enough that a look into the first is short, coarse
/// enough that a day of deadlines is few slots.
const SLOT: Span = Span::from_millis(256);

/// Slots of credential numbers, ordered by time.
#[derive(Debug, Default)]
pub(super) struct Timers {
    slots: BTreeMap<i64, Vec<u32>>,
}

impl Timers {
    /// Notes that `credential` is due at `due`.
    pub(super) fn set(&mut self, credential: u32, due: Timestamp) {
        self.slots.entry(slot(due)).or_default().push(credential);
    }

    /// The earliest deadline; `due` tells what a credential waits for now.
    pub(super) fn next(&mut self, due: impl Fn(u32) -> Option<Timestamp>) -> Option<Timestamp> {
        loop {
            let mut first = self.slots.first_entry()?;
            let number = *first.key();
            let live = |credential: &u32| due(*credential).filter(|due| slot(*due) == number);
            first.get_mut().retain(|credential| live(credential).is_some());
            match first.get().iter().filter_map(live).min() {
                Some(earliest) => return Some(earliest),
                None => first.remove(),
            };
        }
    }

    /// Moves every credential due at `now` or before to `into`.
    pub(super) fn take_due(
        &mut self,
        now: Timestamp,
        due: impl Fn(u32) -> Option<Timestamp>,
        into: &mut Vec<u32>,
    ) {
        while let Some(mut first) =
            self.slots.first_entry().filter(|first| *first.key() <= slot(now))
        {
            let number = *first.key();
            first.get_mut().retain(|credential| match due(*credential) {
                Some(at) if slot(at) != number => false,
                Some(at) if at > now => true,
                Some(_) => {
                    into.push(*credential);
                    false
                }
                None => false,
            });
            if first.get().is_empty() {
                first.remove();
            } else {
                // Only the slot that `now` falls into keeps any.
                return;
            }
        }
    }
}

fn slot(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(SLOT.as_millis())
}
