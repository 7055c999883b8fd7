//! Restoring from a broker of librdkafka's own making. It knows no transactions, which
//! the live tests show; here are partitions, threads and faults.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::{Offset, TopicPartitionList};

use super::check::{self, Check};
use super::reader::THREADS_MAX;
use super::*;
use crate::config::EngineConfig;
use crate::engine::windows::{Key, Windows};
use crate::event::{Body, Event, LeakDetected, Workflow};
use crate::formats::Identity;
use crate::metrics::PipelineStage;
use crate::runtime::blocks::{BlockWriter, Sent};
use crate::runtime::clock;
use crate::runtime::health::{Health, Restoring, WorkerHealth};
use crate::runtime::kafka::client::auth::Tokens;
use crate::runtime::kafka::client::partitioner::partition_of;
use crate::runtime::stages::{Fault, Fresh, Topic};
use crate::settings::Start;
use crate::time::{Span, Timestamp};

/// More than there are threads for.
const PARTITIONS: i32 = 3 * THREADS_MAX as i32 - 1;
const CREDENTIALS: usize = 40;
const PATIENCE: Duration = Duration::from_secs(60);

struct Changelog {
    /// By partition.
    blocks: RefCell<BTreeMap<i32, BlockWriter>>,
    health: Health,
    worker: Arc<WorkerHealth>,
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
}

impl Changelog {
    /// Each credential stands in it twice, in blocks of ten.
    fn new() -> Changelog {
        let log = Changelog::empty();
        for partition in 0..PARTITIONS {
            log.check(partition, &identity(1));
            let states = states(partition);
            let twice: Vec<_> = states.iter().chain(&states).collect();
            for ten in twice.chunks(10) {
                log.block(partition, ten.iter().map(|(key, state)| (&key[..], Some(&state[..]))));
            }
        }
        log.producer.flush(PATIENCE).unwrap();
        log
    }

    fn empty() -> Changelog {
        let cluster = MockCluster::new(1).unwrap();
        for topic in ["state", "input"] {
            cluster.create_topic(topic, PARTITIONS, 1).unwrap();
        }
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        let health = Health::new();
        let worker = health.worker(PipelineStage::Windows, 0, Span::ZERO);
        let producer = config.create().unwrap();
        Changelog { blocks: RefCell::default(), health, worker, cluster, producer }
    }

    /// Writes a block of these entries.
    fn block<'e>(
        &self,
        partition: i32,
        entries: impl IntoIterator<Item = (&'e [u8], Option<&'e [u8]>)>,
    ) {
        let mut blocks = self.blocks.borrow_mut();
        let blocks = blocks.entry(partition).or_insert_with(|| BlockWriter::new(1));
        let mut send = |Sent { key, block, .. }: Sent<'_>| {
            self.write(partition, key, block.unwrap());
            Ok::<(), ()>(())
        };
        for entry in entries {
            blocks.push(entry, None, usize::MAX, &mut send).unwrap();
        }
        blocks.flush(&mut send).unwrap();
    }

    fn state(&self, partition: i32, key: &[u8], state: Option<&[u8]>) {
        self.block(partition, [(key, state)]);
    }

    fn write(&self, partition: i32, key: &[u8], state: &[u8]) {
        let record = BaseRecord::to("state").partition(partition).key(key).payload(state);
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    fn check(&self, partition: i32, identity: &Identity) {
        let check = Check::new(identity, partition, PARTITIONS as usize);
        self.write(partition, check::KEY, &check.written());
    }

    fn delete(&self, partition: i32, key: &[u8]) {
        let record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to("state").partition(partition).key(key);
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    /// Why partition 3 cannot be restored.
    fn refused(&self) -> String {
        self.producer.flush(PATIENCE).unwrap();
        let restorer = self.restorer();
        restorer.want_all([3]);
        let Err(Fault::Lasting(why)) = restorer.wait() else { panic!("it was restored") };
        why
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
            state: Some(super::Changelog {
                topic: Topic::State,
                name: "state".to_owned(),
                fresh: Fresh::Windows(Box::new(engine())),
                identity: identity(1),
            }),
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

fn identity(byte: u8) -> Identity {
    Identity::new(&[byte; 32]).unwrap()
}

/// Names of credentials that belong to a partition.
fn names(partition: i32) -> impl Iterator<Item = String> {
    let all = (0..).map(move |number| format!("credential-{partition}-{number}"));
    all.filter(move |name| partition_of(name.as_bytes(), PARTITIONS as usize) == partition)
}

fn states(partition: i32) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut windows = Windows::new(engine());
    for (number, name) in names(partition).take(CREDENTIALS).enumerate() {
        let body = Body::LeakDetected(LeakDetected::default());
        let _ = windows.handle(&Event {
            id: number.to_string().into(),
            time: Timestamp::from_millis(1_800_000_000_000),
            credential_id: name.into(),
            workflow: Workflow::SecretExposure,
            source: None,
            severity: None,
            owner: None,
            noted: crate::event::Noted::default(),
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
    commit(log, 0);
}

fn commit(log: &Changelog, offset: i64) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", log.cluster.bootstrap_servers()).set("group.id", "restoring");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut positions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        positions.add_partition_offset("input", partition, Offset::Offset(offset)).unwrap();
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
    let records = 1 + 2 * CREDENTIALS as u64 / 10;
    let told = log.health.report(Span::ZERO, Span::MAX).remove(0).restoring;
    let whole = Restoring { restored: records, expected: records };
    assert_eq!(told, BTreeMap::from([(2, whole)]), "of what is waited for, and nothing else");
}

#[test]
fn a_record_that_is_none_of_ours_ends_all_of_it_and_is_named() {
    let log = Changelog::new();
    committed(&log);
    let name = names(3).next().unwrap();
    log.write(3, format!("secret_exposure/{name}").as_bytes(), b"what a stranger wrote");
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
    let offset = 1 + 2 * CREDENTIALS / 10;
    let named = format!("state, partition 3, offset {offset}: not a record of ours");
    assert!(why.starts_with(&named), "{why}");
}

#[test]
fn a_bad_record_that_was_replaced_or_deleted_does_not_matter() {
    let log = Changelog::new();
    committed(&log);
    let [first, second] = [0, 1].map(|at| states(3).swap_remove(at));
    log.state(3, &first.0, Some(b"what nobody can read"));
    log.state(3, &first.0, Some(&first.1));
    log.state(3, &second.0, Some(b"what nobody can read"));
    log.state(3, &second.0, None);
    log.write(3, b"strange", b"what a stranger wrote");
    log.delete(3, b"strange");
    log.producer.flush(PATIENCE).unwrap();
    let restorer = log.restorer();
    restorer.want_all([3]);
    let ready = restorer.wait().unwrap();
    assert_eq!(ready.state.unwrap().state.credentials(), CREDENTIALS - 1);
    assert_eq!(ready.check, None, "it is there");
}

#[test]
fn a_state_under_another_key_is_refused() {
    let log = Changelog::new();
    committed(&log);
    let [first, second] = [0, 1].map(|at| states(3).swap_remove(at));
    log.state(3, &first.0, Some(&second.1));
    let why = log.refused();
    assert!(why.contains("the state of another name than its key says"), "{why}");
}

#[test]
fn a_state_in_another_partition_is_refused() {
    let log = Changelog::new();
    committed(&log);
    let (key, state) = states(4).swap_remove(0);
    log.state(3, &key, Some(&state));
    let why = log.refused();
    assert!(why.contains("belongs to partition 4"), "{why}");
}

#[test]
fn a_state_of_which_a_part_was_deleted_is_refused() {
    let log = Changelog::new();
    committed(&log);
    // The second of its blocks.
    log.delete(3, b"block/0000000000000001/1");
    let why = log.refused();
    assert!(why.contains("lacks blocks of its state: 1, the first of them number 1"), "{why}");
}

#[test]
fn a_state_of_another_layout_is_refused_however_much_there_is() {
    let log = Changelog::empty();
    committed(&log);
    log.write(3, check::KEY, br#"{"identity":"x","partition":3,"partitions":11}"#);
    for number in 0..2_000 {
        log.write(3, format!("secret_exposure/{number}").as_bytes(), b"a state");
    }
    let why = log.refused();
    assert!(why.contains("the check record") && why.contains("the version that wrote it"), "{why}");
}

#[test]
fn a_state_under_another_identity_key_is_refused() {
    let log = Changelog::new();
    committed(&log);
    log.check(3, &identity(2));
    let why = log.refused();
    assert!(
        why.contains("another identity key") && why.contains("SHUTTERLAG_IDENTITY_KEY"),
        "{why}"
    );
}

#[test]
fn positions_without_their_state_are_refused_unless_they_are_the_first() {
    let log = Changelog::empty();
    for number in 0..3 {
        let key = format!("{number}");
        let record = BaseRecord::to("input").partition(3).key(&key).payload("{}");
        log.producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    committed(&log);
    log.producer.flush(PATIENCE).unwrap();
    let restorer = log.restorer();
    restorer.want_all([3]);
    let check = restorer.wait().unwrap().check.unwrap();
    assert_eq!(check.value, Check::new(&identity(1), 3, PARTITIONS as usize).written());
    commit(&log, 2);
    let why = log.refused();
    assert!(why.contains("--reset-offsets --to-earliest"), "{why}");
    log.check(3, &identity(1));
    log.producer.flush(PATIENCE).unwrap();
    let restorer = log.restorer();
    restorer.want_all([3]);
    assert_eq!(restorer.wait().unwrap().offsets, [(0, 2)], "an empty state is a state");
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
