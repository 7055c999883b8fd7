//! How far a topic has been read.
//!
//! Invariant: once all partitions have been read to the end that they had at first,
//! the reader has caught up. New records do not change that; only reading from the
//! beginning again does.

use std::collections::BTreeMap;

use crate::time::Timestamp;

/// How far each partition of a topic has been read.
#[derive(Debug, Default)]
pub struct ReadProgress {
    partitions: BTreeMap<i32, Partition>,
    checked_at: Option<Timestamp>,
    trouble: Option<String>,
}

/// How far one partition has been read. Offsets may have gaps: a transaction leaves
/// a control record, which a reader does not get to see.
#[derive(Clone, Copy, Debug)]
struct Partition {
    /// The next offset.
    position: i64,
    /// The end when the partition was assigned.
    first_end: i64,
    /// The last end that the broker reported.
    end: i64,
    /// Whether the first end was reached.
    caught_up: bool,
    /// Whether nothing has come since the end was reached.
    at_end: bool,
}

impl ReadProgress {
    /// These partitions are read from now on: number, first offset to read, end.
    pub fn assigned(&mut self, partitions: impl IntoIterator<Item = (i32, i64, i64)>) {
        for (number, position, end) in partitions {
            let before = self.partitions.get(&number);
            let caught_up = position >= end || before.is_some_and(|before| before.caught_up);
            let at_end = position >= end;
            let partition = Partition { position, first_end: end, end, caught_up, at_end };
            self.partitions.insert(number, partition);
        }
    }

    /// Forgets all positions: the topic is read from the beginning.
    pub fn restart(&mut self) {
        self.partitions.clear();
    }

    /// A record of the partition was read.
    pub fn read(&mut self, partition: i32, offset: i64) {
        let Some(partition) = self.partitions.get_mut(&partition) else { return };
        partition.position = offset + 1;
        partition.caught_up |= partition.position >= partition.first_end;
        partition.at_end = false;
    }

    /// There is nothing more to read for now. Records that are not committed yet do
    /// not count.
    pub fn reached_end(&mut self, partition: i32) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.caught_up = true;
            partition.at_end = true;
        }
    }

    /// The broker reported at `now` where the partition ends.
    pub fn heard_of_end(&mut self, partition: i32, end: i64, now: Timestamp) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.end = end;
        }
        self.checked_at = self.checked_at.max(Some(now));
    }

    /// The next offset of a partition; `None` if it was never assigned.
    pub fn position(&self, partition: i32) -> Option<i64> {
        self.partitions.get(&partition).map(|partition| partition.position)
    }

    /// The partitions that are read.
    pub fn partitions(&self) -> Vec<i32> {
        self.partitions.keys().copied().collect()
    }

    /// Whether every partition was read to its first end.
    pub fn caught_up(&self) -> bool {
        !self.partitions.is_empty() && self.unread_partitions() == 0
    }

    /// Partitions that were not read to their first end yet.
    pub fn unread_partitions(&self) -> u64 {
        self.partitions.values().filter(|partition| !partition.caught_up).count() as u64
    }

    /// Records between the position and the last known end of all partitions. Control
    /// records of transactions count too until the end is reached.
    pub fn lag_records(&self) -> u64 {
        let behind = self.partitions.values().filter(|partition| !partition.at_end);
        behind.map(|p| u64::try_from(p.end - p.position).unwrap_or(0)).sum()
    }

    /// When the broker last reported an end.
    pub fn checked_at(&self) -> Option<Timestamp> {
        self.checked_at
    }

    /// Notes why nothing can be read, or `None` when reading works again.
    pub fn set_trouble(&mut self, trouble: Option<String>) {
        self.trouble = trouble;
    }

    /// Why nothing can be read.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caught_up_is_every_partition_at_the_end_it_had() {
        let mut progress = ReadProgress::default();
        assert!(!progress.caught_up(), "nothing assigned is nothing known");
        progress.assigned([(0, 0, 3), (1, 5, 5)]);
        assert!(!progress.caught_up());
        assert_eq!(progress.lag_records(), 3);
        progress.read(0, 0);
        progress.read(0, 1);
        assert_eq!((progress.caught_up(), progress.lag_records()), (false, 1));
        // The last offset is a control record: the end comes without a record.
        progress.reached_end(0);
        assert_eq!((progress.caught_up(), progress.lag_records()), (true, 0));
    }

    #[test]
    fn new_records_are_lag_and_no_less_caught_up() {
        let mut progress = ReadProgress::default();
        progress.assigned([(0, 0, 1)]);
        progress.read(0, 0);
        assert!(progress.caught_up());
        progress.heard_of_end(0, 9, Timestamp::from_millis(7));
        assert_eq!((progress.caught_up(), progress.lag_records()), (true, 8));
        assert_eq!(progress.checked_at(), Some(Timestamp::from_millis(7)));
        // Going on where it was keeps it so, starting again does not.
        assert_eq!((progress.position(0), progress.position(1)), (Some(1), None));
        progress.assigned([(0, 1, 9)]);
        assert!(progress.caught_up());
        progress.restart();
        progress.assigned([(0, 0, 9)]);
        assert!(!progress.caught_up());
    }
}
