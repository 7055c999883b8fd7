//! The thread that reads the ledger into the view, against a broker of librdkafka's
//! own making. That one commits nothing, so what is read only when committed is not
//! shown here; what is shown is reading, catching up, following and going on.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;
use shutterlag::engine::windows::{ExposureId, Key};
use shutterlag::event::Workflow;
use shutterlag::metrics::PipelineStage;
use shutterlag::records::WindowRecord;
use shutterlag::runtime::clock;
use shutterlag::runtime::health::Health;
use shutterlag::runtime::kafka::Tokens;
use shutterlag::runtime::kafka::tail::Topic;
use shutterlag::runtime::view::reader::{Options, spawn};
use shutterlag::runtime::view::{Bounds, Filter, View};
use shutterlag::settings::Kafka;
use shutterlag::time::Timestamp;

const TOPIC: &str = "example.windows";
const NOW_MS: i64 = 1_772_452_800_000;

fn record(credential: &str) -> Value {
    let key = Key { workflow: Workflow::SecretExposure, credential_id: credential };
    let exposure = ExposureId { key, detected_at: Timestamp::from_millis(NOW_MS) };
    serde_json::to_value(WindowRecord::detected(exposure)).unwrap()
}

struct Ledger {
    producer: BaseProducer,
}

impl Ledger {
    fn of(brokers: &str) -> Ledger {
        let producer = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
        Ledger { producer }
    }

    fn put(&self, key: &str, value: Option<&str>) {
        let mut record = BaseRecord::<str, str>::to(TOPIC).key(key);
        record.payload = value;
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    fn set(&self, credential: &str) {
        let record = record(credential);
        self.put(record["exposure_id"].as_str().unwrap(), Some(&record.to_string()));
    }

    fn flush(&self) {
        self.producer.flush(Duration::from_secs(10)).unwrap();
    }
}

struct Reading {
    view: Arc<View>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

fn reading(brokers: &str) -> Reading {
    reading_after(brokers, &Arc::default())
}

/// Reads once the workers have what they need.
fn reading_after(brokers: &str, health: &Arc<Health>) -> Reading {
    let view = Arc::new(View::new(Bounds { windows_max: 1000, closed_kept: Bounds::CLOSED_KEPT }));
    let stop = Arc::new(AtomicBool::new(false));
    let kafka = Kafka { brokers: brokers.to_owned(), ..Kafka::default() };
    let thread = spawn(Options {
        topic: Topic::new(&kafka, &Tokens::default(), TOPIC.to_owned()),
        view: Arc::clone(&view),
        health: Arc::clone(health),
        stop: Arc::clone(&stop),
        now: || Timestamp::from_millis(NOW_MS),
    });
    Reading { view, stop, thread: Some(thread.unwrap()) }
}

impl Reading {
    #[track_caller]
    fn until(&self, what: &str, holds: impl Fn(&View) -> bool) {
        for _ in 0..300 {
            if holds(&self.view) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("never {what}: {:?}", self.view.status());
    }

    fn names(&self) -> Vec<String> {
        let page = self.view.page(&Filter::default(), None, 1000);
        page.rows.iter().map(|row| row.read().unwrap().credential_id).collect()
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn all_partitions_are_read_to_their_end_and_then_on() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 3, 1).unwrap();
    let ledger = Ledger::of(&cluster.bootstrap_servers());
    let mut expected: Vec<String> = (0..40).map(|n| format!("k{n:02}")).collect();
    expected.iter().for_each(|name| ledger.set(name));
    ledger.put("none of ours", Some("{}"));
    ledger.flush();

    let reading = reading(&cluster.bootstrap_servers());
    reading.until("caught up", |view| view.status().caught_up);
    assert_eq!(reading.names(), expected);
    let status = reading.view.status();
    assert_eq!((status.lag_records, status.foreign, &status.trouble), (0, 1, &None), "{status:?}");

    ledger.put(&format!("secret_exposure/k07/{NOW_MS}"), None);
    ledger.set("new");
    ledger.flush();
    expected.remove(7);
    expected.push("new".to_owned());
    reading.until("followed", |view| view.get(&format!("secret_exposure/new/{NOW_MS}")).is_some());
    reading.until("voided", |view| view.get(&format!("secret_exposure/k07/{NOW_MS}")).is_none());
    assert_eq!(reading.names(), expected);
    assert!(reading.view.status().checked_at.is_some());
    reading.until("at the end", |view| view.status().lag_records == 0);

    // Another instance, or this one after a restart, comes to see the same.
    let other = self::reading(&cluster.bootstrap_servers());
    other.until("caught up", |view| view.status().caught_up);
    assert_eq!(other.names(), expected);
}

#[test]
fn the_workers_state_comes_first() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 1, 1).unwrap();
    let health = Arc::new(Health::new());
    let worker = health.worker(PipelineStage::Windows, 0, clock::uptime());
    let ended = health.worker(PipelineStage::Windows, 1, clock::uptime());
    ended.failed("for whatever reason: it is not waited for".to_owned());
    let reading = reading_after(&cluster.bootstrap_servers(), &health);
    worker.restoring(0);
    worker.assigned();
    // Longer than it waits for partitions, and far shorter than for what is restored.
    thread::sleep(Duration::from_secs(4));
    assert!(!reading.view.status().caught_up);
    worker.restored(0);
    reading.until("caught up", |view| view.status().caught_up);
}

#[test]
fn an_empty_ledger_is_caught_up_with() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 2, 1).unwrap();
    let reading = reading(&cluster.bootstrap_servers());
    reading.until("caught up", |view| view.status().caught_up);
    assert_eq!(reading.view.status().windows, 0);
}

#[test]
fn a_broker_that_is_not_there_is_told_and_waited_for() {
    let reading = reading("127.0.0.1:1");
    reading.until("troubled", |view| view.status().trouble.is_some());
    assert!(!reading.view.status().caught_up);
}
