//! The live runtime from end to end, on librdkafka's mock cluster: records in,
//! ledger, alerts and dead letters out, no secret anywhere.
//!
//! The mock does not store transactional positions, from which the windows stage learns that
//! the intake has nothing left, and it does not hide aborted records. So all stages run without
//! transactions here, and only the windows stage runs with them. `tests/live/run` tests the
//! promises about crashes on a real broker.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "a live run lives in real time")]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use shutterlag::formats::Identity;
use shutterlag::metrics::Metrics;
use shutterlag::runtime::clock;
use shutterlag::runtime::kafka::{self, Shared, Tokens};
use shutterlag::settings::Settings;
use shutterlag::time::{Span, Timestamp};

const PARTITIONS: i32 = 2;
const CANARY: &str = "canary-7f3b-secret";

pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// `[kafka]` and `[[sources]]` of the two ways to run.
const INTAKE_AND_WINDOWS: [&str; 2] = [
    "delivery = \"at_least_once\"",
    "[[sources]]\ntopic = \"leaks\"\n[[sources]]\ntopic = \"scans\"\nformat = \"gitleaks\"\n\
     [[sources]]\ntopic = \"incidents\"\nformat = \"sentinel\"",
];
const WINDOWS_ALONE: [&str; 2] =
    ["delivery = \"exactly_once\"", "[[sources]]\ntopic = \"leaks\"\nprekeyed = true"];

/// One worker: a mock forgets the positions of transactions, so that nobody could go on
/// with a partition that moves once something is committed.
fn settings(brokers: &str, [kafka, sources]: [&str; 2]) -> Settings {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shutterlag.toml");
    let text = format!(
        "[kafka]\nbrokers = \"{brokers}\"\ninstance = \"a\"\nstartup_timeout = \"2s\"\n{kafka}\n\
         [topics]\nprefix = \"s\"\npartitions = {PARTITIONS}\ncreate = false\n{sources}\n\
         [windows]\nworkers = 1\nsettle = \"1s\"\n[oversight]\ndelay = \"1s\"\n[http]\nlisten = \"off\"\n"
    );
    fs::write(&file, text).unwrap();
    Settings::load(&file, std::iter::empty::<(std::ffi::OsString, std::ffi::OsString)>()).unwrap()
}

/// Events of a moment ago: a decided and contained case, an open one, and what
/// nobody can use.
fn records() -> Vec<(&'static str, String)> {
    // Read once, or a millisecond that passes between two events is in their durations.
    let now = now().as_millis();
    let at = |seconds_ago: i64| Timestamp::from_millis(now - seconds_ago * 1000);
    let event = |kind: &str, id: &str, credential: &str, ago: i64, rest: &str| {
        let time = at(ago);
        format!(
            r#"{{"type":"{kind}","id":"{id}","time":"{time}","credential_id":"{credential}"{rest}}}"#
        )
    };
    let decision = r#","reviewer":"reviewer-03","action":"revoke","verdict":"approve""#;
    vec![
        ("leaks", event("leak.detected", "1", "closed", 400, "")),
        ("leaks", event("triage.completed", "2", "closed", 390, r#","recommendation":"revoke""#)),
        ("leaks", event("decision.made", "3", "closed", 300, decision)),
        ("leaks", event("decision.made", "3", "closed", 300, decision)),
        ("leaks", event("credential.contained", "4", "closed", 200, r#","method":"revoked""#)),
        ("leaks", event("leak.detected", "5", "open", 600, "")),
        ("leaks", format!(r#"{{"type":"leak.detected","id":"6","secret":"{CANARY}""#)),
        (
            "scans",
            format!(
                r#"{{"RuleID":"generic-api-key","Secret":"{CANARY}","Match":"key={CANARY}","File":"a.txt","Commit":"","Fingerprint":"a.txt:generic-api-key:1"}}"#
            ),
        ),
        // One of a map's.
        (
            "incidents",
            format!(
                r#"{{"Type":"SecurityIncident","IncidentName":"i1","Status":"New","ModifiedBy":"rules","CreatedTime":"{0}","LastModifiedTime":"{0}","Title":"{CANARY}"}}"#,
                at(100)
            ),
        ),
    ]
}

/// All records of a topic so far, key and value as text.
pub(crate) fn read(brokers: &str, topic: &str) -> Vec<(String, Option<String>)> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "reader")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let known = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
    let partitions = known.topics()[0].partitions();
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let (mut ends, mut records) = (0, Vec::new());
    while ends < partitions.len() {
        match consumer.poll(Duration::from_secs(10)).unwrap() {
            Ok(message) => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let key = message.key().map(text).unwrap_or_default();
                records.push((key, message.payload().map(text)));
            }
            Err(KafkaError::PartitionEOF(_)) => ends += 1,
            Err(error) => panic!("{error}"),
        }
    }
    records
}

/// The last record of each key.
fn compacted(records: Vec<(String, Option<String>)>) -> BTreeMap<String, Value> {
    let last: BTreeMap<_, _> = records.into_iter().collect();
    last.into_iter()
        .filter_map(|(key, value)| Some((key, serde_json::from_str(&value?).unwrap())))
        .collect()
}

#[test]
fn records_of_any_format_become_windows_alerts_and_dead_letters() {
    run(INTAKE_AND_WINDOWS, 4);
}

#[test]
fn keyed_records_become_windows_alerts_and_dead_letters() {
    run(WINDOWS_ALONE, 2);
}

fn run(way: [&str; 2], windows: usize) {
    let cluster = MockCluster::new(1).unwrap();
    let brokers = cluster.bootstrap_servers();
    for topic in ["leaks", "scans", "incidents"] {
        cluster.create_topic(topic, PARTITIONS, 1).unwrap();
    }
    let settings = settings(&brokers, way);
    let topics = &settings.topics;
    let undivided = [topics.reviews(), topics.reviewers(), topics.findings()];
    for (_, topic) in topics.all() {
        let partitions = if undivided.contains(&topic) { 1 } else { PARTITIONS };
        cluster.create_topic(&topic, partitions, 1).unwrap();
    }
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &brokers).create().unwrap();
    for (topic, value) in records() {
        let key = serde_json::from_str::<Value>(&value).ok();
        let key = key.as_ref().and_then(|event| event["credential_id"].as_str()).unwrap_or("none");
        let partition = i32::from(key == "open");
        let record = BaseRecord::to(topic).payload(&value).key(key).partition(partition);
        producer.send(record).unwrap();
    }
    producer.flush(Duration::from_secs(10)).unwrap();

    let partitions = kafka::check(&settings, &Tokens::default()).unwrap();
    let metrics = Metrics::new().unwrap();
    let identity = Identity::new(b"an identity key for tests").unwrap();
    let shared = Shared::new(settings, identity, metrics, Tokens::default(), partitions).unwrap();
    let shared = Arc::new(shared);
    let stop = Arc::new(AtomicBool::new(false));
    let prepared = kafka::prepare(&shared, None, &stop).unwrap();
    let running = {
        let (shared, stop) = (Arc::clone(&shared), Arc::clone(&stop));
        std::thread::spawn(move || kafka::run(&shared, prepared, &stop))
    };

    // A mock forgets the positions of transactions, so there no decision comes to be
    // judged.
    let judged = way == INTAKE_AND_WINDOWS;
    // Until the closed window is final, and the open one has been called overdue.
    let began = Instant::now();
    let ledger = loop {
        let ledger = compacted(read(&brokers, "s.windows"));
        let done = if judged { "final" } else { "decided_at" };
        let done = ledger.values().any(|record| record[done] != false && !record[done].is_null());
        let alerts = read(&brokers, "s.alerts");
        if done && ledger.len() == windows && alerts.iter().any(|(key, _)| key.contains("Overdue"))
        {
            break ledger;
        }
        assert!(!running.is_finished(), "{:?}", running.join());
        let late = began.elapsed() > Duration::from_secs(60);
        assert!(
            !late,
            "{ledger:?} {:?}",
            shared.health.report(clock::uptime(), Span::from_secs(60))
        );
        std::thread::sleep(Duration::from_millis(200));
    };
    stop.store(true, Ordering::Release);
    running.join().unwrap().unwrap();

    let of = |credential: &str| {
        ledger.values().find(|record| record["credential_id"] == credential).unwrap()
    };
    assert_eq!(of("closed")["durations_ms"]["time_to_review"], 100_000);
    // When it was exposed is not known.
    assert_eq!((&of("closed")["state"], &of("closed")["band"]), (&"closed".into(), &Value::Null));
    assert_eq!(of("closed")["revision"], 4);
    let judgement = if judged { serde_json::json!([]) } else { Value::Null };
    assert_eq!(of("closed")["hollow"], judgement);
    // Nothing tells whether it was read: it may have been effective, or not.
    assert_eq!(of("closed")["quality"], if judged { "unassessed".into() } else { Value::Null });
    assert_eq!(of("closed")["effective"], Value::Null);
    assert!(of("closed")["reviewer"].as_str().unwrap().starts_with("reviewer-"));
    assert_ne!(of("closed")["reviewer"], "reviewer-03");
    assert_eq!(of("open")["state"], "open");
    // Maps read topics as well.
    if way == INTAKE_AND_WINDOWS {
        assert_eq!(of("sentinel:i1")["workflow"], "soc_classification");
    }

    let letters = compacted(read(&brokers, "s.dead-letters"));
    let [letter] = &letters.values().collect::<Vec<_>>()[..] else { panic!("{letters:#?}") };
    assert_eq!(letter["reason"], "truncated");
    assert_eq!(letter["origin"]["topic"], "leaks");
    // After five events of the closed case, one of them sent twice.
    assert_eq!(letter["origin"]["offset"], 5);

    for (_, topic) in shared.settings.topics.all() {
        for record in read(&brokers, &topic) {
            assert!(!format!("{record:?}").contains(CANARY), "{topic}: {record:?}");
        }
    }
    let exposition = String::from_utf8(shared.stages.metrics.encode().unwrap()).unwrap();
    assert!(!exposition.contains(CANARY));
    for wanted in [
        "shutterlag_events_duplicate_total 1",
        "shutterlag_events_rejected_total{reason=\"truncated\"} 1",
        "shutterlag_verdicts_total{verdict=\"approve\",workflow=\"secret_exposure\"} 1",
        "le=\"120\"} 1",
    ] {
        assert!(exposition.contains(wanted), "{wanted}\n{exposition}");
    }
}
