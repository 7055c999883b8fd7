//! The cost of librdkafka and the broker alone. The relay reads as many events and writes as
//! many records, in transactions, as the program; it computes nothing and reads nothing back.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::client::{Client, Record};
use crate::guard::cpu_of;
use crate::load;

const STEP: Duration = Duration::from_secs(30);
/// The commit interval of the program while it has a backlog.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long the program gathers records then.
const LINGER_MS: &str = "50";
/// The topics that the program writes.
pub(crate) const OUTPUTS: [&str; 7] =
    ["windows", "state", "alerts", "reviews", "reviewers", "findings", "events"];
/// How many records of a topic are written again and again.
const SAMPLE: usize = 20_000;

/// The output to one topic.
struct Output {
    topic: String,
    sample: Vec<Record>,
    per_event: f64,
    /// Records that are due, and records written.
    due: f64,
    written: usize,
}

/// What it took.
pub(crate) struct Relayed {
    pub(crate) events_per_second: f64,
    pub(crate) cpu_us: f64,
}

/// Measures it. `prefix` is that of a program that has read the same input.
pub(crate) fn run(client: &Client, prefix: &str, input: &str, events: f64) -> Relayed {
    let mut outputs = outputs(client, prefix, events);
    let consumer = load::reading(client, input);
    let producer: BaseProducer = client
        .config()
        .set("transactional.id", format!("{prefix}.relay"))
        .set("delivery.report.only.error", "true")
        .set("linger.ms", LINGER_MS)
        .set("compression.type", "lz4")
        .set("queue.buffering.max.messages", "1000000")
        .set("queue.buffering.max.kbytes", "262144")
        .create()
        .unwrap();
    producer.init_transactions(STEP).unwrap();
    let used = cpu_of("self");
    let (mut read, mut ends, mut began) = (0_u64, 0, None);
    let mut positions = [0_i64; load::PARTITIONS as usize];
    let mut committed = Instant::now();
    producer.begin_transaction().unwrap();
    while ends < load::PARTITIONS {
        match consumer.poll(STEP) {
            Some(Ok(message)) => {
                began.get_or_insert_with(Instant::now);
                read += 1;
                positions[message.partition() as usize] = message.offset() + 1;
                outputs.iter_mut().for_each(|output| output.event(&producer));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => ends += 1,
            other => panic!("{other:?}"),
        }
        if committed.elapsed() >= INTERVAL {
            commit(&producer, &consumer, input, &positions);
            producer.begin_transaction().unwrap();
            committed = Instant::now();
        }
    }
    commit(&producer, &consumer, input, &positions);
    let rate = read as f64 / began.unwrap().elapsed().as_secs_f64();
    let cpu_us = (cpu_of("self") - used).as_secs_f64() * 1e6 / read as f64;
    let per_event: f64 = outputs.iter().map(|output| output.per_event).sum();
    println!(
        "bare relay {rate:>23.0} events/s, {cpu_us:.2} µs of CPU each, {per_event:.2} records written"
    );
    Relayed { events_per_second: rate, cpu_us }
}

fn outputs(client: &Client, prefix: &str, events: f64) -> Vec<Output> {
    let written = OUTPUTS.iter().map(|name| {
        let written = client.read(&format!("{prefix}.{name}"));
        let topic = format!("{prefix}.relay.{name}");
        client.create(&topic, load::PARTITIONS, &[]);
        Output {
            topic,
            per_event: written.len() as f64 / events,
            sample: written.into_iter().take(SAMPLE).collect(),
            due: 0.0,
            written: 0,
        }
    });
    written.filter(|output| !output.sample.is_empty()).collect()
}

impl Output {
    /// Writes the average records of one event.
    fn event(&mut self, producer: &BaseProducer) {
        self.due += self.per_event;
        while self.due >= 1.0 {
            self.due -= 1.0;
            let next = &self.sample[self.written % self.sample.len()];
            self.written += 1;
            let mut record = BaseRecord::<[u8], [u8]>::to(&self.topic);
            record.partition = Some(next.partition);
            record.key = next.key.as_deref();
            record.payload = next.value.as_deref();
            while let Err((error, back)) = producer.send(record) {
                let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
                assert_eq!(error, full);
                producer.poll(Duration::from_millis(1));
                record = back;
            }
        }
    }
}

fn commit(producer: &BaseProducer, consumer: &BaseConsumer, input: &str, positions: &[i64]) {
    let mut list = TopicPartitionList::new();
    for (partition, position) in positions.iter().enumerate() {
        list.add_partition_offset(input, partition as i32, Offset::Offset(*position)).unwrap();
    }
    let group = consumer.group_metadata().unwrap();
    producer.send_offsets_to_transaction(&list, &group, STEP).unwrap();
    super::commits::commit(producer);
}
