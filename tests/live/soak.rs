//! A run that goes on for long: cases open and close all the time, the clock of the program is
//! corrected, and the brokers of its cluster are restarted one after the other.
//!
//! `SHUTTERLAG_SOAK_SECONDS` and `SHUTTERLAG_SOAK_EVENTS` (a second) make it long.

use std::io::Write;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::checker::{judge_alerts, judge_ledger, no_faults};
use crate::client::{Client, Sent};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::faults::number;
use crate::input::{Arrival, Expected, Spool};
use crate::program::{Config, Program, READY, until_drained};

const PREFIX: &str = "soak";

/// How long the rest may take at the end.
const DRAINING: Duration = Duration::from_secs(300);

/// The ledger of so many events is held against a replay's at a time: that of an hour would not fit
/// into memory.
const PART_EVENTS: usize = 500_000;

/// By how much the clock is wrong after a correction. Less than the time between the closing of
/// a window and its last record, or the run would call late what a replay does not.
const WRONG_BY: [i64; 4] = [20, 0, -20, 0];

/// Detection, decision and containment of a credential of its own.
fn case(number: u64) -> [Value; 3] {
    let event = |kind: &str, more: Value| {
        let mut event = json!({
            "type": kind,
            "id": format!("{kind}-{number}"),
            "time": Timestamp::now().to_string(),
            "credential_id": format!("credential-{number}"),
            "source": "soak",
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    [
        event("leak.detected", json!({})),
        event(
            "decision.made",
            json!({"reviewer": format!("reviewer-{}", number % 50), "action": "revoke"}),
        ),
        event("credential.contained", json!({"method": "revoked"})),
    ]
}

/// The program, and how often its watchdog has ended it.
struct Supervised<'c> {
    program: Program,
    start: &'c dyn Fn() -> Program,
    restarts: u32,
}

impl Supervised<'_> {
    /// Starts it again when its watchdog has ended it, as every supervisor would.
    #[track_caller]
    fn look(&mut self) {
        if let Some(status) = self.program.status() {
            let tail = self.program.tail();
            assert!(tail.contains("has made no progress for"), "ended with {status}; {tail}");
            self.restarts += 1;
            self.program = (self.start)();
        }
    }

    /// Looks until `done` has come back.
    fn look_while(&mut self, done: impl FnOnce() + Send) {
        std::thread::scope(|scope| {
            let doing = scope.spawn(done);
            while !doing.is_finished() {
                self.look();
                std::thread::sleep(Duration::from_millis(200));
            }
            doing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    }
}

/// Resident memory, in megabytes.
fn memory(program: &Program) -> Option<f64> {
    let (_, metrics) = program.get("/metrics")?;
    let line = metrics.lines().find(|line| line.starts_with("process_resident_memory_bytes "))?;
    Some(line.rsplit(' ').next()?.parse::<f64>().ok()? / 1e6)
}

#[test]
fn a_soak_stays_flat_and_its_ledger_is_that_of_a_replay() {
    let seconds = number("SHUTTERLAG_SOAK_SECONDS", 24);
    let cases = number("SHUTTERLAG_SOAK_EVENTS", 150).div_ceil(3);
    let mut cluster = Cluster::start(3);
    let client = Client::new(cluster.address());
    client.create(&format!("{PREFIX}.source"), 3, &[]);
    let mut config = Config::at(&cluster.address(), PREFIX);
    config.set("windows.settle", "60s").set("windows.orphan_timeout", "1d");
    config.set("windows.remember_closed", "1s");
    // A decision that is never judged is held for ever, and so is its window. The view holds
    // what closed within a day, up to its bound, which a long run reaches within a minute.
    config.set("oversight.delay", "30s").set("http.view_windows_max", 20_000);
    let clock = Clock::new();
    let start = || Program::start_with(&config, &clock.environment());
    let mut run = Supervised { program: start(), start: &start, restarts: 0 };
    run.program.until_ready(READY);
    let writer = client.writer();
    let (began, mut spool, mut sizes) = (Instant::now(), Spool::new(), Vec::new());
    let mut done = [0; 2];
    for second in 0..seconds {
        for number in second * cases..(second + 1) * cases {
            for event in case(number) {
                let (key, line) = (event["credential_id"].as_str().unwrap(), event.to_string());
                spool.add(line.as_bytes());
                writer.send(&format!("{PREFIX}.source"), &Sent::new(key, line));
            }
        }
        // Six corrections and four restarts, however long it takes.
        if second * 6 / seconds > done[0] {
            done[0] += 1;
            clock.set_ahead(WRONG_BY[(done[0] as usize - 1) % WRONG_BY.len()]);
        }
        if second * 5 / seconds > done[1] {
            done[1] += 1;
            cluster.until_in_sync();
            cluster.broker(done[1] as usize % 3).restart();
        }
        run.look();
        if second % (seconds / 12).max(1) == 0 {
            sizes.extend(memory(&run.program));
        }
        let next = Duration::from_secs(second + 1);
        std::thread::sleep(next.saturating_sub(began.elapsed()));
    }
    writer.finish();
    clock.set_ahead(0);
    cluster.until_in_sync();
    run.look_while(|| until_drained(&client, &config, &[&format!("{PREFIX}.source")], DRAINING));
    run.program.until_ready(READY);
    sizes.extend(memory(&run.program));
    let events = spool.events;
    let replayed = spool.replayed();
    // The last decisions have yet to be judged.
    let drained = Instant::now();
    let mut faults = Vec::new();
    let parts = events.div_ceil(PART_EVENTS);
    for part in 0..parts {
        let belongs = |name: &str| {
            let place =
                name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + byte as usize);
            place % parts == part
        };
        let key = |key: &[u8]| belongs(&String::from_utf8_lossy(key));
        let subject = |key: &[u8]| {
            let key = String::from_utf8_lossy(key);
            belongs(key.split_once('/').map_or("", |(_, subject)| subject))
        };
        let expected = Expected { judged: true, ..replayed.part(&belongs) };
        loop {
            let log = client.read_those(&config.topic("windows"), &key);
            let ledger = judge_ledger(&expected, &log, Arrival::Disturbed);
            let mut of_part = ledger.faults.clone();
            let alerts = client.read_those(&config.topic("alerts"), &subject);
            of_part.extend(judge_alerts(&expected, &alerts, &ledger));
            if of_part.is_empty() || drained.elapsed() >= DRAINING {
                faults.extend(of_part);
                break;
            }
            std::thread::sleep(Duration::from_secs(5));
        }
    }
    run.program.stop();
    let took = began.elapsed().as_secs();
    let mut error = std::io::stderr();
    let _ = writeln!(
        error,
        "soak: {events} events in {took} s, {} corrections of the clock, {} restarts of a broker, \
         {} of the program after a worker hung; MB in use: {sizes:.0?}",
        done[0], done[1], run.restarts
    );
    // The first minutes fill what is bounded by time: windows that are not final yet.
    let (early, late) = sizes.split_at(sizes.len() / 2);
    let most = |sizes: &[f64]| sizes.iter().copied().fold(0.0, f64::max);
    if seconds >= 600 {
        assert!(most(late) < 1.3 * most(early), "memory grows: {sizes:.0?}");
    }
    no_faults(PREFIX, &faults);
}
