//! State, positions and topics that do not belong together any more, and clocks that are wrong:
//! each is told in one clear error, and nothing goes on with it.

use std::process::Command;
use std::time::Duration;

use crate::bad_setup::{refuses, refuses_with, with_state};
use crate::broker::Broker;
use crate::client::{Client, Sent, compacted};
use crate::clock::Clock;
use crate::harness::KEY;
use crate::program::{Config, Program, READY};

/// The windows of a case by name, without what depends on the present.
fn windows(case: &crate::case::Case) -> Vec<Vec<u8>> {
    let ledger = case.ledger();
    compacted(&ledger).into_keys().collect()
}

#[test]
fn state_that_was_deleted_is_told() {
    let (case, _, _) = with_state("lost-state");
    case.client.delete("lost-state.state");
    refuses(&case.config, &["lost-state.state does not exist", "lost-state.windows has read"]);
}

#[test]
fn state_that_was_emptied_is_told_and_built_again_from_the_events() {
    let (case, _, _) = with_state("lost-records");
    let before = windows(&case);
    case.client.delete("lost-records.state");
    let settings = [("cleanup.policy", "compact"), ("message.timestamp.type", "CreateTime")];
    case.client.create("lost-records.state", 4, &settings);
    let told = ["lost-records.state", "--group lost-records.windows", "--to-earliest"];
    refuses(&case.config, &told);
    // What the message says.
    case.client.rewind("lost-records.windows", "lost-records.events");
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    case.until_done();
    program.stop();
    assert_eq!(windows(&case), before);
}

#[test]
fn another_prefix_for_the_same_groups_is_told() {
    let (case, _, _) = with_state("lost-prefix");
    let mut config = case.config.clone();
    config.set("topics.prefix", "lost-prefix-2");
    refuses(&config, &["lost-prefix-2.events does not exist", "[topics] prefix"]);
    assert_eq!(case.client.partitions("lost-prefix-2.events"), [0; 0], "half a start");
}

#[test]
fn another_identity_key_is_told() {
    let (case, _, _) = with_state("lost-key");
    let ends = case.client.ends("lost-key.windows", "read_committed");
    let other = [("SHUTTERLAG_IDENTITY_KEY", "another identity key, long enough")];
    refuses_with(&case.config, &other, &["another identity key", "SHUTTERLAG_IDENTITY_KEY"]);
    assert_eq!(case.client.ends("lost-key.windows", "read_committed"), ends);
}

#[test]
fn a_state_in_the_place_of_another_is_told() {
    let (case, key, value) = with_state("lost-place");
    let state = "lost-place.state";
    let other = [&b"secret_exposure/another-"[..], &key].concat();
    case.client.write(state, [Sent::new(other, value)]);
    refuses(&case.config, &[state, "offset"]);
}

#[test]
fn a_topic_that_grows_ends_the_run_and_keeps_the_next_from_starting() {
    let (case, _, _) = with_state("lost-grown");
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    case.client.grow("lost-grown.events", 8);
    assert_eq!(program.wait(READY), Some(1), "{}", program.tail());
    assert!(program.said().contains("gave topic lost-grown.events 8 partitions"));
    refuses(&case.config, &["lost-grown.events", "partitions"]);
    // Even if all of them grow alike.
    for topic in ["state", "windows", "alerts"] {
        case.client.grow(&format!("lost-grown.{topic}"), 8);
    }
    refuses(&case.config, &["lost-grown.state has 8 partitions", "began with 4"]);
}

#[test]
fn a_clock_that_is_wrong_at_the_start_is_told() {
    let client = Client::new(Broker::shared().address());
    client.create("lost-clock.source", 1, &[]);
    let config = Config::new(Broker::shared(), "lost-clock");
    let clock = Clock::new();
    for (ahead, word) in [(3_600, "ahead of"), (-3_600, "behind")] {
        clock.set_ahead(ahead);
        refuses_with(&config, &clock.environment(), &["this machine's clock", word, "NTP"]);
    }
    let mut program = Program::start(&config);
    program.until_ready(READY);
    program.stop();
    let letters = client.read_as("read_committed", "lost-clock.dead-letters");
    assert!(letters.is_empty(), "the comparison leaves nothing behind");
}

/// What nobody delivered is found in a list of its source, on Kafka as on a local store.
#[test]
fn what_nobody_delivered_is_found_and_delivered_once() {
    let prefix = "lost-events";
    let mut config = Config::new(Broker::shared(), prefix);
    config.without_sources().github("hooks", "not a real secret");
    let mut program = Program::start(&config);
    program.until_ready(READY);
    let event = |kind: &str, id: &str, more: serde_json::Value| {
        let mut event = serde_json::json!({
            "type": kind,
            "id": id,
            "time": jiff::Timestamp::now().to_string(),
            "credential_id": "acme/a",
            "source": "desk",
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event.to_string()
    };
    let detected = event("leak.detected", "1", serde_json::json!({}));
    let answer = program.post("/in/events", &[], &detected).unwrap().answer(READY);
    assert!(answer.is_some_and(|answer| answer.status == 200));
    std::thread::sleep(Duration::from_millis(50));
    let decided =
        event("decision.made", "2", serde_json::json!({"reviewer": "kim", "action": "revoke"}));
    let directory = crate::scratch::directory(prefix);
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("list.ndjson"), format!("{detected}\n{decided}\n")).unwrap();
    std::fs::write(path("shutterlag.toml"), config.text()).unwrap();
    let compare = || {
        let done = Command::new(env!("CARGO_BIN_EXE_shutterlag"))
            .args(["replay", "--into", &format!("http://{}", program.address()), "--config"])
            .args([path("shutterlag.toml"), path("list.ndjson")])
            .env("SHUTTERLAG_IDENTITY_KEY", KEY)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let said = compare();
    assert!(said.contains("2 events in the list, 1 of them known."), "{said}");
    assert!(said.contains("1 were never delivered, 1 of them decisions."), "{said}");
    let again = compare();
    assert!(again.contains("2 of them known") && again.contains("0 were never"), "{again}");
    let began = std::time::Instant::now();
    let client = Client::new(Broker::shared().address());
    loop {
        let ledger = client.read(&config.topic("windows"));
        let found = ledger.iter().filter_map(|record| record.value.as_deref()).any(|record| {
            let record: serde_json::Value = serde_json::from_slice(record).unwrap();
            record["credential_id"] == "acme/a" && record["recovered"] == true
        });
        if found {
            break;
        }
        assert!(began.elapsed() < READY, "{}", program.tail());
        std::thread::sleep(Duration::from_millis(100));
    }
    program.stop();
}
