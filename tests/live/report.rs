//! `shutterlag report --config`: the ledger's topic as a report tells of it.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::broker::Broker;
use crate::case::Case;
use crate::harness::{KEY, Ran, Run};
use crate::input::{Arrival, Input};
use crate::program::{Program, READY};
use crate::scratch;

/// How long the first records may take.
const FIRST: Duration = Duration::from_secs(60);

#[test]
fn a_report_on_the_topic_is_that_on_what_it_holds() {
    let input = Input::simulate(9, 3_000, Arrival::Disturbed);
    let mut case = Case::new(Broker::shared(), "report", input);
    let directory = scratch::directory("report");
    let at = |name: &str| directory.path().join(name);
    fs::write(at("shutterlag.toml"), case.config.text()).unwrap();
    let report = |args: &[&str]| -> Ran {
        let run = Run::program().key(KEY).args(["report", "--config"]).arg(at("shutterlag.toml"));
        run.args(args).go()
    };

    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    case.send(1_500);
    let began = Instant::now();
    while case.ledger().len() < 100 {
        assert!(began.elapsed() < FIRST, "nothing gets into the ledger");
        std::thread::sleep(Duration::from_millis(100));
    }
    // Of a topic that grows: it ends all the same, and can be verified afterwards.
    let early = at("early.json");
    report(&["--out", early.to_str().unwrap()]).exits(0);
    case.send_rest();
    case.until_done();
    program.stop();
    let verified = report(&["--verify", early.to_str().unwrap()]).exits(0);
    assert!(verified.stdout.contains("Equal"), "{}", verified.stdout);

    let whole = report(&["--format", "json"]).exits(0).json();
    let mut current: BTreeMap<String, String> = BTreeMap::new();
    for record in case.ledger() {
        let key = record.key_text().to_string();
        match &record.value {
            Some(value) => current.insert(key, String::from_utf8(value.clone()).unwrap()),
            None => current.remove(&key),
        };
    }
    let dump: String = current.values().map(|record| format!("{record}\n")).collect();
    fs::write(at("dump.ndjson"), dump).unwrap();
    let run = Run::program().key(KEY).arg("report").arg(at("dump.ndjson"));
    let dumped = run.args(["--format", "json"]).go().exits(0).json();

    assert_eq!(whole["verdict"]["windows"], current.len());
    assert!(current.len() > 300, "{}", current.len());
    for section in
        ["verdict", "time_to_review", "attacker_first", "stages", "bands", "reviews", "outcomes"]
    {
        assert_eq!(whole[section], dumped[section], "{section}");
    }
    let of =
        |report: &Value| [report["evidence"]["days"].clone(), report["evidence"]["scopes"].clone()];
    assert_eq!(of(&whole), of(&dumped), "the same records have the same digests");
    let topic = &whole["evidence"]["sources"][0];
    assert_eq!(topic["name"], case.config.topic("windows"));
    let read = topic["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["records"].as_u64().unwrap());
    assert_eq!(read.sum::<u64>(), case.ledger().len() as u64);
    assert!(whole["quality"]["dead_letters"].is_object());
}
