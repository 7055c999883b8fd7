//! Whether the brokers can acknowledge what a receiver writes.
//!
//! A partition acknowledges a record once `min.insync.replicas` replicas have it. With fewer
//! replicas in sync it refuses every record, although its leader answers.

use rdkafka::metadata::MetadataTopic;

/// Why some partition of `topic` cannot acknowledge a record that `replicas_min` replicas must
/// have; `None` when all can.
pub(super) fn lacking(topic: &MetadataTopic, replicas_min: usize) -> Option<String> {
    let partitions = topic.partitions().iter();
    describe(
        topic.name(),
        replicas_min,
        partitions.map(|it| (it.id(), it.leader() >= 0, it.isr().len())),
    )
}

fn describe(
    topic: &str,
    replicas_min: usize,
    partitions: impl Iterator<Item = (i32, bool, usize)>,
) -> Option<String> {
    for (partition, led, in_sync) in partitions {
        if !led {
            return Some(format!("no broker leads partition {partition} of {topic}"));
        }
        if in_sync < replicas_min {
            return Some(format!(
                "{in_sync} replicas of partition {partition} of {topic} are in sync, and \
                 min.insync.replicas is {replicas_min}"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_partition_that_cannot_acknowledge_is_enough() {
        let of = |partitions: [(i32, bool, usize); 2]| describe("e", 2, partitions.into_iter());
        assert_eq!(of([(0, true, 2), (1, true, 3)]), None);
        let why = of([(0, true, 2), (1, true, 1)]).unwrap();
        assert!(why.starts_with("1 replicas of partition 1 of e"), "{why}");
        let why = of([(0, false, 0), (1, true, 2)]).unwrap();
        assert_eq!(why, "no broker leads partition 0 of e");
    }
}
