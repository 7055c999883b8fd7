//! An outbox in memory, and stages that send to it.

use std::sync::Arc;

use serde_json::Value;

use crate::config::{EngineConfig, Limits, OversightConfig, Profiles};
use crate::engine::attacker::Race;
use crate::engine::oversight::Rules;
use crate::event::Workflow;
use crate::formats::maps::Maps;
use crate::formats::{Format, Identity};
use crate::metrics::{Metrics, Pipeline};
use crate::runtime::clock::Clock;
use crate::runtime::stages::{
    Context, Fault, Fresh, Outbox, Outgoing, Oversight, Record, Restored, Stage, State, Topic,
    WindowsStage,
};
use crate::settings::PeopleShown;
use crate::time::{Span, Timestamp};

/// The present of all tests: 2026-03-01T12:00:00Z.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_772_366_400_000);

/// So many minutes before the present.
pub(super) fn ago(minutes: i64) -> Timestamp {
    NOW + Span::from_mins(-minutes)
}

/// So many minutes after it.
pub(super) fn after(minutes: i64) -> Timestamp {
    NOW + Span::from_mins(minutes)
}

/// A record that was sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sent {
    pub(super) topic: Topic,
    pub(super) partition: Option<i32>,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) written_at: Option<Timestamp>,
}

impl Sent {
    pub(super) fn key(&self) -> &str {
        std::str::from_utf8(&self.key).unwrap()
    }

    /// Its value as JSON; null for a tombstone.
    pub(super) fn json(&self) -> Value {
        self.value.as_ref().map_or(Value::Null, |value| serde_json::from_slice(value).unwrap())
    }
}

/// Keeps everything that is sent, in order.
#[derive(Debug, Default)]
pub(super) struct Memory(pub(super) Vec<Sent>);

impl Outbox for Memory {
    fn send(&mut self, record: Outgoing<'_>) -> Result<(), Fault> {
        self.0.push(Sent {
            topic: record.topic,
            partition: record.partition,
            key: record.key.to_vec(),
            value: record.value.map(<[u8]>::to_vec),
            written_at: record.written_at,
        });
        Ok(())
    }
}

impl Memory {
    /// What was sent to a topic.
    pub(super) fn to(&self, topic: Topic) -> Vec<&Sent> {
        self.0.iter().filter(|sent| sent.topic == topic).collect()
    }

    /// What a compacted topic would hold.
    pub(super) fn last(&self, topic: Topic, key: &str) -> Value {
        let all = self.to(topic);
        all.iter().rev().find(|sent| sent.key() == key).map_or(Value::Null, |sent| sent.json())
    }

    /// Takes out what was sent to a topic.
    pub(super) fn take(&mut self, topic: Topic) -> Vec<Sent> {
        let (taken, left) = self.0.drain(..).partition(|sent| sent.topic == topic);
        self.0 = left;
        taken
    }
}

/// A context whose clock stands still, in which every decision needs an opening.
pub(super) fn context() -> Arc<Context> {
    let metrics = Metrics::new().unwrap();
    let mut profiles = Profiles::default();
    profiles.get_mut(Workflow::SecretExposure).expects_opening = true;
    Arc::new(Context {
        identity: Identity::new(b"an identity key for tests").unwrap(),
        limits: Limits::DEFAULT,
        maps: Arc::new(Maps::shipped()),
        skew_tolerance: Span::from_mins(2),
        profiles,
        race: Race::default(),
        oversight: OversightConfig::default(),
        people: PeopleShown::Pseudonyms,
        clock: Clock::Real(|| NOW),
        pipeline: Pipeline::register(&metrics, NOW).unwrap(),
        metrics: Arc::new(metrics),
        standings: Arc::default(),
        unjoined: Arc::default(),
        reviewer_alerts: Arc::default(),
    })
}

/// What the metrics show.
pub(super) fn shown(context: &Context) -> String {
    String::from_utf8(context.metrics.encode().unwrap()).unwrap()
}

/// A native event.
pub(super) fn event(kind: &str, id: &str, credential: &str, time: Timestamp, more: &str) -> String {
    format!(
        r#"{{"type":"{kind}","id":"{id}","time":"{time}","credential_id":"{credential}"{more}}}"#
    )
}

/// A record of the first input.
pub(super) fn record<'r>(key: &'r [u8], value: &'r [u8]) -> Record<'r> {
    Record {
        input: 0,
        topic: "input",
        partition: 0,
        offset: 7,
        written_at: Some(NOW),
        key: Some(key),
        value,
        headers: None,
    }
}

/// Both stages, with what they send to each other delivered at once.
pub(super) struct Pipe {
    pub(super) context: Arc<Context>,
    pub(super) windows: WindowsStage,
    pub(super) oversight: Oversight,
    pub(super) outbox: Memory,
    fresh: [Fresh; 2],
}

impl Pipe {
    pub(super) fn new() -> Pipe {
        let context = context();
        let rules = Arc::new(Rules::new(context.oversight.clone()).unwrap());
        let engine = EngineConfig {
            checkpoints: true,
            settle: Some(Span::from_mins(60)),
            profiles: context.profiles,
            judged_after: Some(context.oversight.delay),
            ..EngineConfig::default()
        };
        let fresh = [Fresh::Windows(Box::new(engine)), Fresh::Oversight(Arc::clone(&rules))];
        let mut pipe = Pipe {
            windows: WindowsStage::new(&context, &[Format::Native, Format::Native]),
            oversight: Oversight::new(&context, &rules),
            outbox: Memory::default(),
            context,
            fresh,
        };
        let states = pipe.empty();
        pipe.begin(states);
        pipe
    }

    pub(super) fn empty(&self) -> [State; 2] {
        [self.fresh[0].state(), self.fresh[1].state()]
    }

    pub(super) fn begin(&mut self, [windows, oversight]: [State; 2]) {
        self.windows.begin(Restored { partition: 0, state: windows, time: None });
        self.oversight.begin(Restored { partition: 0, state: oversight, time: None });
    }

    /// What was counted of the reviewer, as it was last kept: all that comes before the names of
    /// windows.
    pub(super) fn counted_of_kim(&mut self) -> Vec<u8> {
        self.oversight.checkpoint(&mut self.outbox).unwrap();
        let kept = self.outbox.to(Topic::Reviewers);
        let reviewer = kept.iter().rev().find(|sent| sent.key.ends_with(b"kim"));
        let state = reviewer.unwrap().value.clone().unwrap();
        let end = state.windows(3).position(|bytes| bytes == b"kim").unwrap();
        state[..end].to_vec()
    }

    /// Takes in a native event under the key of its credential.
    pub(super) fn event(
        &mut self,
        kind: &str,
        id: &str,
        credential: &str,
        time: Timestamp,
        more: &str,
    ) {
        let value = event(kind, id, credential, time, more);
        let record = record(credential.as_bytes(), value.as_bytes());
        self.windows.take(record, &mut self.outbox).unwrap();
    }

    /// Lets time pass in both stages, and delivers what they hand to each other.
    pub(super) fn pass(&mut self, now: Timestamp) {
        assert!(self.windows.punctuate(0, now, &mut self.outbox).unwrap());
        for sent in self.outbox.take(Topic::Reviews) {
            let record = record(&sent.key, sent.value.as_deref().unwrap());
            self.oversight.take(record, &mut self.outbox).unwrap();
        }
        assert!(self.oversight.punctuate(0, now, &mut self.outbox).unwrap());
        for sent in self.outbox.take(Topic::Events) {
            let record = record(&sent.key, sent.value.as_deref().unwrap());
            self.windows.take(record, &mut self.outbox).unwrap();
        }
        assert!(self.windows.punctuate(0, now, &mut self.outbox).unwrap());
    }
}
