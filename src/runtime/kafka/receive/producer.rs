//! The idempotent producer of the receivers.

use std::sync::Arc;

use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use super::acknowledgements::Acknowledgements;
use super::in_sync::lacking;
use super::unanswered::Unanswered;
use crate::formats::Identity;
use crate::runtime::clock;
use crate::runtime::kafka::client::config;
use crate::runtime::kafka::client::context::Context;
use crate::runtime::kafka::client::partitioner::placed;
use crate::runtime::kafka::client::topics;
use crate::runtime::kafka::shared::Shared;
use crate::runtime::receive::dead_letter_name;
use crate::runtime::stages::{Fault, Outbox, Outgoing, Topic};
use crate::time::{Span, Timestamp};

/// Bytes of a record at most. Events and dead letters are far smaller: their texts are bounded.
const RECORD_BYTES_MAX: usize = 1 << 20;
/// KiB of records that wait for the brokers at a time. The bound on bodies is a quarter of it,
/// so it is that one that says when too much waits.
const WAITING_KIB_MAX: &str = "1048576";

/// The producer. It answers deliveries on a thread of its own.
pub(super) struct IdempotentProducer {
    producer: ThreadedProducer<Context<Acknowledgements>>,
    /// The name of each topic, in the order of [`Topic::ALL`].
    topics: [String; Topic::ALL.len()],
    /// How many partitions our topic of events has.
    partitions: usize,
    /// How many replicas must have a record before it is acknowledged.
    replicas_min: usize,
}

impl IdempotentProducer {
    /// `replicas_min`: how many replicas must have a record before it is acknowledged.
    ///
    /// # Errors
    /// When librdkafka cannot start it, or there is no token to log in with.
    pub(super) fn new(shared: &Shared, replicas_min: usize) -> Result<IdempotentProducer, Fault> {
        let settings = &shared.settings;
        // The sender waits: records that the brokers do not acknowledge by then have failed.
        let within = settings.kafka.transaction_timeout.as_millis().to_string();
        let mut config = config::producer(&settings.kafka, RECORD_BYTES_MAX);
        config
            .set("acks", "all")
            .set("message.timeout.ms", &within)
            .set("socket.timeout.ms", &within);
        config::unless_set(&mut config, "linger.ms", "1");
        // No bound on their number: the bound on bodies holds before.
        for (option, value) in
            [("queue.buffering.max.messages", "0"), ("queue.buffering.max.kbytes", WAITING_KIB_MAX)]
        {
            if !settings.kafka.librdkafka.contains_key(option) {
                config.set(option, value);
            }
        }
        // The default of 10 s is longer than senders wait, once a broker is there again.
        config::unless_set(&mut config, "reconnect.backoff.max.ms", "1000");
        let context = Context::with(&shared.tokens, Acknowledgements::default());
        let producer: ThreadedProducer<Context<Acknowledgements>> = config
            .create_with_context(context)
            .map_err(|error| Fault::of("starting the receivers' producer", &error))?;
        shared.tokens.admit(producer.client())?;
        Ok(IdempotentProducer {
            producer,
            topics: topics::names(&settings.topics),
            partitions: shared.partitions,
            replicas_min,
        })
    }

    /// An outbox for the records of one delivery.
    pub(super) fn outbox<'p>(
        &'p self,
        unanswered: &'p Arc<Unanswered>,
        identity: &'p Identity,
    ) -> DeliveryOutbox<'p> {
        let (record, of_record) = (Vec::new(), 0);
        DeliveryOutbox { producer: self, unanswered, identity, record, of_record }
    }

    /// What the brokers say of its records.
    pub(super) fn acknowledgements(&self) -> &Acknowledgements {
        &self.producer.context().own
    }

    /// Asks the brokers for the topic of events, and returns whether they answer.
    pub(super) fn ask(&self, within: Span) -> bool {
        let events = &self.topics[Topic::Events as usize];
        let answer = self.producer.client().fetch_metadata(Some(events), within.to_std());
        let led = answer.is_ok_and(|metadata| {
            let topics = metadata.topics().iter();
            topics.flat_map(|topic| topic.partitions()).any(|partition| partition.leader() >= 0)
        });
        self.acknowledgements().asked(led);
        led
    }

    /// Why the brokers may not acknowledge the next delivery, although they answer: partitions
    /// with too few replicas in sync, or a delivery that just failed.
    pub(super) fn doubt(&self, within: Span) -> Option<String> {
        let failures = self.acknowledgements().failures();
        let failed = failures.just_now(clock::uptime()).map(str::to_owned);
        drop(failures);
        let events = &self.topics[Topic::Events as usize];
        // Whether they answer at all is asked elsewhere.
        failed.or_else(|| self.lacking(events, within).ok().flatten())
    }

    /// Which partition this producer does not get to, although nothing is wrong with it: all of
    /// its records have timed out for as long as `patience`, a broker leads it, and enough
    /// replicas are in sync.
    ///
    /// We saw a producer refuse each delivery for two minutes, after a broker that had stopped with
    /// a record on its way was there again, while the other clients of the process went on.
    pub(super) fn stuck(&self, patience: Span, within: Span) -> Option<String> {
        let partition = || {
            let failures = self.acknowledgements().failures();
            failures.timing_out_for(patience).map(|(topic, number)| (topic.to_owned(), number))
        };
        let (topic, _) = partition()?;
        if !matches!(self.lacking(&topic, within), Ok(None)) {
            self.acknowledgements().failures().explained();
        }
        // Something may have been acknowledged in the meantime.
        let (topic, number) = partition()?;
        Some(format!("all records for partition {number} of {topic} time out"))
    }

    /// Why some partition of `topic` cannot acknowledge a record; `None` when all can.
    ///
    /// # Errors
    /// The brokers do not answer.
    fn lacking(&self, topic: &str, within: Span) -> KafkaResult<Option<String>> {
        let metadata = self.producer.client().fetch_metadata(Some(topic), within.to_std())?;
        Ok(metadata.topics().iter().find_map(|topic| lacking(topic, self.replicas_min)))
    }

    /// Waits until nothing is on its way any more, or the time is over.
    pub(super) fn flush(&self, within: Span) {
        // What is left then fails when the producer is dropped.
        let _ = self.producer.flush(within.to_std());
    }
}

/// Where the records of one delivery go.
pub(super) struct DeliveryOutbox<'p> {
    producer: &'p IdempotentProducer,
    unanswered: &'p Arc<Unanswered>,
    identity: &'p Identity,
    /// The record that intake looks at.
    record: Vec<u8>,
    /// Dead letters about that record.
    of_record: u64,
}

impl DeliveryOutbox<'_> {
    /// The key of a dead letter: its receiver and its name, so that readers of the topic can tell
    /// that one came twice. `None` if it is in the topic already.
    fn letter(&mut self, outgoing: &Outgoing<'_>) -> Option<String> {
        let of_record = self.of_record;
        self.of_record += 1;
        let value = outgoing.value.unwrap_or_default();
        let name = dead_letter_name(self.identity, value, &self.record, of_record).ok();
        let key = String::from_utf8_lossy(outgoing.key);
        let Some(name) = name else { return Some(key.into_owned()) };
        let mut parts = key.rsplitn(3, '/');
        let receiver = parts.nth(2).unwrap_or(&key);
        let key = format!("{receiver}/{name}");
        (!self.unanswered.has_letter(name)).then_some(key)
    }
}

impl Outbox for DeliveryOutbox<'_> {
    fn follows_from(&mut self, record: &[u8]) {
        self.record.clear();
        self.record.extend_from_slice(record);
        self.of_record = 0;
    }

    fn send(&mut self, outgoing: Outgoing<'_>) -> Result<(), Fault> {
        let letter = match outgoing.topic {
            Topic::DeadLetters => match self.letter(&outgoing) {
                Some(key) => Some(key),
                None => return Ok(()),
            },
            _ => None,
        };
        let key = letter.as_ref().map_or(outgoing.key, String::as_bytes);
        let topic = &self.producer.topics[outgoing.topic as usize];
        let mut record: BaseRecord<'_, [u8], [u8], Arc<Unanswered>> =
            BaseRecord::with_opaque_to(topic, Arc::clone(self.unanswered)).key(key);
        record.partition = placed(&outgoing, self.producer.partitions);
        record.payload = outgoing.value;
        record.timestamp = outgoing.written_at.map(Timestamp::as_millis);
        self.producer.producer.send(record).map_err(|(error, record)| {
            let doing = format!("sending to {}", record.topic);
            Fault::of(&doing, &error)
        })
    }
}
