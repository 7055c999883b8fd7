//! What sources really send, from the bytes to the windows: an alert's whole life at GitHub, updates
//! and repeats of notices, places of findings, envelopes and encodings; what did not join; and
//! streams that do not end.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{KEY, Out, Run, number};

/// Replays `input` with the detection time 10:00:30; the summary and the windows.
fn replay(input: impl AsRef<[u8]>) -> (Value, Vec<Value>) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("input"), input).unwrap();
    let run = Run::replay().key(KEY).within(directory.path()).arg("--json");
    let summary = run
        .args(["--out", "out", "--detected-at", "2026-03-03T10:00:30Z", "input"])
        .go()
        .exits(0)
        .json();
    (summary, Out(directory.path().join("out")).lines("windows.ndjson"))
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// One field of each window.
fn each<'w>(windows: &'w [Value], field: &str) -> Vec<&'w Value> {
    windows.iter().map(|window| &window[field]).collect()
}

fn at(minute: &str) -> String {
    format!("2026-03-03T{minute}:00Z")
}

fn repository(name: &str) -> Value {
    json!({"id": 41001, "full_name": format!("example-org/{name}"), "html_url": format!("https://github.com/example-org/{name}")})
}

fn alert(action: &str, minute: &str, more: Value) -> Value {
    let mut alert = json!({
        "number": 7, "secret_type": "example_api_key", "state": "open",
        "created_at": at("10:00"), "updated_at": at(minute),
    });
    alert.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"action": action, "alert": alert, "repository": repository("payments"), "sender": {"login": "github"}})
}

fn closed(by: Value, resolution: &str, minute: &str) -> Value {
    json!({"state": "resolved", "resolution": resolution, "resolved_by": by, "resolved_at": at(minute)})
}

fn person() -> Value {
    json!({"login": "reviewer-03", "type": "User"})
}

#[test]
fn an_alert_that_is_reopened_in_the_second_of_its_closing_has_two_windows() {
    let (_, windows) = replay(lines(&[
        alert("created", "10:00", json!({})),
        alert("resolved", "10:06", closed(person(), "false_positive", "10:06")),
        alert("reopened", "10:06", json!({})),
    ]));
    assert_eq!(each(&windows, "state"), ["closed", "open"]);
    assert_eq!(windows[1]["detected_at"], "2026-03-03T10:06:00.000Z");
}

#[test]
fn a_renamed_repository_keeps_its_windows() {
    let mut resolved = alert("resolved", "10:05", closed(person(), "false_positive", "10:05"));
    resolved["repository"] = repository("general-payments");
    let renamed = json!({"action": "renamed", "changes": {}, "repository": repository("general-payments"), "sender": {"login": "dev-01"}});
    let (summary, windows) =
        replay(lines(&[alert("created", "10:00", json!({})), renamed, resolved]));
    assert_eq!(each(&windows, "state"), ["closed"]);
    assert_eq!(number(&summary, "events.skipped"), 1);
    assert_eq!(number(&summary, "events.orphan"), 0);
}

/// A repository is renamed and gets its old name back; meanwhile another one has that name.
#[test]
fn a_name_that_moves_between_two_repositories_joins_nothing() {
    let of = |id: u64, name: &str, action: &str, minute: &str, more: Value| {
        let mut delivery = alert(action, minute, more);
        delivery["repository"] = repository(name);
        delivery["repository"]["id"] = json!(id);
        delivery
    };
    let dismissed = |minute: &str| closed(person(), "false_positive", minute);
    let deliveries = [
        of(41001, "payments", "created", "10:00", json!({})),
        of(41002, "payments", "created", "10:01", json!({})),
        of(41001, "old-payments", "resolved", "10:05", dismissed("10:05")),
        of(41002, "new-payments", "resolved", "10:07", dismissed("10:07")),
        of(41001, "payments", "reopened", "10:08", json!({"updated_at": at("10:08")})),
    ];
    let (summary, windows) = replay(lines(&deliveries));
    assert_eq!(
        each(&windows, "credential_id"),
        ["github:github.com/41001#7", "github:github.com/41001#7", "github:github.com/41002#7"]
    );
    assert_eq!(each(&windows, "state"), ["closed", "open", "closed"]);
    assert_eq!(
        each(&windows, "decided_at"),
        [json!("2026-03-03T10:05:00.000Z"), Value::Null, json!("2026-03-03T10:07:00.000Z")]
            .iter()
            .collect::<Vec<_>>()
    );
    assert_eq!(number(&summary, "events.orphan"), 0);
}

/// What another host calls by the same name and number is another alert, for its aliases as well.
#[test]
fn an_alias_of_another_host_joins_that_host_alone() {
    let server = "github:ghe.example.org/41001#7";
    let mut there = alert("created", "10:00", json!({}));
    there["repository"]["html_url"] = json!("https://ghe.example.org/example-org/payments");
    let decision = json!({"type": "decision.made", "id": "d", "time": at("10:05"), "credential_id": "ticket-1",
        "aliases": [server], "reviewer": "r", "action": "dismiss"});
    let (_, windows) = replay(lines(&[alert("created", "10:00", json!({})), there, decision]));
    assert_eq!(windows.len(), 2);
    for window in &windows {
        let named = window.to_string().contains(server);
        assert_eq!(window["state"], if named { "closed" } else { "open" }, "{window}");
    }
}

#[test]
fn the_same_number_on_two_hosts_is_two_alerts() {
    let mut server = alert("created", "10:00", json!({}));
    server["repository"]["html_url"] = json!("https://ghe.example.org/example-org/payments");
    let (_, windows) = replay(lines(&[alert("created", "10:00", json!({})), server]));
    assert_eq!(windows.len(), 2);
}

#[test]
fn a_change_of_settings_waits_for_nobody() {
    let closing =
        json!({"state": "resolved", "resolution": "pattern_deleted", "resolved_at": at("10:06")});
    let hook = [alert("created", "10:00", json!({})), alert("resolved", "10:06", closing.clone())];
    let mut listed = alert("", "10:06", closing)["alert"].clone();
    listed["repository"] = repository("payments");
    for input in [lines(&hook), lines(&[listed])] {
        let (summary, windows) = replay(input);
        assert_eq!(each(&windows, "state"), ["withdrawn"]);
        assert_eq!(number(&summary, "windows.open"), 0);
    }
}

#[test]
fn who_bypassed_is_who_asked() {
    let bypassed = |by: &str| {
        let mut born = closed(person(), "used_in_tests", "10:01");
        born["push_protection_bypassed_by"] = json!({"login": by});
        born["push_protection_bypassed_at"] = json!(at("10:00"));
        replay(lines(&[alert("created", "10:01", born)])).1.remove(0)
    };
    let own = bypassed("reviewer-03");
    assert_eq!(own["state"], "closed");
    assert!(own["hollow"].to_string().contains("self_approval"), "{own}");
    assert!(!bypassed("dev-01")["hollow"].to_string().contains("self_approval"));
}

#[test]
fn people_whose_accounts_are_gone_are_not_one_person() {
    let mut records = Vec::new();
    for (number, by) in [(1, json!({"login": "ghost"})), (2, json!({"login": "ghost"}))] {
        let mut created = alert("created", "10:00", json!({}));
        let mut resolved = alert("resolved", "10:06", closed(by, "false_positive", "10:06"));
        created["alert"]["number"] = json!(number);
        resolved["alert"]["number"] = json!(number);
        records.extend([created, resolved]);
    }
    let (_, windows) = replay(lines(&records));
    assert_eq!(each(&windows, "state"), ["closed", "closed"]);
    assert_ne!(windows[0]["reviewer"], windows[1]["reviewer"]);
}

#[test]
fn the_answer_to_a_request_is_the_review() {
    let request = |status: &str| {
        json!({
            "number": 3, "request_type": "secret_scanning_closure", "requester_login": "dev-01", "status": status,
            "created_at": at("10:02"), "exemption_request_data": {"data": [{"alert_number": "7"}]},
        })
    };
    let sender = json!({"login": "dev-01"});
    let requester = json!({"login": "dev-01", "type": "User"});
    let records = [
        alert("created", "10:00", json!({})),
        json!({"action": "created", "exemption_request": request("pending"), "repository": repository("payments"), "sender": sender}),
        json!({"action": "response_submitted", "exemption_request": request("approved"), "repository": repository("payments"), "sender": sender,
            "exemption_response": {"reviewer_login": "reviewer-03", "status": "approved", "created_at": at("10:08")}}),
        alert("resolved", "10:08", closed(requester, "false_positive", "10:08")),
    ];
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("input"), lines(&records)).unwrap();
    Run::replay()
        .key(KEY)
        .within(directory.path())
        .args(["--reviewer-names", "--out", "out", "input"])
        .go()
        .exits(0);
    let window = Out(directory.path().join("out")).lines("windows.ndjson").remove(0);
    assert_eq!(window["reviewer"], "reviewer-03", "{window}");
    assert_eq!(window["escalated_by"], "dev-01", "{window}");
    assert_eq!(window["decided_at"], "2026-03-03T10:08:00.000Z", "{window}");
}

const AWS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";

fn aws(id: &str, kind: &str, detail: Value) -> Value {
    json!({"id": id, "detail-type": kind, "source": "aws.x", "time": at("10:02"), "detail": detail})
}

fn notice(id: &str, more: Value) -> Value {
    let mut detail = json!({
        "eventArn": "arn:aws:health:us-east-1::event/RISK/x", "communicationId": "c", "statusCode": "open",
        "eventTypeCode": "AWS_RISK_CREDENTIALS_EXPOSED", "startTime": at("10:00"),
        "affectedEntities": [{"entityValue": AWS_KEY}],
    });
    detail.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    aws(id, "AWS Health Event", detail)
}

#[test]
fn a_notice_through_two_regions_is_one_and_its_end_is_none() {
    let (summary, windows) = replay(lines(&[
        notice("1", json!({})),
        notice("2", json!({"backupEvent": "true"})),
        notice("3", json!({"statusCode": "closed", "communicationId": "d"})),
    ]));
    assert_eq!(each(&windows, "detections"), [1]);
    assert_eq!(number(&summary, "events.duplicate"), 1);
    assert_eq!(number(&summary, "events.skipped"), 1);
}

#[test]
fn the_highest_severity_of_a_finding_counts_in_any_order() {
    let finding = |severity: u32| {
        json!({
            "id": "f", "type": "UnauthorizedAccess:IAMUser/x", "severity": severity,
            "resource": {"accessKeyDetails": {"accessKeyId": AWS_KEY}}, "service": {"eventFirstSeen": at("10:01")},
        })
    };
    let event = |severity| aws("e", "GuardDuty Finding", finding(severity));
    for (first, second) in [(5, 8), (8, 5)] {
        let (_, windows) = replay(lines(&[notice("1", json!({})), event(first), event(second)]));
        assert_eq!(each(&windows, "severity"), ["high"], "{first} {second}");
    }
}

#[test]
fn a_person_makes_a_key_inactive() {
    let (_, windows) = replay(lines(&[
        notice("1", json!({})),
        aws(
            "2",
            "AWS API Call via CloudTrail",
            json!({
                "eventID": "c", "eventName": "UpdateAccessKey", "eventSource": "iam.amazonaws.com", "eventTime": at("10:08"),
                "userIdentity": {"type": "IAMUser"}, "requestParameters": {"accessKeyId": AWS_KEY, "status": "Inactive"},
            }),
        ),
    ]));
    assert_eq!(each(&windows, "contained_at"), ["2026-03-03T10:08:00.000Z"]);
}

#[test]
fn the_same_secret_in_another_place_is_another_detection() {
    let finding = |data: Value| {
        json!({
            "SourceMetadata": {"Data": data}, "DetectorName": "Example", "DecoderName": "PLAIN", "Raw": "synthetic-secret-1",
        })
    };
    let places = [
        json!({"Docker": {"file": "/a", "image": "one", "layer": "l"}}),
        json!({"Docker": {"file": "/a", "image": "two", "layer": "l"}}),
        json!({"Gcs": {"bucket": "one"}}),
        json!({"Npm": {"package": "left", "file": "a"}}),
        json!({"Npm": {"package": "right", "file": "a"}}),
        json!({"Elasticsearch": {"index": "i", "document_id": "1"}}),
        json!({"Unheard": {"of": 1}}),
    ];
    let findings: Vec<Value> = places.into_iter().map(finding).collect();
    let twice = [findings.clone(), findings.clone()].concat();
    let (summary, windows) = replay(lines(&twice));
    assert_eq!(each(&windows, "detections"), [findings.len()]);
    assert_eq!(number(&summary, "events.duplicate"), findings.len() as u64);
}

#[test]
fn any_encoding_and_any_envelope_gives_the_same_windows() {
    let leak = json!({"type": "leak.detected", "id": "l", "time": at("10:00"), "credential_id": "c", "owner": "é"});
    let decision = json!({"type": "decision.made", "id": "d", "time": at("10:05"), "credential_id": "c", "reviewer": "r", "action": "dismiss"});
    let both = [leak.clone(), decision.clone()];
    let (_, expected) = replay(lines(&both));
    assert_eq!(each(&expected, "state"), ["closed"]);
    let utf16 = |text: String| -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    let queued = |event: &Value| json!({"receiptHandle": "r", "body": event.to_string()});
    let published = |event: &Value| json!({"TopicArn": "t", "Message": event.to_string()});
    let framed = |event: &Value| [b"\0\0\0\0\x07", event.to_string().as_bytes(), b"\n"].concat();
    let form = |event: &Value| -> String {
        let payload: String =
            form_urlencoded::byte_serialize(event.to_string().as_bytes()).collect();
        format!("payload={payload}\n")
    };
    for (name, input) in [
        ("utf-16", utf16(lines(&both))),
        ("padding", [lines(&both).as_bytes(), &[0; 5000]].concat()),
        ("form", both.iter().map(form).collect::<String>().into_bytes()),
        ("schema registry", both.iter().flat_map(framed).collect()),
        ("sns", lines(&both.each_ref().map(published)).into_bytes()),
        ("sqs", json!({"Records": both.each_ref().map(queued)}).to_string().into_bytes()),
        (
            "connect",
            lines(&both.each_ref().map(|event| json!({"schema": {}, "payload": event})))
                .into_bytes(),
        ),
        (
            "debezium",
            lines(&both.each_ref().map(|event| json!({"before": null, "after": event, "op": "c"})))
                .into_bytes(),
        ),
        ("pages", json!([[leak], [decision]]).to_string().into_bytes()),
        ("tombstones", format!("null\n{}null\n", lines(&both)).into_bytes()),
    ] {
        let (summary, windows) = replay(&input);
        assert_eq!(windows, expected, "{name}");
        assert_eq!(number(&summary, "events.rejected"), 0, "{name}");
    }
}

#[test]
fn one_broken_alert_in_a_page_costs_nobody_else() {
    let listed = |number: Value| {
        let mut alert = alert("", "10:00", json!({}))["alert"].clone();
        alert["number"] = number;
        alert["repository"] = repository("payments");
        alert
    };
    let page = json!([[listed(json!(1)), listed(json!("one")), listed(json!(3))]]);
    let (summary, windows) = replay(page.to_string());
    assert_eq!(windows.len(), 2);
    assert_eq!(number(&summary, "events.rejected"), 1);
}

#[test]
fn what_is_known_and_not_read_is_counted_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let confirm = json!({"Type": "SubscriptionConfirmation", "TopicArn": "t", "Message": "m", "SubscribeURL": "u"});
    let broken = json!({"type": "leak.detected", "id": "1"});
    let leak = alert("created", "10:00", json!({}));
    let input = lines(&[leak.clone(), confirm.clone(), json!([leak, confirm]), broken]);
    fs::write(directory.path().join("input"), input).unwrap();
    let run = || Run::replay().key(KEY).within(directory.path()).args(["--out", "out", "input"]);
    let shown = run().go().exits(0).stdout;
    assert!(shown.contains("1 rejected + 2 unsupported + 0 late"), "{shown}");
    let out = Out(directory.path().join("out"));
    let summary = out.json("summary.json");
    crate::harness::assert_accounts(&summary);
    assert_eq!(number(&summary, "events.unsupported"), 2);
    assert_eq!(
        each(&out.lines("rejected.ndjson"), "reason"),
        ["unsupported", "unsupported", "missing_field"]
    );
    let metrics = fs::read_to_string(directory.path().join("out/metrics.prom")).unwrap();
    assert!(metrics.contains("\nshutterlag_events_unsupported_total 2\n"), "{metrics}");
    assert!(!metrics.contains("rejected_total{reason=\"unsupported\"}"), "{metrics}");
    let alone = lines(&[json!({"TopicArn": "t", "SubscribeURL": "u"})]);
    fs::write(directory.path().join("input"), alone).unwrap();
    run().arg("--strict").go().exits(3);
}

#[test]
fn what_did_not_join_is_listed_with_the_nearest_names() {
    let directory = tempfile::tempdir().unwrap();
    let decision = |id: &str, name: &str| {
        json!({"type": "decision.made", "id": id, "time": at("10:05"), "source": "console",
        "credential_id": name, "reviewer": "r", "action": "dismiss"})
    };
    let records = [
        alert("created", "10:00", json!({})),
        decision("1", "github.com/41001#7"),
        decision("2", "github.com/41001#7"),
        json!({"type": "credential.abused", "id": "a", "time": at("10:05"), "credential_id": "elsewhere"}),
        // After the closing: its name is right.
        alert("resolved", "10:06", closed(person(), "false_positive", "10:06")),
        decision("3", "github:github.com/41001#7"),
    ];
    fs::write(directory.path().join("input"), lines(&records)).unwrap();
    let run = || Run::replay().key(KEY).within(directory.path()).args(["--out", "out", "input"]);
    let shown = run().go().exits(0);
    assert!(
        shown.stdout.contains("Did not join: nothing was detected under 1 name\n"),
        "{}",
        shown.stdout
    );
    run().arg("--strict").go().exits(3);
    let out = Out(directory.path().join("out"));
    let listed = &out.json("summary.json")["not_joined"];
    assert_eq!(
        *listed,
        json!([{
            "credential_id": "github.com/41001#7", "workflow": "secret_exposure", "kind": "decision.made", "source": "console",
            "time": "2026-03-03T10:05:00.000Z", "age_ms": 60_000, "events": 2, "nearest": ["github:github.com/41001#7"],
        }])
    );
    let rejected = out.lines("rejected.ndjson");
    assert_eq!(each(&rejected, "reason"), ["not_joined"]);
    assert_eq!(
        rejected[0]["detail"],
        "decision.made of `github.com/41001#7` found no window: did you mean `github:github.com/41001#7`?"
    );
}

/// Two names that cover each other: the leak of one of them is no credential's, and is not passed over.
#[test]
fn a_leak_that_a_circle_of_names_takes_is_told_in_any_order() {
    let leak = json!({"type": "leak.detected", "id": "leak-1", "time": at("10:00"), "credential_id": "S1"});
    let covers = |id: &str, name: &str, other: &str| {
        json!({"type": "identity.linked", "id": id, "time": at("10:01"), "credential_id": name, "aliases": [other],
            "relation": "covers"})
    };
    let mut records = [leak, covers("2", "S1", "S2"), covers("3", "S2", "S1")];
    for turn in 0..6 {
        records.rotate_left(1);
        if turn == 3 {
            records.swap(0, 1);
        }
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("input"), lines(&records)).unwrap();
        let run = || Run::replay().key(KEY).within(directory.path());
        let summary = run().args(["--json", "--out", "out", "input"]).go().exits(0).json();
        let counts = ["accepted", "duplicate", "rejected", "linked", "read"]
            .map(|count| number(&summary, &format!("events.{count}")));
        assert_eq!(counts, [0, 0, 1, 5, 6], "{records:?}");
        let rejected = Out(directory.path().join("out")).lines("rejected.ndjson");
        assert_eq!(each(&rejected, "reason"), ["too_many_aliases"]);
        let detail = rejected[0]["detail"].as_str().unwrap();
        assert!(detail.starts_with("leak.detected `leak-1`, handed on to `S"), "{detail}");
        let said = run().arg("input").go().exits(0).stdout;
        assert!(said.starts_with("1 detection in the input, and no window"), "{said}");
        run().args(["--strict", "input"]).go().exits(3);
    }
}

/// A link that is refused is not one that links.
#[test]
fn a_refused_link_counts_as_rejected() {
    let leak =
        json!({"type": "leak.detected", "id": "1", "time": at("10:00"), "credential_id": "S1"});
    let itself = json!({"type": "identity.linked", "id": "2", "time": at("10:01"), "credential_id": "S1", "aliases": ["S1"],
        "relation": "covers"});
    let (summary, windows) = replay(lines(&[leak, itself]));
    assert_eq!(windows.len(), 1);
    let counts = ["accepted", "rejected", "linked", "read"]
        .map(|count| number(&summary, &format!("events.{count}")));
    assert_eq!(counts, [1, 1, 0, 2]);
}

/// A run that goes on until it is interrupted.
fn start(directory: &Path, args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_shutterlag"))
        .args(["replay", "--json", "--out", "out"])
        .args(args)
        .env("SHUTTERLAG_IDENTITY_KEY", KEY)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn interrupt(child: &Child) {
    let id = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
}

/// Waits until `is` holds.
#[track_caller]
fn until(what: &str, is: impl Fn() -> bool) {
    const LOOKS: usize = 6_000;
    assert!(
        (0..LOOKS).any(|_| {
            let holds = is();
            if !holds {
                std::thread::sleep(Duration::from_millis(10));
            }
            holds
        }),
        "{what}"
    );
}

/// Waits until the run handles an interrupt itself: the thread that waits for one is there, too.
fn until_it_handles_interrupts(child: &Child) {
    let status = format!("/proc/{}/status", child.id());
    let threads = format!("/proc/{}/task", child.id());
    until("nobody waits for an interrupt", || fs::read_dir(&threads).unwrap().count() > 1);
    until("it handles no interrupt", || {
        let text = fs::read_to_string(&status).unwrap();
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
        caught & (1 << (rustix::process::Signal::INT.as_raw() - 1)) != 0
    });
}

/// Waits until the run has read `file` to its end.
fn until_it_has_read(child: &Child, file: &Path) {
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    let file = file.canonicalize().unwrap();
    let length = fs::metadata(&file).unwrap().len().to_string();
    until("it does not read the file", || {
        let open = fs::read_dir(process.join("fd")).unwrap().map(|entry| entry.unwrap());
        let mut of_file = open.filter(|open| fs::read_link(open.path()).is_ok_and(|to| to == file));
        of_file.any(|open| {
            let info = fs::read_to_string(process.join("fdinfo").join(open.file_name()));
            let info = info.unwrap_or_default();
            info.lines().find_map(|line| line.strip_prefix("pos:")).map(str::trim) == Some(&length)
        })
    });
}

/// Waits until the run has taken all that was written to its standard input.
fn until_it_has_taken(stdin: &ChildStdin) {
    until("it does not read", || rustix::io::ioctl_fionread(stdin).unwrap() == 0);
}

/// Interrupts the run, and returns its summary.
fn summary_after_interrupt(mut child: Child) -> Value {
    until_it_handles_interrupts(&child);
    interrupt(&child);
    let mut printed = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_to_string(&mut printed).unwrap();
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        said.push_str(&line.unwrap());
    }
    assert!(child.wait().unwrap().success(), "{said}");
    serde_json::from_str(&printed).unwrap()
}

#[test]
fn an_interrupted_stream_tells_what_came_so_far() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = start(directory.path(), &["-"]);
    let mut stdin = child.stdin.take().unwrap();
    // The end of its line is still to come, and then half of another.
    let record = lines(&[alert("created", "10:00", json!({}))]);
    stdin.write_all(record.trim().as_bytes()).unwrap();
    stdin.flush().unwrap();
    until_it_has_taken(&stdin);
    let summary = summary_after_interrupt(child);
    assert_eq!(number(&summary, "windows.open"), 1);
    drop(stdin);

    let mut child = start(directory.path(), &["-"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{record}{}", &record[..40]).as_bytes()).unwrap();
    stdin.flush().unwrap();
    until_it_has_taken(&stdin);
    let summary = summary_after_interrupt(child);
    assert_eq!(number(&summary, "windows.open"), 1);
    assert_eq!(number(&summary, "events.rejected"), 0);
    drop(stdin);
}

/// Whole records with half of one behind them, whatever the pipe makes of the pieces. Tells how many
/// were written.
fn write_for_ever(mut stdin: impl Write + Send + 'static, pause: Duration) -> Arc<AtomicU64> {
    let written = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&written);
    std::thread::spawn(move || {
        for n in 0_u64.. {
            let mut event = alert("created", "10:00", json!({}));
            event["alert"]["number"] = n.into();
            let line = lines(&[event]);
            let (first, second) = line.split_at(line.len() / 2);
            // The run has ended.
            if stdin.write_all(first.as_bytes()).is_err()
                || stdin.write_all(second.as_bytes()).is_err()
            {
                return;
            }
            count.store(n, Ordering::Relaxed);
            std::thread::sleep(pause);
        }
    });
    written
}

#[test]
fn an_interrupted_stream_ends_between_records_though_its_writer_goes_on() {
    // A pipe and the buffers before it hold fewer than so many records: the run has read some.
    for (pause, packed, enough) in [(0, false, 1_000), (0, true, 50_000), (10, false, 200)] {
        let directory = tempfile::tempdir().unwrap();
        let mut child = start(directory.path(), &["-"]);
        let stdin = child.stdin.take().unwrap();
        let pause = Duration::from_millis(pause);
        let written = match packed {
            true => write_for_ever(
                flate2::write::GzEncoder::new(stdin, flate2::Compression::fast()),
                pause,
            ),
            false => write_for_ever(stdin, pause),
        };
        until("it does not read on", || written.load(Ordering::Relaxed) > enough);
        let summary = summary_after_interrupt(child);
        let windows = number(&summary, "windows.open");
        assert!(windows > 20, "{summary}");
        assert_eq!(number(&summary, "events.accepted"), windows);
        assert_eq!(number(&summary, "events.rejected"), 0, "{summary}");
    }
}

#[test]
fn a_file_that_grows_is_followed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("input");
    fs::write(&path, lines(&[alert("created", "10:00", json!({}))])).unwrap();
    let child = start(directory.path(), &["--follow", "input"]);
    until_it_handles_interrupts(&child);
    until_it_has_read(&child, &path);
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    let resolved = alert("resolved", "10:06", closed(person(), "false_positive", "10:06"));
    file.write_all(lines(&[resolved]).as_bytes()).unwrap();
    until_it_has_read(&child, &path);
    let summary = summary_after_interrupt(child);
    assert_eq!(number(&summary, "windows.closed"), 1);
    Run::replay().within(directory.path()).args(["--follow", "-"]).go().exits(2);
}
