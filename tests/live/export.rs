//! `shutterlag export --to kafka`: a cluster that goes on where a local store stopped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use crate::broker::Broker;
use crate::client::{Client, compacted};
use crate::harness::{KEY, Ran, Run};
use crate::input::{Arrival, Input};
use crate::program::{Config, Program, READY, until_drained};
use crate::scratch;

/// How long the cluster may take for all events.
const DRAINING: Duration = Duration::from_secs(120);

/// Fields of a window that depend on when its record was written.
const OF_THE_MOMENT: [&str; 2] = ["final", "attacker_first"];

/// A store and a cluster for its events.
struct Move {
    directory: tempfile::TempDir,
    client: Client,
    cluster: Config,
}

impl Move {
    fn new(broker: &Broker, prefix: &str) -> Move {
        let directory = scratch::directory(prefix);
        let mut cluster = Config::new(broker, prefix);
        cluster.without_sources().github("hooks", "not a real secret");
        fs::write(directory.path().join("cluster.toml"), cluster.text()).unwrap();
        Move { directory, client: Client::new(broker.address()), cluster }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts a run on a store.
    fn local(&self, store: &str) -> Program {
        let mut program = Program::start(&Config::local("local", &self.path(store)));
        program.until_ready(READY);
        program
    }

    fn export(&self, store: &str, key: &str) -> Run {
        let run = Run::program().key(key).args(["export", "--to", "kafka", "--store"]);
        run.arg(self.path(store)).arg("--config").arg(self.path("cluster.toml"))
    }

    /// Exports, and returns how many events the program says it wrote.
    #[track_caller]
    fn exports(&self, store: &str) -> usize {
        let Ran { stderr, .. } = self.export(store, KEY).go().exits(0);
        let (_, rest) = stderr.rsplit_once("shutterlag: ").unwrap();
        let (count, rest) = rest.split_once(' ').unwrap();
        assert!(rest.starts_with("events written to"), "{stderr}");
        count.parse().unwrap()
    }

    #[track_caller]
    fn refuses(&self, store: &str, key: &str, why: &str) {
        let before = self.client.ends(&self.cluster.topic("events"), "read_committed");
        let refused = self.export(store, key).go().exits(1);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
        assert_eq!(self.client.ends(&self.cluster.topic("events"), "read_committed"), before);
    }

    /// What a table of the store holds.
    fn kept(&self, table: &str, key: &str) -> BTreeMap<String, Value> {
        let rows =
            pairs(&self.path("shutterlag.db"), &format!("SELECT {key}, record FROM {table}"));
        rows.into_iter().map(|(key, record)| (key, settled(record.as_bytes()))).collect()
    }

    /// How many decisions in the store are not judged yet.
    fn unjudged(&self) -> usize {
        let waits =
            |record: &&Value| !record["decided_at"].is_null() && record["quality"].is_null();
        self.kept("windows", "exposure_id").values().filter(waits).count()
    }

    /// What a topic of the cluster holds now.
    fn current(&self, topic: &str) -> BTreeMap<String, Value> {
        let log = self.client.read(&self.cluster.topic(topic));
        let named = compacted(&log)
            .into_values()
            .map(|record| (record.key_text(), settled(record.value.as_deref().unwrap())));
        named.collect()
    }

    /// All events in the topic, by credential in their order.
    fn in_topic(&self) -> BTreeMap<String, Vec<Value>> {
        let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for record in self.client.read(&self.cluster.topic("events")) {
            let event = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
            events.entry(record.key_text()).or_default().push(event);
        }
        events
    }

    /// The same of a store.
    fn in_store(&self, store: &str) -> BTreeMap<String, Vec<Value>> {
        let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let sql = "SELECT credential_id, event FROM events ORDER BY position";
        for (credential, event) in pairs(&self.path(store), sql) {
            events.entry(credential).or_default().push(serde_json::from_str(&event).unwrap());
        }
        events
    }
}

/// Two columns of texts.
fn pairs(store: &Path, sql: &str) -> Vec<(String, String)> {
    let store = Connection::open(store).unwrap();
    let mut statement = store.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[track_caller]
fn deliver(program: &Program, lines: &[Vec<u8>]) {
    for part in lines.chunks(200) {
        let body = String::from_utf8(part.join(&b'\n')).unwrap();
        let answer = program.post("/in/events", &[], &body).unwrap().answer(READY).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

/// A record without what depends on when it was written.
fn settled(record: &[u8]) -> Value {
    let mut record: Value = serde_json::from_slice(record).unwrap();
    let fields = record.as_object_mut().unwrap();
    OF_THE_MOMENT.iter().for_each(|field| drop(fields.remove(*field)));
    record
}

#[test]
fn the_ledger_of_a_cluster_is_that_of_the_store_whose_events_it_got() {
    let moved = Move::new(Broker::shared(), "moved");
    let input = Input::simulate(12, 3_000, Arrival::Disturbed);
    let (first, rest) = input.lines.split_at(1_700);
    let program = moved.local("shutterlag.db");
    deliver(&program, first);
    // Events that were delivered twice are in the store twice.
    let written = moved.exports("shutterlag.db");
    assert!(written > 1_600, "{written}");
    deliver(&program, rest);
    program.stop();
    let more = moved.exports("shutterlag.db");
    assert_eq!(moved.exports("shutterlag.db"), 0, "all was there already");
    let (in_store, in_topic) = (moved.in_store("shutterlag.db"), moved.in_topic());
    assert_eq!(in_store.values().map(Vec::len).sum::<usize>(), written + more);
    assert_eq!(in_topic, in_store);

    let mut program = Program::start(&moved.cluster);
    program.until_ready(READY);
    until_drained(&moved.client, &moved.cluster, &[], DRAINING);
    program.stop();
    let local = moved.kept("windows", "exposure_id");
    assert!(local.len() > 300, "{}", local.len());
    equal(&local, &moved.current("windows"));
}

#[test]
fn a_cluster_judges_the_decisions_of_a_store_as_the_store_does() {
    let mut moved = Move::new(Broker::shared(), "judged");
    moved.cluster.judging();
    let input = Input::simulate(15, 3_000, Arrival::Ordered);
    let mut local = Config::local("local", &moved.path("shutterlag.db"));
    let mut program = Program::start(local.judging());
    program.until_ready(READY);
    // All at once: what is late for a judgement depends on when it comes.
    let body = String::from_utf8(input.lines.join(&b'\n')).unwrap();
    let answer = program.post("/in/events", &[], &body).unwrap().answer(READY).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    // A window is in the ledger before its decision is judged.
    let began = Instant::now();
    while moved.unjudged() > 0 {
        assert!(began.elapsed() < DRAINING, "{} decisions are not judged", moved.unjudged());
        std::thread::sleep(Duration::from_millis(200));
    }
    program.stop();
    moved.exports("shutterlag.db");
    let (windows, findings) = (moved.kept("windows", "exposure_id"), moved.kept("findings", "key"));
    assert!(windows.len() > 300 && findings.len() > 30, "{} {}", windows.len(), findings.len());

    let mut program = Program::start(&moved.cluster);
    program.until_ready(READY);
    let began = Instant::now();
    while moved.current("windows") != windows || moved.current("findings") != findings {
        if began.elapsed() > DRAINING {
            equal(&windows, &moved.current("windows"));
            equal(&findings, &moved.current("findings"));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    program.stop();
}

/// Asserts that a cluster has the records of a store.
#[track_caller]
fn equal(local: &BTreeMap<String, Value>, cluster: &BTreeMap<String, Value>) {
    for (name, record) in local {
        assert_eq!(cluster.get(name), Some(record), "{name}");
    }
    let more: Vec<_> = cluster.keys().filter(|name| !local.contains_key(*name)).collect();
    assert!(more.is_empty(), "{more:?}");
}

#[test]
fn an_export_that_is_killed_goes_on_and_writes_each_event_once() {
    let moved = Move::new(Broker::shared(), "killed-export");
    // More than one transaction.
    let input = Input::simulate(13, 25_000, Arrival::Ordered);
    let program = moved.local("shutterlag.db");
    deliver(&program, &input.lines);
    program.stop();
    let mut killed = 0;
    for delay_ms in [100, 300, 500, 700, 900, 1_200] {
        let mut command = moved.export("shutterlag.db", KEY).into_command();
        let mut export = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(delay_ms));
        killed += usize::from(export.try_wait().unwrap().is_none());
        export.kill().unwrap();
        export.wait().unwrap();
    }
    assert!(killed > 0, "none was killed at its work");
    moved.exports("shutterlag.db");
    assert_eq!(moved.in_topic(), moved.in_store("shutterlag.db"));
}

#[test]
fn events_of_another_store_or_under_another_key_are_refused() {
    let moved = Move::new(Broker::shared(), "foreign-export");
    let input = Input::simulate(14, 300, Arrival::Ordered);
    for (store, lines) in
        [("shutterlag.db", &input.lines[..200]), ("other.db", &input.lines[100..])]
    {
        let program = moved.local(store);
        deliver(&program, lines);
        program.stop();
    }
    let events = moved.exports("shutterlag.db");
    assert_eq!(moved.in_topic().values().map(Vec::len).sum::<usize>(), events);
    moved.refuses("other.db", KEY, "the events of another store");
    moved.refuses("shutterlag.db", "another identity key for tests", "two names");
    moved.refuses("nothing.db", KEY, "there is no such file");
}
