//! Receivers: a signed delivery is in the ledger once, whoever fails meanwhile.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::broker::Broker;
use crate::checker::{judge_ledger, no_faults};
use crate::client::{Client, compacted};
use crate::faults::number;
use crate::harness::dice::Dice;
use crate::input::{Arrival, Input};
use crate::program::{Answer, Asked, Config, Program, READY, until_drained};

const SECRET: &str = "not a real secret";
/// How long an answer may take: the program's own limit in these tests is 5 s.
const ANSWERED: Duration = Duration::from_secs(15);

/// A configuration without any topic to read.
fn config(broker: &Broker, prefix: &str) -> Config {
    let mut config = Config::new(broker, prefix);
    config.without_sources().github("hooks", SECRET);
    config
}

/// The same for a process that only takes deliveries.
fn edge(config: &Config) -> Config {
    let mut edge = config.clone();
    edge.set("kafka.role", "receiver");
    edge
}

/// A process that runs the stages, and one that only takes deliveries.
fn stages_and_edge(config: &Config) -> [Program; 2] {
    [config.clone(), edge(config)].map(|config| {
        let mut program = Program::start(&config);
        program.until_ready(READY);
        program
    })
}

/// What GitHub delivers when it has found a secret a minute ago; each time the same.
fn alert(number: u64) -> String {
    static FOUND: OnceLock<Timestamp> = OnceLock::new();
    let found = FOUND.get_or_init(|| Timestamp::now() - Duration::from_secs(60)).to_string();
    json!({
        "action": "created",
        "alert": {"number": number, "secret_type": "example_api_key", "created_at": found},
        "repository": {"full_name": "example-org/payments"},
    })
    .to_string()
}

fn deliver(program: &Program, body: &str) -> Option<Asked> {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    let digest = mac.chain_update(body.as_bytes()).finalize().into_bytes();
    let signature = format!("sha256={}", HEXLOWER.encode(&digest));
    program.post("/in/hooks", &[("X-Hub-Signature-256", &signature)], body)
}

#[track_caller]
fn answer(program: &Program, body: &str) -> Answer {
    deliver(program, body).and_then(|asked| asked.answer(ANSWERED)).expect("an answer")
}

/// Delivers again until it is taken, as a sender does.
#[track_caller]
fn deliver_until_taken(program: &Program, body: &str) {
    let began = Instant::now();
    loop {
        let answer = deliver(program, body).and_then(|asked| asked.answer(ANSWERED));
        if answer.as_ref().is_some_and(|answer| answer.status == 200) {
            return;
        }
        let ready = program.get("/readyz");
        assert!(began.elapsed() < READY, "{answer:?}; {ready:?}; {}", program.tail());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until the ledger has these windows, and returns the current record of each.
#[track_caller]
fn windows(client: &Client, config: &Config, numbers: &[u64]) -> Vec<Value> {
    let wanted: BTreeSet<String> =
        numbers.iter().map(|number| format!("github:example-org/payments#{number}")).collect();
    let began = Instant::now();
    loop {
        let log = client.read(&config.topic("windows"));
        let records: Vec<Value> = compacted(&log)
            .values()
            .map(|record| serde_json::from_slice(record.value.as_deref().unwrap()).unwrap())
            .collect();
        let of = |record: &Value| record["credential_id"].as_str().unwrap().to_owned();
        if records.iter().map(of).collect::<BTreeSet<_>>() == wanted {
            assert_eq!(records.len(), numbers.len(), "a credential has two windows: {records:?}");
            return records;
        }
        assert!(began.elapsed() < READY, "{wanted:?}: {records:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Each window is made of one event, however often it was delivered.
#[track_caller]
fn each_once(records: &[Value]) {
    for record in records {
        assert_eq!(
            (&record["revision"], &record["detections"]),
            (&json!(1), &json!(1)),
            "{record}"
        );
    }
}

#[test]
fn a_signed_hook_reaches_the_ledger_through_a_process_that_only_takes_deliveries() {
    let broker = Broker::shared();
    let (client, config) = (Client::new(broker.address()), config(broker, "hooks"));
    let [stages, edge] = stages_and_edge(&config);

    let taken = answer(&edge, &alert(1));
    assert_eq!((taken.status, &*taken.body), (200, r#"{"events":1,"refused":0}"#));
    // Those that run the stages take deliveries as well.
    assert_eq!(answer(&stages, &alert(2)).status, 200);
    let forged = edge.post("/in/hooks", &[("X-Hub-Signature-256", "sha256=00")], &alert(3));
    assert_eq!(forged.unwrap().answer(ANSWERED).unwrap().status, 401);
    let refused = answer(&edge, "no record of GitHub");
    assert_eq!(refused.status, 200);
    let told = r#"{"events":0,"refused":1,"why":[{"reason":"invalid_json","detail":""#;
    assert!(refused.body.starts_with(told), "{}", refused.body);
    // Again, to the other process.
    assert_eq!(answer(&stages, &alert(1)).status, 200);
    each_once(&windows(&client, &config, &[1, 2]));

    let letters = client.read(&config.topic("dead-letters"));
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert!(letter.key_text().starts_with("in/hooks/"), "{letter:?}");
    // It has no partitions, and shows no windows.
    let members: usize = client.groups("hooks").values().sum();
    assert_eq!(members, 2, "one of windows and one of oversight: {:?}", client.groups("hooks"));
    assert_eq!(edge.get("/api/v1/windows").unwrap().0, 404);
    assert_eq!(stages.get("/api/v1/windows").unwrap().0, 200);
    let metrics = edge.metrics();
    for line in [
        r#"shutterlag_deliveries_total{receiver="hooks",result="taken"} 2"#,
        r#"shutterlag_deliveries_total{receiver="hooks",result="unverified"} 1"#,
        r#"shutterlag_deliveries_total{receiver="events",result="taken"} 0"#,
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    edge.stop();
    stages.stop();
}

/// A lone broker can lose the end of a transaction that it finds half done when it stops or starts
/// (docs/testing.md). So the process with the stages ends before: deliveries are written without
/// transactions.
#[test]
fn while_the_broker_is_away_deliveries_are_refused_and_none_is_lost() {
    let mut broker = Broker::start();
    let (client, config) = (Client::new(broker.address()), config(&broker, "away"));
    let [stages, mut edge] = stages_and_edge(&config);
    assert_eq!(answer(&edge, &alert(1)).status, 200);
    each_once(&windows(&client, &config, &[1]));
    until_drained(&client, &config, &[], READY);
    stages.stop();
    for (number, crash) in [(2, false), (3, true)] {
        // One that is on its way while the broker goes.
        let racing = deliver(&edge, &alert(number)).unwrap();
        if crash {
            broker.kill();
        } else {
            broker.stop();
        }
        // It may have been taken before. What counts is that it is delivered until it is.
        let raced = racing.answer(ANSWERED).expect("an answer");
        assert!([200, 503].contains(&raced.status), "{raced:?}");
        let refused = answer(&edge, &alert(number));
        assert_eq!(refused.status, 503, "{refused:?}");
        assert!(refused.head.contains("\r\nretry-after: "), "{refused:?}");
        assert_eq!(edge.get("/readyz").unwrap().0, 503);
        assert_eq!(edge.get("/healthz").unwrap().0, 200);
        broker.restart();
        deliver_until_taken(&edge, &alert(number));
        // Nothing that was answered is taken back by it.
        edge.until_ready(READY);
    }
    edge.stop();
    let mut stages = Program::start(&config);
    stages.until_ready(READY);
    each_once(&windows(&client, &config, &[1, 2, 3]));
    stages.stop();
}

#[test]
fn a_delivery_that_was_written_and_never_answered_counts_once() {
    const DELIVERIES: u64 = 8;
    let broker = Broker::shared();
    let (client, config) = (Client::new(broker.address()), config(broker, "unanswered"));
    // It stays, and so do its partitions.
    let mut stages = Program::start(&config);
    stages.until_ready(READY);
    let edge = edge(&config);
    for number in 0..DELIVERIES {
        let mut program = Program::start(&edge);
        program.until_ready(READY);
        let body = alert(number);
        let asked = deliver(&program, &body);
        if number == 0 {
            // This one is in the topic when the process is killed.
            let written = || client.ends(&config.topic("events"), "read_uncommitted");
            let began = Instant::now();
            while written().values().sum::<i64>() == 0 {
                assert!(began.elapsed() < READY, "nothing is written");
            }
        } else {
            // And these may be anywhere on their way.
            std::thread::sleep(Duration::from_micros(number * number * 300));
        }
        program.kill();
        // Its sender does not know.
        drop(asked);
        let mut program = Program::start(&edge);
        program.until_ready(READY);
        deliver_until_taken(&program, &body);
        program.stop();
    }
    let all: Vec<u64> = (0..DELIVERIES).collect();
    each_once(&windows(&client, &config, &all));
    let events = client.read(&config.topic("events"));
    assert!(events.len() > all.len(), "none was written twice");
    stages.stop();
}

/// Kills the process that takes deliveries at random moments, while several senders deliver, and
/// each of them delivers again what was not answered 200.
#[test]
fn under_kills_every_delivery_that_was_answered_is_in_the_ledger_once() {
    const SENDERS: usize = 4;
    let (seed, kills) = (number("SHUTTERLAG_LIVE_SEED", 1), number("SHUTTERLAG_LIVE_KILLS", 10));
    let (broker, arrival) = (Broker::shared(), Arrival::Disturbed);
    let input = Input::simulate(seed, 500 * kills as usize, arrival);
    let (client, config) = (Client::new(broker.address()), config(broker, "killed-receivers"));
    let mut stages = Program::start(&config);
    stages.until_ready(READY);
    let edge = edge(&config);

    let deliveries: Vec<String> =
        input.lines.chunks(5).map(|lines| String::from_utf8(lines.join(&b'\n')).unwrap()).collect();
    let (address, killed) = (Mutex::new(String::new()), AtomicU64::new(0));
    let (done, again) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let sender = |number: usize| {
        for (at, body) in deliveries.iter().enumerate().skip(number).step_by(SENDERS) {
            // As many between two kills, and the last of them after all.
            let share = deliveries.len() as u64 / kills;
            while at as u64 / share.max(1) > killed.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(5));
            }
            loop {
                let to = address.lock().unwrap().clone();
                let answer = Asked::post(&to, "/in/events", &[], body);
                if answer.and_then(|it| it.answer(ANSWERED)).is_some_and(|it| it.status == 200) {
                    break;
                }
                again.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
            done.fetch_add(1, Ordering::Release);
        }
    };
    std::thread::scope(|scope| {
        (0..SENDERS).for_each(|number| drop(scope.spawn(move || sender(number))));
        let mut dice = Dice(seed);
        loop {
            let mut program = Program::start(&edge);
            program.until_ready(READY);
            *address.lock().unwrap() = program.address();
            if killed.load(Ordering::Acquire) < kills {
                std::thread::sleep(Duration::from_millis(dice.below(300) as u64));
                program.kill();
                killed.fetch_add(1, Ordering::Release);
                continue;
            }
            let began = Instant::now();
            while done.load(Ordering::Acquire) < deliveries.len() {
                assert!(began.elapsed() < READY, "not all is delivered");
                std::thread::sleep(Duration::from_millis(50));
            }
            program.stop();
            break;
        }
    });
    until_drained(&client, &config, &[], READY);
    stages.stop();
    let again = again.into_inner();
    let twice = client.read(&config.topic("events")).len() - input.lines.len();
    println!(
        "seed {seed}: {kills} kills, {} deliveries, {again} tries again, {twice} events twice",
        deliveries.len()
    );
    assert!(again > 0, "no delivery was disturbed");
    let log = client.read(&config.topic("windows"));
    no_faults("killed-receivers", &judge_ledger(&input.replayed(), &log, arrival).faults);
}
