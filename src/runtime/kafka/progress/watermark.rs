//! Watermarks: the time of a stage whose records come from many partitions.
//!
//! Invariant: a watermark counts for a partition only once everything that was in the
//! partition when the watermark was set has been read. So no record of an earlier time,
//! by the clocks of the stages before, comes after it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::time::Timestamp;

/// How far the stages before have come, and what they had written by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Watermark {
    pub(super) time: Timestamp,
    /// The end of each partition, open transactions included.
    pub(super) ends: BTreeMap<i32, i64>,
}

/// The watermarks of a process, for its workers, in the order of time and of ends.
#[derive(Debug, Default)]
pub(crate) struct Watermarks(Mutex<VecDeque<Watermark>>);

/// Watermarks that are kept: there is one a second as a rule, so a worker may be that far
/// behind and still see time pass step by step. Beyond, every other one is dropped.
const WATERMARKS_MAX: usize = 4096;

impl Watermarks {
    /// Adds a watermark, unless it is before the last one.
    pub(super) fn set(&self, watermark: Watermark) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.back().is_some_and(|latest| latest.time >= watermark.time) {
            return;
        }
        if all.len() >= WATERMARKS_MAX {
            let mut kept = [false, true].into_iter().cycle();
            all.retain(|_| kept.next() == Some(true));
        }
        all.push_back(watermark);
    }
}

/// How far the time of a partition has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PartitionTime(Option<Timestamp>);

impl PartitionTime {
    /// The time of `partition`, which is read up to `next`.
    pub(crate) fn at(
        &mut self,
        watermarks: &Watermarks,
        partition: i32,
        next: i64,
    ) -> Option<Timestamp> {
        let all = watermarks.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = |it: &Watermark| it.ends.get(&partition).is_some_and(|end| next >= *end);
        let latest = all.partition_point(passed).checked_sub(1);
        let latest = latest.and_then(|at| all.get(at)).map(|it| it.time);
        self.0 = self.0.max(latest);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watermark(time: i64, end: i64) -> Watermark {
        Watermark { time: Timestamp::from_millis(time), ends: BTreeMap::from([(0, end)]) }
    }

    #[test]
    fn a_watermark_counts_when_all_before_it_is_read() {
        let (all, mut reached) = (Watermarks::default(), PartitionTime::default());
        let t = |ms| Some(Timestamp::from_millis(ms));
        assert_eq!(reached.at(&all, 0, 100), None);
        all.set(watermark(1_000, 10));
        assert_eq!(reached.at(&all, 0, 9), None);
        // Later ones do not take its place: for a worker that lags none would ever count.
        all.set(watermark(2_000, 50));
        assert_eq!(reached.at(&all, 0, 10), t(1_000));
        assert_eq!(reached.at(&all, 0, 49), t(1_000));
        assert_eq!(reached.at(&all, 0, 50), t(2_000));
        // Nothing goes back, and of another partition a watermark says nothing.
        all.set(watermark(1_500, 50));
        assert_eq!(reached.at(&all, 0, 60), t(2_000));
        assert_eq!(PartitionTime::default().at(&all, 1, 60), None);
    }

    #[test]
    fn watermarks_without_end_are_thinned_out() {
        let all = Watermarks::default();
        for number in 0..3 * WATERMARKS_MAX as i64 {
            all.set(watermark(number, number));
        }
        assert!(all.0.lock().unwrap().len() <= WATERMARKS_MAX);
        let last = 3 * WATERMARKS_MAX as i64 - 1;
        let reached = PartitionTime::default().at(&all, 0, last);
        assert_eq!(reached, Some(Timestamp::from_millis(last)));
        let early = PartitionTime::default().at(&all, 0, 100).map(Timestamp::as_millis);
        assert!(early.is_some_and(|early| (50..=100).contains(&early)), "{early:?}");
    }
}
