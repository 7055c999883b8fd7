//! Sends the events of a feed to topics, each at its time. The feed stands in for
//! detectors, AI and people where there are none.
//!
//! Invariants: an event goes to the topic of its kind, with its credential's name as
//! the key; an event that cannot be delivered ends the feed with a reason.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::client::auth::Tokens;
use super::client::context::Context;
use super::client::deliveries::{Deliveries, FirstFailure};
use crate::event::{Event, Kind};
use crate::runtime::clock::Clock;
use crate::runtime::stages::Fault;
use crate::time::Timestamp;

/// How soon a stop is seen.
const REST: Duration = Duration::from_millis(50);

/// How long what is on its way may take at the end.
const FLUSH_WITHIN: Duration = Duration::from_secs(10);

/// Where the events go.
#[derive(Clone, Debug)]
pub struct Topics {
    /// Detections, containments and uses by attackers.
    pub detections: String,
    /// The AI's advice.
    pub triage: String,
    /// What people look at and decide, and what turned out to be right.
    pub decisions: String,
}

impl Topics {
    fn of(&self, kind: Kind) -> &str {
        match kind {
            Kind::LeakDetected
            | Kind::CaseOpened
            | Kind::CredentialContained
            | Kind::CaseWithdrawn
            | Kind::CredentialAbused
            | Kind::IdentityLinked => &self.detections,
            Kind::TriageCompleted => &self.triage,
            Kind::ReviewOpened | Kind::DecisionMade | Kind::TruthEstablished => &self.decisions,
        }
    }
}

/// Writes events in their native form until the feed or the program ends.
///
/// # Errors
/// When the brokers cannot be reached for a minute, or refuse a record.
pub fn feed(
    brokers: &str,
    topics: &Topics,
    clock: &Clock,
    events: impl Iterator<Item = (Timestamp, Event<'static>)>,
    stop: &AtomicBool,
) -> Result<(), Fault> {
    let producer: BaseProducer<Deliveries> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("message.timeout.ms", "60000")
        .create_with_context(Context::with(&Tokens::default(), FirstFailure::default()))
        .map_err(|error| Fault::of("starting the producer", &error))?;
    let check = || {
        let delivered = producer.context().own.check();
        delivered.map_err(|why| {
            Fault::Lasting(format!("events cannot be delivered to {brokers}: {why}"))
        })
    };
    let mut value = Vec::new();
    for (at, event) in events {
        while clock.now() < at && !stop.load(Ordering::Relaxed) {
            producer.poll(Duration::ZERO);
            std::thread::sleep(REST);
            check()?;
        }
        value.clear();
        serde_json::to_writer(&mut value, &event)
            .map_err(|error| Fault::Lasting(io::Error::from(error).to_string()))?;
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topics.of(event.kind()))
            .key(event.credential_id.as_bytes())
            .payload(&value);
        while let Err((error, back)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(Fault::of("sending", &error));
            }
            producer.poll(REST);
            record = back;
            check()?;
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    producer.flush(FLUSH_WITHIN).map_err(|error| Fault::of("sending what is left", &error))?;
    check()
}
