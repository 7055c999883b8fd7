//! `replay --into`: what nobody delivered is found in a list of its source, and marked.

use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::process::{Place, Program};

fn event(kind: &str, id: &str, credential: &str, more: &Value) -> Value {
    let mut event = json!({
        "type": kind,
        "id": id,
        "time": Timestamp::now().to_string(),
        "credential_id": credential,
        "source": "desk",
    });
    let fields = event.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    event
}

fn deliver(program: &Program, event: &Value) {
    assert!(program.deliver(event.to_string().as_bytes()));
}

fn compare(place: &Place, program: &Program, list: &[Value]) -> String {
    let lines: Vec<String> = list.iter().map(Value::to_string).collect();
    fs::write(place.path("list.ndjson"), lines.join("\n")).unwrap();
    let url = format!("http://{}", program.address);
    place.prints(&["replay", "--into", &url, "--config", "shutterlag.toml", "list.ndjson"])
}

/// Whether the window of a credential says that its decision was found.
fn recovered(place: &Place, credential: &str) -> Value {
    let store = Connection::open(place.store()).unwrap();
    let sql = "SELECT record FROM windows WHERE record ->> 'credential_id' = ?1";
    let record: String = store.query_row(sql, [credential], |row| row.get(0)).unwrap();
    serde_json::from_str::<Value>(&record).unwrap()["recovered"].clone()
}

#[test]
fn what_nobody_delivered_is_found_delivered_once_and_counted() {
    let place = Place::new("");
    let program = place.start();
    let first = event("leak.detected", "before all", "acme/a", &json!({}));
    let old = event("leak.detected", "older", "acme/old", &json!({}));
    std::thread::sleep(Duration::from_millis(1_100));
    deliver(&program, &first);
    std::thread::sleep(Duration::from_millis(20));
    let decided = json!({"reviewer": "kim", "action": "revoke"});
    let detected = event("leak.detected", "d", "acme/b", &json!({}));
    deliver(&program, &detected);
    let [lost, late] = ["acme/a", "acme/b"].map(|credential| {
        event("decision.made", &format!("of {credential}"), credential, &decided)
    });
    let list = [first, old, detected, lost.clone(), late.clone()];

    let said = compare(&place, &program, &list);
    assert!(said.contains("5 events in the list, 2 of them known."), "{said}");
    assert!(said.contains("1 are from before the first event"), "{said}");
    assert!(said.contains("2 were never delivered, 2 of them decisions."), "{said}");
    assert!(said.contains("desk: 2, 2 of them decisions"), "{said}");
    assert_eq!(recovered(&place, "acme/a"), true);
    let metrics = program.get("/metrics").body;
    let counted = r#"shutterlag_recovered_events_total{source="desk"} 2"#;
    assert!(metrics.contains(counted), "{metrics}");

    let again = compare(&place, &program, &list);
    assert!(again.contains("0 were never delivered"), "{again}");

    // The hook was only late: it counts as delivered.
    deliver(&program, &late);
    assert_eq!(recovered(&place, "acme/b"), false);
    assert_eq!(recovered(&place, "acme/a"), true);

    let out = place.path("report.json");
    place.prints(&["report", "shutterlag.db", "--out", out.to_str().unwrap()]);
    let report = fs::read_to_string(out).unwrap();
    assert!(report.contains("\"recovered\""), "{report}");
    let markdown = place.path("report.md");
    place.prints(&["report", "shutterlag.db", "--out", markdown.to_str().unwrap()]);
    let report = fs::read_to_string(markdown).unwrap();
    let line = report.lines().find(|line| line.contains("that nobody delivered"));
    assert!(line.is_some_and(|line| line.contains('1')), "{report}");
    program.stop();
}

#[test]
fn without_a_run_the_missing_events_stay_missing_and_that_is_said() {
    let place = Place::new("");
    place.start().stop();
    let lost = event("leak.detected", "1", "acme/a", &json!({}));
    fs::write(place.path("list.ndjson"), lost.to_string()).unwrap();
    let nobody = "http://127.0.0.1:1";
    let said =
        place.fails(&["replay", "--into", nobody, "--config", "shutterlag.toml", "list.ndjson"]);
    assert!(said.contains("is an instance running?") && said.contains("0 of 1"), "{said}");
}
