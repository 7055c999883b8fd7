//! How far the restore of one partition is.

use std::collections::BTreeMap;

use super::plan::Wanted;
use crate::runtime::blocks::Found;
use crate::runtime::health::Restoring;
use crate::runtime::stages::{Fresh, State};
use crate::time::Timestamp;

/// A partition while its changelog is read, from offset `first` to `end`.
pub(super) struct Reading {
    pub(super) wanted: Wanted,
    pub(super) offsets: Vec<(usize, i64)>,
    /// Whether none of its inputs has one.
    pub(super) new: bool,
    /// Whether one of its inputs has no committed position.
    pub(super) unpinned: bool,
    /// Whether nothing was read before its positions that is still there.
    pub(super) from_the_beginning: bool,
    /// How many partitions the changelog has.
    pub(super) partitions: usize,
    /// The check record.
    pub(super) check: Option<Vec<u8>>,
    /// Keys whose latest record so far cannot be used, and why.
    pub(super) unusable: BTreeMap<Vec<u8>, String>,
    /// The same of entries in blocks.
    pub(super) unusable_entries: BTreeMap<Vec<u8>, String>,
    /// What an empty state is made of.
    pub(super) fresh: Fresh,
    pub(super) state: State,
    /// The blocks that hold it.
    pub(super) blocks: Found,
    /// The latest time of a record.
    pub(super) time: Option<Timestamp>,
    pub(super) first: i64,
    pub(super) next: i64,
    pub(super) end: i64,
}

impl Reading {
    pub(super) fn progress(&self) -> Restoring {
        // By offsets: records that compaction has removed count as read.
        let records = |upto: i64| u64::try_from(upto - self.first).unwrap_or(0);
        Restoring { restored: records(self.next.min(self.end)), expected: records(self.end) }
    }
}
