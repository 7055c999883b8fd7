//! What the publishers of all stages have in common.

use std::sync::Arc;

use super::writer::{ONLY, Writer};
use crate::engine::windows::ExposureId;
use crate::formats::{Part, Rejection, excerpt};
use crate::metrics::PipelineStage;
use crate::records::{DeadLetter, EventName, Object, Origin, People};
use crate::runtime::stages::context::Context;
use crate::runtime::stages::fault::Fault;
use crate::runtime::stages::figures::Figures;
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
        event: Option<EventName<&str>>,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        self.dead_letter(self.context.clock.now(), Some(record), rejection, event, outbox)
    }

    /// Some records within this one cannot be used. Those with nothing to measure are no fault.
    pub(crate) fn refuse_parts<O: Outbox>(
        &mut self,
        record: Record<'_>,
        parts: &[Part],
        outbox: &mut O,
    ) -> Result<(), Fault> {
        for part in parts {
            if let Err(rejection) = &part.outcome {
                self.refuse(record, rejection, None, outbox)?;
            }
        }
        Ok(())
    }

    /// Sends a dead letter, which shows the shape of a record and never its content. An
    /// event that was held for a while has no record any more.
    pub(super) fn dead_letter<O: Outbox>(
        &mut self,
        at: Timestamp,
        record: Option<Record<'_>>,
        rejection: &Rejection,
        event: Option<EventName<&str>>,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        self.pending.rejected(rejection.reason);
        // An event that was decoded has a name, which says more than the shape.
        let shape = record.filter(|_| event.is_none()).map(|record| excerpt(record.value));
        let origin =
            record.map(|it| Origin { topic: it.topic, partition: it.partition, offset: it.offset });
        let key = match origin {
            Some(Origin { topic, partition, offset }) => format!("{topic}/{partition}/{offset}"),
            None => event.map_or("", |event| event.credential_id).to_owned(),
        };
        let letter = DeadLetter {
            at,
            stage: self.stage.as_str(),
            reason: rejection.reason,
            detail: &*rejection.detail,
            origin: origin.map(Object),
            event: event.map(Object),
            excerpt: shape.as_deref(),
        };
        self.writer.send(outbox, Topic::DeadLetters, None, key, &letter)
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

    /// Takes the figures of everything that was published since the last commit.
    pub(crate) fn figures(&mut self) -> Figures {
        let pending = std::mem::take(&mut self.pending);
        Figures { pending, context: Arc::clone(&self.context) }
    }

    /// Everything that was published is committed: the counters move.
    pub(crate) fn committed(&mut self) {
        self.pending.apply(&self.context.metrics, &self.context.pipeline);
    }
}
