//! What a runtime calls of a stage.

use super::fault::Fault;
use super::outbox::Outbox;
use super::record::Record;
use super::state::Restored;
use crate::metrics::PipelineStage;
use crate::time::Timestamp;

/// One step of the pipeline: records in, records out, with a state for each partition.
///
/// A runtime restores the state of a partition and begins it, then takes records in,
/// punctuates when time has passed, and commits: what was sent and the positions of the
/// inputs together. Whatever a stage has no use for it leaves at the default.
pub trait Stage {
    /// Which stage it is, in logs and metrics.
    const KIND: PipelineStage;
    /// Whether it has state, so that partition `p` of all inputs and of the changelog
    /// belong together.
    const ALIGNED: bool;
    /// Whether what it takes in leads to records only when time has passed. Nobody waits for its
    /// positions then, and what is settled before they are committed never needs a record of the
    /// changelog.
    const DEFERS: bool = false;

    /// Takes on a partition with its state.
    fn begin(&mut self, _restored: Restored) {}

    /// Forgets a partition that is no longer this worker's.
    fn revoke(&mut self, _partition: i32) {}

    /// Takes in one record and returns the time that it brings.
    ///
    /// # Errors
    /// What the outbox returns. A record that cannot be used is a dead letter, no error.
    fn take<O: Outbox>(
        &mut self,
        record: Record<'_>,
        outbox: &mut O,
    ) -> Result<Option<Timestamp>, Fault>;

    /// Up to when everything that follows for the partition has been emitted.
    fn time(&self, _partition: i32) -> Option<Timestamp> {
        None
    }

    /// Whether records of the partition may be forwarded to other partitions of the same stage.
    fn forwards(&self, _partition: i32) -> bool {
        false
    }

    /// When the partition next has something to emit although no record comes.
    fn next_punctuation(&mut self, _partition: i32) -> Option<Timestamp> {
        None
    }

    /// Brings a partition up to `now` and sends what follows, or only a part of it where
    /// that is much. Returns whether nothing is left.
    ///
    /// # Errors
    /// What the outbox returns.
    fn punctuate<O: Outbox>(
        &mut self,
        _partition: i32,
        _now: Timestamp,
        _outbox: &mut O,
    ) -> Result<bool, Fault> {
        Ok(true)
    }

    /// Sends the state that has changed to the changelog.
    ///
    /// # Errors
    /// What the outbox returns.
    fn checkpoint<O: Outbox>(&mut self, _outbox: &mut O) -> Result<(), Fault> {
        Ok(())
    }

    /// How many entries of the changelog the partition's state has, about.
    fn held(&self, _partition: i32) -> usize {
        0
    }

    /// Has the next checkpoint send about `most` further entries of the partition's state again,
    /// or sends them. Returns true once all of them were asked for; the next call begins anew.
    ///
    /// # Errors
    /// What the outbox returns.
    fn rewrite<O: Outbox>(
        &mut self,
        _partition: i32,
        _most: usize,
        _outbox: &mut O,
    ) -> Result<bool, Fault> {
        Ok(true)
    }

    /// Everything that was sent is committed: figures may show it now.
    fn committed(&mut self) {}
}
