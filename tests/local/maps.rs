//! Records that come through a map at a receiver.

use std::fs;

use crate::equal::column;
use crate::process::Place;

const RECEIVERS: &str = r#"
[intake]
maps_dir = "maps"

[[receivers]]
name = "pages"
format = "pagerduty"
verify = "none"

[[receivers]]
name = "any"
verify = "none"
"#;

fn acknowledged(id: &str) -> String {
    format!(
        r#"{{"event":{{"id":"{id}","event_type":"incident.acknowledged","resource_type":"incident","occurred_at":"2026-03-02T12:03:00Z","agent":{{"id":"PUSER1","type":"user_reference"}},"data":{{"id":"P1","incident_key":"key-1"}}}}}}"#
    )
}

#[test]
fn a_delivery_goes_through_its_map_and_a_map_that_fails_harms_nothing_else() {
    let place = Place::new("");
    let map = place.path("maps/loops");
    fs::create_dir_all(&map).unwrap();
    fs::write(
        map.join("map.toml"),
        "name = \"loops\"\ndescription = \"d\"\n[[recognise]]\nvalues = { app = \"loops\" }\n",
    )
    .unwrap();
    fs::write(map.join("map.jq"), "def f: f; f").unwrap();
    place.configure(RECEIVERS);
    let program = place.start();
    for (path, body, answer) in [
        // A look, and a link between the incident and its key.
        ("/in/pages", acknowledged("e1"), r#"{"events":2,"refused":0}"#),
        ("/in/any", acknowledged("e2"), r#"{"events":2,"refused":0}"#),
        (
            "/in/any",
            r#"{"app":"loops"}"#.to_owned(),
            r#"{"events":0,"refused":1,"why":[{"reason":"map_failed","detail":"map `loops`: took more than"#,
        ),
        (
            "/in/pages",
            r#"{"app":"loops"}"#.to_owned(),
            r#"{"events":0,"refused":1,"why":[{"reason":"unrecognised","detail":"not a record of the map"#,
        ),
        ("/in/any", acknowledged("e3"), r#"{"events":2,"refused":0}"#),
    ] {
        let sent = program.post(path, &[], body.as_bytes()).unwrap();
        assert_eq!(sent.status, 200, "{path} {body}");
        assert!(sent.body.starts_with(answer), "{path} {body}: {}", sent.body);
    }
    let events = column(&place, "SELECT CAST(count(*) AS TEXT) FROM events");
    assert_eq!(events, ["6"]);
    let letters = column(&place, "SELECT record FROM dead_letters");
    assert!(letters.iter().any(|letter| letter.contains("map_failed")), "{letters:?}");
    assert!(letters.iter().any(|letter| letter.contains("unrecognised")), "{letters:?}");
}
