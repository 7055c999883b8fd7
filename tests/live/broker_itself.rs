//! The ground under the other tests: that this broker is one on which a promise
//! of exactly-once can be broken.

use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::acl::{Operation, Resource, Right, allow};
use crate::broker::{Broker, LIMITED, OPERATOR, PASSWORD, STRANGER};
use crate::client::{Client, Record, Sent, compacted};

const WAIT: Duration = Duration::from_secs(60);
/// How long a connection with TLS and a login may take on a busy machine. A refused one takes all of it.
const SHAKEN: Duration = Duration::from_secs(20);

fn transactional(client: &Client, id: &str) -> BaseProducer {
    let producer: BaseProducer = client.config().set("transactional.id", id).create().unwrap();
    producer.init_transactions(WAIT).unwrap();
    producer
}

fn send(producer: &BaseProducer, topic: &str, value: &str) {
    producer.send(BaseRecord::to(topic).key("key").payload(value)).map_err(|(e, _)| e).unwrap();
    producer.flush(WAIT).unwrap();
}

fn values(records: &[Record]) -> Vec<&str> {
    let values = records.iter().filter_map(|record| record.value.as_deref());
    values.map(|value| std::str::from_utf8(value).unwrap()).collect()
}

#[test]
fn an_aborted_transaction_is_seen_by_nobody_who_reads_committed() {
    let client = Client::new(Broker::shared().address());
    client.create("aborted", 1, &[]);
    let producer = transactional(&client, "aborted");
    for (value, commit) in [("first", true), ("never", false), ("second", true)] {
        producer.begin_transaction().unwrap();
        send(&producer, "aborted", value);
        if commit {
            producer.commit_transaction(WAIT).unwrap();
        } else {
            producer.abort_transaction(WAIT).unwrap();
        }
    }
    assert_eq!(values(&client.read("aborted")), ["first", "second"]);
    let all = client.read_as("read_uncommitted", "aborted");
    assert_eq!(values(&all), ["first", "never", "second"], "it is there, and hidden");
}

#[test]
fn the_second_of_one_name_fences_the_first() {
    let client = Client::new(Broker::shared().address());
    client.create("fenced", 1, &[]);
    let first = transactional(&client, "fenced");
    first.begin_transaction().unwrap();
    send(&first, "fenced", "from a zombie");
    let second = transactional(&client, "fenced");
    let refused = first.commit_transaction(WAIT).unwrap_err();
    let KafkaError::Transaction(refused) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.code(), RDKafkaErrorCode::Fenced, "{refused}");
    assert!(refused.is_fatal());
    second.begin_transaction().unwrap();
    send(&second, "fenced", "from the living");
    second.commit_transaction(WAIT).unwrap();
    assert_eq!(values(&client.read("fenced")), ["from the living"]);
}

#[test]
fn offsets_are_committed_with_the_transaction_or_not_at_all() {
    let client = Client::new(Broker::shared().address());
    client.create("offsets", 1, &[]);
    client.write("offsets", (0..10).map(|n| Sent::new("key", n.to_string())));
    let mut config = client.config();
    config.set("group.id", "offsets").set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&["offsets"]).unwrap();
    // The first record shows that the member has joined.
    let began = Instant::now();
    while !matches!(consumer.poll(Duration::from_millis(100)), Some(Ok(_))) {
        assert!(began.elapsed() < WAIT, "no record");
    }
    let producer = transactional(&client, "offsets");
    for (offset, commit) in [(3, true), (7, false)] {
        producer.begin_transaction().unwrap();
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset("offsets", 0, Offset::Offset(offset)).unwrap();
        let group = consumer.group_metadata().unwrap();
        producer.send_offsets_to_transaction(&offsets, &group, WAIT).unwrap();
        if commit {
            producer.commit_transaction(WAIT).unwrap();
        } else {
            producer.abort_transaction(WAIT).unwrap();
        }
    }
    assert_eq!(client.committed("offsets", "offsets"), [(0, 3)].into());
    assert_eq!(client.groups("offsets"), [("offsets".to_owned(), 1)].into());
}

#[test]
fn an_open_transaction_ends_by_itself_and_holds_readers_up_until_then() {
    let client = Client::new(Broker::shared().address());
    client.create("left-open", 1, &[]);
    let producer: BaseProducer = client
        .config()
        .set("transactional.id", "left-open")
        // Long enough for a slow machine to read the topic before it ends.
        .set("transaction.timeout.ms", "30000")
        .create()
        .unwrap();
    producer.init_transactions(WAIT).unwrap();
    producer.begin_transaction().unwrap();
    send(&producer, "left-open", "never");
    client.write("left-open", [Sent::new("key", "behind it")]);
    assert_eq!(values(&client.read_as("read_committed", "left-open")), [""; 0]);
    assert_eq!(values(&client.read("left-open")), ["behind it"]);
}

#[test]
fn a_broker_that_is_killed_keeps_what_it_has_and_where_it_is() {
    let mut broker = Broker::start();
    let client = Client::new(broker.address());
    client.create("kept", 2, &[("cleanup.policy", "compact")]);
    client.write("kept", (0..100).map(|n| Sent::new((n % 10).to_string(), n.to_string())));
    let before = client.read("kept");
    assert_eq!(before.len(), 100);
    broker.kill();
    broker.restart();
    assert_eq!(client.read("kept"), before);
    broker.restart();
    let tombstone = Sent { key: Some(b"3".to_vec()), ..Sent::default() };
    client.write("kept", [tombstone]);
    let log = client.read("kept");
    assert_eq!(log.len(), 101);
    let latest = compacted(&log);
    let keys: Vec<&[u8]> = latest.keys().map(Vec::as_slice).collect();
    assert_eq!(keys, [b"0", b"1", b"2", b"4", b"5", b"6", b"7", b"8", b"9"]);
    assert_eq!(latest[&b"7".to_vec()].value.as_deref(), Some(&b"97"[..]));
}

#[test]
fn a_secured_broker_lets_in_whom_it_knows_and_obeys_whom_it_should() {
    let broker = Broker::start_secured();
    let plain = Client::new(broker.address());
    plain.create("guarded", 1, &[]);
    let ca = broker.authority();
    let ca = ca.to_str().unwrap();
    let tls = [("security.protocol", "ssl"), ("ssl.ca.location", ca)];
    assert_eq!(seen(&broker.tls_address(), &tls), Ok(1));
    assert!(seen(&broker.tls_address(), &[("security.protocol", "ssl")]).is_err(), "unknown CA");
    let login = |mechanism, user, password| {
        let settings = [
            ("security.protocol", "sasl_ssl"),
            ("ssl.ca.location", ca),
            ("sasl.mechanism", mechanism),
            ("sasl.username", user),
            ("sasl.password", password),
        ];
        seen(&broker.login_address(), &settings)
    };
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        assert_eq!(login(mechanism, OPERATOR, PASSWORD), Ok(1), "{mechanism}");
        assert_eq!(login(mechanism, STRANGER, PASSWORD), Ok(0), "{mechanism}: may not even see it");
        assert!(login(mechanism, OPERATOR, "a wrong one").is_err(), "{mechanism}");
    }
    let [limited, other, ..] = LIMITED;
    let right =
        Right { resource: Resource::Topic, prefix: "guard", operation: Operation::Describe };
    allow(&broker, limited, &[right]);
    assert_eq!(login("PLAIN", limited, PASSWORD), Ok(1));
    assert_eq!(login("PLAIN", other, PASSWORD), Ok(0));
}

/// How many partitions of the topic a client with these settings sees.
fn seen(address: &str, settings: &[(&str, &str)]) -> Result<usize, KafkaError> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
    for (name, value) in settings {
        config.set(*name, *value);
    }
    let consumer: BaseConsumer = config.create()?;
    let metadata = consumer.fetch_metadata(Some("guarded"), SHAKEN)?;
    let topics = metadata.topics().iter();
    Ok(topics.map(|topic| topic.partitions().len()).sum())
}
