//! How far the ledger has been read.
//!
//! Invariant: having caught up once is not undone by new records, only by
//! starting from the beginning again.

use std::collections::BTreeMap;

use crate::time::Timestamp;

/// The reading of all partitions.
#[derive(Debug, Default)]
pub struct Progress {
    partitions: BTreeMap<i32, Partition>,
    checked_at: Option<Timestamp>,
    trouble: Option<String>,
}

/// The reading of one partition. Offsets may have gaps: transactions leave marks
/// that are no records.
#[derive(Clone, Copy, Debug)]
struct Partition {
    /// The next offset.
    position: i64,
    /// The end when it was assigned.
    first_end: i64,
    /// The end as last heard of.
    end: i64,
    /// Whether the first end was reached.
    caught_up: bool,
    /// Whether nothing has come since the end was reached.
    at_end: bool,
}

impl Progress {
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

    /// All is forgotten: it is read from the beginning.
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

    /// There is nothing more to read for now. What is not committed yet does not
    /// count: it is not part of the ledger.
    pub fn reached_end(&mut self, partition: i32) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.caught_up = true;
            partition.at_end = true;
        }
    }

    /// Where the partition ends, as the broker says at `now`.
    pub fn heard_of_end(&mut self, partition: i32, end: i64, now: Timestamp) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.end = end;
        }
        self.checked_at = self.checked_at.max(Some(now));
    }

    /// The next offset of each partition.
    pub fn positions(&self) -> impl Iterator<Item = (i32, i64)> {
        self.partitions.iter().map(|(number, partition)| (*number, partition.position))
    }

    /// Whether every partition was read to its end once.
    pub fn caught_up(&self) -> bool {
        !self.partitions.is_empty() && self.partitions.values().all(|p| p.caught_up)
    }

    /// Records between the reading and the end, as far as is known; marks of
    /// transactions count as records until the end is reached.
    pub fn lag_records(&self) -> u64 {
        let behind = self.partitions.values().filter(|partition| !partition.at_end);
        behind.map(|p| u64::try_from(p.end - p.position).unwrap_or(0)).sum()
    }

    /// When an end was last heard of.
    pub fn checked_at(&self) -> Option<Timestamp> {
        self.checked_at
    }

    /// Notes what keeps it from reading, or that nothing does any more.
    pub fn set_trouble(&mut self, trouble: Option<String>) {
        self.trouble = trouble;
    }

    /// What keeps it from reading.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caught_up_is_every_partition_at_the_end_it_had() {
        let mut progress = Progress::default();
        assert!(!progress.caught_up(), "nothing assigned is nothing known");
        progress.assigned([(0, 0, 3), (1, 5, 5)]);
        assert!(!progress.caught_up());
        assert_eq!(progress.lag_records(), 3);
        progress.read(0, 0);
        progress.read(0, 1);
        assert_eq!((progress.caught_up(), progress.lag_records()), (false, 1));
        // The last offset is a transaction's mark: the end comes without a record.
        progress.reached_end(0);
        assert_eq!((progress.caught_up(), progress.lag_records()), (true, 0));
    }

    #[test]
    fn new_records_are_lag_and_no_less_caught_up() {
        let mut progress = Progress::default();
        progress.assigned([(0, 0, 1)]);
        progress.read(0, 0);
        assert!(progress.caught_up());
        progress.heard_of_end(0, 9, Timestamp::from_millis(7));
        assert_eq!((progress.caught_up(), progress.lag_records()), (true, 8));
        assert_eq!(progress.checked_at(), Some(Timestamp::from_millis(7)));
        // Going on where it was keeps it so, starting again does not.
        let positions: Vec<_> = progress.positions().map(|(n, at)| (n, at, 9)).collect();
        assert_eq!(positions, [(0, 1, 9)]);
        progress.assigned(positions);
        assert!(progress.caught_up());
        progress.restart();
        progress.assigned([(0, 0, 9)]);
        assert!(!progress.caught_up());
    }
}
