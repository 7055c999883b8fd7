//! Events of a feed into topics, each when it is due: what plays the part of detectors,
//! AI and people where there are none.
//!
//! Invariants: an event goes to the topic of its kind under its credential's name;
//! what cannot be delivered ends it with a reason.

use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::error::Fault;
use super::logs;
use crate::event::{Event, Kind};
use crate::runtime::clock::Clock;
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
            | Kind::CredentialAbused => &self.detections,
            Kind::TriageCompleted => &self.triage,
            Kind::ReviewOpened | Kind::DecisionMade | Kind::TruthEstablished => &self.decisions,
        }
    }
}

/// Notes the first delivery that failed.
#[derive(Default)]
struct Deliveries(Mutex<Option<String>>);

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        logs::line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        logs::error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert_with(|| error.to_string());
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
        .create_with_context(Deliveries::default())
        .map_err(|error| Fault::of("starting the producer", &error))?;
    let failed = || {
        let failed = producer.context().0.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed.map(|why| Fault::Lasting(format!("events cannot be delivered to {brokers}: {why}")))
    };
    let mut value = Vec::new();
    for (at, event) in events {
        while clock.now() < at && !stop.load(Ordering::Relaxed) {
            producer.poll(Duration::ZERO);
            std::thread::sleep(REST);
            if let Some(fault) = failed() {
                return Err(fault);
            }
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
            if let Some(fault) = failed() {
                return Err(fault);
            }
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    producer.flush(FLUSH_WITHIN).map_err(|error| Fault::of("sending what is left", &error))?;
    failed().map_or(Ok(()), Err)
}
