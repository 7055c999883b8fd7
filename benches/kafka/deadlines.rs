//! From a deadline to its alert in the topic, with many windows open.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use shutterlag::time::Timestamp;

use crate::broker::Broker;
use crate::client::{Client, Sent};
use crate::load;
use crate::program::{Config, Program, READY};

/// After how long `ReviewDueSoon` fires.
const DUE_MS: i64 = 6 * 60_000;

pub(crate) fn run(broker: &Broker) {
    let client = Client::new(broker.address());
    client.create("leaks", load::PARTITIONS, &[]);
    let config = load::prekeyed(Config::new(broker, "d"), "leaks");
    let mut program = Program::start(&config);
    program.until_ready(READY);

    // Windows that stay open, none of them due; then some that fall due in turn.
    let open = load::number("SHUTTERLAG_BENCH_WINDOWS", 100_000);
    client.write("leaks", (0..open).map(|number| leak(number, now_ms())));
    load::until_read(&client, "d.windows", "leaks");
    let due = 2_000;
    let first_due = now_ms() + 8_000;
    let windows =
        (0..due).map(|number| leak(open + number, first_due + number as i64 * 5 - DUE_MS));
    client.write("leaks", windows);

    let consumer = follow(&client, "d.alerts");
    let mut delays = Vec::new();
    while delays.len() < due {
        let message = consumer.poll(Duration::from_secs(30)).unwrap().unwrap();
        let alert: Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        let at = Timestamp::parse_rfc3339(alert["at"].as_str().unwrap()).unwrap();
        delays.push(now_ms() - at.as_millis());
    }
    delays.sort_unstable();
    println!(
        "{open} windows open, {due} deadlines in {} s: to the topic in p50 {} ms, p99 {} ms, max {} ms",
        due * 5 / 1000,
        delays[due / 2],
        delays[due * 99 / 100],
        delays[due - 1]
    );
    program.stop();
}

fn follow(client: &Client, topic: &str) -> BaseConsumer {
    let consumer: BaseConsumer = client
        .config()
        .set("group.id", "follower")
        .set("isolation.level", "read_committed")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..load::PARTITIONS {
        list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    consumer
}

fn leak(number: usize, at_ms: i64) -> Sent {
    let credential = format!("cred-{number:08x}");
    let time = Timestamp::from_millis(at_ms);
    let value = format!(
        r#"{{"type":"leak.detected","id":"{number}","time":"{time}","credential_id":"{credential}"}}"#
    );
    Sent::new(credential, value)
}

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}
