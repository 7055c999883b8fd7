//! Restoring from a broker of librdkafka's own making. It knows no transactions, which
//! the live tests show; here are partitions, threads and faults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::{Offset, TopicPartitionList};

use super::reader::THREADS_MAX;
use super::*;
use crate::config::EngineConfig;
use crate::engine::windows::{Key, Windows};
use crate::event::{Body, Event, LeakDetected, Workflow};
use crate::metrics::PipelineStage;
use crate::runtime::clock;
use crate::runtime::health::{Health, Restoring, WorkerHealth};
use crate::runtime::kafka::client::auth::Tokens;
use crate::runtime::stages::{Fault, Fresh};
use crate::settings::Start;
use crate::time::{Span, Timestamp};

/// More than there are threads for.
const PARTITIONS: i32 = 3 * THREADS_MAX as i32 - 1;
const CREDENTIALS: usize = 40;
const PATIENCE: Duration = Duration::from_secs(60);

struct Changelog {
    health: Health,
    worker: Arc<WorkerHealth>,
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
}

impl Changelog {
    /// Each credential stands in it twice.
    fn new() -> Changelog {
        let cluster = MockCluster::new(1).unwrap();
        for topic in ["state", "input"] {
            cluster.create_topic(topic, PARTITIONS, 1).unwrap();
        }
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        let health = Health::new();
        let worker = health.worker(PipelineStage::Windows, 0, Timestamp::MIN);
        let log = Changelog { health, worker, cluster, producer: config.create().unwrap() };
        for partition in 0..PARTITIONS {
            for (key, state) in states(partition).iter().chain(&states(partition)) {
                log.write(partition, key, state);
            }
        }
        log.producer.flush(PATIENCE).unwrap();
        log
    }

    fn write(&self, partition: i32, key: &[u8], state: &[u8]) {
        let record = BaseRecord::to("state").partition(partition).key(key).payload(state);
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    fn restorer(&self) -> Restorer {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.cluster.bootstrap_servers())
            .set("group.id", "restoring")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true");
        let plan = Plan {
            config,
            tokens: Tokens::default(),
            inputs: vec!["input".to_owned()],
            state: Some(("state".to_owned(), Fresh::Windows(Box::new(engine())))),
            starts: vec![Start::Earliest],
            patience: Span::from_secs(60),
            answer_within: Span::from_secs(30),
        };
        Restorer::new(plan, Arc::clone(&self.worker)).unwrap()
    }
}

fn engine() -> EngineConfig {
    EngineConfig { checkpoints: true, ..EngineConfig::default() }
}

fn states(partition: i32) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut windows = Windows::new(engine());
    for number in 0..CREDENTIALS {
        let body = Body::LeakDetected(LeakDetected::default());
        let _ = windows.handle(&Event {
            id: number.to_string().into(),
            time: Timestamp::from_millis(1_800_000_000_000),
            credential_id: format!("credential-{partition}-{number}").into(),
            workflow: Workflow::SecretExposure,
            source: None,
            severity: None,
            owner: None,
            body,
        });
    }
    let mut states = Vec::new();
    windows.checkpoint(&mut |key: Key<'_>, state| {
        let key = format!("{}/{}", key.workflow, key.credential_id);
        states.push((key.into_bytes(), state.unwrap().to_vec()));
    });
    states
}

impl Restorer {
    fn want_all(&self, partitions: impl IntoIterator<Item = i32>) {
        for partition in partitions {
            self.want(Wanted { partition, inputs: vec![0], epoch: 1 });
        }
    }

    fn wait(&self) -> Result<Ready, Fault> {
        self.ready.recv_timeout(PATIENCE).unwrap()
    }
}

/// Positions of the group that were never committed would be refused.
fn committed(log: &Changelog) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", log.cluster.bootstrap_servers()).set("group.id", "restoring");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut positions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        positions.add_partition_offset("input", partition, Offset::Offset(0)).unwrap();
    }
    consumer.commit(&positions, rdkafka::consumer::CommitMode::Sync).unwrap();
}

#[test]
fn partitions_come_back_whole_whichever_thread_reads_them() {
    let log = Changelog::new();
    committed(&log);
    let restorer = log.restorer();
    // All at once, then some again in another order, so that they change threads.
    let all: Vec<i32> = (0..PARTITIONS).collect();
    log.worker.restoring(2);
    for wanted in [all, vec![7, 2, 5], vec![2]] {
        restorer.want_all(wanted.iter().copied());
        let mut seen = Vec::new();
        for _ in &wanted {
            let ready = restorer.wait().unwrap();
            assert_eq!(ready.state.unwrap().state.credentials(), CREDENTIALS);
            seen.push(ready.partition);
        }
        let mut wanted = wanted;
        wanted.sort_unstable();
        seen.sort_unstable();
        assert_eq!(seen, wanted);
    }
    let records = 2 * CREDENTIALS as u64;
    let told = log.health.report(Timestamp::MIN, Span::MAX).remove(0).restoring;
    let whole = Restoring { restored: records, expected: records };
    assert_eq!(told, BTreeMap::from([(2, whole)]), "of what is waited for, and nothing else");
}

#[test]
fn a_record_that_is_none_of_ours_ends_all_of_it_and_is_named() {
    let log = Changelog::new();
    committed(&log);
    log.write(3, b"secret_exposure/x", b"what a stranger wrote");
    log.producer.flush(PATIENCE).unwrap();
    let restorer = log.restorer();
    restorer.want_all(0..PARTITIONS);
    let fault = loop {
        // Those that were asked for before it may be there.
        match restorer.wait() {
            Ok(_) => {}
            Err(fault) => break fault,
        }
    };
    let Fault::Lasting(why) = fault else { panic!("{fault:?}") };
    let offset = 2 * CREDENTIALS;
    assert!(why.starts_with(&format!("state, partition 3, offset {offset}: not a state")), "{why}");
}

#[test]
fn a_stop_does_not_wait_for_what_is_being_read() {
    let log = Changelog::new();
    committed(&log);
    let restorer = log.restorer();
    restorer.want_all(0..PARTITIONS);
    let began = clock::uptime();
    drop(restorer);
    assert!(clock::uptime() < began + Span::from_secs(30));
}
