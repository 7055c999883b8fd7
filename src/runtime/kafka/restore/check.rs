//! The check record: what the state in a partition of a changelog belongs to.
//!
//! Invariant: a partition with committed positions has its check record, since the two are
//! committed in one transaction. A partition without one has lost its state.

use serde::{Deserialize, Serialize};

use crate::formats::Identity;

/// The key of the record. No state has such a key.
pub(super) const KEY: &[u8] = b"check";

/// What the identity key turns into a name: the key itself must not be in a topic.
const CHECKED: &[u8] = b"shutterlag identity check";

/// How the state is laid out in the changelog: in blocks.
const LAYOUT: u8 = 2;

/// What a check record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Check {
    /// How the state is laid out in the changelog.
    layout: u8,
    /// What the identity key makes of a fixed text.
    identity: String,
    /// The partition of the changelog.
    partition: i32,
    /// How many partitions it had when the state began.
    partitions: usize,
}

/// Why a partition's state cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// The record is not one that this program reads.
    Unreadable,
    /// The state was made under another identity key.
    OtherIdentity,
    /// It is the state of this partition.
    OtherPartition(i32),
    /// The changelog had so many partitions when the state began.
    OtherCount(usize),
}

impl Check {
    pub(super) fn new(identity: &Identity, partition: i32, partitions: usize) -> Check {
        Check { layout: LAYOUT, identity: identity.name(CHECKED), partition, partitions }
    }

    /// The value of the record.
    pub(super) fn written(&self) -> Vec<u8> {
        // The JSON library has no errors for such a value.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Compares what a record says with what it should say.
    ///
    /// # Errors
    /// The first thing that differs.
    pub(super) fn compare(&self, record: &[u8]) -> Result<(), Mismatch> {
        let found: Check = serde_json::from_slice(record).map_err(|_| Mismatch::Unreadable)?;
        if found.layout != self.layout {
            return Err(Mismatch::Unreadable);
        }
        if found.identity != self.identity {
            return Err(Mismatch::OtherIdentity);
        }
        if found.partition != self.partition {
            return Err(Mismatch::OtherPartition(found.partition));
        }
        if found.partitions != self.partitions {
            return Err(Mismatch::OtherCount(found.partitions));
        }
        Ok(())
    }
}

impl Mismatch {
    /// What is wrong with `partition` of `changelog`, which has `partitions` now, and what to do.
    pub(super) fn describe(&self, changelog: &str, partition: i32, partitions: usize) -> String {
        match self {
            Mismatch::Unreadable => format!(
                "the check record in partition {partition} of {changelog} cannot be read; run the \
                 version that wrote it, or find out who else writes to this topic"
            ),
            Mismatch::OtherIdentity => format!(
                "the state in {changelog} was made under another identity key: credentials would \
                 get other names; set SHUTTERLAG_IDENTITY_KEY to the key of before, or begin anew \
                 under another [topics] prefix and another [kafka] group"
            ),
            Mismatch::OtherPartition(other) => format!(
                "partition {partition} of {changelog} holds the state of partition {other}; find \
                 out who copied it, or begin anew under another [topics] prefix and another \
                 [kafka] group"
            ),
            Mismatch::OtherCount(other) => format!(
                "{changelog} has {partitions} partitions, and its state began with {other}: \
                 credentials would not find what is known of them; the number of partitions \
                 cannot change, so begin anew under another [topics] prefix and another [kafka] \
                 group"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_record_fits_its_own_partition_key_and_number_of_partitions_alone() {
        let key = |byte: u8| Identity::new(&[byte; 32]).unwrap();
        let check = Check::new(&key(1), 3, 4);
        assert_eq!(check.compare(&check.written()), Ok(()));
        let found = |other: &Check| check.compare(&other.written()).unwrap_err();
        assert_eq!(found(&Check::new(&key(2), 3, 4)), Mismatch::OtherIdentity);
        assert_eq!(found(&Check::new(&key(1), 2, 4)), Mismatch::OtherPartition(2));
        assert_eq!(found(&Check::new(&key(1), 3, 8)), Mismatch::OtherCount(8));
        assert_eq!(check.compare(b"{}"), Err(Mismatch::Unreadable));
    }
}
