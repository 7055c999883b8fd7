//! What the tests ask of a broker themselves: topics, records in, records out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, NoCustomPartitioner, Producer, ProducerContext, ThreadedProducer,
};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// How long one request may take; a broker may be starting meanwhile.
const REQUEST: Duration = Duration::from_secs(30);

/// How long open transactions may hold a reader up before that is a fault.
const SETTLING: Duration = Duration::from_secs(120);

/// As many replicas as the broker makes by itself.
const BY_THE_BROKER: i32 = -1;

/// A record as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    /// The key as text; an empty one where there is none.
    pub(crate) fn key_text(&self) -> String {
        String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()
    }
}

/// A record to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) partition: Option<i32>,
}

impl Sent {
    pub(crate) fn new(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Sent {
        Sent { key: Some(key.into()), value: Some(value.into()), ..Sent::default() }
    }
}

/// A way to a broker.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    address: String,
}

impl Client {
    pub(crate) fn new(address: String) -> Client {
        Client { address }
    }

    /// A configuration that knows where the broker is.
    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address);
        config
    }

    /// Creates a topic.
    #[track_caller]
    pub(crate) fn create(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(BY_THE_BROKER));
        for (name, value) in settings {
            new = new.set(name, value);
        }
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let options = AdminOptions::new().request_timeout(Some(REQUEST));
        let results = block_on(admin.create_topics([&new], &options)).unwrap();
        results.into_iter().for_each(|result| drop(result.unwrap()));
        // Known to the controller; a moment later to everybody.
        let began = Instant::now();
        while self.partitions(topic).len() != partitions as usize {
            assert!(began.elapsed() < REQUEST, "{topic} was created and is not there");
        }
    }

    /// Deletes a topic, and waits until it is gone.
    #[track_caller]
    pub(crate) fn delete(&self, topic: &str) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let options = AdminOptions::new().request_timeout(Some(REQUEST));
        let results = block_on(admin.delete_topics(&[topic], &options)).unwrap();
        results.into_iter().for_each(|result| drop(result.unwrap()));
        let began = Instant::now();
        while !self.partitions(topic).is_empty() {
            assert!(began.elapsed() < REQUEST, "{topic} was deleted and is there");
        }
    }

    /// Gives a topic more partitions.
    #[track_caller]
    pub(crate) fn grow(&self, topic: &str, partitions: usize) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let options = AdminOptions::new().request_timeout(Some(REQUEST));
        let grown = [NewPartitions::new(topic, partitions)];
        let results = block_on(admin.create_partitions(&grown, &options)).unwrap();
        results.into_iter().for_each(|result| drop(result.unwrap()));
        let began = Instant::now();
        while self.partitions(topic).len() != partitions {
            assert!(began.elapsed() < REQUEST, "{topic} does not grow");
        }
    }

    /// Sets a group that nobody is in back to the beginning of a topic.
    #[track_caller]
    pub(crate) fn rewind(&self, group: &str, topic: &str) {
        let consumer: BaseConsumer = self.config().set("group.id", group).create().unwrap();
        let mut list = TopicPartitionList::new();
        for (partition, start) in self.starts(topic) {
            list.add_partition_offset(topic, partition, Offset::Offset(start)).unwrap();
        }
        consumer.commit(&list, CommitMode::Sync).unwrap();
    }

    /// A topic's partitions; none if it is not there.
    pub(crate) fn partitions(&self, topic: &str) -> Vec<i32> {
        let consumer: BaseConsumer = self.config().create().unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), REQUEST).unwrap();
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let found = found.filter(|found| found.error().is_none());
        let mut partitions: Vec<i32> =
            found.iter().flat_map(|found| found.partitions()).map(|part| part.id()).collect();
        partitions.sort_unstable();
        partitions
    }

    /// Whether all in-sync replicas acknowledge a record within a few seconds.
    pub(crate) fn is_acknowledged(&self, topic: &str, sent: &Sent) -> bool {
        let mut config = self.config();
        config.set("message.timeout.ms", "5000");
        let writer = Writer::new(&mut config);
        writer.send(topic, sent);
        writer.producer.flush(REQUEST).unwrap();
        writer.producer.context().failed.load(Ordering::Relaxed) == 0
    }

    /// Somebody who writes into topics.
    pub(crate) fn writer(&self) -> Writer {
        Writer::new(&mut self.config())
    }

    /// Writes records and waits until they are there.
    #[track_caller]
    pub(crate) fn write(&self, topic: &str, records: impl IntoIterator<Item = Sent>) {
        let writer = self.writer();
        records.into_iter().for_each(|record| writer.send(topic, &record));
        writer.finish();
    }

    /// Writes records in a transaction that comes to nothing.
    #[track_caller]
    pub(crate) fn write_and_abort(&self, topic: &str, records: impl IntoIterator<Item = Sent>) {
        let producer = self
            .config()
            .set("transactional.id", format!("{topic}.aborted"))
            .create_with_context(Deliveries::default())
            .unwrap();
        let writer = Writer { producer };
        writer.producer.init_transactions(REQUEST).unwrap();
        writer.producer.begin_transaction().unwrap();
        records.into_iter().for_each(|record| writer.send(topic, &record));
        writer.producer.flush(REQUEST).unwrap();
        writer.producer.abort_transaction(REQUEST).unwrap();
    }

    /// All committed records of a topic, by partition and offset. Waits until no
    /// open transaction hides any of what was written before the call.
    #[track_caller]
    pub(crate) fn read(&self, topic: &str) -> Vec<Record> {
        self.read_those(topic, &|_| true)
    }

    /// Those of them whose key `wanted` says.
    #[track_caller]
    pub(crate) fn read_those(&self, topic: &str, wanted: &dyn Fn(&[u8]) -> bool) -> Vec<Record> {
        let ends = self.ends(topic, "read_uncommitted");
        let began = Instant::now();
        loop {
            let stable = self.ends(topic, "read_committed");
            if ends.iter().all(|(partition, end)| stable[partition] >= *end) {
                break;
            }
            assert!(
                began.elapsed() < SETTLING,
                "{topic}: a transaction stays open: stable up to {stable:?}, written up to {ends:?}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        self.read_where("read_committed", topic, wanted)
    }

    /// All records of a topic up to where `isolation` lets one read.
    #[track_caller]
    pub(crate) fn read_as(&self, isolation: &str, topic: &str) -> Vec<Record> {
        self.read_where(isolation, topic, &|_| true)
    }

    #[track_caller]
    fn read_where(
        &self,
        isolation: &str,
        topic: &str,
        wanted: &dyn Fn(&[u8]) -> bool,
    ) -> Vec<Record> {
        let consumer: BaseConsumer = self
            .config()
            .set("group.id", "reads without a group")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", isolation)
            // The default of a second starves a reader that is fast: a long topic takes minutes.
            .set("fetch.queue.backoff.ms", "5")
            .create()
            .unwrap();
        let partitions = self.partitions(topic);
        let mut from = TopicPartitionList::new();
        for partition in &partitions {
            from.add_partition_offset(topic, *partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&from).unwrap();
        let mut records = Vec::new();
        let mut ended = vec![false; partitions.len()];
        let mut heard = Instant::now();
        while ended.contains(&false) {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) if wanted(message.key().unwrap_or_default()) => {
                    records.push(record(&message));
                }
                Some(Ok(_)) => {}
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    ended[partition as usize] = true;
                }
                Some(Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown,
                )))
                | None => {
                    assert!(heard.elapsed() < REQUEST, "{topic}: reading does not get to the end");
                    continue;
                }
                Some(Err(error)) => panic!("{topic}: {error}"),
            }
            heard = Instant::now();
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }

    /// The offset behind the last one of each partition, as `isolation` shows it.
    pub(crate) fn ends(&self, topic: &str, isolation: &str) -> BTreeMap<i32, i64> {
        let consumer: BaseConsumer =
            self.config().set("isolation.level", isolation).create().unwrap();
        let partitions = self.partitions(topic).into_iter();
        partitions.map(|partition| (partition, bounds(&consumer, topic, partition).1)).collect()
    }

    /// The first offset of each partition.
    pub(crate) fn starts(&self, topic: &str) -> BTreeMap<i32, i64> {
        let consumer: BaseConsumer = self.config().create().unwrap();
        let partitions = self.partitions(topic).into_iter();
        partitions.map(|partition| (partition, bounds(&consumer, topic, partition).0)).collect()
    }

    /// The offsets that a group has committed for a topic; nothing for a
    /// partition without one.
    pub(crate) fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, i64> {
        let consumer: BaseConsumer = self.config().set("group.id", group).create().unwrap();
        let mut asked = TopicPartitionList::new();
        for partition in self.partitions(topic) {
            asked.add_partition(topic, partition);
        }
        let began = Instant::now();
        let offsets = loop {
            match consumer.committed_offsets(asked.clone(), REQUEST) {
                // A broker that has just begun to keep positions takes a moment.
                Err(KafkaError::MetadataFetch(RDKafkaErrorCode::NotCoordinator))
                    if began.elapsed() < REQUEST =>
                {
                    std::thread::sleep(Duration::from_millis(100));
                }
                answer => break answer.unwrap(),
            }
        };
        let known = offsets.elements().into_iter().filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some((element.partition(), offset)),
            _ => None,
        });
        known.collect()
    }

    /// The groups whose name begins with `prefix`, and how many members each has.
    pub(crate) fn groups(&self, prefix: &str) -> BTreeMap<String, usize> {
        let consumer: BaseConsumer = self.config().create().unwrap();
        let began = Instant::now();
        let groups = loop {
            match consumer.fetch_group_list(None, REQUEST) {
                // A broker that has just begun to keep groups takes a moment.
                Err(KafkaError::GroupListFetch(
                    RDKafkaErrorCode::NotCoordinator | RDKafkaErrorCode::CoordinatorLoadInProgress,
                )) if began.elapsed() < REQUEST => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                answer => break answer.unwrap(),
            }
        };
        let own = groups.groups().iter().filter(|group| group.name().starts_with(prefix));
        own.map(|group| (group.name().to_owned(), group.members().len())).collect()
    }
}

/// The last value of each key; a key whose last record is a tombstone is not there.
pub(crate) fn compacted(log: &[Record]) -> BTreeMap<Vec<u8>, &Record> {
    let mut latest = BTreeMap::new();
    for record in log {
        let key = record.key.clone().unwrap_or_default();
        if record.value.is_some() {
            latest.insert(key, record);
        } else {
            latest.remove(&key);
        }
    }
    latest
}

/// Writes into topics in the background.
pub(crate) struct Writer {
    producer: ThreadedProducer<Deliveries>,
}

impl Writer {
    fn new(config: &mut ClientConfig) -> Writer {
        let producer = config
            .set("enable.idempotence", "true")
            // As Java's clients do it, and as the program must.
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5")
            .set("message.max.bytes", "8000000")
            .create_with_context(Deliveries::default())
            .unwrap();
        Writer { producer }
    }

    /// Hands a record over; waits while too many are on their way.
    #[track_caller]
    pub(crate) fn send(&self, topic: &str, sent: &Sent) {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic);
        record.key = sent.key.as_deref();
        record.payload = sent.value.as_deref();
        record.partition = sent.partition;
        record.timestamp = sent.timestamp;
        record.headers = (!sent.headers.is_empty()).then(|| {
            sent.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value) })
            })
        });
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned)) => {
                    record = returned
                }
                Err((error, _)) => panic!("{topic}: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until everything is there.
    #[track_caller]
    pub(crate) fn finish(self) {
        self.producer.flush(SETTLING).unwrap();
        let failed = self.producer.context().failed.load(Ordering::Relaxed);
        assert_eq!(failed, 0, "records that could not be written");
    }
}

/// Counts what could not be delivered.
#[derive(Debug, Default)]
struct Deliveries {
    failed: AtomicU64,
}

impl ClientContext for Deliveries {}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map(|headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
    });
    Record {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.into_iter().flatten().collect(),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Where a partition begins and ends. One that was made a moment ago may have no leader yet.
fn bounds(consumer: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    let began = Instant::now();
    loop {
        match consumer.fetch_watermarks(topic, partition, REQUEST) {
            Ok(bounds) => return bounds,
            Err(error) => assert!(began.elapsed() < REQUEST, "{topic}/{partition}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
