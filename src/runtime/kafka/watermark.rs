//! The time of a stage whose records come from many others: how far all of those
//! have come.
//!
//! Invariant: a mark's time counts for a partition only once everything that was
//! in it when the mark was made has been read; so nothing of an earlier time, as
//! the stages before it tell time, comes after it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::time::Timestamp;

/// How far the stages before have come, and what they had written by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) time: Timestamp,
    /// The end of each partition, open transactions included.
    pub(super) ends: BTreeMap<i32, i64>,
}

/// The latest mark of a process, for its workers.
#[derive(Debug, Default)]
pub(super) struct Watermark(Mutex<Option<Mark>>);

impl Watermark {
    /// Makes a mark. One that is before the last is not made.
    pub(super) fn set(&self, mark: Mark) {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref().is_none_or(|latest| latest.time < mark.time) {
            *latest = Some(mark);
        }
    }

    fn latest(&self) -> Option<Mark> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Which marks a partition has reached.
#[derive(Clone, Debug, Default)]
pub(super) struct Reached {
    time: Option<Timestamp>,
    /// One that is being read up to. It is kept although there are later ones, or
    /// a partition with a backlog would never reach any.
    ahead: Option<Mark>,
}

impl Reached {
    /// The time of `partition`, which is read up to `next`.
    pub(super) fn time(
        &mut self,
        watermark: &Watermark,
        partition: i32,
        next: i64,
    ) -> Option<Timestamp> {
        if self.ahead.is_none() {
            self.ahead = watermark.latest().filter(|mark| Some(mark.time) > self.time);
        }
        let end = |mark: &Mark| mark.ends.get(&partition).copied();
        if let Some(mark) = self.ahead.take_if(|mark| end(mark).is_some_and(|end| next >= end)) {
            self.time = Some(mark.time);
        }
        self.time
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
        assert_eq!(reached.time(&watermark, 0, 100), None);
        watermark.set(mark(1_000, 10));
        assert_eq!(reached.time(&watermark, 0, 9), None);
        // Later ones do not move the end that is waited for.
        watermark.set(mark(2_000, 50));
        assert_eq!(reached.time(&watermark, 0, 10), Some(Timestamp::from_millis(1_000)));
        assert_eq!(reached.time(&watermark, 0, 49), Some(Timestamp::from_millis(1_000)));
        assert_eq!(reached.time(&watermark, 0, 50), Some(Timestamp::from_millis(2_000)));
        // Nothing goes back, and of another partition a mark says nothing.
        watermark.set(mark(1_500, 0));
        assert_eq!(reached.time(&watermark, 0, 60), Some(Timestamp::from_millis(2_000)));
        watermark.set(mark(3_000, 0));
        assert_eq!(Reached::default().time(&watermark, 1, 60), None);
    }
}
