//! How long a decision takes to its record in the ledger at a steady rate, as a consumer of
//! committed records sees it, and what that costs: in the default configuration, with intake and
//! from a keyed source.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::message::Message;
use serde_json::Value;

use crate::broker::Broker;
use crate::client::{Client, Sent};
use crate::deliveries::present;
use crate::load;
use crate::program::{Config, Program, READY};

/// Events of one credential: a detection, advice, and a decision.
const EVENTS: usize = 3;
/// How many credentials are between two events of one.
const APART: usize = 100;
/// How long the last decisions may take.
const COMES_WITHIN: Duration = Duration::from_secs(30);

pub(crate) fn run(broker: &Broker) {
    let client = Client::new(broker.address());
    for keyed in [false, true] {
        steady(broker, &client, keyed);
    }
}

fn steady(broker: &Broker, client: &Client, keyed: bool) {
    let rate = load::number("SHUTTERLAG_BENCH_RATE", 1_000);
    let seconds = load::number("SHUTTERLAG_BENCH_SECONDS", 30);
    let (prefix, what) = if keyed { ("lk", "keyed") } else { ("li", "with intake") };
    let source = format!("{prefix}.source");
    client.create(&source, load::PARTITIONS, &[]);
    let mut config = Config::new(broker, prefix);
    config.without_sources().source(&source, "native", keyed);
    config.set("windows.settle", "10m").set("windows.orphan_timeout", "24h").judging();
    let interval = std::env::var("SHUTTERLAG_BENCH_COMMIT_INTERVAL");
    if let Ok(interval) = &interval {
        config.set("kafka.commit_interval", interval.as_str());
    }
    let mut program = Program::start(&config);
    program.until_ready(READY);
    let ledger = load::committed(client, &format!("{prefix}.windows"));
    let writer = client.writer();
    let credentials = rate * seconds / EVENTS;
    let (used, began) = (program.cpu(), Instant::now());
    let mut decided: HashMap<String, Instant> = HashMap::new();
    let mut took: Vec<f64> = Vec::with_capacity(credentials);
    let mut sent = 0;
    let mut cost = None;
    while took.len() < credentials {
        let due = (began.elapsed().as_secs_f64() * rate as f64) as usize;
        while sent < due.min(EVENTS * (credentials + 2 * APART)) {
            let (step, kind) = (sent / EVENTS, sent % EVENTS);
            sent += 1;
            let Some(number) = step.checked_sub(kind * APART).filter(|at| *at < credentials) else {
                continue;
            };
            let name = format!("credential-{number:08}");
            writer.send(&source, &Sent::new(name.clone(), event(&name, kind)));
            if kind == EVENTS - 1 {
                decided.insert(name, Instant::now());
            }
        }
        if sent >= EVENTS * credentials {
            cost.get_or_insert_with(|| {
                (program.cpu() - used).as_secs_f64() / began.elapsed().as_secs_f64()
            });
        }
        let Some(message) = ledger.poll(Duration::from_millis(1)) else {
            let last = Duration::from_secs(seconds as u64) + COMES_WITHIN;
            assert!(began.elapsed() < last, "{} of {credentials} decisions", took.len());
            continue;
        };
        let at = Instant::now();
        let message = message.unwrap();
        let Some(value) = message.payload() else { continue };
        let window: Value = serde_json::from_slice(value).unwrap();
        if window["decided_at"].is_null() {
            continue;
        }
        if let Some(since) = decided.remove(window["credential_id"].as_str().unwrap()) {
            took.push((at - since).as_secs_f64() * 1e3);
        }
    }
    took.sort_by(f64::total_cmp);
    println!(
        "{rate} events/s {what}: from a decision to its record p50 {:.0} ms, p99 {:.0} ms, longest \
         {:.0} ms; {:.0} % of a core; commit {}",
        took[took.len() / 2],
        took[took.len() * 99 / 100],
        took[took.len() - 1],
        cost.unwrap_or_default() * 100.0,
        load::median_commit(&program)
    );
    program.stop();
}

/// An event just now: the first, second or third of its credential.
fn event(name: &str, kind: usize) -> String {
    let rest = [
        r#""type":"leak.detected""#,
        r#""type":"triage.completed","recommendation":"revoke","summary_words":120"#,
        r#""type":"decision.made","reviewer":"reviewer-003","action":"revoke","verdict":"approve","rationale_words":12"#,
    ][kind];
    let time = present();
    format!(
        r#"{{{rest},"id":"{name}-{kind}","time":"{time}","credential_id":"{name}","source":"bench"}}"#
    )
}
