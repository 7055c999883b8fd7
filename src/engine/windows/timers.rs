//! Which credentials are due when.
//!
//! Invariants: a credential that has a deadline has an entry with that deadline. An entry
//! whose credential has moved on is dropped when it is met, never searched for. So each
//! entry costs the same however many credentials are due at the same moment.
//!
//! Entries wait in coarse slots, which take four bytes each. Only the slot that comes next
//! is sorted by exact deadlines.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::time::{Span, Timestamp};

/// Width of a slot: fine enough that the sorted slot is small, coarse enough that a day of
/// deadlines is few slots.
const SLOT: Span = Span::from_millis(256);

/// Credential numbers by deadline.
#[derive(Debug)]
pub(super) struct Timers {
    /// Entries of the slot `sorted` and of earlier ones.
    near: BinaryHeap<Reverse<(Timestamp, u32)>>,
    /// The latest slot whose entries were sorted or taken.
    sorted: i64,
    /// Later slots.
    slots: BTreeMap<i64, Vec<u32>>,
}

impl Default for Timers {
    fn default() -> Timers {
        Timers { near: BinaryHeap::new(), sorted: i64::MIN, slots: BTreeMap::new() }
    }
}

impl Timers {
    /// Notes that `credential` is due at `due`.
    pub(super) fn set(&mut self, credential: u32, due: Timestamp) {
        let slot = slot(due);
        if slot <= self.sorted {
            self.near.push(Reverse((due, credential)));
        } else {
            self.slots.entry(slot).or_default().push(credential);
        }
    }

    /// The earliest deadline; `due` tells what a credential waits for now.
    pub(super) fn next(&mut self, due: impl Fn(u32) -> Option<Timestamp>) -> Option<Timestamp> {
        loop {
            while let Some(Reverse((at, credential))) = self.near.peek() {
                if due(*credential) == Some(*at) {
                    return Some(*at);
                }
                self.near.pop();
            }
            let (number, entries) = self.slots.pop_first()?;
            self.sort(number, &entries, &due);
        }
    }

    /// Moves every credential due at `now` or before to `into`; one that was due at the same
    /// time more than once may come more than once.
    pub(super) fn take_due(
        &mut self,
        now: Timestamp,
        due: impl Fn(u32) -> Option<Timestamp>,
        into: &mut Vec<u32>,
    ) {
        self.take_near(now, &due, into);
        while let Some(first) = self.slots.first_entry().filter(|first| *first.key() <= slot(now)) {
            let (number, entries) = first.remove_entry();
            if number == slot(now) {
                self.sort(number, &entries, &due);
                self.take_near(now, &due, into);
            } else {
                self.sorted = number;
                let live = |credential: &u32| due(*credential).is_some_and(|at| slot(at) == number);
                into.extend(entries.into_iter().filter(live));
            }
        }
    }

    fn take_near(
        &mut self,
        now: Timestamp,
        due: &impl Fn(u32) -> Option<Timestamp>,
        into: &mut Vec<u32>,
    ) {
        while let Some(Reverse((at, credential))) =
            self.near.peek().filter(|first| first.0.0 <= now)
        {
            if due(*credential) == Some(*at) {
                into.push(*credential);
            }
            self.near.pop();
        }
    }

    /// Sorts the entries of the next slot that are still due in it.
    fn sort(&mut self, number: i64, entries: &[u32], due: &impl Fn(u32) -> Option<Timestamp>) {
        self.sorted = number;
        let live = entries.iter().filter_map(|credential| {
            let at = due(*credential).filter(|at| slot(*at) == number)?;
            Some(Reverse((at, *credential)))
        });
        self.near.extend(live);
        if self.near.len() < self.near.capacity() / 4 {
            self.near.shrink_to_fit();
        }
    }
}

fn slot(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(SLOT.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::collections::BTreeSet;

    fn ms(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn deadlines_of_one_moment_are_not_looked_through_at_every_turn() {
        const CREDENTIALS: u32 = 200_000;
        const TURNS: u32 = 1_000;
        let mut timers = Timers::default();
        let mut due = vec![Some(ms(1_000)); CREDENTIALS as usize];
        (0..CREDENTIALS).for_each(|credential| timers.set(credential, ms(1_000)));
        let looks = Cell::new(0_u32);
        for turn in 0..TURNS {
            // An event moves a deadline at each turn.
            due[turn as usize] = Some(ms(2_000));
            timers.set(turn, ms(2_000));
            let look = |credential: u32| {
                looks.set(looks.get() + 1);
                due[credential as usize]
            };
            let mut taken = Vec::new();
            timers.take_due(ms(999), look, &mut taken);
            assert_eq!((timers.next(look), taken), (Some(ms(1_000)), Vec::new()));
        }
        assert!(looks.get() <= CREDENTIALS + 4 * TURNS, "{} looks", looks.get());
    }

    #[test]
    fn deadlines_are_those_of_a_sorted_set() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below) as i64
        };
        for round in 0..200 {
            let (mut timers, mut due) = (Timers::default(), vec![None; 20]);
            let mut sorted = BTreeSet::new();
            for _ in 0..200 {
                let at = |credential: u32| due[credential as usize];
                match draw(4) {
                    0 => {
                        let now = ms(draw(3_000));
                        let mut taken = Vec::new();
                        timers.take_due(now, at, &mut taken);
                        taken.sort_unstable();
                        taken.dedup();
                        let late = sorted.iter().filter(|(at, _)| *at <= now);
                        let mut expected: Vec<u32> =
                            late.map(|(_, credential)| *credential).collect();
                        expected.sort_unstable();
                        assert_eq!(taken, expected, "round {round}");
                        sorted.retain(|(at, _)| *at > now);
                        taken.into_iter().for_each(|credential| due[credential as usize] = None);
                    }
                    1 => {
                        let first = sorted.first().map(|(at, _)| *at);
                        assert_eq!(timers.next(at), first, "round {round}");
                    }
                    _ => {
                        let (credential, at) = (draw(20) as u32, ms(draw(3_000)));
                        let before = due[credential as usize].replace(at);
                        before.map(|before| sorted.remove(&(before, credential)));
                        sorted.insert((at, credential));
                        if before != Some(at) {
                            timers.set(credential, at);
                        }
                    }
                }
            }
        }
    }
}
