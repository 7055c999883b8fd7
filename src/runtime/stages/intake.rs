//! Records of any format → events keyed by credential.
//!
//! Invariants: no state; a record that cannot be decoded is a dead letter and stops
//! nothing.

use std::sync::Arc;

use super::arrival::correct;
use super::context::Context;
use super::decode::Decoder;
use super::fault::Fault;
use super::figures::Figures;
use super::outbox::{Outbox, Topic};
use super::publish::Publisher;
use super::record::Record;
use super::stage::Stage;
use crate::formats::{Decoded, Format, Rejection};
use crate::metrics::PipelineStage;
use crate::time::Timestamp;

/// The stage.
pub struct Intake {
    /// By number of the input.
    decoders: Vec<Decoder>,
    publisher: Publisher,
}

impl Intake {
    /// An intake of inputs with these formats.
    pub fn new(context: &Arc<Context>, formats: &[Format]) -> Intake {
        Intake {
            decoders: Decoder::all(context, formats),
            publisher: Publisher::new(context, Self::KIND),
        }
    }

    /// Refuses a record that was not read as a whole.
    ///
    /// # Errors
    /// What the outbox returns.
    pub fn refuse<O: Outbox>(
        &mut self,
        record: Record<'_>,
        rejection: &Rejection,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        self.publisher.refuse(record, rejection, None, outbox)
    }

    /// The figures of what was taken in since the last call, for a runtime that commits some
    /// records before others.
    pub fn figures(&mut self) -> Figures {
        self.publisher.figures()
    }
}

impl Stage for Intake {
    const KIND: PipelineStage = PipelineStage::Intake;
    const ALIGNED: bool = false;

    fn take<O: Outbox>(
        &mut self,
        record: Record<'_>,
        outbox: &mut O,
    ) -> Result<Option<Timestamp>, Fault> {
        let mut events = Vec::new();
        match self.decoders[record.input].decode(record, &mut events) {
            Ok(Decoded::Events) => {}
            Ok(Decoded::Skipped(_)) => return Ok(None),
            Ok(Decoded::Mixed(parts)) => self.publisher.refuse_parts(record, &parts, outbox)?,
            Err(rejection) => {
                self.publisher.refuse(record, &rejection, None, outbox)?;
                return Ok(None);
            }
        }
        let tolerance = self.publisher.context.skew_tolerance;
        events.iter_mut().for_each(|event| correct(event, record.written_at, tolerance));
        for event in &events {
            // It bears the present: as old as its source has it, it could be past the
            // retention of its topic at once.
            let key = event.credential_id.as_bytes();
            self.publisher.writer.send_under(outbox, Topic::Events, None, key, event)?;
        }
        Ok(record.bound(events.iter().map(|event| event.time).max()))
    }

    fn committed(&mut self) {
        self.publisher.committed();
    }
}
