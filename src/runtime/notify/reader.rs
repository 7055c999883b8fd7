//! The thread that reads the alerts' topic and says what is due.
//!
//! Invariants: no part in a group, committed records only; nothing is pushed before
//! everything that was there is read, so that what has ended meanwhile is not told
//! to fire; while Kafka is away what fires goes on firing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use tracing::{info, warn};

use super::Options;
use super::board::{Applied, Board};
use super::queue::Queue;
use crate::metrics::NotifyFigures;
use crate::runtime::clock;
use crate::runtime::kafka::Context;
use crate::time::{Span, Timestamp};

/// The longest wait for records, and so how soon a stop is seen.
const POLL: Span = Span::from_millis(100);
/// How long a question to the broker may take.
const ASK: Duration = Duration::from_secs(2);
/// How long it rests before it starts anew.
const REST: Span = Span::from_secs(2);
/// How often figures are told.
const FIGURES: Span = Span::from_secs(1);
/// Records taken in before it is seen to what is due.
const BATCH: usize = 1_000;
/// Records between two looks at what is over while much is read.
const FORGET_EVERY: u64 = 10_000;

pub(super) struct Reader {
    pub(super) options: Options,
    pub(super) board: Arc<Mutex<Board>>,
    pub(super) queues: Vec<Arc<Queue>>,
}

/// How far the topic is read.
#[derive(Debug, Default)]
struct Progress {
    /// The next offset of each partition.
    positions: BTreeMap<i32, i64>,
    /// Partitions whose end was not reached yet since the beginning.
    unread: BTreeSet<i32>,
    read: u64,
    told_at: Option<Span>,
}

/// Why it has to start anew.
enum Ended {
    Kafka(KafkaError),
    /// What is held may have ended in records that are gone.
    PositionGone,
    Other(String),
}

impl From<KafkaError> for Ended {
    fn from(error: KafkaError) -> Ended {
        Ended::Kafka(error)
    }
}

impl Reader {
    pub(super) fn run(self) {
        let mut progress = Progress::default();
        while !self.stopped() {
            let why = match self.follow(&mut progress) {
                Ok(()) => return,
                Err(Ended::Kafka(error)) => error.to_string(),
                Err(Ended::Other(why)) => why,
                Err(Ended::PositionGone) => {
                    progress = Progress::default();
                    self.board().clear();
                    "the topic no longer holds the position it was at".to_owned()
                }
            };
            warn!(topic = self.options.topic, "alerts are read anew: {why}");
            let until = clock::uptime() + REST;
            while clock::uptime() < until && !self.stopped() {
                self.push_due(&progress);
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    /// Reads until it is stopped, or has to start anew.
    fn follow(&self, progress: &mut Progress) -> Result<(), Ended> {
        let consumer = self.consumer()?;
        let admitted = self.options.tokens.admit(consumer.client());
        admitted.map_err(|fault| Ended::Other(fault.to_string()))?;
        self.assign(&consumer, progress)?;
        while !self.stopped() {
            let mut event = consumer.poll(self.wait(clock::now()));
            // What comes together is taken together, but not without end.
            for _ in 0..BATCH {
                let Some(one) = event else { break };
                self.handle(one, progress)?;
                event = consumer.poll(Duration::ZERO);
            }
            if let Some(one) = event {
                self.handle(one, progress)?;
            }
            self.push_due(progress);
            self.tell(progress);
        }
        Ok(())
    }

    fn handle(
        &self,
        event: Result<BorrowedMessage<'_>, KafkaError>,
        progress: &mut Progress,
    ) -> Result<(), Ended> {
        match event {
            Ok(message) => self.take(&message, progress),
            Err(KafkaError::PartitionEOF(partition)) => self.reached_end(partition, progress),
            Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
            )) => return Err(Ended::PositionGone),
            Err(error @ KafkaError::MessageConsumptionFatal(_)) => return Err(error.into()),
            // It goes on by itself.
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
        Ok(())
    }

    fn take(&self, message: &BorrowedMessage<'_>, progress: &mut Progress) {
        let now = clock::now();
        let published = message.timestamp().to_millis().map_or(now, Timestamp::from_millis);
        let key = String::from_utf8_lossy(message.key().unwrap_or_default());
        let mut board = self.board();
        // A record of the future must not keep what it tells from being pushed.
        match board.apply(&key, message.payload(), published.min(now)) {
            Applied::Taken => {}
            Applied::Foreign => self.options.metrics.foreign(),
            Applied::Full => self.options.metrics.not_kept(),
        }
        progress.read += 1;
        if progress.read.is_multiple_of(FORGET_EVERY) {
            board.forget(now);
        }
        drop(board);
        progress.positions.insert(message.partition(), message.offset() + 1);
    }

    fn reached_end(&self, partition: i32, progress: &mut Progress) {
        if progress.unread.remove(&partition) && progress.unread.is_empty() {
            self.board().restored();
            info!(
                topic = self.options.topic,
                records = progress.read,
                "what fires is known, and is pushed from now on"
            );
        }
    }

    fn push_due(&self, progress: &Progress) {
        if progress.positions.is_empty() || !progress.unread.is_empty() {
            return;
        }
        let tickets = self.board().due(clock::now());
        if tickets.is_empty() {
            return;
        }
        for (number, queue) in self.queues.iter().enumerate() {
            let refused = queue.add(&tickets);
            if refused > 0 {
                self.options.metrics.dropped(number, refused);
            }
        }
    }

    /// How long there is nothing to do but wait for records.
    fn wait(&self, now: Timestamp) -> Duration {
        let next = self.board().next();
        let until = next.map_or(POLL, |next| next.since(now).min(POLL).max(Span::from_millis(1)));
        Duration::from_millis(u64::try_from(until.as_millis()).unwrap_or(1))
    }

    fn tell(&self, progress: &mut Progress) {
        let now = clock::uptime();
        if progress.told_at.is_some_and(|told| now < told + FIGURES) {
            return;
        }
        progress.told_at = Some(now);
        let figures = self.board().figures(clock::now());
        self.options
            .metrics
            .figures(&NotifyFigures { unread_partitions: progress.unread.len() as u64, ..figures });
    }

    fn consumer(&self) -> Result<BaseConsumer<Context>, KafkaError> {
        let mut config = self.options.client.clone();
        config.remove("group.instance.id");
        config
            // Without a name there is no consumer at all; it joins nothing and commits nothing.
            .set("group.id", format!("{}.notify", self.options.topic))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("fetch.queue.backoff.ms", "10");
        config.create_with_context(Context { tokens: self.options.tokens.clone() })
    }

    /// Every partition from where it was left, which at first is the beginning.
    fn assign(
        &self,
        consumer: &BaseConsumer<Context>,
        progress: &mut Progress,
    ) -> Result<(), Ended> {
        let topic = &self.options.topic;
        let metadata = consumer.fetch_metadata(Some(topic), ASK)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let partitions = found.map(|found| found.partitions()).unwrap_or_default();
        if partitions.is_empty() {
            return Err(Ended::Other("the topic does not exist".to_owned()));
        }
        let mut list = TopicPartitionList::new();
        for partition in partitions.iter().map(|partition| partition.id()) {
            let (low, _) = consumer.fetch_watermarks(topic, partition, ASK)?;
            let position = *progress.positions.entry(partition).or_insert_with(|| {
                progress.unread.insert(partition);
                low
            });
            if position < low {
                return Err(Ended::PositionGone);
            }
            list.add_partition_offset(topic, partition, Offset::Offset(position))?;
        }
        consumer.assign(&list)?;
        Ok(())
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> bool {
        self.options.stop.load(Ordering::Relaxed)
    }
}
