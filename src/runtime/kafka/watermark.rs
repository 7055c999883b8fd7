//! The time of a stage whose records come from many places: how far all of those
//! have come.
//!
//! Invariant: a mark's time counts for a partition only once everything that was
//! in it when the mark was made has been read; so nothing of an earlier time, as
//! the stages before it tell time, comes after it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::time::Timestamp;

/// How far the stages before have come, and what they had written by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) time: Timestamp,
    /// The end of each partition, open transactions included.
    pub(super) ends: BTreeMap<i32, i64>,
}

/// The marks of a process, for its workers, in the order of time and of ends.
#[derive(Debug, Default)]
pub(super) struct Watermark(Mutex<VecDeque<Mark>>);

/// Marks that are kept: one a second as a rule, so a worker may be that far behind and
/// still see time pass step by step. Beyond, every other one goes.
const MARKS_MAX: usize = 4096;

impl Watermark {
    /// Makes a mark. One that is before the last is not made.
    pub(super) fn set(&self, mark: Mark) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.back().is_some_and(|latest| latest.time >= mark.time) {
            return;
        }
        if marks.len() >= MARKS_MAX {
            let mut kept = [false, true].into_iter().cycle();
            marks.retain(|_| kept.next() == Some(true));
        }
        marks.push_back(mark);
    }
}

/// How far the time of a partition has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reached(Option<Timestamp>);

impl Reached {
    /// The time of `partition`, which is read up to `next`.
    pub(super) fn time(
        &mut self,
        watermark: &Watermark,
        partition: i32,
        next: i64,
    ) -> Option<Timestamp> {
        let marks = watermark.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = |mark: &Mark| mark.ends.get(&partition).is_some_and(|end| next >= *end);
        let latest = marks.partition_point(passed).checked_sub(1);
        let latest = latest.and_then(|at| marks.get(at)).map(|mark| mark.time);
        self.0 = self.0.max(latest);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(time: i64, end: i64) -> Mark {
        Mark { time: Timestamp::from_millis(time), ends: BTreeMap::from([(0, end)]) }
    }

    #[test]
    fn a_mark_counts_when_all_before_it_is_read() {
        let (watermark, mut reached) = (Watermark::default(), Reached::default());
        let t = |ms| Some(Timestamp::from_millis(ms));
        assert_eq!(reached.time(&watermark, 0, 100), None);
        watermark.set(mark(1_000, 10));
        assert_eq!(reached.time(&watermark, 0, 9), None);
        // Later ones do not take its place: with a backlog none would ever be reached.
        watermark.set(mark(2_000, 50));
        assert_eq!(reached.time(&watermark, 0, 10), t(1_000));
        assert_eq!(reached.time(&watermark, 0, 49), t(1_000));
        assert_eq!(reached.time(&watermark, 0, 50), t(2_000));
        // Nothing goes back, and of another partition a mark says nothing.
        watermark.set(mark(1_500, 50));
        assert_eq!(reached.time(&watermark, 0, 60), t(2_000));
        assert_eq!(Reached::default().time(&watermark, 1, 60), None);
    }

    #[test]
    fn marks_without_end_are_thinned_out() {
        let watermark = Watermark::default();
        for number in 0..3 * MARKS_MAX as i64 {
            watermark.set(mark(number, number));
        }
        assert!(watermark.0.lock().unwrap().len() <= MARKS_MAX);
        let last = 3 * MARKS_MAX as i64 - 1;
        let reached = Reached::default().time(&watermark, 0, last);
        assert_eq!(reached, Some(Timestamp::from_millis(last)));
        let early = Reached::default().time(&watermark, 0, 100).map(Timestamp::as_millis);
        assert!(early.is_some_and(|early| (50..=100).contains(&early)), "{early:?}");
    }
}
