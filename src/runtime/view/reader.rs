//! The thread that reads the ledger into the view.
//!
//! Invariants: a consumer of its own without any part in a group, so that every
//! instance reads all partitions and no worker waits for it; committed records
//! only; it never gives up while the process runs, and never spins.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tracing::{info, warn};

use super::View;
use super::apply::Applied;
use crate::runtime::clock;
use crate::runtime::health::{Health, WorkerReport};
use crate::runtime::kafka::{Context, Tokens};
use crate::time::{Span, Timestamp};

/// How long one wait for records lasts, and so how soon a stop is seen.
const POLL: Duration = Duration::from_millis(100);

/// How long a question to the broker may take.
const ASK: Duration = Duration::from_secs(2);

/// How long it rests before it starts anew.
const REST: Duration = Duration::from_secs(2);

/// How often it asks where the ledger ends, and lets old windows go.
const CHECK: Span = Span::from_secs(5);

/// How long the workers may have the machine to themselves while they read their
/// state back: what they do is more urgent than what is shown of it.
const FIRST: Span = Span::from_secs(20);

/// How long they may take to be told what they are to read back. While they wait for
/// their group for longer the machine has nothing else to do.
const ASSIGNED_WITHIN: Span = Span::from_secs(3);

/// What the thread needs.
#[derive(Clone, Debug)]
pub struct Options {
    /// How Kafka is reached: brokers, security, whatever else clients share. What
    /// reading the ledger asks for is set on top.
    pub client: ClientConfig,
    /// What it logs in with where brokers ask for tokens.
    pub tokens: Tokens,
    /// The ledger's topic.
    pub topic: String,
    /// Where it goes.
    pub view: Arc<View>,
    /// How the workers are, which come first.
    pub health: Arc<Health>,
    /// Ends the thread when set.
    pub stop: Arc<AtomicBool>,
    /// The time.
    pub now: fn() -> Timestamp,
}

/// Starts the thread.
///
/// # Errors
/// When the system has no thread to give.
pub fn spawn(options: Options) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("view".to_owned()).spawn(move || run(&options))
}

fn run(options: &Options) {
    let began = clock::uptime();
    while !stopped(options) && clock::uptime() < began + FIRST && restoring(options, began) {
        thread::sleep(POLL);
    }
    while !stopped(options) {
        let Err(why) = follow(options) else { return };
        if matches!(why, Ended::PositionGone) {
            // Older than what the broker still has: nothing that is held is sure.
            options.view.clear();
            options.view.progress(super::Progress::restart);
        }
        let why = why.to_string();
        warn!(topic = options.topic, "the view starts reading anew: {why}");
        options.view.progress(|progress| progress.set_trouble(Some(why)));
        let mut rested = Duration::ZERO;
        while rested < REST && !stopped(options) {
            thread::sleep(POLL);
            rested += POLL;
        }
    }
}

/// Whether a worker reads its state back, or may be about to.
fn restoring(options: &Options, began: Span) -> bool {
    let soon = clock::uptime() < began + ASSIGNED_WITHIN;
    let workers = options.health.report((options.now)(), Span::MAX);
    let busy = |it: &WorkerReport| !it.restoring.is_empty() || soon && !it.assigned;
    workers.iter().any(|worker| worker.alive() && busy(worker))
}

fn stopped(options: &Options) -> bool {
    options.stop.load(Ordering::Relaxed)
}

/// Why it has to start anew.
enum Ended {
    Kafka(KafkaError),
    NoPartitions,
    PositionGone,
    NoToken(String),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Kafka(error) => error.fmt(f),
            Ended::NoToken(why) => f.write_str(why),
            Ended::NoPartitions => f.write_str("the ledger's topic does not exist"),
            Ended::PositionGone => f.write_str("the ledger no longer holds the position it was at"),
        }
    }
}

impl From<KafkaError> for Ended {
    fn from(error: KafkaError) -> Ended {
        Ended::Kafka(error)
    }
}

/// Reads until it is stopped, or has to start anew.
fn follow(options: &Options) -> Result<(), Ended> {
    let consumer = consumer(options)?;
    options.tokens.admit(consumer.client()).map_err(|fault| Ended::NoToken(fault.to_string()))?;
    assign(options, &consumer)?;
    let mut checked = None;
    while !stopped(options) {
        let now = (options.now)();
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => take(options, &message, now),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                options.view.progress(|progress| {
                    let before = progress.caught_up();
                    progress.reached_end(partition);
                    progress.set_trouble(None);
                    if progress.caught_up() && !before {
                        info!(topic = options.topic, "the view has caught up");
                    }
                });
            }
            Some(Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
            ))) => return Err(Ended::PositionGone),
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error.into()),
            Some(Err(error)) => {
                // It goes on by itself; until it does, whoever looks is told.
                options.view.progress(|progress| progress.set_trouble(Some(error.to_string())));
                thread::sleep(POLL);
            }
        }
        if checked.is_none_or(|checked: Timestamp| now.since(checked) >= CHECK) {
            checked = Some(now);
            options.view.expire(now);
            ask_for_ends(options, &consumer);
        }
    }
    Ok(())
}

fn take(options: &Options, message: &rdkafka::message::BorrowedMessage<'_>, now: Timestamp) {
    let key = message.key().unwrap_or_default();
    let (partition, offset) = (message.partition(), message.offset());
    if let Applied::Foreign(why) = options.view.apply(key, message.payload(), now) {
        // A topic full of a stranger's records must not fill the log as well.
        let foreign = options.view.status().foreign;
        if foreign.is_power_of_two() {
            let topic = &options.topic;
            warn!(topic, partition, offset, foreign, "not a record of the ledger: {why:?}");
        }
    }
    options.view.progress(|progress| progress.read(partition, offset));
}

fn consumer(options: &Options) -> Result<BaseConsumer<Context>, KafkaError> {
    let mut config = options.client.clone();
    // Without this name there is no consumer at all; it joins nothing and commits nothing.
    if config.get("group.id").is_none() {
        config.set("group.id", format!("{}.view", options.topic));
    }
    config.remove("group.instance.id");
    config
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("fetch.queue.backoff.ms", "10");
    config.create_with_context(Context { tokens: options.tokens.clone() })
}

/// Every partition from where the view is, which at first is the beginning.
fn assign(options: &Options, consumer: &BaseConsumer<Context>) -> Result<(), Ended> {
    let metadata = consumer.fetch_metadata(Some(&options.topic), ASK)?;
    let topic = metadata.topics().iter().find(|topic| topic.name() == options.topic);
    let partitions = topic.map(|topic| topic.partitions()).unwrap_or_default();
    if partitions.is_empty() {
        return Err(Ended::NoPartitions);
    }
    let known: Vec<(i32, i64)> = options.view.progress(|progress| progress.positions().collect());
    let mut assigned = Vec::new();
    let mut list = TopicPartitionList::new();
    for partition in partitions.iter().map(|partition| partition.id()) {
        let (low, high) = consumer.fetch_watermarks(&options.topic, partition, ASK)?;
        let known = known.iter().find(|(number, _)| *number == partition);
        let position = known.map_or(low, |(_, position)| *position);
        if position < low {
            // What was cut off may have held tombstones of windows still shown.
            return Err(Ended::PositionGone);
        }
        list.add_partition_offset(&options.topic, partition, Offset::Offset(position))?;
        assigned.push((partition, position, high));
    }
    consumer.assign(&list)?;
    options.view.progress(|progress| {
        progress.assigned(assigned);
        progress.set_trouble(None);
    });
    Ok(())
}

fn ask_for_ends(options: &Options, consumer: &BaseConsumer<Context>) {
    let partitions: Vec<i32> =
        options.view.progress(|progress| progress.positions().map(|(n, _)| n).collect());
    for partition in partitions {
        match consumer.fetch_watermarks(&options.topic, partition, ASK) {
            Ok((_, end)) => {
                let now = (options.now)();
                options.view.progress(|progress| progress.heard_of_end(partition, end, now));
            }
            Err(error) => {
                let why = format!("the ledger's end is not known: {error}");
                options.view.progress(|progress| progress.set_trouble(Some(why)));
                return;
            }
        }
    }
    options.view.progress(|progress| progress.set_trouble(None));
}
