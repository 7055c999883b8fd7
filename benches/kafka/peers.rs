//! The program in its default configuration beside a small job of Kafka Streams that does part of
//! its work (`benches/peers`): the same input, each until everything is quiet.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::broker::Broker;
use crate::client::{Client, compacted};
use crate::load;
use crate::program::{Config, Program, READY};
use crate::relay::OUTPUTS;
use crate::streams::{EACH, GATHERED, Job, Way};

/// Nothing is read or written for this long: everything is quiet.
const QUIET: Duration = Duration::from_secs(4);
/// Longer than a session of either, so that a start after a kill waits for none.
const SESSION_OVER: Duration = Duration::from_secs(12);

/// What a run took, until everything was quiet.
#[derive(Clone, Copy)]
struct Took {
    events_per_second: f64,
    /// CPU of the whole process for an event: all of it, and without the start.
    cpu_us: [f64; 2],
}

/// One of those compared, as it runs.
struct Run<'r> {
    name: &'r str,
    group: String,
    topics: Vec<String>,
    cpu: &'r dyn Fn() -> Duration,
    /// How many records it has to read that no group tells of.
    lag: &'r dyn Fn() -> i64,
    start: Duration,
}

pub(crate) fn run(broker: &Broker) {
    let client = Client::new(broker.address());
    load::simulated(&client, "input", load::number("SHUTTERLAG_BENCH_EVENTS", 500_000));
    client.create("nothing", load::PARTITIONS, &[]);
    let ours_start = start_of_program(broker);
    let job_start = start_of_job(broker, &client);
    println!(
        "CPU of a start on an empty topic: program {:.2} s, Streams job {:.2} s",
        ours_start.as_secs_f64(),
        job_start.as_secs_f64()
    );
    let rounds = load::number("SHUTTERLAG_BENCH_ROUNDS", 3);
    for round in 0..rounds {
        let ours = program(broker, &client, round, ours_start);
        for way in [EACH, GATHERED] {
            let peer = job(broker, &client, round, way, job_start);
            let times = |at: usize| peer.cpu_us[at] / ours.cpu_us[at];
            println!(
                "{}: {:.2} times the CPU of the program, {:.2} without the start; the program has {:.2} \
                 times its rate",
                way.name,
                times(0),
                times(1),
                ours.events_per_second / peer.events_per_second
            );
            agreement(&client, round, way);
        }
    }
}

fn configured(broker: &Broker, prefix: &str, input: &str) -> Config {
    let mut config = load::prekeyed(Config::new(broker, prefix), input);
    config.judging();
    config
}

fn start_of_program(broker: &Broker) -> Duration {
    let mut program = Program::start(&configured(broker, "p-nothing", "nothing"));
    program.until_ready(READY);
    let used = program.cpu();
    program.stop();
    used
}

fn start_of_job(broker: &Broker, client: &Client) -> Duration {
    let mut job = Job::prepare(broker, client, "j-nothing", "nothing", EACH);
    job.start();
    job.until_running();
    let used = job.cpu();
    job.stop();
    used
}

fn program(broker: &Broker, client: &Client, round: usize, start: Duration) -> Took {
    let prefix = format!("p{round}");
    let config = configured(broker, &prefix, "input");
    let program = Program::start(&config);
    let took = Run {
        name: "shutterlag",
        group: format!("{prefix}.windows"),
        topics: OUTPUTS.iter().map(|name| format!("{prefix}.{name}")).collect(),
        cpu: &|| program.cpu(),
        lag: &|| load::metric(&program, "shutterlag_view_lag_records", "") as i64,
        start,
    }
    .until_quiet(client);
    program.kill();
    std::thread::sleep(SESSION_OVER);
    let mut program = Program::start(&config);
    program.until_ready(READY);
    println!(
        "{:<20} kill -9 and start again: ready after {:.2} s and {:.2} s of CPU",
        "",
        program.age().as_secs_f64(),
        program.cpu().as_secs_f64()
    );
    program.stop();
    took
}

fn id(round: usize, way: Way) -> String {
    format!("j{round}-{}", way.name)
}

fn job(broker: &Broker, client: &Client, round: usize, way: Way, start: Duration) -> Took {
    let id = id(round, way);
    let mut job = Job::prepare(broker, client, &id, "input", way);
    job.start();
    let took = Run {
        name: way.name,
        group: id.clone(),
        topics: vec![format!("{id}.ledger"), format!("{id}-windows-changelog")],
        cpu: &|| job.cpu(),
        lag: &|| 0,
        start,
    }
    .until_quiet(client);
    job.kill();
    std::thread::sleep(SESSION_OVER);
    let began = Instant::now();
    job.start();
    job.until_running();
    println!(
        "{:<20} kill -9 and start again: running after {:.2} s and {:.2} s of CPU",
        "",
        began.elapsed().as_secs_f64(),
        job.cpu().as_secs_f64()
    );
    job.stop();
    took
}

/// Whether both say the same of the latest window of each credential.
fn agreement(client: &Client, round: usize, way: Way) {
    let mut ours: BTreeMap<String, (String, [Value; 2])> = BTreeMap::new();
    for record in client.read(&format!("p{round}.windows")) {
        let Some(value) = record.value else { continue };
        let window: Value = serde_json::from_slice(&value).unwrap();
        let detected = window["detected_at"].as_str().unwrap().to_owned();
        let lengths = ["triage", "time_to_review"].map(|name| window["durations_ms"][name].clone());
        let latest = ours.entry(window["credential_id"].as_str().unwrap().to_owned()).or_default();
        if latest.0 <= detected {
            *latest = (detected, lengths);
        }
    }
    let ledger = client.read(&format!("{}.ledger", id(round, way)));
    let theirs = compacted(&ledger);
    let same = theirs.iter().filter(|(credential, record)| {
        let window: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        let lengths = ["triage_ms", "time_to_review_ms"].map(|name| window[name].clone());
        let credential = std::str::from_utf8(credential).unwrap();
        ours.get(credential).is_some_and(|latest| latest.1 == lengths)
    });
    println!(
        "{:<20} of {} credentials (program: {}) {} have the same lengths of triage and review",
        "",
        theirs.len(),
        ours.len(),
        same.count()
    );
}

impl Run<'_> {
    /// Follows it from its first commit until it has read all of the input and is quiet.
    fn until_quiet(&self, client: &Client) -> Took {
        let size = load::size(client, "input");
        let (began, before) = load::until_begun(client, &self.group, "input");
        let mut last = None;
        // When something last changed, and the CPU used by then.
        let (mut since, mut used) = (Instant::now(), Duration::ZERO);
        loop {
            let read: i64 =
                client.committed(&self.group, "input").values().map(|at| (*at).max(0)).sum();
            let ends = self.topics.iter().map(|topic| client.ends(topic, "read_uncommitted"));
            let written: Vec<i64> = ends.map(|ends| ends.values().sum()).collect();
            let now = (read, written, (self.lag)());
            let done = now.0 >= size && now.2 == 0;
            if last.as_ref() != Some(&now) {
                last = Some(now);
                (since, used) = (Instant::now(), (self.cpu)());
            } else if done && since.elapsed() >= QUIET {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let us = |cpu: Duration| cpu.as_secs_f64() * 1e6 / size as f64;
        let took = Took {
            events_per_second: (size - before) as f64 / (since - began).as_secs_f64(),
            cpu_us: [us(used), us(used.saturating_sub(self.start))],
        };
        self.print(&took, &last.unwrap().1, size);
        took
    }

    fn print(&self, took: &Took, written: &[i64], size: i64) {
        let [all, started] = took.cpu_us;
        println!(
            "{:<20} {:>9.0} events/s; {all:.2} µs of CPU an event, {started:.2} without the start; \
             {:.2} records an event",
            self.name,
            took.events_per_second,
            written.iter().sum::<i64>() as f64 / size as f64
        );
        let each = self.topics.iter().zip(written).filter(|(_, end)| **end > 0);
        let each = each.map(|(topic, end)| format!("{topic} {:.3}", *end as f64 / size as f64));
        println!("{:<20} {}", "", each.collect::<Vec<_>>().join(", "));
    }
}
