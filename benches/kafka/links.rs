//! Names that are linked while the program runs, at the default commit interval: how long the names
//! of one credential take to settle, and merges a minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use rdkafka::message::Message;
use serde_json::Value;

use crate::broker::Broker;
use crate::client::{Client, Sent, Writer};
use crate::load;
use crate::names::{chain, detected, linked, orders};
use crate::program::{Config, Program, READY};

/// How long names may take to settle.
const SETTLES_WITHIN: Duration = Duration::from_secs(600);
/// Every how many of the 120 orders of five names is measured.
const ORDERS_STEP: usize = 5;

pub(crate) fn run(broker: &Broker) {
    let client = Client::new(broker.address());
    client.create("l.source", load::PARTITIONS, &[]);
    let mut program = Program::start(&Config::new(broker, "l"));
    program.until_ready(READY);
    let mut bench = Bench { writer: client.writer(), ledger: Ledger::follow(&client, "l.windows") };

    let five = orders(&["a", "b", "k", "m", "z"]);
    let mut took: Vec<f64> = five
        .iter()
        .step_by(ORDERS_STEP)
        .enumerate()
        .map(|(number, order)| {
            let names: Vec<String> =
                order.iter().map(|name| format!("five{number}-{name}")).collect();
            bench.settle(&names)
        })
        .collect();
    took.sort_by(f64::total_cmp);
    println!(
        "five names in each of {} orders: settled after {:.2} s (p50), {:.2} s at most",
        took.len(),
        took[took.len() / 2],
        took[took.len() - 1]
    );
    let names = chain(64);
    println!(
        "a chain of {} names in the worst order: settled after {:.2} s",
        64,
        bench.settle(&names)
    );

    let pairs = load::number("SHUTTERLAG_BENCH_MERGES", 20_000);
    let (a, b) = (|n: usize| format!("a-{n}"), |n: usize| format!("b-{n}"));
    let names = (0..pairs).flat_map(|n| [a(n), b(n)]);
    bench.ledger.open.clear();
    names.for_each(|name| bench.send(&name, detected(&name)));
    bench.ledger.until(2 * pairs, 1);
    let counters = Counters::now(&client, &program);
    let began = Instant::now();
    (0..pairs).for_each(|n| bench.send(&b(n), linked(&b(n), &a(n))));
    bench.ledger.until(pairs, 2);
    let took = began.elapsed().as_secs_f64();
    println!(
        "{pairs} merges of two windows: {:.0} a minute by the clock, {took:.1} s",
        pairs as f64 * 60.0 / took
    );
    Counters::now(&client, &program).tell_since(&counters, pairs);
    program.stop();
}

struct Bench {
    writer: Writer,
    ledger: Ledger,
}

impl Bench {
    fn send(&self, name: &str, event: String) {
        self.writer.send("l.source", &Sent::new(name, event));
    }

    /// Detects each name, links each with the next, and waits until the ledger has the one window
    /// that comes of it. Returns the seconds from the first link.
    fn settle(&mut self, names: &[String]) -> f64 {
        self.ledger.open.clear();
        names.iter().for_each(|name| self.send(name, detected(name)));
        self.ledger.until(names.len(), 1);
        let began = Instant::now();
        names.windows(2).for_each(|pair| self.send(&pair[0], linked(&pair[0], &pair[1])));
        self.ledger.until(1, names.len());
        let took = began.elapsed().as_secs_f64();
        let id = self.ledger.open.values().next().map(|window| &window.0);
        assert_eq!(id, names.iter().min(), "the smallest name is the id");
        took
    }
}

/// The windows in the ledger's topic, as a consumer sees them.
struct Ledger {
    consumer: BaseConsumer,
    /// The id and the number of names of the credential, by the key of the record.
    open: HashMap<Vec<u8>, (String, usize)>,
}

impl Ledger {
    fn follow(client: &Client, topic: &str) -> Ledger {
        Ledger { consumer: load::committed(client, topic), open: HashMap::new() }
    }

    /// Waits until there are so many windows, each of a credential with so many names.
    fn until(&mut self, windows: usize, names: usize) {
        let began = Instant::now();
        while self.open.len() != windows || self.open.values().any(|window| window.1 != names) {
            assert!(began.elapsed() < SETTLES_WITHIN, "{} windows, not {windows}", self.open.len());
            let Some(message) = self.consumer.poll(Duration::from_millis(100)) else { continue };
            let message = message.unwrap();
            let key = message.key().unwrap().to_vec();
            let Some(value) = message.payload() else {
                self.open.remove(&key);
                continue;
            };
            let window: Value = serde_json::from_slice(value).unwrap();
            let aliases = window["aliases"].as_array().map_or(0, Vec::len);
            let id = window["credential_id"].as_str().unwrap().to_owned();
            self.open.insert(key, (id, 1 + aliases));
        }
    }
}

/// What was done so far: where the time of merges goes.
struct Counters {
    processor_seconds: f64,
    /// Commits, and seconds in them, of each stage.
    commits: [(&'static str, f64, f64); 2],
    /// Offsets of each topic: records, and a few marks of transactions.
    records: [(&'static str, i64); 3],
}

impl Counters {
    fn now(client: &Client, program: &Program) -> Counters {
        let metric = |end: &str, stage: &str| {
            let name = format!("shutterlag_commit_duration_seconds_{end}");
            load::metric(program, &name, &format!("stage=\"{stage}\""))
        };
        let commits = |stage| (stage, metric("count", stage), metric("sum", stage));
        let records = |topic| (topic, load::size(client, &format!("l.{topic}")));
        Counters {
            processor_seconds: program.cpu().as_secs_f64(),
            commits: ["intake", "windows"].map(commits),
            records: ["events", "windows", "state"].map(records),
        }
    }

    fn tell_since(&self, before: &Counters, merges: usize) {
        let processor = self.processor_seconds - before.processor_seconds;
        println!(
            "  processor time: {processor:.1} s, {:.0} µs a merge",
            processor * 1e6 / merges as f64
        );
        for (now, before) in self.commits.iter().zip(&before.commits) {
            println!(
                "  {}: {} commits, {:.1} s in them",
                now.0,
                now.1 - before.1,
                now.2 - before.2
            );
        }
        for (now, before) in self.records.iter().zip(&before.records) {
            println!(
                "  {}: {:.1} records a merge",
                now.0,
                (now.1 - before.1) as f64 / merges as f64
            );
        }
    }
}
