//! The intake stage behind receivers, the same on Kafka and on the local store.

use std::sync::Arc;

use super::delivery::{Received, Taken, Why};
use crate::formats::Format;
use crate::runtime::input::{Item, whole};
use crate::runtime::stages::{
    Context, Fault, Figures, Intake, Outbox, Outgoing, Record, Stage, Topic,
};

/// The partition that dead letters cite: a receiver has one.
const PARTITION: i32 = 0;

/// Decodes deliveries.
pub struct DeliveryIntake {
    intake: Intake,
    /// The receivers' names, as dead letters cite them.
    origins: Vec<String>,
    record_bytes: usize,
}

impl DeliveryIntake {
    /// An intake of receivers, each with its name and its format.
    pub fn new(context: &Arc<Context>, receivers: &[(String, Format)]) -> DeliveryIntake {
        let formats: Vec<Format> = receivers.iter().map(|(_, format)| *format).collect();
        DeliveryIntake {
            intake: Intake::new(context, &formats),
            origins: receivers.iter().map(|(name, _)| format!("in/{name}")).collect(),
            record_bytes: context.limits.record_bytes,
        }
    }

    /// Sends the events of a delivery, and a dead letter for each record that cannot be used.
    /// Dead letters cite `number` as the offset of the received. The delivery loses its body.
    ///
    /// # Errors
    /// What the outbox returns.
    pub fn take<O: Outbox>(
        &mut self,
        received: &mut Received,
        number: i64,
        outbox: &mut O,
    ) -> Result<Taken, Fault> {
        let body = std::mem::take(&mut received.body);
        let record = |value| Record {
            input: received.receiver,
            topic: &self.origins[received.receiver],
            partition: PARTITION,
            offset: number,
            written_at: Some(received.arrived_at),
            key: None,
            value,
            headers: Some(&received.headers),
        };
        let mut outbox = Counting { outbox, taken: Taken::default() };
        if received.headers.is_cloud_event() {
            outbox.follows_from(&body);
            self.intake.take(record(&body), &mut outbox)?;
        } else {
            let records = whole(body, self.record_bytes);
            for item in records.items() {
                match item {
                    Item::Record(_, value) => {
                        outbox.follows_from(value);
                        self.intake.take(record(value), &mut outbox)?;
                    }
                    Item::Fault(fault) => {
                        // Nothing is known of it but the delivery that it came in.
                        outbox.follows_from(records.content());
                        self.intake.refuse(record(&[]), &fault.rejection, &mut outbox)?;
                    }
                }
            }
        }
        Ok(outbox.taken)
    }

    /// The figures of what was taken in since the last call. They move once it is durable.
    pub fn figures(&mut self) -> Figures {
        self.intake.figures()
    }
}

/// Counts what goes to an outbox.
struct Counting<'o, O> {
    outbox: &'o mut O,
    taken: Taken,
}

impl<O: Outbox> Outbox for Counting<'_, O> {
    fn follows_from(&mut self, record: &[u8]) {
        self.outbox.follows_from(record);
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), Fault> {
        match record.topic {
            Topic::Events => self.taken.events += 1,
            Topic::DeadLetters => {
                self.taken.refused += 1;
                if self.taken.why.len() < Why::TOLD_MAX {
                    let why = record.value.and_then(|value| serde_json::from_slice(value).ok());
                    self.taken.why.extend(why);
                }
            }
            _ => {}
        }
        self.outbox.send(record)
    }
}
