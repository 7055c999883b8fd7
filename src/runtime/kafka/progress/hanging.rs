//! Transactions that nobody ends.
//!
//! Consumers with `read_committed` read no further than the first open transaction of a
//! partition. One whose producer and broker died together may stay open for good: the partition
//! stands still, and every worker is well.

use std::collections::BTreeMap;

use super::look::TopicPartition;
use crate::time::Span;

/// What is known of the partitions that hold something back.
#[derive(Debug, Default)]
pub(super) struct Hanging {
    held_back: BTreeMap<TopicPartition, HeldBack>,
}

#[derive(Clone, Copy, Debug)]
struct HeldBack {
    /// The first offset that `read_committed` does not show.
    stable: i64,
    /// Since when that is so, as uptime.
    since: Span,
    told: bool,
}

impl Hanging {
    /// Takes in where a partition ends for `read_committed` and where it ends. Returns whether to
    /// tell now that nothing has moved between the two for longer than `patience`.
    pub(super) fn look(
        &mut self,
        at: &TopicPartition,
        stable: i64,
        end: i64,
        uptime: Span,
        patience: Span,
    ) -> bool {
        if stable >= end {
            self.held_back.remove(at);
            return false;
        }
        let fresh = HeldBack { stable, since: uptime, told: false };
        let held = self.held_back.entry(at.clone()).or_insert(fresh);
        if held.stable != stable {
            *held = fresh;
        }
        let tell = !held.told && uptime > held.since + patience;
        held.told |= tell;
        tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_whose_stable_end_stands_still_is_told_once() {
        let (mut hanging, at) = (Hanging::default(), ("events".to_owned(), 0));
        let mut look = |stable, end, second| {
            hanging.look(&at, stable, end, Span::from_secs(second), Span::from_secs(60))
        };
        assert!(!look(5, 9, 0));
        assert!(!look(6, 12, 50), "it moves");
        assert!(!look(6, 13, 110));
        assert!(look(6, 20, 111), "it stood still for a minute");
        assert!(!look(6, 20, 200), "told");
        assert!(!look(20, 20, 201), "the transaction has ended");
        assert!(!look(20, 21, 202));
    }
}
