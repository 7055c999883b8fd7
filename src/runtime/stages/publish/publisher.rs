//! What the publishers of all stages have in common.

use std::sync::Arc;

use super::writer::{ONLY, Writer};
use crate::engine::windows::ExposureId;
use crate::formats::Rejection;
use crate::metrics::PipelineStage;
use crate::report::People;
use crate::runtime::stages::context::Context;
use crate::runtime::stages::dead_letters::{DeadLetter, EventName};
use crate::runtime::stages::fault::Fault;
use crate::runtime::stages::outbox::{Outbox, Topic};
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
    stage: PipelineStage,
}

impl Publisher {
    pub(crate) fn new(context: &Arc<Context>, stage: PipelineStage) -> Publisher {
        Publisher {
            writer: Writer::default(),
            pending: Pending::default(),
            people: context.people(),
            keys: People::pseudonyms(context.identity.clone()),
            stage,
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
        self.dead_letter(self.context.clock.now(), Some(record), rejection, event, outbox)
    }

    /// Sends a dead letter. An event that was held for a while has no record any more.
    pub(super) fn dead_letter<O: Outbox>(
        &mut self,
        at: Timestamp,
        record: Option<Record<'_>>,
        rejection: &Rejection,
        event: Option<EventName<'_>>,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        self.pending.rejected(rejection.reason);
        let letter = DeadLetter::new(at, self.stage, record, rejection, event);
        self.writer.send(outbox, Topic::DeadLetters, None, letter.key(), &letter)
    }

    /// Deletes the finding of this name about a window.
    pub(super) fn delete_finding<O: Outbox>(
        &mut self,
        name: &str,
        exposure: ExposureId<'_>,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        self.writer.delete(outbox, Topic::Findings, ONLY, format_args!("{name}/{exposure}"))
    }

    /// Everything that was published is committed: the counters move.
    pub(crate) fn committed(&mut self) {
        self.pending.apply(&self.context.metrics, &self.context.pipeline);
    }
}
