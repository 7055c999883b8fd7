//! The local runtime gives the ledger of a replay of the same events.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use crate::process::{Place, simulated};

/// Nothing is final, given up or judged while a test runs: what comes late counts, as in a
/// replay.
pub(crate) const LIVE_RULES: &str = "windows.settle = \"3650d\"\nwindows.orphan_timeout = \
    \"3650d\"\nwindows.remember_closed = \"3650d\"\noversight.delay = \"3650d\"\n";

/// Fields that depend on when a record was written.
const OF_THE_MOMENT: [&str; 2] = ["final", "attacker_first"];
/// Fields that a judgement sets.
const JUDGED: [&str; 3] = ["hollow", "quality", "effective"];

/// The default of a live run.
const SETTLE: &str = "10m";

/// Asserts that the store's ledger is that of a replay of `events`, without what depends on
/// the moment, and without judgements where the run makes none.
#[track_caller]
pub(crate) fn assert_equal_ledgers(place: &Place, events: &Path, judged: bool) {
    assert_equal_settled_ledgers(place, events, judged.then_some(SETTLE));
}

/// The same where windows settle in the time `settle`, and decisions are judged then.
#[track_caller]
fn assert_equal_settled_ledgers(place: &Place, events: &Path, settle: Option<&str>) {
    let out = place.path("replayed");
    let _ = std::fs::remove_dir_all(&out);
    let mut arguments = vec!["replay", events.to_str().unwrap(), "--out", out.to_str().unwrap()];
    arguments.extend(settle.iter().flat_map(|settle| ["--settle", settle]));
    place.prints(&arguments);
    let read = |text: &str| -> Value {
        let mut record: Value = serde_json::from_str(text).unwrap();
        let fields = record.as_object_mut().unwrap();
        let judged = if settle.is_some() { &[][..] } else { &JUDGED[..] };
        for field in OF_THE_MOMENT.iter().chain(judged) {
            fields.remove(*field).unwrap();
        }
        record
    };
    let named = |record: Value| (record["exposure_id"].as_str().unwrap().to_owned(), record);
    let replayed: BTreeMap<_, _> = crate::process::lines(&out.join("windows.ndjson"))
        .iter()
        .map(|line| named(read(line)))
        .collect();
    let kept: BTreeMap<_, _> =
        column(place, "SELECT record FROM windows").iter().map(|it| named(read(it))).collect();
    assert!(!replayed.is_empty());
    for (name, record) in &replayed {
        let Some(other) = kept.get(name) else { panic!("{name} is not in the store") };
        let fields = record.as_object().unwrap().iter();
        let differs: Vec<_> = fields
            .filter(|(field, value)| other.get(field) != Some(value))
            .map(|(field, value)| format!("{field}: {value} replayed, {:?} kept", other.get(field)))
            .collect();
        assert!(differs.is_empty(), "{name}: {differs:?}");
    }
    assert_eq!(kept.len(), replayed.len(), "windows that a replay does not have");
}

/// A column of texts in the store.
pub(crate) fn column(place: &Place, sql: &str) -> Vec<String> {
    let store = Connection::open(place.store()).unwrap();
    let mut statement = store.prepare(sql).unwrap();
    let texts = statement.query_map([], |row| row.get(0)).unwrap();
    texts.map(Result::unwrap).collect()
}

/// What is in one delivery is late for nothing else in it, however long ago it happened. So the
/// ledger is that of events which came when they happened, whatever their order is.
fn one_delivery_equals_a_replay(place: &Place, events: &[String], settle: &str) {
    let program = place.start();
    assert!(program.deliver(events.join("\n").as_bytes()));
    let metrics = program.get("/metrics").body;
    program.stop();
    let mut by_time = events.to_vec();
    by_time.sort_by_cached_key(|event| time_of(event));
    let path = place.path("events.ndjson");
    std::fs::write(&path, by_time.join("\n")).unwrap();
    assert_equal_settled_ledgers(place, &path, Some(settle));
    assert_equal_findings(place);
    assert_equal_alerts(place, &path, settle);
    for name in ["review_acts_total", "verdict_acts_total"] {
        assert!(equal_counts(place, &metrics, name).values().sum::<u64>() > 100, "{name}");
    }
}

/// What a family of counters came to, which is the same in the live run as in the replay that was
/// compared with.
#[track_caller]
fn equal_counts(place: &Place, live: &str, name: &str) -> BTreeMap<String, u64> {
    // A live run begins each series at zero; a replay has only those that were counted.
    let counted = |text: &str| -> BTreeMap<String, u64> {
        let series = format!("shutterlag_{name}{{");
        text.lines()
            .filter(|line| line.starts_with(&series))
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(series, count)| (series.to_owned(), count.parse().unwrap()))
            .filter(|(_, count)| *count > 0)
            .collect()
    };
    let replayed = std::fs::read_to_string(place.path("replayed").join("metrics.prom")).unwrap();
    let expected = counted(&replayed);
    assert_eq!(counted(live), expected, "{name}");
    expected
}

/// Two incidents of three planted keys each: one is approved, one is rejected.
#[test]
fn planted_cases_are_counted_by_act_as_in_a_replay() {
    let place = Place::new("");
    let mut events = Vec::new();
    for (incident, verdict, action) in [("a", "approve", "revoke"), ("b", "reject", "dismiss")] {
        for key in 0..3 {
            let mut event = |kind: &str, minute: usize, more: &str| {
                events.push(format!(
                    r#"{{"type":"{kind}","id":"{kind}-{incident}-{key}","time":"2026-01-05T10:{minute:02}:0{key}Z","credential_id":"{incident}{key}","incident":"{incident}"{more}}}"#
                ));
            };
            event("leak.detected", 0, "");
            event("triage.completed", 1, r#","recommendation":"revoke","summary_words":100"#);
            let decision = format!(r#","reviewer":"r","verdict":"{verdict}","action":"{action}""#);
            event("decision.made", 8, &decision);
            event("truth.established", 15, r#","correct_action":"dismiss","seeded":true"#);
        }
    }
    let program = place.start();
    events.sort_by_cached_key(|event| time_of(event));
    assert!(program.deliver(events.join("\n").as_bytes()));
    let metrics = program.get("/metrics").body;
    program.stop();
    let path = place.path("events.ndjson");
    std::fs::write(&path, events.join("\n")).unwrap();
    assert_equal_ledgers(&place, &path, true);
    let counts = |name| equal_counts(&place, &metrics, name).into_values().collect::<Vec<_>>();
    assert_eq!(counts("seeded_cases_total"), [3, 3]);
    assert_eq!(counts("seeded_acts_total"), [1, 1]);
    assert_eq!(counts("verdict_acts_total"), [1, 1]);
}

fn time_of(event: &str) -> String {
    let event: Value = serde_json::from_str(event).unwrap();
    event["time"].as_str().unwrap().to_owned()
}

#[test]
fn one_delivery_gives_the_ledger_the_findings_and_the_alerts_of_a_replay() {
    let place = Place::new("");
    let options = ["--events", "3000", "--seed", "5", "--start", "2026-01-05T00:00:00Z"];
    one_delivery_equals_a_replay(&place, &simulated(&place, &options), SETTLE);
}

/// Planted cases are revealed days later, and days of agreement with peers are settled.
#[test]
fn one_delivery_of_days_gives_the_ledger_the_findings_and_the_alerts_of_a_replay() {
    let place = Place::new("");
    let options = ["--events", "3000", "--seed", "5", "--start", "2026-01-05T00:00:00Z"];
    let days = ["--windows-per-day", "150", "--seeded", "0.2", "--upgrade-after", "1000"];
    one_delivery_equals_a_replay(
        &place,
        &simulated(&place, &[&options[..], &days].concat()),
        SETTLE,
    );
    let findings = column(&place, "SELECT record FROM findings").into_iter();
    let mut findings = findings.map(|finding| serde_json::from_str::<Value>(&finding).unwrap());
    assert!(findings.any(|finding| compares(&finding)), "nobody is compared with peers");
}

/// Whether the evidence of a finding about a reviewer includes comparisons with peers.
fn compares(finding: &Value) -> bool {
    let signals = finding["evidence"]["signals"].as_array().into_iter().flatten();
    let mut agreement = signals.filter(|it| it["signal"] == "agreement");
    agreement.any(|signal| signal["observed"].as_u64() > Some(0))
}

/// What a tool calls the credential of an event: each has three names.
fn called(own: &str, number: usize) -> String {
    match number % 3 {
        0 => own.to_owned(),
        1 => format!("gg:{own}"),
        _ => format!("zz#{own}"),
    }
}

/// Reviews are judged, and a link comes right after the first event that it joins.
#[test]
fn linked_names_are_judged_as_in_a_replay() {
    linked_names_equal_a_replay("8", &[], SETTLE);
}

/// A name that comes more than the settle time after its window's closing is too late for it by
/// its time, and not in one delivery. So windows settle late here.
#[test]
fn names_linked_over_days_are_judged_as_in_a_replay() {
    linked_names_equal_a_replay("14", &["--windows-per-day", "150", "--seeded", "0.2"], "15d");
}

fn linked_names_equal_a_replay(seed: &str, more: &[&str], settle: &str) {
    let place = Place::new(&format!("windows.settle = \"{settle}\"\n"));
    let options = ["--events", "3000", "--seed", seed, "--start", "2026-01-05T00:00:00Z"];
    let options = [&options, more].concat();
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut events, mut linked) = (Vec::new(), 0);
    for (number, line) in simulated(&place, &options).iter().enumerate() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let own = event["credential_id"].as_str().unwrap().to_owned();
        let name = called(&own, number);
        event["credential_id"] = name.as_str().into();
        events.push(event.to_string());
        let known = names.entry(own).or_default();
        // A chain: each new name is linked to one before it.
        let before = known.last().cloned();
        if let Some(before) = before.filter(|_| known.insert(name.clone())) {
            let time = event["time"].as_str().unwrap();
            events.push(format!(
                r#"{{"type":"identity.linked","id":"link-{number}","time":"{time}","credential_id":"{name}","aliases":["{before}"]}}"#
            ));
            linked += 1;
        }
        known.insert(name);
    }
    assert!(linked > 900, "{linked}");
    one_delivery_equals_a_replay(&place, &events, settle);
}

/// The findings about decisions are those of the replay that was compared with.
fn assert_equal_findings(place: &Place) {
    let sorted = |texts: Vec<String>| {
        let mut all: Vec<Value> =
            texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        all.retain(|finding: &Value| finding["finding"] != "reviewer_flagged");
        all.sort_by_key(Value::to_string);
        all
    };
    let found = sorted(crate::process::lines(&place.path("replayed").join("findings.ndjson")));
    assert!(found.len() > 10, "{} findings", found.len());
    assert_eq!(sorted(column(place, "SELECT record FROM findings")), found);
}

/// What fires is what fires by now in a replay. A window that is final has no alert any more.
fn assert_equal_alerts(place: &Place, events: &Path, settle: &str) {
    let out = place.path("replayed-by-now");
    let (events, by_now) = (events.to_str().unwrap(), out.to_str().unwrap());
    let now = now().to_string();
    let arguments = ["--settle", settle, "--as-of", &now, "--out", by_now, events];
    place.prints(&[&["replay"][..], &arguments].concat());
    let subject = |alert: &Value| {
        let named = ["renamed_to", "exposure_id", "reviewer"].into_iter();
        let subject = named.filter_map(|field| alert[field].as_str()).next().unwrap();
        (alert["alert"].as_str().unwrap().to_owned(), subject.to_owned())
    };
    let read = |text: &String| -> Value { serde_json::from_str(text).unwrap() };
    let mut expected = BTreeSet::new();
    for alert in crate::process::lines(&out.join("alerts.ndjson")).iter().map(read) {
        match alert["state"] == "firing" {
            true => expected.insert(subject(&alert)),
            false => expected.remove(&subject(&alert)),
        };
    }
    let records = column(place, "SELECT record FROM windows").into_iter();
    let ended: BTreeSet<String> = records
        .map(|record| read(&record))
        .filter(|record| record["final"] == true)
        .map(|record| record["exposure_id"].as_str().unwrap().to_owned())
        .collect();
    expected.retain(|(_, window)| !ended.contains(window));
    let fires = column(place, "SELECT record FROM alerts WHERE firing");
    let fires: Vec<_> = fires.iter().map(|record| subject(&read(record))).collect();
    let distinct: BTreeSet<_> = fires.iter().cloned().collect();
    assert_eq!(distinct.len(), fires.len(), "alerts that fire twice");
    assert!(expected.len() > 100, "{} alerts", expected.len());
    let differ: Vec<_> = distinct.symmetric_difference(&expected).collect();
    assert!(differ.is_empty(), "fires in one of them only: {differ:?}");
}

fn now() -> shutterlag::time::Timestamp {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    shutterlag::time::Timestamp::from_millis(i64::try_from(now).unwrap())
}

#[test]
fn many_deliveries_give_the_ledger_of_a_replay_whatever_is_restarted() {
    let place = Place::new(LIVE_RULES);
    let events = simulated(&place, &["--events", "2000", "--seed", "6", "--disorder", "0.3"]);
    let path = place.path("events.ndjson");
    std::fs::write(&path, events.join("\n")).unwrap();
    for part in events.chunks(500) {
        let program = place.start();
        for chunk in part.chunks(50) {
            assert!(program.deliver(chunk.join("\n").as_bytes()));
        }
        program.stop();
    }
    assert_equal_ledgers(&place, &path, false);
    // An export is the same events again: a cluster or another store gets the same ledger.
    let exported = place.path("exported.ndjson");
    place.prints(&["export", "--out", exported.to_str().unwrap()]);
    assert_equal_ledgers(&place, &exported, false);
}

#[test]
fn a_report_and_an_explanation_are_made_from_the_store() {
    let rules =
        "[windows]\nskew_tolerance = \"0s\"\n\n[oversight]\nsmall_group = 3\nall_truths = true\n";
    let place = Place::new(rules);
    let events = simulated(&place, &["--events", "3000", "--seed", "5"]).join("\n");
    let program = place.start();
    assert!(program.deliver(events.as_bytes()));
    // While it runs.
    let report = place.prints(&["report", "shutterlag.db", "--format", "json"]);
    let by_configuration =
        place.prints(&["report", "--config", "shutterlag.toml", "--format", "json"]);
    let exposures = |report: &str| {
        let report: Value = serde_json::from_str(report).unwrap();
        report["evidence"]["read"].as_u64().unwrap()
    };
    assert_eq!(exposures(&report), column(&place, "SELECT record FROM windows").len() as u64);
    assert_eq!(exposures(&by_configuration), exposures(&report));
    // By the rules of the run, whatever the defaults are.
    let asked: Value = serde_json::from_str(&by_configuration).unwrap();
    let asked = &asked["question"];
    assert_eq!((&asked["small_group"], &asked["rules"]["all_truths"]), (&3.into(), &true.into()));
    assert_eq!(asked["rules"]["skew_tolerance_ms"], 0);
    program.stop();
    let mut explained = 0;
    for finding in column(&place, "SELECT record FROM findings") {
        let finding: Value = serde_json::from_str(&finding).unwrap();
        if finding["finding"] == "impossible_reading" {
            let name = format!("impossible_reading/{}", finding["exposure_id"].as_str().unwrap());
            let text = place.prints(&["explain", &name, "--ledger", "shutterlag.db"]);
            assert!(text.contains("may be apart by 0 ms"), "{text}");
            assert!(text.ends_with("It holds.\n"), "{text}");
            explained += 1;
        }
    }
    assert!(explained > 3, "{explained}");
}

/// Alert, incident, key and ticket of each case: what is decided on the ticket is decided of the
/// keys that it covers, and what the incident and the alert say is said of one key.
#[test]
fn linked_names_give_the_ledger_of_a_replay_whatever_is_restarted() {
    let place = Place::new(LIVE_RULES);
    let now = now() + shutterlag::time::Span::from_secs(-600);
    let mut events = Vec::new();
    for case in 0..40 {
        let event = |kind: &str, n: usize, name: &str, more: &str| {
            let time = now + shutterlag::time::Span::from_secs(n as i64);
            format!(
                r#"{{"type":"{kind}","id":"{kind}-{case}-{n}","time":"{time}","credential_id":"{name}"{more}}}"#
            )
        };
        let (alert, incident) = (format!("alert#{case}"), format!("gg:{case}"));
        let keys = [format!("key-{case}-a"), format!("key-{case}-b")];
        let ticket = format!("SEC-{case}");
        let aliases = format!(r#","aliases":["{incident}","{}"]"#, keys[0]);
        let covers = format!(r#","relation":"covers","aliases":["{}","{}"]"#, keys[0], keys[1]);
        let advice = r#","recommendation":"revoke","summary_words":100"#;
        let decision = r#","reviewer":"reviewer-01","action":"revoke""#;
        events.extend([
            event("leak.detected", 1, &alert, &aliases),
            event("leak.detected", 2, &keys[1], ""),
            event("triage.completed", 3, &incident, advice),
            event("decision.made", 200, &ticket, decision),
            event("identity.linked", 201, &ticket, &covers),
            event("credential.contained", 210, &keys[0], r#","method":"revoked""#),
        ]);
    }
    // The kinds come one after the other. The store's first events are links: it knows no time yet.
    let ordered: Vec<String> = [4, 5, 3, 2, 1, 0]
        .iter()
        .flat_map(|kind| events.iter().skip(*kind).step_by(6).cloned())
        .collect();
    let path = place.path("events.ndjson");
    std::fs::write(&path, events.join("\n")).unwrap();
    for part in ordered.chunks(60) {
        let program = place.start();
        for chunk in part.chunks(15) {
            assert!(program.deliver(chunk.join("\n").as_bytes()));
        }
        program.stop();
    }
    assert_equal_ledgers(&place, &path, false);
    let records = column(&place, "SELECT record FROM windows");
    assert_eq!(records.len(), 80);
    for record in records {
        let record: Value = serde_json::from_str(&record).unwrap();
        assert!(!record["decided_at"].is_null(), "{record}");
        let name = record["credential_id"].as_str().unwrap();
        assert_eq!(name.starts_with("alert#"), !record["aliases"].is_null(), "{record}");
    }
}
