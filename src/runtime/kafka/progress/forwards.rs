//! Watermarks of windows that forward records to each other.
//!
//! A name that belongs to another one forwards its events to the partition of that name. A
//! watermark of the sources says that everything up to its time was read before the `ends` of
//! the partitions. What is forwarded from there comes behind these ends. So with linked names a
//! watermark waits until the windows have read all partitions up to the ends, and takes the ends
//! that the partitions have then. It does so once for each hop.
//!
//! Invariant: a watermark never gets an earlier time or earlier ends.

use std::collections::{BTreeMap, VecDeque};

use super::look::{Look, TopicPartition};
use crate::time::Timestamp;

/// How often a record is forwarded: from a covering name to one that is covered, from there to
/// the root, and once more where the way has just become longer. A child tells whoever forwards
/// to it the shorter way, so that longer ones are rare.
const HOPS: u8 = 3;
/// Watermarks that wait at most; the last one is replaced beyond that.
const WAITING_MAX: usize = 256;

/// Where the topics end.
type Ends = BTreeMap<TopicPartition, i64>;

/// The watermarks that wait, the earliest first.
#[derive(Debug, Default)]
pub(super) struct Forwards(VecDeque<Waiting>);

#[derive(Debug)]
struct Waiting {
    time: Timestamp,
    ends: Ends,
    hops: u8,
}

impl Forwards {
    /// Adds a watermark of the sources.
    pub(super) fn add(&mut self, time: Timestamp, ends: Ends) {
        if self.0.len() >= WAITING_MAX {
            self.0.pop_back();
        }
        self.0.push_back(Waiting { time, ends, hops: 0 });
    }

    /// Takes out the latest watermark that waits no longer. `windows` is how far the windows had
    /// come, and `ends` where the topics ended after that.
    pub(super) fn passed(&mut self, windows: &Look, ends: &Ends) -> Option<(Timestamp, Ends)> {
        for waiting in &mut self.0 {
            let read = |(at, end): (&TopicPartition, &i64)| {
                let seen = windows.get(at).copied().flatten();
                seen.is_some_and(|seen| seen.committed >= *end || seen.low >= *end)
            };
            if waiting.ends.iter().all(read) {
                waiting.hops += 1;
                waiting.ends.clone_from(ends);
            }
        }
        let mut passed = None;
        while self.0.front().is_some_and(|first| first.hops >= HOPS) {
            passed = self.0.pop_front();
        }
        passed.map(|passed| (passed.time, passed.ends))
    }

    /// Forgets all of them: no names are linked.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::look::tests::seen;
    use super::*;

    fn ends(all: [i64; 2]) -> Ends {
        (0..).map(|number| ("events".to_owned(), number)).zip(all).collect()
    }

    fn t(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn a_watermark_waits_for_what_every_partition_forwards() {
        let mut forwards = Forwards::default();
        forwards.add(t(1), ends([5, 9]));
        let at = |committed: [i64; 2]| seen(committed.map(|at| (at, 100, None)));
        // The second partition lags: it may still forward something to the first.
        assert_eq!(forwards.passed(&at([5, 8]), &ends([5, 9])), None);
        assert_eq!(forwards.passed(&at([5, 9]), &ends([7, 9])), None);
        // What it forwarded is not read yet, and may be forwarded once more.
        assert_eq!(forwards.passed(&at([6, 9]), &ends([7, 9])), None);
        assert_eq!(forwards.passed(&at([7, 9]), &ends([7, 10])), None);
        let last = ends([8, 10]);
        assert_eq!(forwards.passed(&at([7, 10]), &last), Some((t(1), last.clone())));
        assert_eq!(forwards.passed(&at([9, 10]), &last), None);
    }

    #[test]
    fn later_ones_wait_behind_earlier_ones() {
        let mut forwards = Forwards::default();
        for ms in 1..=3 {
            forwards.add(t(ms), ends([ms, 0]));
        }
        let at = |committed| seen([(committed, 100, None), (0, 0, None)]);
        let passed = |forwards: &mut Forwards, committed| {
            forwards.passed(&at(committed), &ends([committed, 0])).map(|(time, _)| time)
        };
        assert_eq!(passed(&mut forwards, 2), None);
        assert_eq!(passed(&mut forwards, 2), None);
        assert_eq!(passed(&mut forwards, 2), Some(t(2)));
        assert_eq!(passed(&mut forwards, 3), None);
        forwards.clear();
        assert_eq!(passed(&mut forwards, 3), None);
    }

    #[test]
    fn a_partition_that_is_not_seen_holds_a_watermark_back() {
        let mut forwards = Forwards::default();
        forwards.add(t(1), ends([0, 0]));
        let mut look = seen([(0, 0, None), (0, 0, None)]);
        look.insert(("events".to_owned(), 1), None);
        for _ in 0..9 {
            assert_eq!(forwards.passed(&look, &ends([0, 0])), None);
        }
    }

    #[test]
    fn those_that_wait_are_bounded() {
        let mut forwards = Forwards::default();
        for ms in 0..10_000 {
            forwards.add(t(ms), ends([0, 0]));
        }
        assert_eq!(forwards.0.len(), WAITING_MAX);
    }
}
