//! Which partition a key belongs to, as Kafka's Java producer decides it.
//!
//! The program computes it itself where a wrong partition would split a credential's history:
//! librdkafka goes by the number of partitions that the topic has at that moment, and somebody
//! may have added some.

use crate::runtime::stages::{Outgoing, Topic};

/// Where a record goes: where it says, as judgements do; an event to the partition of its
/// credential among `partitions`; any other where librdkafka puts it (`None`).
pub(crate) fn placed(outgoing: &Outgoing<'_>, partitions: usize) -> Option<i32> {
    let by_key = || Some(partition_of(outgoing.key, partitions));
    outgoing.partition.or_else(|| by_key().filter(|_| outgoing.topic == Topic::Events))
}

/// The partition of `key` among `partitions`.
pub(crate) fn partition_of(key: &[u8], partitions: usize) -> i32 {
    // The hash without its sign, as Kafka's `Utils.toPositive` has it.
    let hash = murmur2(key) & 0x7fff_ffff;
    let partitions = u32::try_from(partitions.max(1)).unwrap_or(u32::MAX);
    i32::try_from(hash % partitions).unwrap_or(0)
}

/// MurmurHash2 of Austin Appleby with Kafka's seed.
fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own test of `Utils.murmur2`.
    #[test]
    fn keys_have_the_hashes_that_kafka_computes() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    /// Judgements go to the partition that they are about, under a key that says which.
    #[test]
    fn an_event_goes_by_its_key_and_a_record_with_a_partition_goes_there() {
        for key in ["0", "1", "2", "3"] {
            let event = Outgoing::new(Topic::Events, key.as_bytes(), None);
            assert_eq!(placed(&event, 4), Some(partition_of(key.as_bytes(), 4)));
            let about = key.parse().ok();
            assert_eq!(placed(&Outgoing { partition: about, ..event }, 4), about, "{key}");
            let alert = Outgoing::new(Topic::Alerts, key.as_bytes(), None);
            assert_eq!(placed(&alert, 4), None);
        }
    }

    #[test]
    fn every_key_has_a_partition() {
        for partitions in [1, 3, 12] {
            for number in 0..1_000 {
                let partition = partition_of(format!("key-{number}").as_bytes(), partitions);
                assert!((0..partitions as i32).contains(&partition));
            }
        }
    }
}
