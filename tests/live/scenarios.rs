//! One disturbance at a time, each with the verdict of the checker at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shutterlag::runtime::blocks::Block;

use crate::broker::Broker;
use crate::case::Case;
use crate::checker::{Fault, no_faults};
use crate::client::{Client, Record, Sent, compacted};
use crate::harness::dice::Dice;
use crate::input::{Arrival, Input};
use crate::poison;
use crate::program::{Config, Program, READY, until_drained};

/// Longer than a session, see `Config::new`.
const BEYOND_SESSION: Duration = Duration::from_secs(8);

#[test]
fn smoke() {
    let input = Input::simulate(1, 5_000, Arrival::Disturbed);
    let mut case = Case::new(Broker::shared(), "smoke", input);
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    case.send_rest();
    case.until_done();
    assert!(program.is_ready());
    program.stop();
    case.must_be_faultless();
    assert_eq!(case.dead_letters(), []);

    // A second one has nothing to add, and what is there it leaves as it is.
    let (ledger, before) =
        (case.ledger(), case.client.ends(&case.config.topic("windows"), "read_committed"));
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    std::thread::sleep(Duration::from_secs(1));
    program.stop();
    assert_eq!(case.client.ends(&case.config.topic("windows"), "read_committed"), before);
    assert_eq!(case.ledger(), ledger);
    case.must_be_faultless();
}

#[test]
fn events_that_are_keyed_already_take_the_short_way() {
    let input = Input::simulate(2, 3_000, Arrival::Ordered);
    let mut case = Case::new(Broker::shared(), "prekeyed", input);
    let keyed = "prekeyed.keyed".to_owned();
    case.client.create(&keyed, 4, &[]);
    case.source.clone_from(&keyed);
    case.config.without_sources().source(&keyed, "native", true);
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    case.send_rest();
    case.until_done();
    program.stop();
    case.must_be_faultless();
}

#[test]
fn what_a_stage_handed_on_is_read_whatever_the_sources_begin_with() {
    let input = Input::simulate(11, 1_000, Arrival::Ordered);
    let mut case = Case::new(Broker::shared(), "latest", input);
    case.config.set("kafka.start", "latest");
    // The intake was quicker than whoever reads what it writes.
    let events = case.config.topic("events");
    case.client.create(&events, 4, &[]);
    case.source.clone_from(&events);
    case.send_rest();
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    case.until_done();
    program.stop();
    case.must_be_faultless();
}

#[test]
fn state_survives_a_full_restart() {
    let input = Input::simulate(3, 6_000, Arrival::Disturbed);
    let mut case = Case::new(Broker::shared(), "restart", input);
    for _ in 0..3 {
        let mut program = Program::start(&case.config);
        program.until_ready(READY);
        case.send_until_in_ledger(2_000, READY);
        program.stop();
    }
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    case.send_rest();
    case.until_done();
    program.stop();
    case.must_be_faultless();
}

#[test]
fn what_a_first_run_left_unfinished_does_not_count() {
    let input = Input::simulate(10, 500, Arrival::Ordered);
    let mut case = Case::new(Broker::shared(), "unfinished", input);
    let state = case.config.topic("state");
    case.client.create(&state, 4, &[("cleanup.policy", "compact")]);
    case.client.write_and_abort(&state, [Sent::new("key", "state that was never committed")]);
    assert_ne!(case.client.ends(&state, "read_committed"), case.client.starts(&state));
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    case.send_rest();
    case.until_done();
    program.stop();
    case.must_be_faultless();
}

#[test]
fn broker_restart() {
    let mut broker = Broker::start();
    let input = Input::simulate(4, 9_000, Arrival::Disturbed);
    let mut case = Case::new(&broker, "broker", input);
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    for crash in [false, true] {
        case.send(3_000);
        // A lone broker may forget how transactions end that it finds half done
        // when it stops or starts: docs/testing.md.
        until_drained(&case.client, &case.config, &[&case.source], READY);
        if crash {
            broker.kill();
        } else {
            broker.stop();
        }
        // Long enough for a transaction to time out in the meantime.
        std::thread::sleep(Duration::from_secs(7));
        let (began, busy) = (Instant::now(), program.cpu());
        std::thread::sleep(Duration::from_secs(4));
        let (took, busy) = (began.elapsed(), program.cpu() - busy);
        assert!(busy < took / 4, "{busy:?} of work without a broker in {took:?}");
        broker.restart();
        assert_eq!(program.status(), None, "ended while the broker was away; {}", program.tail());
        program.until_ready(READY);
    }
    case.send_rest();
    case.until_done();
    program.stop();
    case.must_be_faultless();
}

#[test]
fn instances_join_and_leave() {
    let input = Input::simulate(5, 12_000, Arrival::Disturbed);
    let mut case = Case::new(Broker::shared(), "instances", input);
    let start = |name: &str| Program::start(&case.config.instance(name));
    let mut first = start("first");
    first.until_ready(READY);
    let (mut second, mut third) = (start("second"), start("third"));
    case.send(3_000);
    second.until_ready(READY);
    third.until_ready(READY);
    case.send(3_000);
    first.stop();
    case.send(3_000);
    third.kill();
    std::thread::sleep(BEYOND_SESSION);
    second.until_ready(READY);
    let mut first = Program::start(&case.config.instance("first"));
    case.send_rest();
    first.until_ready(READY);
    case.until_done();
    let members: BTreeMap<String, usize> = case.client.groups(&case.config.prefix);
    assert!(members.values().all(|members| *members >= 2), "{members:?}");
    first.stop();
    second.stop();
    case.must_be_faultless();
}

/// Three names for each credential, linked at any moment, while workers come, are killed and
/// leave: windows move between the partitions of two workers.
#[test]
fn names_are_linked_while_workers_come_and_go() {
    let seed = crate::faults::number("SHUTTERLAG_LIVE_SEED", 12);
    println!("SHUTTERLAG_LIVE_SEED={seed}");
    let input = Input::simulate(seed, 6_000, Arrival::Disturbed).under_several_names(seed);
    let mut case = Case::new(Broker::shared(), "names", input);
    let start = |name: &str| Program::start(&case.config.instance(name));
    let mut first = start("first");
    first.until_ready(READY);
    let mut second = start("second");
    case.send(2_000);
    second.until_ready(READY);
    case.send(1_000);
    first.kill();
    case.send(1_000);
    let mut first = Program::start(&case.config.instance("first"));
    first.until_ready(READY);
    case.send(1_000);
    second.kill();
    case.send_rest();
    case.until_done();
    first.stop();
    case.must_be_faultless();
    assert_eq!(case.dead_letters(), []);
}

#[test]
fn zombie() {
    let input = Input::simulate(6, 9_000, Arrival::Disturbed);
    let mut case = Case::new(Broker::shared(), "zombie", input);
    let mut frozen = Program::start(&case.config.instance("frozen"));
    frozen.until_ready(READY);
    case.send(3_000);
    // Within a transaction, as far as chance will have it.
    std::thread::sleep(Duration::from_millis(150));
    frozen.freeze();
    let mut heir = Program::start(&case.config.instance("heir"));
    case.send(3_000);
    std::thread::sleep(BEYOND_SESSION);
    heir.until_ready(READY);
    frozen.thaw();
    case.send_rest();
    // It was declared dead. Either it ends with an error or it joins again.
    let began = Instant::now();
    while frozen.status().is_none() && !frozen.is_ready() {
        assert!(began.elapsed() < READY, "neither ready nor ended; {}", frozen.tail());
        std::thread::sleep(Duration::from_millis(100));
    }
    case.until_done();
    match frozen.status() {
        Some(status) => assert_eq!(status, 1, "{}", frozen.tail()),
        None => frozen.stop(),
    }
    heir.stop();
    case.must_be_faultless();
}

#[test]
fn at_least_once_nothing_is_lost() {
    let input = Input::simulate(11, 9_000, Arrival::Disturbed);
    let mut case = Case::new(Broker::shared(), "at-least-once", input);
    case.config.set("kafka.delivery", "at_least_once");
    let mut dice = Dice(11);
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    for round in 0..4 {
        case.send(2_000);
        case.send_poison(&poison::any(&mut dice));
        std::thread::sleep(Duration::from_millis(300 + 150 * round));
        program.kill();
        program = Program::start(&case.config);
        program.until_ready(READY);
    }
    case.send_rest();
    case.until_done();
    program.stop();
    // Said again, or taken back again; at the end it is right all the same.
    let mut faults = case.faults();
    faults.retain(|fault| {
        !matches!(
            fault,
            Fault::Twice { .. }
                | Fault::Backwards { .. }
                | Fault::NothingToVoid { .. }
                | Fault::Transition { .. }
                // Begun before a crash, and not known to have: nothing ends it.
                | Fault::Firing { expected: false, .. }
        )
    });
    no_faults("at-least-once", &faults);
    poison::all_are_told_at_least_once(&case);
}

#[test]
fn poison_is_kept_aside() {
    let input = Input::simulate(7, 2_000, Arrival::Ordered);
    let mut case = Case::new(Broker::shared(), "poison", input);
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    for (poison, _) in poison::kinds() {
        case.send(200);
        case.send_poison(&poison);
    }
    case.send_rest();
    case.until_done();
    assert!(!program.said().contains(poison::CANARY), "a secret in the log");
    let metrics = program.metrics();
    assert!(!metrics.contains(poison::CANARY), "a secret in the metrics");
    program.stop();
    case.must_be_faultless();
    poison::all_are_told(&case);
}

#[test]
fn windows_settle_and_their_state_goes() {
    let input = Input::simulate(8, 3_000, Arrival::Ordered);
    let mut case = Case::new(Broker::shared(), "settle", input);
    // All are in the past: whatever is closed is final this long after it was judged.
    case.config.judging().set("windows.settle", "2s").set("windows.orphan_timeout", "1d");
    case.send_rest();
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    until_drained(&case.client, &case.config, &[&case.source], READY);
    let is_closed = |window: &Value| window["state"] == "closed";
    let began = Instant::now();
    let windows: Vec<Value> = loop {
        let log = case.ledger();
        let windows: Vec<Value> = compacted(&log)
            .values()
            .map(|record| serde_json::from_slice(record.value.as_deref().unwrap()).unwrap())
            .collect();
        let waits = |window: &&Value| is_closed(window) && window["final"] == false;
        let waiting = windows.iter().filter(waits).count();
        if waiting == 0 {
            break windows;
        }
        assert!(began.elapsed() < READY, "{waiting} windows closed long ago are not final");
        std::thread::sleep(Duration::from_millis(200));
    };
    program.stop();
    let (closed, unclosed): (Vec<&Value>, Vec<&Value>) =
        windows.iter().partition(|window| is_closed(window));
    assert!(!closed.is_empty() && !unclosed.is_empty());
    assert!(unclosed.iter().all(|window| window["final"] == false));
    // One entry of state for each credential that has an unclosed window.
    let states = case.client.read(&case.config.topic("state"));
    let held = states_of(&states).len();
    let credentials: BTreeSet<_> = unclosed
        .iter()
        .map(|window| (window["workflow"].to_string(), window["credential_id"].to_string()))
        .collect();
    assert!(
        (credentials.len()..credentials.len() + closed.len()).contains(&held),
        "{held} states for {} credentials",
        credentials.len()
    );
}

/// The states that the blocks of a changelog hold, by partition and key.
fn states_of(log: &[Record]) -> BTreeMap<(i32, Vec<u8>), Vec<u8>> {
    let mut states = BTreeMap::new();
    for record in log {
        let block = record.value.as_ref().and_then(|value| Block::read(value));
        for (key, state) in block.iter().flat_map(Block::entries) {
            let key = (record.partition, key.to_vec());
            match state {
                Some(state) => drop(states.insert(key, state.to_vec())),
                None => drop(states.remove(&key)),
            }
        }
    }
    states
}

/// A backlog, so that all that belongs before a decision is there when it is
/// judged, as with events that are new.
#[test]
fn reviews_are_judged_as_a_replay_judges_them() {
    // Enough for somebody who does not read to be named and paged.
    let input = Input::of_a_dozen_reviewers(1);
    let mut case = Case::new(Broker::shared(), "judging", input);
    // With a name, or each life would wait until the session of the last one is over.
    case.config.judging().set("windows.workers", 2).set("kafka.instance", "judge");
    case.send_rest();
    let mut dice = Dice(12);
    for _ in 0..6 {
        let program = Program::start(&case.config);
        std::thread::sleep(Duration::from_millis(900 + dice.below(2_500) as u64));
        program.kill();
    }
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    case.until_done();
    let metrics = program.metrics();
    assert!(metrics.contains("\nshutterlag_reviewers_flagged "), "{metrics}");
    program.stop();
    case.must_be_faultless();
    let findings = case.client.read(&case.config.topic("findings"));
    for kind in ["impossible_reading", "rubber_stamp_suspected", "reviewer_flagged"] {
        let of_kind = |record: &&crate::client::Record| record.key_text().starts_with(kind);
        assert!(findings.iter().any(|record| of_kind(&record)), "nothing of {kind} to judge");
    }
}

/// Far more time lies in the backlog than anything is waited for, and the topics are
/// not read at the same speed: whose decisions come first has not seen a leak yet.
#[test]
fn a_backlog_in_several_topics_is_told_and_judged_as_by_a_replay() {
    let mut input = Input::simulate(13, 9_000, Arrival::Ordered);
    // What happens long after a window closed is late live and not in a replay.
    let says = |line: &[u8], word: &str| String::from_utf8_lossy(line).contains(word);
    let late = ["truth.established", "credential.abused"];
    input.lines.retain(|line| !late.iter().any(|late| says(line, late)));
    let mut case = Case::new(Broker::shared(), "several", input);
    let decisions = "several.decisions".to_owned();
    case.client.create(&decisions, 1, &[]);
    case.config
        .judging()
        .source(&decisions, "native", false)
        .set("windows.settle", "10m")
        .set("windows.orphan_timeout", "2h");
    let source = case.source.clone();
    case.send_rest_to(|line| match says(line, "decision.made") {
        true => decisions.clone(),
        false => source.clone(),
    });
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    case.until_done();
    let metrics = program.metrics();
    assert!(metrics.contains("shutterlag_reviews_unjudged_total 0"), "{metrics}");
    program.stop();
    case.must_be_faultless();
}

#[test]
fn deadlines_pass_without_any_traffic() {
    const DUE_SOON: SignedDuration = SignedDuration::from_mins(6);
    // How long after its deadline an alert may be in its topic; there is time for a slow
    // machine in it, and still none for waiting until something else happens.
    const LATE_MS: i64 = 20_000;
    let client = Client::new(Broker::shared().address());
    client.create("deadlines.source", 1, &[]);
    // The broker's clock says when an alert arrived.
    let settings = [("message.timestamp.type", "LogAppendTime"), ("cleanup.policy", "compact")];
    client.create("deadlines.alerts", 4, &settings);
    let config = Config::new(Broker::shared(), "deadlines");
    let mut program = Program::start(&config);
    program.until_ready(READY);
    let due = |n: i64| Timestamp::now() + SignedDuration::from_millis(10_000 + 400 * n);
    let deadlines: Vec<i64> = (0..5)
        .map(|n| {
            let due = due(n);
            let event = json!({
                "type": "leak.detected",
                "id": format!("det-{n}"),
                "time": (due - DUE_SOON).to_string(),
                "credential_id": format!("credential-{n}"),
            });
            client.write("deadlines.source", [Sent::new("key", event.to_string())]);
            due.as_millisecond()
        })
        .collect();
    let began = Instant::now();
    let mut alerts = client.read("deadlines.alerts");
    while alerts.len() < deadlines.len() {
        assert!(began.elapsed() < READY, "{alerts:?}; {}", program.tail());
        std::thread::sleep(Duration::from_millis(200));
        alerts = client.read("deadlines.alerts");
    }
    program.stop();
    alerts.sort_by_key(|record| record.timestamp);
    let told: Vec<i64> = alerts.iter().map(|record| record.timestamp.unwrap()).collect();
    assert_eq!(told.len(), deadlines.len(), "{alerts:?}");
    for (told, deadline) in told.iter().zip(&deadlines) {
        let late = told - deadline;
        assert!(
            (0..LATE_MS).contains(&late),
            "{late} ms after the deadline; {told:?} {deadlines:?}"
        );
    }
}
