//! What a worker sends: records as they are, and its changelog in blocks.

use std::collections::{BTreeMap, BTreeSet};

use super::producer::TransactionalProducer;
use crate::runtime::blocks::{BlockWriter, Sent};
use crate::runtime::stages::{Fault, Outbox, Outgoing, Topic};

/// Bytes of a block at most, but for an entry that is larger alone.
const BLOCK_BYTES_MAX: usize = 256 << 10;

/// The producer of a session, and the blocks that it fills.
pub(super) struct Output {
    pub(super) producer: TransactionalProducer,
    /// The topic of the changelog, if the stage has one.
    changelog: Option<Topic>,
    block_bytes_max: usize,
    /// By partition.
    blocks: BTreeMap<i32, BlockWriter>,
}

impl Output {
    /// An output whose records may be as large as a state of `state_bytes_max`.
    pub(super) fn new(
        producer: TransactionalProducer,
        changelog: Option<Topic>,
        state_bytes_max: usize,
    ) -> Output {
        let block_bytes_max = BLOCK_BYTES_MAX.min(state_bytes_max);
        Output { producer, changelog, block_bytes_max, blocks: BTreeMap::new() }
    }

    /// Goes on with the changelog of a partition.
    pub(super) fn begin(&mut self, partition: i32, blocks: BlockWriter) {
        self.blocks.insert(partition, blocks);
    }

    /// Forgets a partition. Everything of it is committed.
    pub(super) fn revoke(&mut self, partition: i32) {
        self.blocks.remove(&partition);
    }

    /// How many of the `held` entries of a partition's state to write again, if any.
    pub(super) fn rewrites(&mut self, partition: i32, held: usize) -> Option<usize> {
        self.blocks.get_mut(&partition)?.rewrites(held)
    }

    /// Sends the blocks that are being filled.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        let Output { producer, changelog: Some(topic), blocks, .. } = self else { return Ok(()) };
        for (partition, blocks) in blocks {
            blocks.flush(|sent| producer.send(record(*topic, *partition, sent)))?;
        }
        Ok(())
    }

    /// Everything that was sent is committed. The state of the partitions `rewritten` was written
    /// again as a whole.
    pub(super) fn committed(&mut self, rewritten: &BTreeSet<i32>) {
        for (partition, blocks) in &mut self.blocks {
            blocks.committed(rewritten.contains(partition));
        }
    }
}

impl Outbox for Output {
    fn send(&mut self, outgoing: Outgoing<'_>) -> Result<(), Fault> {
        let Output { producer, changelog, block_bytes_max, blocks } = self;
        let Some(topic) = changelog.filter(|topic| *topic == outgoing.topic) else {
            return producer.send(outgoing);
        };
        let held = outgoing.partition.and_then(|it| Some((it, blocks.get_mut(&it)?)));
        let Some((partition, blocks)) = held else {
            // A lone state among the blocks would be refused at the next start.
            return Err(Fault::Passing("a state of a partition that is not held".to_owned()));
        };
        // There is something to commit, although nothing may be sent yet.
        producer.open()?;
        let entry = (outgoing.key, outgoing.value);
        blocks.push(entry, outgoing.written_at, *block_bytes_max, |sent| {
            producer.send(record(topic, partition, sent))
        })
    }
}

fn record(topic: Topic, partition: i32, sent: Sent<'_>) -> Outgoing<'_> {
    let Sent { key, block, written_at } = sent;
    Outgoing { topic, partition: Some(partition), key, value: block, written_at }
}
