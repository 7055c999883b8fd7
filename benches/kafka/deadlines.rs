//! The time from a deadline to its alert in the topic and to the page, with many open windows;
//! and many deadlines at once.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use rdkafka::message::{BorrowedMessage, Message};
use serde_json::Value;
use shutterlag::time::Timestamp;

use crate::broker::Broker;
use crate::client::{Client, Sent};
use crate::load;
use crate::monitoring::{Alertmanager, Pager, now_ms};
use crate::program::{Config, Program, READY};

/// The time after which `ReviewDueSoon` fires.
const DUE_MS: i64 = 6 * 60_000;

pub(crate) fn run(broker: &Broker) {
    let client = Client::new(broker.address());
    client.create("leaks", load::PARTITIONS, &[]);
    let pager = Pager::start();
    let alertmanager = Alertmanager::start(&pager);
    let mut config = load::prekeyed(Config::new(broker, "d"), "leaks");
    // Each must be a page of its own.
    config.set("alerts.group_size", 1_000_000).alertmanager(&alertmanager.url());
    let mut program = Program::start(&config);
    program.until_ready(READY);

    // Windows that stay open and are not due; then some that become due one after the other.
    let open = load::number("SHUTTERLAG_BENCH_WINDOWS", 100_000);
    client.write("leaks", (0..open).map(|number| leak(number, now_ms())));
    load::until_read(&client, "d.windows", "leaks");
    let due = 2_000;
    let first_due = now_ms() + 8_000;
    let windows =
        (0..due).map(|number| leak(open + number, first_due + number as i64 * 5 - DUE_MS));
    client.write("leaks", windows);

    let consumer = load::committed(&client, "d.alerts");
    let mut delays = Vec::new();
    while delays.len() < due {
        let message = next(&consumer);
        let alert: Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        delays.push(now_ms() - time(&alert["at"]));
    }
    println!("{open} windows open, {due} deadlines in {} s", due * 5 / 1000);
    tell("to the topic", &mut delays);
    let began = Instant::now();
    while pager.sent().len() < due && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut delays: Vec<i64> =
        pager.alerts().iter().map(|(at, alert)| at - time(&alert["startsAt"])).collect();
    assert_eq!(delays.len(), due, "pages");
    tell("to whoever is paged", &mut delays);
    // Nearly all of these commits were small: one for a few deadlines.
    println!("median commit {}", load::median_commit(&program));
    program.stop();
    let bare = crate::commits::bare_median(&client, "leaks").as_secs_f64() * 1e3;
    println!("median of a bare producer's, as small: {bare:.1} ms");
}

/// All deadlines in the same moment.
pub(crate) fn burst(broker: &Broker) {
    let client = Client::new(broker.address());
    client.create("leaks", load::PARTITIONS, &[]);
    let pager = Pager::start();
    let alertmanager = Alertmanager::start(&pager);
    let mut config = load::prekeyed(Config::new(broker, "b"), "leaks");
    config.alertmanager(&alertmanager.url());
    let mut program = Program::start(&config);
    program.until_ready(READY);
    let count = load::number("SHUTTERLAG_BENCH_WINDOWS", 100_000);
    let due = now_ms() + 60_000;
    client.write("leaks", (0..count).map(|number| leak(number, due - DUE_MS)));
    load::until_read(&client, "b.windows", "leaks");
    let left = due - now_ms();
    assert!(left > 2_000, "{left} ms are left: too slow to tell");
    let memory = || load::metric(&program, "process_resident_memory_bytes", "") / 1e6;
    let before = memory();
    let consumer = load::committed(&client, "b.alerts");
    let (mut keys, mut last) = (HashSet::new(), 0);
    while keys.len() < count {
        let message = next(&consumer);
        last = last.max(now_ms() - due);
        assert!(keys.insert(message.key().unwrap().to_vec()), "twice");
    }
    println!(
        "{count} deadlines at once: all in the topic after {last} ms, as a consumer sees it; \
         memory {before:.0} MB before, {:.0} MB after",
        memory()
    );
    let (at, page) = pager.until("the page", Duration::from_secs(60), |alert| {
        alert["labels"]["credential"] == "many"
    });
    println!(
        "whoever is paged: after {} ms, with {} of them, {} pages in all",
        at - due,
        page["annotations"]["count"],
        pager.alerts().len()
    );
    program.stop();
}

fn tell(what: &str, delays: &mut [i64]) {
    delays.sort_unstable();
    let count = delays.len();
    println!(
        "{what}: p50 {} ms, p99 {} ms, max {} ms",
        delays[count / 2],
        delays[count * 99 / 100],
        delays[count - 1]
    );
}

fn time(value: &Value) -> i64 {
    Timestamp::parse_rfc3339(value.as_str().unwrap()).unwrap().as_millis()
}

/// Waits for the next record; `None` if the wait ends without one.
fn next(consumer: &BaseConsumer) -> BorrowedMessage<'_> {
    let began = Instant::now();
    loop {
        if let Some(message) = consumer.poll(Duration::from_secs(1)) {
            return message.unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(120), "nothing comes");
    }
}

fn leak(number: usize, at_ms: i64) -> Sent {
    let credential = format!("cred-{number:08x}");
    let time = Timestamp::from_millis(at_ms);
    let value = format!(
        r#"{{"type":"leak.detected","id":"{number}","time":"{time}","credential_id":"{credential}"}}"#
    );
    Sent::new(credential, value)
}
