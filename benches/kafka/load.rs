//! What the benches share: input, a consumer, and figures of a running program.

use std::process::Command;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use shutterlag::time::Timestamp;

use crate::client::{Client, Sent};
use crate::program::{Config, Program};

pub(crate) const PARTITIONS: i32 = 4;

/// A number from the environment.
pub(crate) fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// Writes simulated events, keyed by credential, to a new topic.
pub(crate) fn simulated(client: &Client, topic: &str, events: usize) {
    let simulated = Command::new(env!("CARGO_BIN_EXE_shutterlag"))
        .args(["simulate", "--seed", "3", "--start", "2026-06-01T00:00:00Z", "--events"])
        .arg(events.to_string())
        .output()
        .unwrap();
    assert!(simulated.status.success());
    client.create(topic, PARTITIONS, &[]);
    let lines = simulated.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    client.write(
        topic,
        lines.map(|line| {
            let event: Value = serde_json::from_slice(line).unwrap();
            Sent::new(event["credential_id"].as_str().unwrap(), line)
        }),
    );
}

/// Records of a topic.
pub(crate) fn size(client: &Client, topic: &str) -> i64 {
    client.ends(topic, "read_committed").values().sum()
}

/// Waits for the first commit of a group. Returns its time, and how many records it was.
pub(crate) fn until_begun(client: &Client, group: &str, topic: &str) -> (Instant, i64) {
    loop {
        let committed = client.committed(group, topic);
        let committed: i64 = committed.values().map(|offset| (*offset).max(0)).sum();
        if committed > 0 {
            return (Instant::now(), committed);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until a group has committed all of a topic. Returns the time of its first commit, and
/// how many records that was.
pub(crate) fn until_read(client: &Client, group: &str, topic: &str) -> (Instant, i64) {
    let end = size(client, topic);
    let mut first = None;
    loop {
        let committed: i64 =
            client.committed(group, topic).values().map(|offset| (*offset).max(0)).sum();
        if committed > 0 && first.is_none() {
            first = Some((Instant::now(), committed));
        }
        if let Some(first) = first.filter(|_| committed >= end) {
            return first;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A metric's value, summed over its labels that hold `label`.
pub(crate) fn metric(program: &Program, name: &str, label: &str) -> f64 {
    let (_, exposition) = program.get("/metrics").unwrap();
    exposition
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(label))
        .filter(|line| matches!(line.as_bytes()[name.len()], b' ' | b'{'))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

/// The median duration of a commit of the windows stage, as Prometheus computes it from
/// `shutterlag_commit_duration_seconds`: linear within a bucket.
pub(crate) fn median_commit(program: &Program) -> String {
    let (_, exposition) = program.get("/metrics").unwrap();
    let prefix = "shutterlag_commit_duration_seconds_bucket{";
    let buckets: Vec<(f64, f64)> = exposition
        .lines()
        .filter(|line| line.starts_with(prefix) && line.contains("stage=\"windows\""))
        .map(|line| {
            let bound = line.split("le=\"").nth(1).unwrap().split('"').next().unwrap();
            (bound.parse().unwrap(), line.rsplit(' ').next().unwrap().parse().unwrap())
        })
        .collect();
    let all = buckets.last().map_or(0.0, |(_, count)| *count);
    let above = buckets.iter().position(|(_, count)| *count >= all / 2.0).unwrap();
    let (low, before) = above.checked_sub(1).map_or((0.0, 0.0), |below| buckets[below]);
    let (high, count) = buckets[above];
    let median = low + (high - low) * (all / 2.0 - before) / (count - before);
    format!("{:.1} ms, of {all}", median * 1e3)
}

/// A configuration that reads `topic` straight into the windows.
pub(crate) fn prekeyed(config: Config, topic: &str) -> Config {
    let mut config = config;
    config
        .without_sources()
        .source(topic, "native", true)
        .set("windows.settle", "10m")
        .set("windows.orphan_timeout", "24h")
        .set("topics.partitions", i64::from(PARTITIONS))
        .set("kafka.session_timeout", "10s")
        .set("kafka.transaction_timeout", "8s");
    config
}

fn from_the_beginning(consumer: BaseConsumer, topic: &str) -> BaseConsumer {
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    consumer
}

/// The detection of a credential of its own.
pub(crate) fn leak(number: usize, at_ms: i64) -> Sent {
    let credential = format!("cred-{number:032x}");
    let time = Timestamp::from_millis(at_ms);
    let value = format!(
        r#"{{"type":"leak.detected","id":"{number:08x}-0000-4000-8000-000000000000","time":"{time}","credential_id":"{credential}","source":"scanner","severity":"high","owner":"team-payments@example.org","location":"github"}}"#
    );
    Sent::new(credential, value)
}

/// A consumer that belongs to no group, at the beginning of a topic.
pub(crate) fn reading(client: &Client, topic: &str) -> BaseConsumer {
    let consumer: BaseConsumer = client
        .config()
        .set("group.id", "bare")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.queue.backoff.ms", "5")
        .set("max.partition.fetch.bytes", "4194304")
        .create()
        .unwrap();
    from_the_beginning(consumer, topic)
}

/// A consumer that belongs to no group and sees what is committed, at the beginning of a topic.
pub(crate) fn committed(client: &Client, topic: &str) -> BaseConsumer {
    let consumer: BaseConsumer = client
        .config()
        .set("group.id", "follower")
        .set("isolation.level", "read_committed")
        .create()
        .unwrap();
    from_the_beginning(consumer, topic)
}
