//! Receivers on librdkafka's mock cluster: what is answered, and what is in the topics then.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]
#![expect(clippy::disallowed_methods, reason = "a live run lives in real time")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use shutterlag::formats::{Format, Identity};
use shutterlag::metrics::Metrics;
use shutterlag::runtime::clock;
use shutterlag::runtime::kafka::{self, Receiving, Shared, Tokens};
use shutterlag::runtime::receive::{
    Deliveries, Delivery, DeliveryHeaders, NotTaken, Received, Taken,
};
use shutterlag::runtime::stages::Fault;
use shutterlag::settings::Settings;
use shutterlag::time::{Span, Timestamp};
use tokio::sync::oneshot;

use crate::mock::{now, read};

const PARTITIONS: i32 = 2;
/// How long the brokers may take to acknowledge a delivery.
const WITHIN: Duration = Duration::from_secs(4);

/// A process that only takes deliveries.
struct Process {
    cluster: MockCluster<'static, DefaultProducerContext>,
    shared: Arc<Shared>,
    deliveries: Deliveries,
    stop: Arc<AtomicBool>,
    running: JoinHandle<Result<(), Fault>>,
}

impl Process {
    fn start() -> Process {
        Process::start_with("")
    }

    /// With these options of librdkafka.
    fn start_with(options: &str) -> Process {
        let cluster = MockCluster::new(1).unwrap();
        let brokers = cluster.bootstrap_servers();
        for topic in ["s.events", "s.dead-letters"] {
            cluster.create_topic(topic, PARTITIONS, 1).unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("shutterlag.toml");
        let within = WITHIN.as_millis();
        let text = format!(
            "[kafka]\nbrokers = \"{brokers}\"\nrole = \"receiver\"\nstartup_timeout = \"2s\"\n\
             transaction_timeout = \"{within}ms\"\n[kafka.librdkafka]\n{options}\n\
             [topics]\nprefix = \"s\"\ncreate = false\npartitions = {PARTITIONS}\n"
        );
        fs::write(&file, text).unwrap();
        let settings = Settings::load(&file, std::iter::empty::<(String, String)>().map(os));
        let settings = settings.unwrap();
        let partitions = kafka::check(&settings, &Tokens::default()).unwrap();
        let identity = Identity::new(b"an identity key for tests").unwrap();
        let metrics = Metrics::new().unwrap();
        let shared = Shared::new(settings, identity, metrics, Tokens::default(), partitions);
        let shared = shared.unwrap();
        let shared = Arc::new(shared);
        let (deliveries, queue) = Deliveries::new(vec!["events".to_owned()], 100);
        let receivers = vec![("events".to_owned(), Format::Auto)];
        let receiving = Some(Receiving { receivers, deliveries: queue });
        let stop = Arc::new(AtomicBool::new(false));
        let prepared = kafka::prepare(&shared, receiving, &stop).unwrap();
        let running = {
            let (shared, stop) = (Arc::clone(&shared), Arc::clone(&stop));
            std::thread::spawn(move || kafka::run(&shared, prepared, &stop))
        };
        Process { cluster, shared, deliveries, stop, running }
    }

    fn deliver(&self, body: &str) -> Result<Taken, NotTaken> {
        deliver(&self.deliveries, body)
    }

    fn until_ready(&self, ready: bool) {
        let began = Instant::now();
        loop {
            let health = &self.shared.health;
            let [report] = &health.report(clock::uptime(), Span::from_secs(60))[..] else {
                panic!("one worker")
            };
            if (report.ready() && report.caught_up && health.trouble().is_none()) == ready {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{report:?} {:?}", health.trouble());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until another producer takes the place of this one.
    fn until_replaced(&self) {
        let began = Instant::now();
        let replaced = |why: String| why.contains("a new producer begins");
        while !self.shared.health.trouble().is_some_and(replaced) {
            assert!(began.elapsed() < Duration::from_secs(60), "the producer stays");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn read(&self, topic: &str) -> Vec<(String, Option<String>)> {
        read(&self.cluster.bootstrap_servers(), topic)
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.running.join().unwrap().unwrap();
    }
}

/// Delivers a body, and waits for the answer.
fn deliver(deliveries: &Deliveries, body: &str) -> Result<Taken, NotTaken> {
    let (answer, taken) = oneshot::channel();
    let received = Received {
        receiver: 0,
        arrived_at: now(),
        queued_at: now(),
        headers: DeliveryHeaders::default(),
        body: body.as_bytes().to_vec(),
    };
    deliveries.put(Delivery { received, permit: None, answer })?;
    taken.blocking_recv().unwrap_or_else(|_| Err(NotTaken("it has ended".to_owned())))
}

fn os((key, value): (String, String)) -> (std::ffi::OsString, std::ffi::OsString) {
    (key.into(), value.into())
}

fn leak(id: &str) -> String {
    let time = Timestamp::from_millis(now().as_millis() - 60_000);
    format!(r#"{{"type":"leak.detected","id":"{id}","time":"{time}","credential_id":"key-{id}"}}"#)
}

#[test]
fn a_delivery_is_taken_once_its_records_are_in_the_topics() {
    let process = Process::start();
    let body = format!("{}\n{}\nnot an event\n", leak("1"), leak("2"));
    assert_eq!(process.deliver(&body).map(counts), Ok((2, 1)));
    let mut keys: Vec<String> = process.read("s.events").into_iter().map(|(key, _)| key).collect();
    keys.sort();
    assert_eq!(keys, ["key-1", "key-2"]);
    let [(key, Some(letter))] = &process.read("s.dead-letters")[..] else { panic!("one letter") };
    assert!(key.starts_with("in/events/"), "{key}");
    assert!(letter.contains(r#""stage":"intake""#), "{letter}");
    let exposition = String::from_utf8(process.shared.stages.metrics.encode().unwrap()).unwrap();
    let rejected = "shutterlag_events_rejected_total{reason=\"invalid_json\"} 1";
    assert!(exposition.contains(rejected), "{exposition}");
    // What has no event in it is taken as well.
    assert_eq!(process.deliver("\n"), Ok(Taken::default()));
    process.stop();
}

#[test]
fn without_a_broker_nothing_is_taken_and_with_one_again_it_goes_on() {
    let process = Process::start();
    process.until_ready(true);
    assert_eq!(process.deliver(&leak("1")).map(|taken| taken.events), Ok(1));
    process.cluster.broker_down(1).unwrap();
    for id in ["2", "3"] {
        let began = Instant::now();
        process.deliver(&leak(id)).unwrap_err();
        assert!(began.elapsed() < WITHIN + Duration::from_secs(5), "{:?}", began.elapsed());
    }
    process.until_ready(false);
    // Whoever balances deliveries sends none here now. One that comes all the same is
    // refused soon.
    let began = Instant::now();
    process.deliver(&leak("2")).unwrap_err();
    assert!(began.elapsed() < WITHIN, "{:?}", began.elapsed());
    // Nobody can tell whether the brokers are away or this producer does not find them.
    process.until_replaced();
    process.cluster.broker_up(1).unwrap();
    process.until_ready(true);
    // One connection may be there before the other.
    let began = Instant::now();
    while process.deliver(&leak("2")).is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not go on");
    }
    process.stop();
}

#[test]
fn a_dead_letter_that_is_delivered_again_is_written_once() {
    let process = Process::start();
    let body = "not an event\nnot an event\nanother\n";
    for _ in 0..3 {
        assert_eq!(process.deliver(body).map(counts), Ok((0, 3)));
    }
    // Two records that say the same are one fault, as on a local store.
    assert_eq!(process.read("s.dead-letters").len(), 2);
    assert_eq!(process.deliver("a third\n").map(counts), Ok((0, 1)));
    assert_eq!(process.read("s.dead-letters").len(), 3);
    process.stop();
}

#[test]
fn a_process_whose_deliveries_are_not_acknowledged_is_not_ready() {
    let process = Process::start();
    process.until_ready(true);
    // The leader answers, but too few replicas are in sync.
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    process.cluster.request_errors(RDKafkaApiKey::Produce, &[refused; 1_000]);
    process.deliver(&leak("1")).unwrap_err();
    process.until_ready(false);
    process.cluster.clear_request_errors(RDKafkaApiKey::Produce);
    process.until_ready(true);
    assert_eq!(process.deliver(&leak("1")).map(|taken| taken.events), Ok(1));
    process.stop();
}

/// A producer can come to a state in which no record of a partition leaves it any more, although
/// its brokers answer. The mock stands for that: it refuses each record in a way that the
/// producer tries again.
#[test]
fn a_producer_that_gets_nothing_acknowledged_is_replaced() {
    let process = Process::start();
    process.until_ready(true);
    assert_eq!(process.deliver(&leak("1")).map(|taken| taken.events), Ok(1));
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
    process.cluster.request_errors(RDKafkaApiKey::Produce, &[refused; 10_000]);
    let deliveries = process.deliveries.clone();
    let began = Instant::now();
    let sender = std::thread::spawn(move || {
        while deliver(&deliveries, &leak("1")).is_err() {
            assert!(began.elapsed() < Duration::from_secs(120), "nothing is acknowledged");
        }
    });
    process.until_replaced();
    process.cluster.clear_request_errors(RDKafkaApiKey::Produce);
    sender.join().unwrap();
    process.until_ready(true);
    process.stop();
}

#[test]
fn deliveries_wait_for_a_slow_broker_side_by_side() {
    let process = Process::start();
    // The producer has its id after the first one.
    process.deliver(&leak("first")).unwrap();
    process.cluster.broker_round_trip_time(1, Duration::from_secs(1)).unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for id in 0..10 {
            let deliveries = process.deliveries.clone();
            scope.spawn(move || deliver(&deliveries, &leak(&id.to_string())).unwrap());
        }
    });
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(process.read("s.events").len(), 11);
    process.stop();
}

#[test]
fn a_delivery_for_which_the_producer_has_no_room_is_refused_alone() {
    let process = Process::start_with("\"queue.buffering.max.messages\" = 2\n\"linger.ms\" = 500");
    process.until_ready(true);
    let many: String = (0..9).map(|id| leak(&id.to_string()) + "\n").collect();
    let NotTaken(why) = process.deliver(&many).unwrap_err();
    assert!(why.contains("Queue full"), "{why}");
    // It is sent again in smaller parts, and what was written before comes twice.
    for line in many.lines() {
        assert_eq!(process.deliver(line).map(|taken| taken.events), Ok(1));
    }
    assert_eq!(process.read("s.events").len(), 9 + 2);
    process.stop();
}

#[test]
fn a_right_that_is_missing_ends_the_process_and_nothing_is_taken() {
    let process = Process::start();
    process.until_ready(true);
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    process.cluster.request_errors(RDKafkaApiKey::Produce, &[refused; 4]);
    let NotTaken(why) = process.deliver(&leak("1")).unwrap_err();
    assert!(why.contains("ACLs"), "{why}");
    let Fault::Lasting(why) = process.running.join().unwrap().unwrap_err() else {
        panic!("it could not go on")
    };
    assert!(why.contains("sending to s.events") && why.contains("ACLs"), "{why}");
    let report = process.shared.health.report(clock::uptime(), Span::from_secs(60));
    assert!(report[0].fatal.is_some(), "{report:?}");
}

/// What an answer counts.
fn counts(taken: Taken) -> (u64, u64) {
    (taken.events, taken.refused)
}
