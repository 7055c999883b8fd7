//! A judge that never finds anything proves nothing: whatever is planted in a
//! good ledger must be found.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::broker::Broker;
use crate::checker::{Fault, Ledger, judge_alerts, judge_ledger};
use crate::client::{Client, Record, Sent};
use crate::input::{Arrival, Expected, Input, replay};

/// What a faultless run would have written: of each window what a replay of the
/// first half says, then the record of the whole.
#[derive(Clone)]
struct Written {
    expected: Expected,
    ledger: Vec<Record>,
    alerts: Vec<Record>,
}

impl Written {
    fn new() -> Written {
        static MADE: LazyLock<Written> = LazyLock::new(Written::make);
        MADE.clone()
    }

    fn make() -> Written {
        let input = Input::simulate(11, 600, Arrival::Ordered);
        // The half first: it is of an earlier moment.
        let half = replay(&input.lines[..300]);
        let expected = input.replayed();
        let mut ledger = Vec::new();
        for text in &half.windows {
            write(&mut ledger, live(text));
        }
        let earlier: Vec<Value> = ledger.iter().map(timeless).collect();
        for live in expected.windows.iter().map(|text| live(text)) {
            if !earlier.contains(&timeless_of(&live)) {
                write(&mut ledger, live);
            }
        }
        let mut alerts = Vec::new();
        let judged = ["HollowApproval", "RubberStampSuspected"];
        for alert in &expected.alerts {
            if !judged.iter().any(|judged| alert["alert"] == *judged) {
                write(&mut alerts, alert);
            }
        }
        Written { expected, ledger, alerts }
    }

    fn faults(&self) -> Vec<Fault> {
        self.judge(Arrival::Ordered).faults
    }

    fn judge(&self, arrival: Arrival) -> Ledger {
        judge_ledger(&self.expected, &self.ledger, arrival)
    }

    fn alert_faults(&self) -> Vec<Fault> {
        judge_alerts(&self.expected, &self.alerts, &self.judge(Arrival::Ordered))
    }

    /// The position of a record whose window has an earlier one as well.
    fn second(&self) -> usize {
        let keys: Vec<String> = self.ledger.iter().map(Record::key_text).collect();
        (0..keys.len()).find(|at| keys[..*at].contains(&keys[*at])).expect("a second revision")
    }

    /// The position of the last record of a window in this state.
    fn in_state(&self, state: &str) -> usize {
        let at = self.ledger.iter().rposition(|record| value(record)["state"] == state);
        at.expect("a window in this state")
    }

    fn change(&mut self, at: usize, change: impl FnOnce(&mut Value)) {
        let mut changed = value(&self.ledger[at]);
        change(&mut changed);
        self.ledger[at].value = Some(text_like(&self.ledger[at], &changed));
    }
}

/// The replay's record as a live run would write it.
fn live(text: &str) -> String {
    let text = text.replace("\"final\":true", "\"final\":false");
    let (head, _) = text.split_once("\"hollow\":").unwrap();
    format!("{head}\"hollow\":null,\"quality\":null,\"effective\":null}}")
}

fn value(record: &Record) -> Value {
    serde_json::from_slice(record.value.as_deref().unwrap()).unwrap()
}

fn timeless_of(text: &str) -> Value {
    let mut value: Value = serde_json::from_str(text).unwrap();
    value.as_object_mut().unwrap().remove("attacker_first");
    value
}

fn timeless(record: &Record) -> Value {
    timeless_of(std::str::from_utf8(record.value.as_deref().unwrap()).unwrap())
}

/// The fields of `changed` in the order in which `record` has them.
fn text_like(record: &Record, changed: &Value) -> Vec<u8> {
    let text = std::str::from_utf8(record.value.as_deref().unwrap()).unwrap();
    let names = crate::harness::fields(text);
    let fields: Vec<String> =
        names.iter().map(|name| format!("{}:{}", json!(name), changed[name])).collect();
    format!("{{{}}}", fields.join(",")).into_bytes()
}

fn write(log: &mut Vec<Record>, value: impl ToString) {
    let text = value.to_string();
    let value: Value = serde_json::from_str(&text).unwrap();
    log.push(Record {
        partition: 0,
        offset: log.len() as i64,
        timestamp: None,
        key: Some(value["exposure_id"].as_str().unwrap().into()),
        value: Some(text.into()),
        headers: Vec::new(),
    });
}

#[test]
fn a_faultless_run_has_no_faults() {
    let written = Written::new();
    assert_eq!(written.faults(), []);
    assert_eq!(written.judge(Arrival::Disturbed).faults, []);
    assert_eq!(written.alert_faults(), []);
    assert!(written.ledger.len() > written.expected.windows.len(), "with revisions");
    assert!(!written.alerts.is_empty());
}

#[test]
fn a_window_that_is_missing_is_found() {
    let mut written = Written::new();
    let last = written.ledger.pop().unwrap();
    let exposure = last.key_text();
    written.ledger.retain(|record| record.key_text() != exposure);
    assert_eq!(written.faults(), [Fault::Missing { exposure }]);
}

#[test]
fn a_window_that_nobody_expects_is_found() {
    let mut written = Written::new();
    let text = written.expected.windows.pop().unwrap();
    let window: Value = serde_json::from_str(&text).unwrap();
    let exposure = window["exposure_id"].as_str().unwrap().to_owned();
    assert_eq!(written.faults(), [Fault::Unexpected { exposure }]);
}

#[test]
fn a_window_that_was_voided_by_mistake_is_found() {
    let mut written = Written::new();
    let mut tombstone = written.ledger[0].clone();
    tombstone.value = None;
    let exposure = tombstone.key_text();
    written.ledger.extend([tombstone.clone(), tombstone]);
    let faults = written.faults();
    let [Fault::NothingToVoid { .. }, Fault::Missing { exposure: missing }] = &faults[..] else {
        panic!("{faults:?}")
    };
    assert_eq!(*missing, exposure);
}

#[test]
fn a_record_that_comes_twice_is_found() {
    for arrival in [Arrival::Ordered, Arrival::Disturbed] {
        let mut written = Written::new();
        let second = written.ledger[written.second()].clone();
        written.ledger.push(second);
        let faults = written.judge(arrival).faults;
        assert!(matches!(faults[..], [Fault::Twice { .. }]), "{arrival:?}: {faults:?}");
    }
}

#[test]
fn a_record_that_comes_again_at_another_moment_is_found() {
    let mut written = Written::new();
    let open = written.in_state("open");
    written.ledger.push(written.ledger[open].clone());
    let again = written.ledger.len() - 1;
    written.change(again, |window| window["attacker_first"]["lower_bound"] = json!(0.0));
    let faults = written.faults();
    assert!(matches!(faults[..], [Fault::Twice { .. }]), "{faults:?}");
}

#[test]
fn the_record_of_a_zombie_is_found() {
    let mut written = Written::new();
    let second = written.second();
    let key = written.ledger[second].key_text();
    let first = written.ledger.iter().find(|record| record.key_text() == key).unwrap().clone();
    written.ledger.insert(second + 1, first);
    let faults = written.faults();
    assert!(faults.iter().any(|fault| matches!(fault, Fault::Twice { .. })), "{faults:?}");
    assert!(faults.iter().any(|fault| matches!(fault, Fault::Differs { .. })), "{faults:?}");
}

#[test]
fn a_revision_that_goes_backwards_is_found() {
    let mut written = Written::new();
    let second = written.second();
    let key = written.ledger[second].key_text();
    let first = written.ledger.iter().position(|record| record.key_text() == key).unwrap();
    written.change(first, |window| window["revision"] = json!(1_000));
    let to = value(&written.ledger[second])["revision"].as_u64().unwrap();
    let faults = written.faults();
    let [Fault::Backwards { from: 1_000, to: found, exposure, .. }] = &faults[..] else {
        panic!("{faults:?}")
    };
    assert_eq!((*found, exposure), (to, &key));
}

#[test]
fn something_after_the_last_word_is_found() {
    let mut written = Written::new();
    let closed = written.in_state("closed");
    written.ledger.push(written.ledger[closed].clone());
    written.change(closed, |window| window["final"] = json!(true));
    let faults = written.faults();
    assert!(matches!(faults[..], [Fault::AfterFinal { .. }]), "{faults:?}");
}

#[test]
fn a_change_of_any_field_is_found() {
    let mut written = Written::new();
    let closed = written.in_state("closed");
    let good = written.ledger[closed].clone();
    let names =
        crate::harness::fields(std::str::from_utf8(good.value.as_deref().unwrap()).unwrap());
    for name in names {
        // `final` may be either of a closed window.
        let wrong = if name == "final" { json!(7) } else { json!("something else") };
        written.change(closed, |window| window[&name] = wrong);
        let faults = written.faults();
        let found = match &faults[..] {
            [Fault::Differs { field, .. }] => *field == name,
            [Fault::Misfiled { .. }, ..] => name == "exposure_id",
            [Fault::Unreadable { .. }, ..] => name == "revision",
            _ => false,
        };
        assert!(found, "{name}: {faults:?}");
        written.ledger[closed] = good.clone();
    }
    assert_eq!(written.faults(), []);
}

#[test]
fn a_last_word_on_an_open_window_is_found() {
    let mut written = Written::new();
    let open = written.in_state("open");
    written.change(open, |window| window["final"] = json!(true));
    let faults = written.faults();
    assert!(
        matches!(&faults[..], [Fault::Differs { field, .. }] if field == "final"),
        "{faults:?}"
    );
}

#[test]
fn an_impossible_race_is_found() {
    for (low, high, bound) in
        [(1.5, 1.5, 0.0), (-0.1, 0.5, 0.0), (0.2, 0.2, 0.3), (0.5, 0.5, -1.0), (0.5, 0.4, 0.1)]
    {
        let mut written = Written::new();
        let open = written.in_state("open");
        let race = json!({"low": low, "high": high, "lower_bound": bound});
        written.change(open, |window| window["attacker_first"] = race);
        let faults = written.faults();
        assert!(
            matches!(&faults[..], [Fault::Differs { field, .. }] if field == "attacker_first"),
            "{low} {high} {bound}: {faults:?}"
        );
    }
}

#[test]
fn another_order_of_fields_is_found() {
    let mut written = Written::new();
    let closed = written.in_state("closed");
    // Fields in alphabetical order.
    let value = value(&written.ledger[closed]);
    written.ledger[closed].value = Some(value.to_string().into());
    let faults = written.faults();
    assert!(matches!(faults[..], [Fault::Shape { .. }]), "{faults:?}");
}

#[test]
fn foreign_bytes_and_keys_are_found() {
    let mut written = Written::new();
    let second = written.second();
    let mut foreign = written.ledger[second].clone();
    foreign.value = Some(b"{\"exposure_id\":".to_vec());
    written.ledger.push(foreign);
    let mut misfiled = written.ledger[second].clone();
    misfiled.key = Some(b"another".to_vec());
    written.ledger.push(misfiled);
    let mut moved = written.ledger.remove(second);
    moved.partition = 1;
    written.ledger.insert(second, moved);
    let faults = written.faults();
    assert!(
        matches!(
            faults[..],
            [Fault::Unreadable { .. }, Fault::Misfiled { .. }, Fault::Scattered { .. }]
        ),
        "{faults:?}"
    );
}

#[test]
fn alerts_that_are_missing_doubled_or_left_behind_are_found() {
    let written = Written::new();
    let state = |record: &Record| value(record)["state"].as_str().unwrap().to_owned();
    for (at, record) in written.alerts.iter().enumerate().take(40) {
        let mut missing = Written::new();
        missing.alerts.remove(at);
        assert!(!missing.alert_faults().is_empty(), "without {}", value(record));
        let mut doubled = Written::new();
        doubled.alerts.insert(at, record.clone());
        let faults = doubled.alert_faults();
        assert!(matches!(faults[..], [Fault::Transition { .. }]), "{} {faults:?}", state(record));
    }
}

#[test]
fn only_what_is_committed_is_judged() {
    const WAIT: Duration = Duration::from_secs(20);
    let client = Client::new(Broker::shared().address());
    client.create("judged", 4, &[("cleanup.policy", "compact")]);
    let written = Written::new();
    let mut config = client.config();
    config.set("transactional.id", "judged").set("partitioner", "murmur2_random");
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(WAIT).unwrap();
    // Everything twice, and once in vain.
    for commit in [false, true] {
        producer.begin_transaction().unwrap();
        for record in &written.ledger {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let record = BaseRecord::to("judged").key(key.unwrap()).payload(value.unwrap());
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(WAIT).unwrap();
        if commit {
            producer.commit_transaction(WAIT).unwrap();
        } else {
            producer.abort_transaction(WAIT).unwrap();
        }
    }
    let log = client.read("judged");
    assert_eq!(log.len(), written.ledger.len());
    assert_eq!(judge_ledger(&written.expected, &log, Arrival::Ordered).faults, []);
    let doubled = written.ledger.last().unwrap();
    client.write("judged", [Sent::new(doubled.key_text(), doubled.value.clone().unwrap())]);
    let faults = judge_ledger(&written.expected, &client.read("judged"), Arrival::Ordered).faults;
    assert!(matches!(faults[..], [Fault::Twice { .. }]), "{faults:?}");
}
