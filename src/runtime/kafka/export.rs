//! The events of a local store → the topic of events of a cluster, each once.
//!
//! Events are written in transactions. Each of them also commits the position of its last
//! event in the store, as the offset of a consumer group of the export's own, so that a later
//! export goes on there.
//!
//! Invariants: an event and the position behind it are committed together; of two exports
//! at a time one is fenced; nothing is exported from a store that is not the one of before.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use super::client::auth::Tokens;
use super::client::config::{self, base, group};
use super::client::context::Context;
use super::client::deliveries::{Deliveries, FirstFailure};
use super::client::probe::Probe;
use crate::runtime::clock;
use crate::runtime::local::{Reader, StoredEvent};
use crate::runtime::retry::Retry;
use crate::runtime::stages::Fault;
use crate::settings::Settings;
use crate::time::Span;

/// The name of the export's group and of its transactions.
const EXPORT: &str = "export";
/// The partition of the topic of events under which the position is committed.
const PARTITION: i32 = 0;
/// Events in one transaction.
const EVENTS_MAX: u64 = 10_000;
/// Bytes of a record at most.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// What an export did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Events that were written.
    pub events: u64,
    /// The position in the store up to which earlier exports had come; 0 for none.
    pub after: i64,
}

/// Where an export stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    /// The position of the last event.
    position: i64,
    /// Its check value, which tells whether the store is the same.
    sum: i64,
}

/// Writes the events of `store` that are not in the topic of events yet. The topics must have
/// been checked. It goes on after faults that pass, as long as it gets on within
/// `kafka.startup_timeout`.
///
/// # Errors
/// A store that cannot be read or is another one than before, or brokers that do not answer or
/// refuse. What was committed stays, and the next export goes on there.
pub fn export(settings: &Settings, tokens: &Tokens, store: &Reader) -> Result<Exported, Fault> {
    let mut export = Export { events: 0, after: None, moved_at: clock::uptime() };
    let mut retry = Retry::new();
    loop {
        let began = clock::uptime();
        let Err(fault) = export.session(settings, tokens, store) else {
            let Export { events, after, .. } = export;
            return Ok(Exported { events, after: after.unwrap_or(0) });
        };
        let (why, pause) = retry.after(fault, clock::since(began))?;
        if clock::since(export.moved_at) > settings.kafka.startup_timeout {
            return Err(Fault::Lasting(why));
        }
        std::thread::sleep(pause.to_std());
    }
}

/// An export under way.
struct Export {
    /// Events that were committed.
    events: u64,
    /// Where earlier exports had stopped.
    after: Option<i64>,
    /// When something was committed last.
    moved_at: Span,
}

impl Export {
    /// Writes until all is there, or something fails.
    fn session(
        &mut self,
        settings: &Settings,
        tokens: &Tokens,
        store: &Reader,
    ) -> Result<(), Fault> {
        let mut exporter = Exporter::new(settings, tokens)?;
        let after = match exporter.mark()? {
            None => 0,
            Some(mark) => {
                exporter.check(store, mark)?;
                mark.position
            }
        };
        self.after.get_or_insert(after);
        let (mut sent, mut last) = (0, None);
        store.events_after(after, &mut |event| {
            exporter.send(event)?;
            last = Some(Mark { position: event.position, sum: event.sum });
            sent += 1;
            if sent == EVENTS_MAX {
                self.commit(&mut exporter, last.take(), std::mem::take(&mut sent))?;
            }
            Ok(())
        })?;
        self.commit(&mut exporter, last, sent)
    }

    fn commit(
        &mut self,
        exporter: &mut Exporter,
        last: Option<Mark>,
        events: u64,
    ) -> Result<(), Fault> {
        exporter.commit(last)?;
        self.events += events;
        self.moved_at = clock::uptime();
        Ok(())
    }
}

struct Exporter {
    producer: BaseProducer<Deliveries>,
    /// Knows the committed position. It is no member of its group.
    consumer: BaseConsumer<Probe>,
    topic: String,
    group: String,
    patience: Duration,
    /// Whether a transaction is open.
    open: bool,
}

impl Exporter {
    fn new(settings: &Settings, tokens: &Tokens) -> Result<Exporter, Fault> {
        let kafka = &settings.kafka;
        let group = group(kafka, EXPORT);
        let patience = kafka.transaction_timeout;
        let mut config = config::transactional(kafka, RECORD_BYTES_MAX, &group);
        // Nobody waits for single records.
        config::unless_set(&mut config, "linger.ms", "50");
        let starting = |error| Fault::of("starting the export", &error);
        let context = Context::with(tokens, FirstFailure::default());
        let producer: BaseProducer<Deliveries> =
            config.create_with_context(context).map_err(starting)?;
        tokens.admit(producer.client())?;
        // It ends what an export that was killed left open.
        producer.init_transactions((patience + patience).to_std()).map_err(starting)?;
        let mut config = base(kafka);
        config
            .set("group.id", &group)
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false");
        let consumer: BaseConsumer<Probe> =
            config.create_with_context(Probe::new(tokens)).map_err(starting)?;
        tokens.admit(consumer.client())?;
        let topic = settings.topics.events();
        let patience = patience.to_std();
        Ok(Exporter { producer, consumer, topic, group, patience, open: false })
    }

    /// Where the last export stopped.
    fn mark(&self) -> Result<Option<Mark>, Fault> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, PARTITION);
        let committed = self.consumer.committed_offsets(list, self.patience);
        let committed =
            committed.map_err(|error| Fault::of("asking where the last export stopped", &error))?;
        let Some(element) = committed.find_partition(&self.topic, PARTITION) else {
            return Ok(None);
        };
        let Offset::Offset(next) = element.offset() else { return Ok(None) };
        let sum = element.metadata().parse().map_err(|_| self.foreign())?;
        Ok(Some(Mark { position: next - 1, sum }))
    }

    /// The store must be the one that the last export read.
    fn check(&self, store: &Reader, mark: Mark) -> Result<(), Fault> {
        let same = match store.event_sum(mark.position)? {
            Some(sum) => sum == mark.sum,
            // It was deleted since, or the store never had as many.
            None => store.last_position()? >= mark.position,
        };
        if same { Ok(()) } else { Err(self.foreign()) }
    }

    fn foreign(&self) -> Fault {
        Fault::Lasting(format!(
            "the topic {} has the events of another store; export into topics with another \
             [topics] prefix and another [kafka] group. To add this store's events to them, delete \
             the group {} with kafka-consumer-groups first",
            self.topic, self.group
        ))
    }

    fn send(&mut self, event: StoredEvent<'_>) -> Result<(), Fault> {
        if !std::mem::replace(&mut self.open, true) {
            let begun = self.producer.begin_transaction();
            begun.map_err(|error| Fault::of("beginning a transaction", &error))?;
        }
        let mut record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(&self.topic).key(event.credential_id.as_bytes()).payload(event.event);
        let until = clock::instant() + self.patience;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if clock::instant() < until =>
                {
                    self.producer.poll(Duration::from_millis(10));
                    self.producer.context().own.check()?;
                    record = back;
                }
                Err((error, _)) => {
                    return Err(Fault::of(&format!("sending to {}", self.topic), &error));
                }
            }
        }
    }

    /// Commits what was sent, and `mark`, that of the last event in it.
    fn commit(&mut self, mark: Option<Mark>) -> Result<(), Fault> {
        let Some(Mark { position, sum }) = mark else { return Ok(()) };
        let noting = |error| Fault::of("noting where the export is", &error);
        let mut list = TopicPartitionList::new();
        {
            let mut element = list.add_partition(&self.topic, PARTITION);
            element.set_offset(Offset::Offset(position + 1)).map_err(noting)?;
            element.set_metadata(sum.to_string());
        }
        let group = self.consumer.group_metadata();
        let group = group.ok_or_else(|| Fault::Passing("the group has no metadata".to_owned()))?;
        self.producer.send_offsets_to_transaction(&list, &group, self.patience).map_err(noting)?;
        let committed = self.producer.commit_transaction(self.patience);
        self.producer.context().own.check()?;
        committed.map_err(|error| Fault::of("committing", &error))?;
        self.open = false;
        Ok(())
    }
}
