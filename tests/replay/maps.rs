//! Maps as their users see them: `shutterlag map`, `replay --maps-dir`, and what several tools
//! tell of one credential.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{KEY, Out, Run};

const TOML: &str = "name = \"tiller\"\ndescription = \"Tiller: closed cases\"\nsecrets = [\"case.secret\"]\n\n\
                    [[recognise]]\nvalues = { app = \"tiller\" }\nkeys = [\"case.key\"]\n";
const JQ: &str = r#"select(.what == "closed")
| {
    type: "decision.made",
    id: "tiller \(.case.key) \(.at)",
    time: (.at | time),
    credential_id: .case.key,
    reviewer: .by,
    action: {"harmless": "dismiss", "revoked": "revoke"}[.outcome],
    rationale_words: (.case.why | words),
    rationale_digest: (.case.why | digest)
  }
"#;

fn closed(outcome: &str) -> Value {
    json!({
        "app": "tiller", "what": "closed", "at": 1_772_532_300_000_i64, "by": "ada@example.com",
        "case": {"key": "AKIAIOSFODNN7EXAMPLE", "why": "a key of the sandbox"}, "outcome": outcome,
    })
}

/// A directory with the map that the manual makes, and records of its tool.
fn tiller() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let map = directory.path().join("maps/tiller");
    fs::create_dir_all(map.join("fixtures")).unwrap();
    fs::write(map.join("map.toml"), TOML).unwrap();
    fs::write(map.join("map.jq"), JQ).unwrap();
    let mut opened = closed("harmless");
    opened["what"] = "opened".into();
    let records = [closed("harmless"), opened, closed("other")];
    let records: String = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(map.join("fixtures/cases.ndjson"), records).unwrap();
    directory
}

fn map(directory: &Path) -> Run {
    Run::program().key(KEY).within(directory).arg("map")
}

#[test]
fn the_manual_shows_the_map_that_is_tested_here() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/maps.md");
    let manual = fs::read_to_string(manual).unwrap();
    assert!(manual.contains(&format!("```jq\n{JQ}```")));
    let record: Value = manual
        .split("```json\n")
        .nth(1)
        .and_then(|rest| serde_json::from_str(rest.split("```").next().unwrap()).ok())
        .unwrap();
    let mut expected = closed("harmless");
    expected["at"] = record["at"].clone();
    assert_eq!(record, expected);
}

#[test]
fn a_map_of_ones_own_from_the_first_try_to_its_test() {
    let directory = tiller();
    let list = map(directory.path()).args(["list", "--maps-dir", "maps"]).go().exits(0).stdout;
    assert!(list.contains("tiller") && list.contains("your own"), "{list}");

    let attempt = ["try", "maps/tiller/fixtures/cases.ndjson", "--maps-dir", "maps"];
    let tried = map(directory.path()).args(attempt).go().exits(3).stdout;
    for line in [
        "line 1: recognised by tiller: 1 event\n",
        "line 2: recognised by tiller: skipped, not_measured",
        "line 3: recognised by tiller: rejected, missing_field: map `tiller`: event 1: field \
         `action` is required",
        "3 records: 1 used, 1 skipped, 1 rejected\n",
    ] {
        assert!(tried.contains(line), "{tried}");
    }

    // Without what is expected, everything differs; then nothing; then what was changed.
    let test = || map(directory.path()).args(["test", "maps/tiller"]).go();
    let told = test().exits(1).stdout;
    assert!(
        told.starts_with("tiller: cases.ndjson: there is no cases.expected yet\n  line 1 {"),
        "{told}"
    );
    let end = "tiller: 3 records; read above what becomes of them, and keep it with `shutterlag map test FOLDER --write`\n";
    assert!(told.ends_with(end), "{told}");
    map(directory.path()).args(["test", "maps/tiller", "--write"]).go().exits(0);
    assert_eq!(test().exits(0).stdout, "tiller: 3 records, 0 differ\n");
    let changed = JQ.replace("\"dismiss\"", "\"monitor\"");
    fs::write(directory.path().join("maps/tiller/map.jq"), changed).unwrap();
    let told = test().exits(1).stdout;
    assert!(
        told.contains("tiller: cases.ndjson, line 1")
            && told.ends_with("tiller: 3 records, 1 differs\n"),
        "{told}"
    );
    // From within the folder, and all maps of a directory at once.
    let within = directory.path().join("maps/tiller");
    assert!(map(&within).args(["test", "."]).go().exits(1).stdout.contains("1 differs"));
    map(directory.path()).args(["test", "maps"]).go().exits(1);
}

/// A map of a list tells of the part that was not used: on trying, in its fixtures and in a replay.
#[test]
fn the_part_of_a_record_that_is_not_used_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let map_folder = directory.path().join("maps/finder");
    fs::create_dir_all(map_folder.join("fixtures")).unwrap();
    let toml = "name = \"finder\"\ndescription = \"d\"\neach = [\"found[]\"]\n[[recognise]]\nkeys = [\"scan\", \"found\"]\n";
    let jq = "(.at | time) as $time | .found[] | { type: \"leak.detected\", id: .key, time: $time, credential_id: .key }";
    fs::write(map_folder.join("map.toml"), toml).unwrap();
    fs::write(map_folder.join("map.jq"), jq).unwrap();
    let mut found: Vec<Value> = (0..50).map(|n| json!({"key": format!("key-{n}")})).collect();
    found[30] = json!("broken");
    let record = json!({"scan": 1, "at": "2026-03-03T10:00:00Z", "found": found});
    fs::write(map_folder.join("fixtures/scans.ndjson"), format!("{record}\n")).unwrap();
    fs::write(directory.path().join("scan.json"), record.to_string()).unwrap();

    let told =
        map(directory.path()).args(["try", "scan.json", "--maps-dir", "maps"]).go().exits(3).stdout;
    assert!(told.contains("recognised by finder: 49 events\n  a part is rejected, map_failed: map `finder`: `found[30]`: map.jq line 1"), "{told}");
    assert!(
        told.ends_with(
            "1 record: 1 used, 0 skipped, 0 rejected; of some that are used a part is rejected\n"
        ),
        "{told}"
    );
    map(directory.path()).args(["test", "maps", "--write"]).go().exits(0);
    let expected = fs::read_to_string(map_folder.join("fixtures/scans.expected")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    assert_eq!(expected["events"].as_array().unwrap().len(), 49);
    let unused = &expected["unused"][0];
    assert_eq!(unused["rejected"], "map_failed");
    assert!(unused["detail"].as_str().unwrap().contains("`found[30]`"), "{unused}");
    let replay = Run::replay().key(KEY).within(directory.path());
    let ran =
        replay.args(["scan.json", "--maps-dir", "maps", "--json", "--out", "out"]).go().exits(0);
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&summary["events"]["accepted"], &summary["events"]["rejected"]),
        (&json!(49), &json!(1))
    );
    let rejected = fs::read_to_string(directory.path().join("out/rejected.ndjson")).unwrap();
    assert!(rejected.contains("`found[30]`") && !rejected.contains("broken"), "{rejected}");
}

/// Records with `RuleID` and `Secret` are gitleaks', say the built-in formats.
#[test]
fn a_built_in_format_that_takes_the_records_of_a_map_is_named() {
    let directory = tiller();
    let mut record = closed("harmless");
    (record["RuleID"], record["Secret"]) = ("r".into(), "synthetic-secret-1".into());
    fs::write(directory.path().join("taken.json"), record.to_string()).unwrap();
    let attempt = ["try", "taken.json", "--maps-dir", "maps"];
    let arrived = ["--detected-at", "2026-03-03T10:00:00Z"];
    let tried = map(directory.path()).args(attempt).args(arrived).go().stdout;
    assert!(tried.contains("line 1: a built-in format takes it before tiller"), "{tried}");
    let stated = [&attempt[..], &["--map", "tiller"]].concat();
    let tried = map(directory.path()).args(stated).go().exits(0).stdout;
    assert!(tried.contains("line 1: map `tiller`: 1 event\n"), "{tried}");
}

/// Of what GitHub sends about anything but secrets, the built-in format measures nothing.
#[test]
fn a_map_reads_what_a_built_in_format_skips() {
    let directory = tiller();
    let mut record = closed("harmless");
    record["sender"] = json!({"login": "ada"});
    record["repository"] = json!({"id": 1});
    fs::write(directory.path().join("skipped.json"), record.to_string()).unwrap();
    let attempt = ["try", "skipped.json", "--maps-dir", "maps"];
    let tried = map(directory.path()).args(attempt).go().exits(0).stdout;
    assert!(tried.contains("line 1: recognised by tiller: 1 event\n"), "{tried}");
    let without = ["try", "skipped.json"];
    let tried = map(directory.path()).args(without).go().exits(0).stdout;
    assert!(tried.contains("skipped, not_measured"), "{tried}");
}

#[test]
fn one_map_is_tested_by_name() {
    let directory = tiller();
    let test = |more: &[&str]| map(directory.path()).arg("test").args(more.iter().copied()).go();
    assert_eq!(test(&["--map", "vault"]).exits(0).stdout, "vault: 9 records, 0 differ\n");
    let told = test(&["maps", "--map", "tiller"]).exits(1).stdout;
    assert!(told.contains("tiller: cases.ndjson: there is no cases.expected yet"), "{told}");
    // Expected and found stand under each other.
    let expected = directory.path().join("maps/tiller/fixtures/cases.expected");
    fs::write(expected, "{}\n").unwrap();
    let told = test(&["maps", "--map", "tiller"]).exits(1).stdout;
    assert!(told.contains("tiller: cases.ndjson, line 1\n  expected {}\n  found    {"), "{told}");
    assert!(told.ends_with("tiller: 3 records, 3 differ\n"), "{told}");
    let told = test(&["maps", "--map", "vault"]).exits(2).stderr;
    assert!(told.contains("maps: no map `vault`"), "{told}");
    assert!(test(&["--map", "none"]).exits(2).stderr.contains("no map `none`"));
    assert!(test(&["--map", "vault", "--write"]).exits(2).stderr.contains("--write needs"));
    test(&[]).exits(2);
}

#[test]
fn why_a_record_is_not_one_of_the_map() {
    let directory = tiller();
    fs::write(directory.path().join("other.json"), "{\n \"app\": \"other\"\n}\n{\"x\": }").unwrap();
    let attempt = ["try", "other.json", "--maps-dir", "maps", "--map", "tiller"];
    let tried = map(directory.path()).args(attempt).go().exits(3).stdout;
    assert!(tried.contains("line 1: map `tiller`: rejected, unrecognised"), "{tried}");
    assert!(tried.contains("`app` has not the value that it must have"), "{tried}");
    assert!(tried.contains("`case.key` is not there"), "{tried}");
    assert!(tried.contains("line 4: map `tiller`: rejected, invalid_json"), "{tried}");
}

#[test]
fn a_map_that_cannot_be_used_is_a_wrong_argument() {
    let directory = tiller();
    let jq = directory.path().join("maps/tiller/map.jq");
    fs::write(&jq, "select(.what)\n| nothing").unwrap();
    for run in [
        map(directory.path()).args(["test", "maps/tiller"]),
        map(directory.path()).args(["list", "--maps-dir", "maps"]),
        Run::replay().within(directory.path()).args(["--maps-dir", "maps", "-"]).stdin(""),
    ] {
        let told = run.go().exits(2).stderr;
        assert!(told.contains("map `tiller`: map.jq: line 2: no filter `nothing`"), "{told}");
    }
    let told = map(directory.path()).args(["test", "."]).go().exits(2).stderr;
    assert!(told.contains("no folder with a map.toml"), "{told}");
    let told = map(directory.path()).args(["try", "x", "--map", "none"]).go().exits(2).stderr;
    assert!(told.contains("maps are detect-secrets, entra"), "{told}");
}

#[test]
fn check_runs_the_fixtures_of_every_map_that_is_configured() {
    let directory = tiller();
    let config = "[intake]\nmaps_dir = \"maps\"\n[[receivers]]\nname = \"tiller\"\n\
                  format = \"tiller\"\nverify = \"bearer\"\nsecret = \"a secret of the test\"\n";
    fs::write(directory.path().join("a.toml"), config).unwrap();
    let check =
        |file: &str| Run::program().within(directory.path()).args(["check", "--config", file]).go();
    let told = check("a.toml").exits(1).stderr;
    assert!(told.contains("map tiller: cases.ndjson: there is no cases.expected yet"), "{told}");
    map(directory.path()).args(["test", "maps/tiller", "--write"]).go().exits(0);
    let printed = check("a.toml").exits(0).stdout;
    assert!(
        printed.contains("maps_dir = ") && printed.contains("format = \"tiller\""),
        "{printed}"
    );

    fs::write(
        directory.path().join("b.toml"),
        config.replace("[intake]\nmaps_dir = \"maps\"\n", ""),
    )
    .unwrap();
    let told = check("b.toml").exits(1).stderr;
    assert!(told.contains("receivers[0].format: neither a format nor a map"), "{told}");
    assert!(told.contains("\"pagerduty\""), "{told}");
}

/// The windows of a replay of `records` that were detected at 10:00, with a map of one's own.
fn windows(records: &[Value]) -> Vec<Value> {
    let directory = tiller();
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(directory.path().join("input"), text).unwrap();
    Run::replay()
        .key(KEY)
        .within(directory.path())
        .args(["--maps-dir", "maps", "--out", "out", "--strict", "--reviewer-names"])
        .args(["--detected-at", "2026-03-03T10:00:00Z", "input"])
        .go()
        .exits(0);
    Out(directory.path().join("out")).lines("windows.ndjson")
}

/// A scanner finds a key, a person acknowledges the page, another decides in Slack, Vault rotates,
/// and a tool that nobody here knows closes the case.
#[test]
fn one_leak_through_six_tools_is_one_window() {
    let key = "AKIAIOSFODNN7EXAMPLE";
    let sarif = json!({
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "gitleaks"}}, "results": [{
            "ruleId": "aws-access-token", "message": {"text": "found"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.env"},
                "region": {"startLine": 3, "snippet": {"text": key}}}}],
            "partialFingerprints": {"commitSha": "c1", "date": "2026-03-03T09:58:00Z"},
        }]}],
    });
    let pagerduty = json!({"event": {
        "id": "e1", "event_type": "incident.acknowledged", "resource_type": "incident",
        "occurred_at": "2026-03-03T10:02:00Z", "agent": {"id": "PUSER1", "type": "user_reference"},
        "data": {"id": "P1", "type": "incident", "incident_key": key},
    }});
    let slack = json!({
        "type": "block_actions", "team": {"id": "T1"}, "user": {"id": "U1"}, "trigger_id": "1",
        "actions": [{"action_id": "shutterlag_revoke", "value": key, "action_ts": "1772532240"}],
    });
    let jira = json!({
        "webhookEvent": "jira:issue_updated", "timestamp": 1_772_532_270_000_i64,
        "user": {"accountId": "a1", "accountType": "atlassian"},
        "issue": {"key": "SEC-7", "fields": {"labels": [format!("leak:{key}")]}},
        "changelog": {"items": [{"field": "status", "from": "1", "to": "2", "toString": "Revoked"}]},
    });
    let windows = windows(&[sarif, pagerduty, slack, jira, closed("revoked")]);
    assert_eq!(windows.len(), 1, "{windows:#?}");
    let window = &windows[0];
    for (field, value) in [
        ("credential_id", json!(key)),
        ("detected_at", json!("2026-03-03T10:00:00.000Z")),
        ("exposed_at", json!("2026-03-03T09:58:00.000Z")),
        ("decided_at", json!("2026-03-03T10:04:00.000Z")),
        ("action", json!("revoke")),
        ("reviewer", json!("U1")),
    ] {
        assert_eq!(window[field], value, "{field}: {window:#}");
    }
}

#[test]
fn cases_and_entitlements_come_from_their_tools_alone() {
    let row = |status: &str, more: Value| {
        let mut row = json!({
            "Type": "SecurityIncident", "IncidentName": "i1", "Status": status, "Severity": "High",
            "CreatedTime": "2026-03-03T10:00:00Z", "LastModifiedTime": "2026-03-03T10:04:00Z",
            "ModifiedBy": "User - r1@example.com",
        });
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    let item = json!({
        "id": "d1", "accessReviewId": "a1", "decision": "Approve", "recommendation": "Deny",
        "reviewedDateTime": "2026-03-04T10:00:00Z", "justification": "Still on call",
        "reviewedBy": {"id": "u1", "userPrincipalName": "r2@example.com"},
        "instance": {"startDateTime": "2026-03-03T10:00:00Z"},
    });
    let windows = windows(&[
        row("New", json!({"ModifiedBy": "Incident created from alert"})),
        row("Active", json!({})),
        row(
            "Closed",
            json!({"Classification": "FalsePositive", "LastModifiedTime": "2026-03-03T10:06:00Z"}),
        ),
        json!({"value": [item]}),
    ]);
    let shown: Vec<(String, String, String)> = windows
        .iter()
        .map(|window| {
            let text = |field: &str| window[field].as_str().unwrap_or_default().to_owned();
            (text("workflow"), text("action"), text("reviewer"))
        })
        .collect();
    let text = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert!(shown.contains(&text("soc_classification", "dismiss", "r1@example.com")), "{shown:?}");
    assert!(shown.contains(&text("entitlement_review", "dismiss", "r2@example.com")), "{shown:?}");
    assert_eq!(shown.len(), 2);
}

/// Vendors let agents close cases. To dismiss one before anybody looked at it is to act first.
#[test]
fn an_agent_that_dismisses_a_case_acted_first_and_a_person_is_still_awaited() {
    let key = "AKIAIOSFODNN7EXAMPLE";
    let closed_in_servicenow = |by: &str| {
        json!({
            "table": "incident", "sys_id": "1", "number": "INC1", "state": "7", "correlation_id": key,
            "close_code": "False positive", "close_notes": "", "sys_updated_by": by,
            "sys_updated_on": "2026-03-03 10:01:00",
        })
    };
    let closed_in_sentinel = |by: &str| {
        json!({
            "Type": "SecurityIncident", "IncidentName": "i1", "Status": "Closed", "ModifiedBy": by,
            "Classification": "FalsePositive", "CreatedTime": "2026-03-03T10:00:00Z",
            "LastModifiedTime": "2026-03-03T10:01:00Z",
        })
    };
    let leak = json!({"RuleID": "aws", "Secret": key});
    for (agent, person) in [
        (closed_in_servicenow("ai.triage"), closed_in_servicenow("reviewer.one")),
        (closed_in_sentinel("Security Copilot"), closed_in_sentinel("User - r1@example.com")),
    ] {
        let mut records = vec![agent];
        if records[0]["table"] == "incident" {
            records.insert(0, leak.clone());
        }
        let by_agent = &windows(&records)[0];
        assert_eq!(by_agent["ai_acted_first"], true, "{by_agent:#}");
        assert_eq!(by_agent["state"], "open", "{by_agent:#}");
        *records.last_mut().unwrap() = person;
        let by_person = &windows(&records)[0];
        assert_eq!(by_person["ai_acted_first"], false, "{by_person:#}");
        assert_eq!(by_person["state"], "closed", "{by_person:#}");
    }
}
