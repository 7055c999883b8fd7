//! Any topic, any format → events keyed by credential.
//!
//! Invariants: no state; what cannot be decoded goes to the dead letters and stops
//! nothing.

use std::sync::Arc;

use super::Shared;
use super::decode::Decoder;
use super::error::Fault;
use super::letters::{Letters, json};
use super::pending::Pending;
use super::producer::{Outbox, Outgoing};
use super::raw::Record;
use super::restore::Restored;
use super::worker::Stage;
use crate::formats::Decoded;
use crate::metrics::PipelineStage;
use crate::time::Timestamp;

/// The stage.
pub(super) struct Intake {
    shared: Arc<Shared>,
    /// By number of the input.
    decoders: Vec<Decoder>,
    events: String,
    letters: Letters,
    pending: Pending,
    value: Vec<u8>,
}

impl Intake {
    pub(super) fn new(shared: &Arc<Shared>) -> Intake {
        let sources = shared.settings.sources.iter().filter(|source| !source.prekeyed);
        Intake {
            decoders: sources.map(|source| shared.decoder(source.format)).collect(),
            events: shared.settings.topics.events(),
            letters: shared.letters(Self::KIND.as_str()),
            pending: Pending::default(),
            value: Vec::new(),
            shared: Arc::clone(shared),
        }
    }
}

impl Stage for Intake {
    const KIND: PipelineStage = PipelineStage::Intake;
    const ALIGNED: bool = false;

    fn begin(&mut self, _restored: Restored) {}

    fn give_up(&mut self, _partition: i32) {}

    fn take(
        &mut self,
        input: usize,
        record: Record<'_>,
        outbox: &mut Outbox,
    ) -> Result<Option<Timestamp>, Fault> {
        let mut events = Vec::new();
        match self.decoders[input].decode(record, &mut events) {
            Ok(Decoded::Events) => {}
            Ok(Decoded::Skipped(_)) => return Ok(None),
            Err(rejection) => {
                self.pending.rejected(rejection.reason);
                self.letters.record(outbox, record, &rejection, None)?;
                return Ok(None);
            }
        }
        let latest = events.iter().map(|event| event.time).max();
        for event in &events {
            json(&mut self.value, event)?;
            outbox.send(Outgoing {
                topic: &self.events,
                partition: None,
                key: event.credential_id.as_bytes(),
                value: Some(&self.value),
                // As old as its source has it, it could be past its retention at once.
                timestamp_ms: None,
            })?;
        }
        // An event from the future must not take the present with it.
        let arrived = record.timestamp_ms().map(Timestamp::from_millis);
        Ok(latest.map(|latest| arrived.map_or(latest, |arrived| latest.min(arrived))))
    }

    fn time(&self, _partition: i32) -> Option<Timestamp> {
        None
    }

    fn next_timer(&mut self, _partition: i32) -> Option<Timestamp> {
        None
    }

    fn advance(
        &mut self,
        _partition: i32,
        _now: Timestamp,
        _outbox: &mut Outbox,
    ) -> Result<bool, Fault> {
        Ok(true)
    }

    fn checkpoint(&mut self, _outbox: &mut Outbox) -> Result<(), Fault> {
        Ok(())
    }

    fn committed(&mut self) {
        self.pending.apply(&self.shared.metrics, &self.shared.pipeline);
    }
}
