//! The ledger's topic → rows: what is committed in it when reading begins.
//!
//! Invariants: every partition is read from its first record to the end that it had
//! at the beginning, so that reading ends on a topic that grows; what others have not
//! committed is not part of it; a topic from which nothing comes is an error in the
//! end, never a wait for ever. The consumer joins no group and commits nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::{Damage, LoadError, Loaded};
use crate::engine::attacker::Race;
use crate::records::{DeadLetter, Declared, WindowRecord, exposure_id};
use crate::report::control::evidence::{Inputs, Partition, Source};
use crate::report::control::{Rows, digest};
use crate::runtime::clock;
use crate::runtime::kafka::{Context, Tokens};
use crate::time::Span;

/// How long one wait for records lasts.
const POLL: Duration = Duration::from_millis(100);
/// How long a question to the broker may take.
const ASK: Duration = Duration::from_secs(10);
/// How long nothing may come before it is given up.
const PATIENCE: Span = Span::from_secs(60);

/// What is read, and how.
#[derive(Clone, Debug)]
pub struct Topics {
    /// How Kafka is reached.
    pub client: ClientConfig,
    /// What it logs in with where brokers ask for tokens.
    pub tokens: Tokens,
    /// The ledger's topic.
    pub windows: String,
    /// The topic of dead letters.
    pub dead_letters: String,
    /// Where each topic is to end, as a report states it; empty: where it ends now.
    pub until: BTreeMap<String, Vec<Partition>>,
}

/// Reads the ledger, and counts what could not be used.
///
/// # Errors
/// See [`LoadError`].
pub fn load_topics(topics: &Topics, race: &Race, allow_damage: bool) -> Result<Loaded, LoadError> {
    let (mut rows, mut damage) = (Rows::new(), Damage::default());
    let windows = read(topics, &topics.windows, &mut |message| {
        if let Err(why) = take(&mut rows, race, message) {
            let (partition, offset) = (message.partition(), message.offset());
            damage
                .add(format!("{}, partition {partition}, offset {offset}: {why}", topics.windows));
        }
    })?;
    let mut letters: BTreeMap<String, u64> = BTreeMap::new();
    let dead = read(topics, &topics.dead_letters, &mut |message| {
        let letter = message.payload().and_then(|json| DeadLetter::read(json).ok());
        let reason = letter.map_or("others", |letter| letter.reason.as_str());
        *letters.entry(reason.to_owned()).or_default() += 1;
    })?;
    let inputs = Inputs {
        sources: vec![windows, dead],
        dead_letters: Some(letters),
        damaged: damage.allowed(allow_damage)?,
        ..Inputs::default()
    };
    Ok(Loaded { rows, inputs })
}

fn take(rows: &mut Rows, race: &Race, message: &BorrowedMessage<'_>) -> Result<(), String> {
    let key = message.key().and_then(|key| std::str::from_utf8(key).ok());
    let key = key.ok_or("its key is no text")?;
    let Some(value) = message.payload() else {
        rows.void(exposure_id::parse(key).ok_or("its key names no exposure")?);
        return Ok(());
    };
    let record = WindowRecord::read(value).map_err(|error| error.to_string())?;
    if !record.is_of(key) {
        return Err("its key names another exposure".to_owned());
    }
    rows.take(&record, digest(value), race);
    Ok(())
}

/// How far a partition has been read.
#[derive(Clone, Copy, Debug)]
struct Reading {
    part: Partition,
    done: bool,
}

fn read(
    topics: &Topics,
    name: &str,
    take: &mut dyn FnMut(&BorrowedMessage<'_>),
) -> Result<Source, LoadError> {
    let failed = |why: String| LoadError::Topic { name: name.to_owned(), why };
    let kafka = |error: KafkaError| failed(error.to_string());
    let consumer = consumer(topics, name).map_err(kafka)?;
    topics.tokens.admit(consumer.client()).map_err(|fault| failed(fault.to_string()))?;
    let mut readings = assign(topics, name, &consumer)?;
    let mut came = clock::uptime();
    while readings.values().any(|reading| !reading.done) {
        match consumer.poll(POLL) {
            None if clock::uptime().as_millis() - came.as_millis() > PATIENCE.as_millis() => {
                let open: Vec<i32> =
                    readings.values().filter(|r| !r.done).map(|r| r.part.partition).collect();
                return Err(failed(format!(
                    "nothing has come for {} s from partitions {open:?}; are the brokers well, and is the topic readable?",
                    PATIENCE.as_millis() / 1000
                )));
            }
            None => continue,
            Some(Ok(message)) => {
                let Some(reading) = readings.get_mut(&message.partition()) else { continue };
                if message.offset() < reading.part.to_offset {
                    reading.part.records += 1;
                    take(&message);
                }
                reading.done |= message.offset() + 1 >= reading.part.to_offset;
            }
            // The last offsets may be marks of transactions, which are no records.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                if let Some(reading) = readings.get_mut(&partition) {
                    reading.done = true;
                }
            }
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(kafka(error)),
            Some(Err(error)) => {
                tracing::warn!(topic = name, "{error}");
                continue;
            }
        }
        came = clock::uptime();
    }
    let partitions = readings.into_values().map(|reading| reading.part).collect();
    Ok(Source::Topic { name: name.to_owned(), partitions })
}

fn consumer(topics: &Topics, name: &str) -> Result<BaseConsumer<Context>, KafkaError> {
    let mut config = topics.client.clone();
    // Without this name there is no consumer at all; it joins nothing and commits nothing.
    if config.get("group.id").is_none() {
        config.set("group.id", format!("{name}.report"));
    }
    config.remove("group.instance.id");
    config
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error");
    config.create_with_context(Context { tokens: topics.tokens.clone() })
}

/// Every partition from its first record; to where it ends now, or was said to end.
fn assign(
    topics: &Topics,
    name: &str,
    consumer: &BaseConsumer<Context>,
) -> Result<BTreeMap<i32, Reading>, LoadError> {
    let failed = |why: String| LoadError::Topic { name: name.to_owned(), why };
    let kafka = |error: KafkaError| failed(error.to_string());
    let metadata = consumer.fetch_metadata(Some(name), ASK).map_err(kafka)?;
    let topic = metadata.topics().iter().find(|topic| topic.name() == name);
    let partitions = topic.map(|topic| topic.partitions()).unwrap_or_default();
    if partitions.is_empty() {
        return Err(failed(
            "it does not exist; `shutterlag check --config` tells its name".to_owned(),
        ));
    }
    let until = topics.until.get(name);
    let mut readings = BTreeMap::new();
    let mut list = TopicPartitionList::new();
    for partition in partitions.iter().map(|partition| partition.id()) {
        let (low, high) = consumer.fetch_watermarks(name, partition, ASK).map_err(kafka)?;
        let told = until.map(|parts| parts.iter().find(|part| part.partition == partition));
        let to_offset = match told {
            None => high,
            // One that the report does not know has come since.
            Some(None) => low,
            Some(Some(part)) if part.to_offset > high => {
                return Err(failed(format!(
                    "partition {partition} ends at offset {high}, and the report was made from it up to {}",
                    part.to_offset
                )));
            }
            Some(Some(part)) => part.to_offset,
        };
        let part = Partition { partition, from_offset: low, to_offset, records: 0 };
        readings.insert(partition, Reading { part, done: low >= to_offset });
        list.add_partition_offset(name, partition, Offset::Offset(low)).map_err(kafka)?;
    }
    consumer.assign(&list).map_err(kafka)?;
    Ok(readings)
}
