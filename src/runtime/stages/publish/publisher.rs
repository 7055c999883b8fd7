//! What the publishers of all stages have in common.

use std::sync::Arc;

use super::writer::Writer;
use crate::formats::Rejection;
use crate::metrics::PipelineStage;
use crate::report::People;
use crate::runtime::stages::context::Context;
use crate::runtime::stages::dead_letters::{DeadLetters, EventName};
use crate::runtime::stages::fault::Fault;
use crate::runtime::stages::outbox::Outbox;
use crate::runtime::stages::pending::Pending;
use crate::runtime::stages::record::Record;
use crate::time::Timestamp;

/// Publishes what a stage emits.
pub(crate) struct Publisher {
    pub(crate) context: Arc<Context>,
    pub(crate) writer: Writer,
    pub(crate) pending: Pending,
    /// Reviewers in values: as the operator wants them shown.
    pub(super) people: People,
    /// Reviewers in keys: always pseudonyms, since more people see keys than values.
    pub(super) keys: People,
    dead_letters: DeadLetters,
}

impl Publisher {
    pub(crate) fn new(context: &Arc<Context>, stage: PipelineStage) -> Publisher {
        Publisher {
            writer: Writer::default(),
            pending: Pending::default(),
            people: context.people(),
            keys: People::pseudonyms(context.identity.clone()),
            dead_letters: DeadLetters { stage, clock: context.clock },
            context: Arc::clone(context),
        }
    }

    /// A record, or one of its events, cannot be used.
    pub(crate) fn refuse<O: Outbox>(
        &mut self,
        record: Record<'_>,
        rejection: &Rejection,
        event: Option<EventName<'_>>,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        self.pending.rejected(rejection.reason);
        self.dead_letters.record(&mut self.writer, outbox, record, rejection, event)
    }

    /// An event that was held for a while cannot be used.
    pub(super) fn refuse_event<O: Outbox>(
        &mut self,
        at: Timestamp,
        rejection: &Rejection,
        event: EventName<'_>,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        self.pending.rejected(rejection.reason);
        self.dead_letters.event(&mut self.writer, outbox, at, rejection, event)
    }

    /// Everything that was published is committed: the counters move.
    pub(crate) fn committed(&mut self) {
        self.pending.apply(&self.context.metrics, &self.context.pipeline);
    }
}
