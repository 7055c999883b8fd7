//! Events a second: a bare consumer, a bare relay, and the program with and without
//! transactions.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;

use crate::broker::Broker;
use crate::client::Client;
use crate::guard::cpu_of;
use crate::load;
use crate::program::{Config, Program};
use crate::relay;

pub(crate) fn run(broker: &Broker) {
    let client = Client::new(broker.address());
    let events = load::number("SHUTTERLAG_BENCH_EVENTS", 2_000_000);
    load::simulated(&client, "input", events);
    let size = load::size(&client, "input") as f64;
    let rounds = load::number("SHUTTERLAG_BENCH_ROUNDS", 2);
    for round in 0..rounds {
        let bare = bare(&client, "input");
        let once = program(broker, &client, round, "exactly_once", true, size);
        let relay = relay::run(&client, &prefix(round, "exactly_once", true), "input", size);
        let least = program(broker, &client, round, "at_least_once", true, size);
        println!(
            "exactly once: {:.2} of a bare consumer, {:.2} of a bare relay, {:.2} of at least once",
            once / bare,
            once / relay,
            once / least
        );
    }
    program(broker, &client, rounds, "exactly_once", false, size);
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

fn prefix(round: usize, delivery: &str, prekeyed: bool) -> String {
    format!("t{round}{}{prekeyed}", &delivery[..2])
}

fn program(
    broker: &Broker,
    client: &Client,
    round: usize,
    delivery: &str,
    prekeyed: bool,
    size: f64,
) -> f64 {
    let prefix = prefix(round, delivery, prekeyed);
    let mut config = Config::new(broker, &prefix);
    config.without_sources().source("input", "native", false);
    config.set("windows.settle", "10m").set("windows.orphan_timeout", "24h");
    if prekeyed {
        config = load::prekeyed(config, "input");
    }
    config.set("kafka.delivery", delivery);
    let program = Program::start(&config);
    let stage = if prekeyed { "windows" } else { "intake" };
    let (first, before) = load::until_read(client, &format!("{prefix}.{stage}"), "input");
    if !prekeyed {
        let events = format!("{prefix}.events");
        let written = client.read(&events).len() as i64;
        loop {
            let committed: i64 =
                client.committed(&format!("{prefix}.windows"), &events).values().sum();
            if committed >= written {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let rate = (size - before as f64) / first.elapsed().as_secs_f64();
    let cpu_us = program.cpu().as_secs_f64() * 1e6 / size;
    let way = if prekeyed { "windows alone" } else { "intake and windows" };
    println!(
        "{delivery:<13} {rate:>20.0} events/s, {cpu_us:.2} µs of CPU each, commit {}, {way}",
        load::median_commit(&program)
    );
    program.stop();
    rate
}
