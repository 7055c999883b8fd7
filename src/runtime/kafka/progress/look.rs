//! What the progress monitor sees of the partitions of a stage's inputs.

use std::collections::BTreeMap;

use crate::time::Timestamp;

/// A topic's name and a partition of it.
pub(crate) type TopicPartition = (String, i32);

/// What was seen of each partition; `None` of one that could not be asked.
pub(crate) type Look = BTreeMap<TopicPartition, Option<Seen>>;

/// The bounds of a partition, and how far a consumer group is in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// The first offset that is still there.
    pub(crate) low: i64,
    /// The next offset to be written.
    pub(crate) end: i64,
    /// The group's committed position: the next offset to be read.
    pub(crate) committed: i64,
    /// The time that was committed with it.
    pub(crate) reached: ReachedTime,
    /// Whether names are linked in the partition, so that it forwards records to others.
    pub(crate) linked: bool,
}

/// Whether any partition forwards records to others.
pub(crate) fn forwards(look: &Look) -> bool {
    look.values().flatten().any(|seen| seen.linked)
}

/// How far the time of a partition has come, as it is committed with a position: as the
/// metadata of that position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReachedTime {
    /// Nothing is known of it.
    Unknown,
    /// What follows from the records before the position is not all emitted yet.
    Pending,
    /// Up to this time everything is emitted.
    To(Timestamp),
}

impl ReachedTime {
    const PENDING: &str = "pending";
    /// Stands behind the time of a partition in which names are linked.
    const LINKED: &str = " linked";

    /// Reads the metadata of a position, and whether names are linked in the partition.
    pub(crate) fn read(metadata: &str) -> (ReachedTime, bool) {
        let (metadata, linked) = match metadata.strip_suffix(ReachedTime::LINKED) {
            Some(metadata) => (metadata, true),
            None => (metadata, false),
        };
        let reached = match metadata.parse().ok().map(Timestamp::from_millis) {
            Some(time) => ReachedTime::To(time),
            None if metadata == ReachedTime::PENDING => ReachedTime::Pending,
            None => ReachedTime::Unknown,
        };
        (reached, linked)
    }

    /// The metadata of a position, if there is anything to say.
    pub(crate) fn written(self, linked: bool) -> Option<String> {
        let reached = match self {
            ReachedTime::Unknown => String::new(),
            ReachedTime::Pending => ReachedTime::PENDING.to_owned(),
            ReachedTime::To(time) => time.as_millis().to_string(),
        };
        let linked = if linked { ReachedTime::LINKED } else { "" };
        Some(reached + linked).filter(|written| !written.is_empty())
    }
}

impl From<Option<Timestamp>> for ReachedTime {
    fn from(time: Option<Timestamp>) -> ReachedTime {
        time.map_or(ReachedTime::Unknown, ReachedTime::To)
    }
}

/// Where each partition ended that could be asked.
pub(crate) fn ends_of(look: &Look) -> BTreeMap<TopicPartition, i64> {
    look.iter().filter_map(|(at, seen)| Some((at.clone(), seen.as_ref()?.end))).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two partitions: how far each is read, to which end, and its time.
    pub(in super::super) fn seen(partitions: [(i64, i64, Option<i64>); 2]) -> Look {
        let at = |number| ("events".to_owned(), number);
        let one = |(committed, end, time): (i64, i64, Option<i64>)| {
            let reached = time.map(Timestamp::from_millis).into();
            Some(Seen { low: 0, end, committed, reached, linked: false })
        };
        (0..).map(at).zip(partitions.map(one)).collect()
    }

    /// As [`seen`], but nothing is known of the second.
    pub(in super::super) fn half_seen(first: (i64, i64, Option<i64>)) -> Look {
        let mut look = seen([first, (0, 0, None)]);
        look.insert(("events".to_owned(), 1), None);
        look
    }

    #[test]
    fn the_metadata_of_a_position_is_read_as_it_was_written() {
        let to = ReachedTime::To(Timestamp::from_millis(7));
        for reached in [ReachedTime::Unknown, ReachedTime::Pending, to] {
            for linked in [false, true] {
                let written = reached.written(linked).unwrap_or_default();
                assert_eq!(ReachedTime::read(&written), (reached, linked));
            }
        }
        let unknown = (ReachedTime::Unknown, false);
        assert_eq!(ReachedTime::read("of another program"), unknown);
    }

    #[test]
    fn a_partition_that_cannot_be_asked_has_no_end() {
        assert_eq!(ends_of(&half_seen((2, 9, None))).len(), 1);
    }
}
