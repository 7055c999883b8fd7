//! How many records the stages write for an event while they work off a backlog.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use shutterlag::config::{EngineConfig, Limits, OversightConfig, Profiles};
use shutterlag::engine::attacker::Race;
use shutterlag::engine::oversight::Rules;
use shutterlag::formats::maps::Maps;
use shutterlag::formats::{Format, Identity};
use shutterlag::metrics::{Metrics, Pipeline};
use shutterlag::runtime::blocks::BlockWriter;
use shutterlag::runtime::clock::Clock;
use shutterlag::runtime::stages::{
    Context, Fault, Fresh, Outbox, Outgoing, Oversight, Record, Restored, Stage, Topic,
    WindowsStage,
};
use shutterlag::settings::PeopleShown;
use shutterlag::simulate::{Extent, Options, Simulation};
use shutterlag::time::{Span, Timestamp};

const EVENTS: u64 = 40_000;
/// Events of one commit of the windows.
const COMMIT_EVENTS: usize = 8_000;
/// What all topics together may get for an event.
const RECORDS_MAX: f64 = 0.66;
/// Of a block of a changelog, as a worker makes them.
const BLOCK_BYTES_MAX: usize = 256 << 10;

/// A record for the other stage: key and value.
type Sent = (Vec<u8>, Vec<u8>);

/// What was written to the topics.
#[derive(Default)]
struct Written {
    /// By topic: records, tombstones among them, bytes.
    topics: BTreeMap<Topic, [usize; 3]>,
    /// What is for the other stage.
    sent: Vec<Sent>,
    /// The changelogs.
    blocks: BTreeMap<Topic, BlockWriter>,
}

impl Outbox for Written {
    fn send(&mut self, record: Outgoing<'_>) -> Result<(), Fault> {
        let Written { topics, blocks, .. } = self;
        if matches!(record.topic, Topic::State | Topic::Reviewers) {
            let blocks = blocks.entry(record.topic).or_insert_with(|| BlockWriter::new(1));
            let entry = (record.key, record.value);
            return blocks.push(entry, record.written_at, BLOCK_BYTES_MAX, |block| {
                count(topics, record.topic, block.key, block.block);
                Ok(())
            });
        }
        count(topics, record.topic, record.key, record.value);
        if matches!(record.topic, Topic::Reviews | Topic::Events) {
            self.sent.push((record.key.to_vec(), record.value.unwrap().to_vec()));
        }
        Ok(())
    }
}

fn count(topics: &mut BTreeMap<Topic, [usize; 3]>, topic: Topic, key: &[u8], value: Option<&[u8]>) {
    let [records, tombstones, bytes] = topics.entry(topic).or_default();
    *records += 1;
    *tombstones += usize::from(value.is_none());
    *bytes += key.len() + value.map_or(0, <[u8]>::len);
}

/// One commit of a stage whose changelog this is, as a worker makes it.
fn commit(stage: &mut impl Stage, changelog: Topic, written: &mut Written) {
    let held = stage.held(0);
    let mut blocks = written.blocks.remove(&changelog).unwrap_or_else(|| BlockWriter::new(1));
    let most = blocks.rewrites(held);
    written.blocks.insert(changelog, blocks);
    let all = most.is_some_and(|most| stage.rewrite(0, most, written).unwrap());
    stage.checkpoint(written).unwrap();
    let Written { topics, blocks, .. } = written;
    let blocks = blocks.get_mut(&changelog).unwrap();
    let sent = blocks.flush(|block| -> Result<(), Fault> {
        count(topics, changelog, block.key, block.block);
        Ok(())
    });
    sent.unwrap();
    blocks.committed(all);
    stage.committed();
}

impl Written {
    fn per_event(&self) -> f64 {
        for (topic, [records, tombstones, bytes]) in &self.topics {
            println!(
                "{:<12} {:.3} records an event, {:.3} of them tombstones, {:.0} bytes",
                topic.as_str(),
                *records as f64 / EVENTS as f64,
                *tombstones as f64 / EVENTS as f64,
                *bytes as f64 / EVENTS as f64
            );
        }
        let records: usize = self.topics.values().map(|[records, ..]| records).sum();
        println!("together     {:.3}", records as f64 / EVENTS as f64);
        records as f64 / EVENTS as f64
    }
}

/// Both stages.
struct Pipe {
    windows: WindowsStage,
    oversight: Oversight,
    written: Written,
}

impl Pipe {
    fn new() -> Pipe {
        let metrics = Metrics::new().unwrap();
        let now = Timestamp::from_millis(1_800_000_000_000);
        let context = Arc::new(Context {
            identity: Identity::new(b"an identity key for tests").unwrap(),
            limits: Limits::DEFAULT,
            maps: Arc::new(Maps::shipped()),
            skew_tolerance: Span::from_mins(2),
            profiles: Profiles::default(),
            race: Race::default(),
            oversight: OversightConfig::default(),
            people: PeopleShown::Pseudonyms,
            clock: Clock::Real(|| Timestamp::from_millis(1_800_000_000_000)),
            pipeline: Pipeline::register(&metrics, now).unwrap(),
            metrics: Arc::new(metrics),
            standings: Arc::default(),
            unjoined: Arc::default(),
            reviewer_alerts: Arc::default(),
        });
        let rules = Arc::new(Rules::new(context.oversight.clone()).unwrap());
        let engine = EngineConfig {
            checkpoints: true,
            settle: Some(Span::from_mins(10)),
            judged_after: Some(context.oversight.delay),
            ..EngineConfig::default()
        };
        let mut windows = WindowsStage::new(&context, &[Format::Native, Format::Native]);
        let state = Fresh::Windows(Box::new(engine)).state();
        windows.begin(Restored { partition: 0, state, time: None });
        let mut oversight = Oversight::new(&context, &rules);
        let state = Fresh::Oversight(rules).state();
        oversight.begin(Restored { partition: 0, state, time: None });
        Pipe { windows, oversight, written: Written::default() }
    }

    /// One commit of both stages. What they send each other comes with the next commit.
    fn commit(&mut self, now: Timestamp) {
        let Pipe { windows, oversight, written } = self;
        loop {
            let all = windows.punctuate(0, now, written).unwrap();
            commit(windows, Topic::State, written);
            if all {
                break;
            }
        }
        for (key, value) in std::mem::take(&mut written.sent) {
            oversight.take(record(0, &key, &value), written).unwrap();
        }
        while !oversight.punctuate(0, now, written).unwrap() {}
        commit(oversight, Topic::Reviewers, written);
        for (key, value) in std::mem::take(&mut written.sent) {
            windows.take(record(0, &key, &value), written).unwrap();
        }
    }
}

fn record<'r>(input: usize, key: &'r [u8], value: &'r [u8]) -> Record<'r> {
    let (topic, key) = ("input", Some(key));
    let (partition, offset, written_at, headers) = (0, 0, None, None);
    Record { input, topic, partition, offset, written_at, key, value, headers }
}

#[test]
fn a_backlog_is_worked_off_with_few_records() {
    let mut pipe = Pipe::new();
    let options = Options { seed: 3, extent: Extent::Events(EVENTS), ..Options::DEFAULT };
    let (mut taken, mut now) = (0, Timestamp::MIN);
    for event in Simulation::new(options).unwrap().events() {
        let value = serde_json::to_vec(&event).unwrap();
        let record = record(1, event.credential_id.as_bytes(), &value);
        pipe.windows.take(record, &mut pipe.written).unwrap();
        now = now.max(event.time);
        taken += 1;
        if taken % COMMIT_EVENTS == 0 {
            pipe.commit(now);
        }
    }
    // Until everything is quiet.
    for minutes in [0, 11, 22, 33] {
        pipe.commit(now + Span::from_mins(minutes));
    }
    let records = pipe.written.per_event();
    assert!(records <= RECORDS_MAX, "{records} records an event");
}
