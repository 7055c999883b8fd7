//! Names in several partitions, whose messages are on their way for any time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde_json::Value;

use super::memory::{Memory, NOW, ago, context, event, record};
use crate::config::EngineConfig;
use crate::formats::Format;
use crate::runtime::stages::{
    Context, Fresh, Intake, Record, Restored, Stage, State, Topic, WindowsStage, restored_time,
};
use crate::time::{Span, Timestamp};

const NAMES: [&str; 7] = ["AKIA1", "acme/p#7", "gg:31605", "github:o/r#12", "k", "z", "zz"];
const TICKETS: [&str; 2] = ["SEC-42", "SEC-43"];

/// A cluster in one thread: some partitions of the events, each with its state.
struct Cluster {
    context: Arc<Context>,
    intake: Intake,
    windows: WindowsStage,
    partitions: Vec<VecDeque<(Vec<u8>, Vec<u8>)>>,
    /// All that was sent.
    sent: Memory,
    /// How many of those were put into the queues.
    queued: usize,
}

fn fresh(context: &Context) -> Fresh {
    Fresh::Windows(Box::new(EngineConfig {
        checkpoints: true,
        settle: Some(Span::from_mins(600)),
        profiles: context.profiles,
        ..EngineConfig::default()
    }))
}

impl Cluster {
    fn new(partitions: usize) -> Cluster {
        let context = context();
        let mut cluster = Cluster {
            intake: Intake::new(&context, &[Format::Auto]),
            windows: WindowsStage::new(&context, &[Format::Native]),
            partitions: vec![VecDeque::new(); partitions],
            sent: Memory::default(),
            queued: 0,
            context,
        };
        let states = (0..partitions).map(|_| (fresh(&cluster.context).state(), None)).collect();
        cluster.begin(states);
        cluster
    }

    fn begin(&mut self, states: Vec<(State, Option<Timestamp>)>) {
        for (partition, (state, time)) in (0..).zip(states) {
            self.windows.begin(Restored { partition, state, time });
        }
    }

    /// A source's record.
    fn source(&mut self, value: &str) {
        self.intake.take(record(b"any", value.as_bytes()), &mut self.sent).unwrap();
        self.queue();
    }

    /// Puts what was sent into the partitions of the keys.
    fn queue(&mut self) {
        for sent in &self.sent.0[self.queued..] {
            if sent.topic == Topic::Events {
                let number: usize = sent.key.iter().map(|byte| usize::from(*byte)).sum();
                let partition = number % self.partitions.len();
                self.partitions[partition]
                    .push_back((sent.key.clone(), sent.value.clone().unwrap()));
            }
        }
        self.queued = self.sent.0.len();
    }

    /// Takes the next record of a partition, if there is one.
    fn take(&mut self, partition: usize) -> bool {
        let Some((key, value)) = self.partitions[partition].pop_front() else { return false };
        // The local store's records bear no time.
        let record =
            Record { partition: partition as i32, written_at: None, ..record(&key, &value) };
        self.windows.take(record, &mut self.sent).unwrap();
        self.queue();
        true
    }

    fn punctuate(&mut self, now: Timestamp) {
        for partition in 0..self.partitions.len() as i32 {
            assert!(self.windows.punctuate(partition, now, &mut self.sent).unwrap());
        }
        self.queue();
    }

    /// Ends the process and starts another, which reads the changelog.
    fn restart(&mut self) {
        self.windows.checkpoint(&mut self.sent).unwrap();
        self.queue();
        let states = (0..self.partitions.len() as i32).map(|partition| {
            let (mut state, mut time) = (fresh(&self.context).state(), None);
            for sent in self.sent.to(Topic::State) {
                if sent.partition == Some(partition) {
                    state.take(&sent.key, sent.value.as_deref()).unwrap();
                    time = time.max(restored_time(sent.written_at.unwrap()));
                }
            }
            (state, time)
        });
        let states = states.collect();
        self.windows = WindowsStage::new(&self.context, &[Format::Native]);
        self.begin(states);
    }

    /// What a compacted topic holds in the end.
    fn table(&self, topic: Topic) -> BTreeMap<String, Value> {
        let mut table = BTreeMap::new();
        for sent in self.sent.to(topic) {
            match sent.json() {
                Value::Null => drop(table.remove(sent.key())),
                value => drop(table.insert(sent.key().to_owned(), value)),
            }
        }
        table
    }
}

/// Which alerts fire, and for which windows as they are called now.
fn about(alerts: &BTreeMap<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |alert: &Value| {
        let present = Some(&alert["renamed_to"]).filter(|name| !name.is_null());
        (text(&alert["alert"]), text(present.unwrap_or(&alert["exposure_id"])))
    };
    let mut about: Vec<_> = alerts.values().map(of).collect();
    about.sort();
    about
}

fn records(random: &mut Pcg64Mcg) -> Vec<String> {
    let name = |random: &mut Pcg64Mcg| match random.random_range(0..5) {
        0 => *TICKETS.choose(random).unwrap(),
        _ => *NAMES.choose(random).unwrap(),
    };
    let count = random.random_range(1..18);
    let mut records = Vec::new();
    for number in 0..count {
        let (own, other) = (name(random), name(random));
        let time = ago(random.random_range(1..40));
        let mut more = match random.random_range(0..3) {
            0 => format!(r#","aliases":["{other}"]"#),
            _ => String::new(),
        };
        let kind = match random.random_range(0..8) {
            0..3 => "leak.detected",
            3 => {
                more += r#","recommendation":"revoke""#;
                "triage.completed"
            }
            4..6 => {
                more += r#","reviewer":"kim","action":"revoke""#;
                if random.random_range(0..3) == 0 {
                    more += &format!(r#","covers":["{}","{}"]"#, name(random), name(random));
                }
                "decision.made"
            }
            6 => {
                more = format!(r#","aliases":["{other}"]"#);
                "identity.linked"
            }
            _ => {
                let ticket = TICKETS.choose(random).unwrap();
                more = format!(r#","aliases":["{other}"],"relation":"covers""#);
                records.push(event("identity.linked", &format!("{number}"), ticket, time, &more));
                continue;
            }
        };
        records.push(event(kind, &format!("{number}"), own, time, &more));
    }
    records
}

/// Nothing is on its way and nothing was linked while it was: what must come out.
fn expected(records: &[String]) -> Cluster {
    let mut cluster = Cluster::new(1);
    for value in records {
        cluster.source(value);
        while cluster.take(0) {}
    }
    cluster.punctuate(NOW);
    cluster
}

#[test]
fn a_link_that_another_partition_refuses_is_named() {
    let mut cluster = Cluster::new(3);
    let covers = r#","aliases":["k"],"relation":"covers""#;
    cluster.source(&event("identity.linked", "first", "SEC-42", ago(9), covers));
    cluster.source(&event("identity.linked", "second", "k", ago(8), r#","aliases":["SEC-42"]"#));
    while (0..3).any(|partition| cluster.take(partition)) {}
    let letters = cluster.sent.to(Topic::DeadLetters);
    let [letter] = letters[..] else { panic!("{letters:?}") };
    let letter = letter.json();
    assert_eq!(
        (&letter["reason"], &letter["event"]["id"]),
        (&"too_many_aliases".into(), &"second".into())
    );
    assert_eq!(letter["event"]["kind"], "identity.linked");
}

#[test]
fn any_delay_between_partitions_and_any_restart_gives_the_same_windows_and_alerts() {
    let mut compared = 0;
    for seed in 0..600 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let records = records(&mut random);
        let wanted = expected(&records);
        let mut shuffled = records.clone();
        shuffled.shuffle(&mut random);
        let mut cluster = Cluster::new(3);
        let mut sources = shuffled.iter();
        loop {
            match random.random_range(0..20) {
                0..5 => drop(sources.next().map(|value| cluster.source(value))),
                5 => cluster.punctuate(NOW),
                6 => cluster.restart(),
                _ => drop(cluster.take(random.random_range(0..3))),
            }
            if sources.len() == 0 && cluster.partitions.iter().all(VecDeque::is_empty) {
                break;
            }
        }
        cluster.punctuate(NOW);
        let letters =
            || [&cluster, &wanted].into_iter().flat_map(|of| of.sent.to(Topic::DeadLetters));
        // Names that cover themselves are told, and nothing else.
        assert!(letters().all(|it| it.json()["reason"] == "too_many_aliases"), "seed {seed}");
        if letters().next().is_some() {
            continue;
        }
        compared += 1;
        let (got, windows) = (cluster.table(Topic::Windows), wanted.table(Topic::Windows));
        assert_eq!(got, windows, "seed {seed}: {shuffled:#?}");
        // An alert tells of its window as it was when the alert began.
        let [got, alerts] = [&cluster, &wanted].map(|of| about(&of.table(Topic::Alerts)));
        assert_eq!(got, alerts, "seed {seed}: {shuffled:#?}");
    }
    assert!(compared > 400, "{compared}");
}
