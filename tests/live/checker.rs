//! The judge: what a run wrote, against what a replay says of the same events.
//!
//! Invariants: it knows nothing of how the program works, only what may stand
//! in its topics ([`judge_ledger`], [`judge_alerts`]). Every fault is told, not
//! the first alone. Where a live run may differ from a replay is listed in
//! [`compare`], and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::client::Record;
use crate::harness::fields;
use crate::input::{Arrival, Expected};

/// What is wrong with a run's output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Not a record of the ledger, or of alerts.
    Unreadable { at: At, why: String },
    /// Under another key than its own name.
    Misfiled { at: At, exposure: String },
    /// Two alerts of one kind fire for one window.
    FiresTwice { alert: String, exposure: String },
    /// The records of one key in several partitions.
    Scattered { exposure: String, partitions: Vec<i32> },
    /// The same again.
    Twice { at: At, exposure: String },
    /// Made of fewer events than before.
    Backwards { at: At, exposure: String, from: u64, to: u64 },
    /// Something was said after the last word.
    AfterFinal { at: At, exposure: String },
    /// A tombstone where nothing is.
    NothingToVoid { at: At, exposure: String },
    /// The replay has this window, the run has not.
    Missing { exposure: String },
    /// The run has this window, the replay has not.
    Unexpected { exposure: String },
    /// The last record has other fields, or in another order.
    Shape { exposure: String, found: Vec<String> },
    /// The last record says something else.
    Differs { exposure: String, field: String, expected: Value, found: Value },
    /// A transition that does not follow from the one before.
    Transition { at: At, alert: String, exposure: String, state: String },
    /// It fires at the end and should not, or the other way round.
    Firing { alert: String, exposure: String, expected: bool },
    /// The replay finds this and the run does not, or the other way round, or they
    /// say other things of it.
    Finding { key: String, expected: Option<Value>, found: Option<Value> },
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    partition: i32,
    offset: i64,
}

impl At {
    fn of(record: &Record) -> At {
        At { partition: record.partition, offset: record.offset }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {} offset {}", self.partition, self.offset)
    }
}

/// What the ledger holds after all.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The last record of each window that was not voided, and its text.
    pub(crate) latest: BTreeMap<String, (Value, String)>,
    pub(crate) faults: Vec<Fault>,
}

/// The history of one key.
#[derive(Debug, Default)]
struct History {
    partitions: BTreeSet<i32>,
    /// Since the last tombstone; without what depends on the moment.
    said: Vec<Value>,
}

/// Reads a ledger from its first record to its last and holds it against `expected`.
pub(crate) fn judge_ledger(expected: &Expected, log: &[Record], arrival: Arrival) -> Ledger {
    let mut ledger = Ledger::default();
    let mut histories: BTreeMap<String, History> = BTreeMap::new();
    for record in log {
        let at = At::of(record);
        let exposure = record.key_text();
        let history = histories.entry(exposure.clone()).or_default();
        history.partitions.insert(record.partition);
        let Some(bytes) = &record.value else {
            if ledger.latest.remove(&exposure).is_none() {
                ledger.faults.push(Fault::NothingToVoid { at, exposure });
            }
            history.said.clear();
            continue;
        };
        match parse(bytes) {
            Ok((value, text)) => {
                if value["exposure_id"] != exposure.as_str() {
                    ledger.faults.push(Fault::Misfiled { at, exposure });
                    continue;
                }
                ledger.faults.extend(follows(at, &exposure, &value, history, arrival));
                ledger.latest.insert(exposure, (value, text));
            }
            Err(why) => ledger.faults.push(Fault::Unreadable { at, why }),
        }
    }
    for (exposure, history) in histories {
        if history.partitions.len() > 1 {
            let partitions = history.partitions.into_iter().collect();
            ledger.faults.push(Fault::Scattered { exposure, partitions });
        }
    }
    compare_all(expected, &mut ledger);
    ledger
}

fn parse(bytes: &[u8]) -> Result<(Value, String), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if !value.is_object() || value["revision"].as_u64().is_none() {
        return Err(format!("no record of a window: {text}"));
    }
    Ok((value, text.to_owned()))
}

/// What is wrong with a record as the next one of its key.
fn follows(
    at: At,
    exposure: &str,
    value: &Value,
    history: &mut History,
    arrival: Arrival,
) -> Option<Fault> {
    let mut timeless = value.clone();
    timeless.as_object_mut().unwrap().remove("attacker_first");
    let revision = |value: &Value| value["revision"].as_u64().unwrap();
    let exposure = exposure.to_owned();
    let fault = history.said.last().and_then(|before| {
        let (from, to) = (revision(before), revision(value));
        // With events in order a window never comes to what it was before. When
        // one arrives late it may: a closing that was not known yet, or a
        // detection, takes events away from an older window.
        let again = match arrival {
            Arrival::Ordered => history.said.contains(&timeless),
            Arrival::Disturbed => *before == timeless,
        };
        if again {
            Some(Fault::Twice { at, exposure })
        } else if before["final"] == true {
            Some(Fault::AfterFinal { at, exposure })
        } else if to < from && arrival == Arrival::Ordered {
            Some(Fault::Backwards { at, exposure, from, to })
        } else {
            None
        }
    });
    history.said.push(timeless);
    fault
}

fn compare_all(expected: &Expected, ledger: &mut Ledger) {
    let mut unexpected: BTreeSet<&String> = ledger.latest.keys().collect();
    for text in &expected.windows {
        let window: Value = serde_json::from_str(text).unwrap();
        let exposure = window["exposure_id"].as_str().unwrap().to_owned();
        match ledger.latest.get(&exposure) {
            Some((found, found_text)) => {
                unexpected.remove(&exposure);
                let names = fields(found_text);
                if names == fields(text) {
                    let judged = expected.judged;
                    ledger.faults.extend(compare(&exposure, &window, found, judged));
                } else {
                    ledger.faults.push(Fault::Shape { exposure, found: names });
                }
            }
            None => ledger.faults.push(Fault::Missing { exposure }),
        }
    }
    let unexpected = unexpected.into_iter().cloned();
    ledger.faults.extend(unexpected.map(|exposure| Fault::Unexpected { exposure }));
}

/// The fields in which the last record of a window is not what the replay says.
fn compare(exposure: &str, expected: &Value, found: &Value, judged: bool) -> Vec<Fault> {
    let differs = |field: &str| Fault::Differs {
        exposure: exposure.to_owned(),
        field: field.to_owned(),
        expected: expected[field].clone(),
        found: found[field].clone(),
    };
    let right = |field: &str| match field {
        // Null until the decision is judged. A judgement must be that of the replay.
        "hollow" | "quality" | "effective" => {
            found[field] == expected[field] || (!judged && found[field].is_null())
        }
        // The replay's last word is its end of input; live it is a time after closing.
        "final" => {
            let over = found["state"] == "closed" || found["state"] == "withdrawn";
            found[field] == false || (found[field] == true && over)
        }
        // Of an exposure that goes on, it depends on the moment of the record.
        "attacker_first" if expected["state"] == "open" => earlier(&found[field], &expected[field]),
        _ => found[field] == expected[field],
    };
    let fields = expected.as_object().unwrap().keys();
    fields.filter(|field| !right(field)).map(|field| differs(field)).collect()
}

/// Whether `found` can be what was said of the race at a moment before `now`.
fn earlier(found: &Value, now: &Value) -> bool {
    let chances = |value: &Value| {
        let [low, high, bound] =
            ["low", "high", "lower_bound"].map(|chance| value[chance].as_f64());
        Some([low?, high?, bound?])
    };
    match (chances(found), chances(now)) {
        (Some(found), Some(now)) => {
            let [low, high, bound] = found;
            found.iter().zip(now).all(|(chance, most)| (0.0..=most).contains(chance))
                && bound <= low
                && low <= high
        }
        // Attackers do not race for it.
        _ => found.is_null() && now.is_null(),
    }
}

/// The alerts that come of judging decisions.
const OF_JUDGEMENTS: [&str; 2] = ["HollowApproval", "RubberStampSuspected"];

/// Reads the alerts of a run: each must begin with firing and change turn by
/// turn, and what fires at the end must be what the replay says fires now. An
/// alert of a window that is final is over.
pub(crate) fn judge_alerts(expected: &Expected, log: &[Record], ledger: &Ledger) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut states: BTreeMap<(String, String), (String, String)> = BTreeMap::new();
    // What windows are called by now whose alerts began under another name.
    let mut present: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut partitions: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
    for record in log {
        let at = At::of(record);
        let value: Value = match record.value.as_deref().map(serde_json::from_slice) {
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                faults.push(Fault::Unreadable { at, why: error.to_string() });
                continue;
            }
            None => {
                // An alert that has ended need not stay in the topic.
                let key = record.key_text();
                let (alert, exposure) = key.split_once('/').unwrap_or_default();
                let subject = (alert.to_owned(), exposure.to_owned());
                if states.get(&subject).is_none_or(|(state, _)| state != "resolved") {
                    faults.push(Fault::NothingToVoid { at, exposure: key });
                }
                continue;
            }
        };
        let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let (alert, exposure, state) = (text("alert"), subject(&value), text("state"));
        partitions.entry(exposure.clone()).or_default().insert(record.partition);
        let before = states.get(&(alert.clone(), exposure.clone()));
        let renamed = value["renamed_to"].as_str().filter(|_| state == "firing");
        if let (Some(name), Some("firing")) = (renamed, before.map(|(state, _)| state.as_str())) {
            present.insert((alert.clone(), exposure.clone()), name.to_owned());
            states.insert((alert, exposure), (state, text("at")));
            continue;
        }
        let follows = match (before.map(|(state, _)| state.as_str()), state.as_str()) {
            (None | Some("resolved"), "firing") => true,
            (Some("firing"), "resolved") => before.is_some_and(|(_, at)| *at <= text("at")),
            _ => false,
        };
        if !follows {
            let (alert, exposure, state) = (alert.clone(), exposure.clone(), state.clone());
            faults.push(Fault::Transition { at, alert, exposure, state });
        }
        present.remove(&(alert.clone(), exposure.clone()));
        states.insert((alert, exposure), (state, text("at")));
    }
    for (exposure, partitions) in partitions {
        if partitions.len() > 1 {
            let partitions = partitions.into_iter().collect();
            faults.push(Fault::Scattered { exposure, partitions });
        }
    }
    let found = states.into_iter().filter(|(_, (state, _))| state == "firing");
    let mut fires = BTreeSet::new();
    for (subject, _) in found {
        let window = present.get(&subject).cloned().unwrap_or(subject.1);
        if !fires.insert((subject.0.clone(), window.clone())) {
            faults.push(Fault::FiresTwice { alert: subject.0, exposure: window });
        }
    }
    let found = fires;
    let is_final = |exposure: &str| {
        ledger.latest.get(exposure).is_some_and(|(window, _)| window["final"] == true)
    };
    let mut firing = firing(&expected.alerts);
    firing.retain(|(alert, exposure)| {
        !is_final(exposure) && (expected.judged || !OF_JUDGEMENTS.contains(&alert.as_str()))
    });
    for (alert, exposure) in found.symmetric_difference(&firing) {
        let (alert, exposure) = (alert.clone(), exposure.clone());
        let expected = firing.contains(&(alert.clone(), exposure.clone()));
        faults.push(Fault::Firing { alert, exposure, expected });
    }
    faults
}

/// What an alert is about: a window or a reviewer.
fn subject(alert: &Value) -> String {
    let named = ["exposure_id", "reviewer"].into_iter().find_map(|field| alert[field].as_str());
    named.unwrap_or_default().to_owned()
}

/// What fires when all has been said.
fn firing(alerts: &[Value]) -> BTreeSet<(String, String)> {
    let mut firing = BTreeSet::new();
    for alert in alerts {
        let text = |field: &str| alert[field].as_str().unwrap().to_owned();
        let subject = (text("alert"), subject(alert));
        if text("state") == "firing" {
            firing.insert(subject);
        } else {
            firing.remove(&subject);
        }
    }
    firing
}

/// Holds the last word on each finding against what the replay finds. Who is on a
/// named is told live when it comes about, and in a replay at its end: there only
/// who it is can be the same.
pub(crate) fn judge_findings(expected: &Expected, log: &[Record]) -> Vec<Fault> {
    let comparable = |finding: &Value| {
        let mut finding = finding.clone();
        if finding["finding"] == "reviewer_flagged" {
            finding["at"].take();
            finding["evidence"].take();
        }
        finding
    };
    let key = |finding: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&finding["finding"]);
        match name.as_str() {
            "rubber_stamp_suspected" => {
                format!("{name}/{}/{}", text(&finding["reviewer"]), text(&finding["at"]))
            }
            "reviewer_flagged" => format!("{name}/{}", text(&finding["reviewer"])),
            _ => format!("{name}/{}", text(&finding["exposure_id"])),
        }
    };
    let wanted: BTreeMap<String, Value> =
        expected.findings.iter().map(|finding| (key(finding), comparable(finding))).collect();
    assert_eq!(wanted.len(), expected.findings.len(), "two findings of one name");
    let mut found = BTreeMap::new();
    let mut faults = Vec::new();
    for record in log {
        let name = record.key_text();
        let Some(bytes) = &record.value else {
            found.remove(&name);
            continue;
        };
        match serde_json::from_slice::<Value>(bytes) {
            Ok(value) if key(&value) == name => drop(found.insert(name, comparable(&value))),
            Ok(_) => faults.push(Fault::Misfiled { at: At::of(record), exposure: name }),
            Err(error) => {
                faults.push(Fault::Unreadable { at: At::of(record), why: error.to_string() });
            }
        }
    }
    let keys: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    for key in keys {
        let (expected, found) = (wanted.get(key), found.get(key));
        if expected != found {
            let (expected, found) = (expected.cloned(), found.cloned());
            faults.push(Fault::Finding { key: key.clone(), expected, found });
        }
    }
    faults
}

/// Fails with the faults, if there are any.
#[track_caller]
pub(crate) fn no_faults(what: &str, faults: &[Fault]) {
    const SHOWN: usize = 20;
    let shown: Vec<String> = faults.iter().take(SHOWN).map(|fault| format!("{fault:?}")).collect();
    assert!(faults.is_empty(), "{what}: {} faults, the first:\n{}", faults.len(), shown.join("\n"));
}
