//! The time of a small transaction on its own: a bare producer, without the program, on the
//! same broker.

use std::time::{Duration, Instant};

use rdkafka::bindings::rd_kafka_commit_transaction;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::client::Client;
use crate::load;

const STEP: Duration = Duration::from_secs(10);
const TRANSACTIONS: usize = 1_000;
/// The records of two deadlines: for each a ledger record, a record of state and an alert.
const OUTPUTS: [&str; 3] = ["bare.windows", "bare.state", "bare.alerts"];
const RECORDS: usize = 2;
const BYTES: usize = 600;

/// The median duration from the positions to the end of a commit, one transaction after the
/// other.
pub(crate) fn bare_median(client: &Client, input: &str) -> Duration {
    OUTPUTS.iter().for_each(|topic| client.create(topic, load::PARTITIONS, &[]));
    let consumer: BaseConsumer = client
        .config()
        .set("group.id", "bare")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    consumer.subscribe(&[input]).unwrap();
    while consumer.assignment().unwrap().count() == 0 {
        drop(consumer.poll(Duration::from_millis(100)));
    }
    let producer: BaseProducer = client
        .config()
        .set("transactional.id", "bare")
        .set("delivery.report.only.error", "true")
        .set("linger.ms", "1")
        .set("retry.backoff.ms", "5")
        .create()
        .unwrap();
    producer.init_transactions(STEP).unwrap();
    let value = vec![b'x'; BYTES];
    let mut took: Vec<Duration> =
        (0..TRANSACTIONS).map(|number| one(&producer, &consumer, input, &value, number)).collect();
    took.sort_unstable();
    took[TRANSACTIONS / 2]
}

fn one(
    producer: &BaseProducer,
    consumer: &BaseConsumer,
    input: &str,
    value: &[u8],
    number: usize,
) -> Duration {
    producer.begin_transaction().unwrap();
    for topic in OUTPUTS {
        for record in 0..RECORDS {
            let key = format!("{number}/{record}");
            producer.send(BaseRecord::to(topic).key(&key).payload(value)).unwrap();
        }
    }
    let mut positions = TopicPartitionList::new();
    for partition in 0..load::PARTITIONS {
        let offset = Offset::Offset(number as i64);
        positions.add_partition_offset(input, partition, offset).unwrap();
    }
    let group = consumer.group_metadata().unwrap();
    let began = Instant::now();
    producer.send_offsets_to_transaction(&positions, &group, STEP).unwrap();
    commit(producer);
    began.elapsed()
}

/// Commits through librdkafka itself, because the wrapper waits for deliveries in steps of
/// 100 ms.
#[expect(unsafe_code, reason = "there is no other way to it")]
pub(crate) fn commit(producer: &BaseProducer) {
    // SAFETY: the producer is borrowed for the call; of an error only its presence is read.
    let error = unsafe { rd_kafka_commit_transaction(producer.client().native_ptr(), 30_000) };
    assert!(error.is_null(), "it does not commit");
}
