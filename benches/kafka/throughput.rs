//! Events a second and CPU an event until everything is quiet: a bare consumer, a bare relay of
//! the same outputs, and the program in its default configuration, without judging, without
//! transactions, and with intake.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;

use crate::broker::Broker;
use crate::client::Client;
use crate::guard::cpu_of;
use crate::load;
use crate::program::{Config, Program};
use crate::relay;

/// Nothing is written, committed or shown for this long: everything is quiet.
const QUIET: Duration = Duration::from_secs(4);

/// A way to run the program.
#[derive(Clone, Copy)]
struct Way {
    /// What it is called, in topics and in the output.
    name: &'static str,
    delivery: &'static str,
    judging: bool,
    intake: bool,
}

/// As users run it: decisions are judged, and the view is shown.
const DEFAULT: Way =
    Way { name: "default", delivery: "exactly_once", judging: true, intake: false };
const UNJUDGED: Way = Way { name: "unjudged", judging: false, ..DEFAULT };
const AT_LEAST_ONCE: Way = Way { name: "at-least-once", delivery: "at_least_once", ..DEFAULT };
const INTAKE: Way = Way { name: "intake", intake: true, ..DEFAULT };

/// What a run took.
struct Took {
    events_per_second: f64,
    cpu_us: f64,
}

pub(crate) fn run(broker: &Broker) {
    let client = Client::new(broker.address());
    let events = load::number("SHUTTERLAG_BENCH_EVENTS", 2_000_000);
    load::simulated(&client, "input", events);
    let size = load::size(&client, "input") as f64;
    let rounds = load::number("SHUTTERLAG_BENCH_ROUNDS", 2);
    for round in 0..rounds {
        let bare = bare(&client, "input");
        let default = program(broker, &client, round, DEFAULT, size);
        let relay = relay::run(&client, &prefix(round, DEFAULT), "input", size);
        println!(
            "default: {:.2} of a bare consumer's rate, {:.2} of a bare relay's; {:.2} of its CPU",
            default.events_per_second / bare,
            default.events_per_second / relay.events_per_second,
            default.cpu_us / relay.cpu_us
        );
        for way in [UNJUDGED, AT_LEAST_ONCE] {
            program(broker, &client, round, way, size);
        }
    }
    program(broker, &client, rounds, INTAKE, size);
}

fn bare(client: &Client, topic: &str) -> f64 {
    let consumer = load::reading(client, topic);
    let used = cpu_of("self");
    let (mut read, mut ends, mut began) = (0_u64, 0, None);
    while ends < load::PARTITIONS {
        match consumer.poll(Duration::from_secs(30)) {
            Some(Ok(_)) => {
                began.get_or_insert_with(Instant::now);
                read += 1;
            }
            Some(Err(KafkaError::PartitionEOF(_))) => ends += 1,
            other => panic!("{other:?}"),
        }
    }
    let rate = read as f64 / began.unwrap().elapsed().as_secs_f64();
    let cpu_us = (cpu_of("self") - used).as_secs_f64() * 1e6 / read as f64;
    println!("bare consumer {rate:>20.0} events/s, {cpu_us:.2} µs of CPU each");
    rate
}

fn prefix(round: usize, way: Way) -> String {
    format!("t{round}{}", way.name)
}

fn program(broker: &Broker, client: &Client, round: usize, way: Way, size: f64) -> Took {
    let prefix = prefix(round, way);
    let mut config = Config::new(broker, &prefix);
    if way.intake {
        config.without_sources().source("input", "native", false);
        config.set("windows.settle", "10m").set("windows.orphan_timeout", "24h");
    } else {
        config = load::prekeyed(config, "input");
    }
    config.set("kafka.delivery", way.delivery);
    if way.judging {
        config.judging();
    }
    let program = Program::start(&config);
    let stage = if way.intake { "intake" } else { "windows" };
    let (began, before) = load::until_begun(client, &format!("{prefix}.{stage}"), "input");
    let group = format!("{prefix}.{stage}");
    let ended = until_quiet(client, &program, &prefix, (&group, "input"), size as i64);
    let took = Took {
        events_per_second: (size - before as f64) / (ended - began).as_secs_f64(),
        cpu_us: program.cpu().as_secs_f64() * 1e6 / size,
    };
    let written = ends(client, &prefix);
    let records: i64 = written.values().sum();
    println!(
        "{:<13} {:>20.0} events/s, {:.2} µs of CPU each, {:.2} records written, commit {}",
        way.name,
        took.events_per_second,
        took.cpu_us,
        records as f64 / size,
        load::median_commit(&program)
    );
    let each = written.iter().map(|(topic, end)| format!("{topic} {:.3}", *end as f64 / size));
    println!("{:<13} {}", "", each.collect::<Vec<_>>().join(", "));
    program.stop();
    took
}

/// How many offsets each topic of ours has: its records, and a marker for each transaction.
fn ends(client: &Client, prefix: &str) -> BTreeMap<&'static str, i64> {
    let end = |name: &'static str| {
        let ends = client.ends(&format!("{prefix}.{name}"), "read_uncommitted");
        (name, ends.values().sum())
    };
    relay::OUTPUTS.iter().copied().map(end).collect()
}

/// Waits until the group has read so many records of the input, nothing more is written, and the
/// view has read everything. Returns when that was.
pub(crate) fn until_quiet(
    client: &Client,
    program: &Program,
    prefix: &str,
    (group, input): (&str, &str),
    size: i64,
) -> Instant {
    let (mut before, mut since) = (None, Instant::now());
    loop {
        let read: i64 = client.committed(group, input).values().map(|at| (*at).max(0)).sum();
        let view_lag = load::metric(program, "shutterlag_view_lag_records", "");
        let now = (read, ends(client, prefix), view_lag as i64);
        let done = now.0 >= size && now.2 == 0;
        if before.as_ref() != Some(&now) {
            (before, since) = (Some(now), Instant::now());
        } else if done && since.elapsed() >= QUIET {
            return since;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
