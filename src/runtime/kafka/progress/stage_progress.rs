//! The time up to which everything has gone through a stage.

use std::collections::BTreeMap;

use super::look::{Look, ReachedTime, Seen, TopicPartition};
use crate::time::Timestamp;

/// How far a stage has come in its inputs, from one look to the next.
#[derive(Debug, Default)]
pub(super) struct StageProgress {
    /// The time that the stages before it had reached, and where its inputs ended then.
    before: Option<(Timestamp, BTreeMap<TopicPartition, i64>)>,
}

impl StageProgress {
    /// Notes that everything up to `time` lies before `ends`.
    pub(super) fn look(&mut self, time: Timestamp, ends: BTreeMap<TopicPartition, i64>) {
        self.before = Some((time, ends));
    }

    /// The time up to which everything has gone through the stage: that of the slowest
    /// partition. A partition that is read up to the end it had at the last look, and
    /// has emitted what follows, has reached the time of that look. Any other has
    /// reached the time that was committed with its position.
    pub(super) fn time(&self, seen: &Look) -> Option<Timestamp> {
        let (before, ends) = self.before.as_ref()?;
        let of_partition = |(at, seen): (&TopicPartition, &Option<Seen>)| {
            let seen = seen.as_ref()?;
            let end = ends.get(at).copied().unwrap_or(i64::MAX);
            let through = seen.low >= end || seen.committed >= end;
            match seen.reached {
                ReachedTime::Pending => None,
                _ if through => Some(*before),
                ReachedTime::To(time) => Some(time),
                ReachedTime::Unknown => None,
            }
        };
        // If one of them is unknown, so is the time. And no stage is further than those
        // before it, even if it goes by the clock.
        let slowest = seen.iter().map(of_partition).min().unwrap_or(Some(*before));
        slowest.map(|slowest| slowest.min(*before))
    }
}

#[cfg(test)]
mod tests {
    use super::super::look::tests::{half_seen, seen};
    use super::*;

    fn t(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn after(time: i64, ends: [i64; 2]) -> StageProgress {
        let ends = (0..).map(|number| ("events".to_owned(), number)).zip(ends).collect();
        StageProgress { before: Some((t(time), ends)) }
    }

    #[test]
    fn it_is_the_time_of_the_last_look_where_that_is_through() {
        let first = seen([(5, 5, None), (0, 0, None)]);
        assert_eq!(StageProgress::default().time(&first), None, "nothing to go by yet");
        // What came since may still be on its way; what was there then is through.
        assert_eq!(after(100, [5, 0]).time(&seen([(5, 9, None), (0, 3, None)])), Some(t(100)));
        // A partition without any records is through.
        assert_eq!(after(100, [5, 0]).time(&seen([(5, 5, None), (0, 0, None)])), Some(t(100)));
    }

    #[test]
    fn behind_the_end_it_is_the_time_of_the_slowest() {
        let time = |partitions| after(90, [9, 3]).time(&seen(partitions));
        assert_eq!(time([(5, 9, Some(60)), (2, 3, Some(40))]), Some(t(40)));
        // An old time of a partition that has nothing left to read holds nothing back.
        assert_eq!(time([(5, 9, Some(60)), (3, 3, Some(1))]), Some(t(60)));
        assert_eq!(time([(5, 9, None), (3, 3, Some(80))]), None, "one is not known");
        // A stage that goes by the clock has still got no further than what is before it.
        assert_eq!(time([(5, 9, Some(800)), (3, 3, Some(800))]), Some(t(90)));
    }

    #[test]
    fn a_partition_is_not_through_before_it_has_emitted_what_follows() {
        let mut look = seen([(9, 9, Some(80)), (3, 3, None)]);
        assert_eq!(after(90, [9, 3]).time(&look), Some(t(90)));
        look.values_mut().flatten().last().unwrap().reached = ReachedTime::Pending;
        assert_eq!(after(90, [9, 3]).time(&look), None);
    }

    #[test]
    fn a_partition_that_cannot_be_asked_leaves_the_time_unknown() {
        assert_eq!(after(90, [9, 3]).time(&half_seen((9, 9, Some(80)))), None);
    }
}
