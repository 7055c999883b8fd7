//! A bad record, whatever it holds, is refused with its place and its reason; the records around
//! it count, and nothing panics.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use shutterlag::simulate::{Extent, Options};

use crate::harness::dice::Dice;
use crate::harness::{KEY, Out, Ran, Run, events, grouped, number};

/// What replaying one file came to.
struct Told {
    ran: Ran,
    summary: Value,
    rejected: Vec<Value>,
}

fn replayed(directory: &Path, bytes: &[u8]) -> Told {
    let file = directory.join("input.ndjson");
    std::fs::write(&file, bytes).unwrap();
    let out = Out(directory.join("out"));
    let ran = Run::replay().key(KEY).within(directory).args(["input.ndjson", "--out", "out"]).go();
    let summary = out.json("summary.json");
    crate::harness::assert_accounts(&summary);
    Told { ran, summary, rejected: out.lines("rejected.ndjson") }
}

impl Told {
    /// What was refused, without the names that did not join.
    fn refused(&self) -> impl Iterator<Item = &Value> {
        self.rejected.iter().filter(|line| line["reason"] != "not_joined")
    }

    fn events(&self, name: &str) -> u64 {
        number(&self.summary, &format!("events.{name}"))
    }
}

/// A good line, `record`, another good line: exactly the one in the middle is
/// refused, everywhere as `reason` and with `detail` in its explanation.
#[track_caller]
fn assert_refused(record: &[u8], reason: &str, detail: &str) {
    let directory = tempfile::tempdir().unwrap();
    let (first, last) = (events::detection(1), events::detection(2));
    let told = replayed(
        directory.path(),
        &[first.as_bytes(), record, last.as_bytes(), b""].join(&b"\n"[..]),
    );
    let shown = String::from_utf8_lossy(&record[..record.len().min(200)]).into_owned();
    assert_eq!(told.ran.code, Some(0), "{shown}: {:?}", told.ran);
    assert_eq!(told.ran.stderr, "", "{shown}");
    assert_eq!(told.events("accepted"), 2, "{shown}");
    assert_eq!(number(&told.summary, "windows.total"), 2, "{shown}");
    let [refused] = &told.rejected[..] else { panic!("{shown}: {:?}", told.rejected) };
    assert_eq!(refused["input"], "input.ndjson", "{shown}");
    assert_eq!(refused["line"], 2, "{shown}");
    assert_eq!(refused["reason"], reason, "{shown}: {refused}");
    let explained = refused["detail"].as_str().unwrap();
    assert!(explained.contains(detail), "{shown}: {explained}");
    assert!(refused["excerpt"].as_str().is_some_and(|e| e.chars().count() <= 160), "{refused}");
    // The table says the same, with the words of the reason set apart.
    let table = &told.ran.stdout;
    assert!(table.contains("input.ndjson:2"), "{table}");
    assert!(table.contains(&reason.replace('_', " ")), "{table}");
    // Long explanations are broken into lines.
    let start: String = explained.chars().take(25).collect();
    assert!(table.contains(&start), "{table}");
    assert!(!table.contains('\u{1b}'), "{table}");
}

/// An event of `kind` with these further fields.
fn event(kind: &str, more: &str) -> Vec<u8> {
    format!(
        r#"{{"type":"{kind}","id":"bad","time":"2026-03-02T09:00:00Z","credential_id":"cred-bad"{more}}}"#
    )
    .into_bytes()
}

fn at(time: &str) -> Vec<u8> {
    format!(r#"{{"type":"leak.detected","id":"bad","time":{time},"credential_id":"cred-bad"}}"#)
        .into_bytes()
}

#[test]
fn text_that_is_not_json() {
    for record in [
        "connection reset by peer, retrying",
        "{'type':'leak.detected'}",
        r#"{"type":"leak.detected",}"#,
        "\u{1b}[31mred\u{1b}[0m",
        "<event/>",
    ] {
        assert_refused(record.as_bytes(), "invalid_json", "not JSON");
    }
    let row = b"leak.detected,1,2026-03-02T09:00:00Z,cred-bad";
    assert_refused(row, "unsupported", "a row of CSV");
    assert_refused(&event("triage.completed", r#","confidence":NaN"#), "invalid_json", "not JSON");
    assert_refused(&event("leak.detected", ",\"owner\":\"a\tb\""), "invalid_json", "not JSON");
    assert_refused(&event("leak.detected", r#","owner":"\ud800""#), "invalid_json", "not JSON");
    assert_refused(br#"{"type":"leak.detected","id":"bad","ti"#, "truncated", "too early");
    assert_refused(b"{\"type\":\"leak.detected\",\"id\":\"\xff\"}", "invalid_utf8", "not UTF-8");
}

#[test]
fn json_that_is_no_event() {
    for (record, found) in [
        ("42", "a number"),
        ("true", "a boolean"),
        (r#""leak.detected""#, "a string"),
        ("[1]", "a number"),
    ] {
        assert_refused(
            record.as_bytes(),
            "wrong_type",
            &format!("expected an object, found {found}"),
        );
    }
    assert_refused(b"{}", "unrecognised", "no known source");
    assert_refused(br#"{"hello":"world"}"#, "unrecognised", "no known source");
    assert_refused(&event("leak.suspected", ""), "unknown_type", "field `type`");
    assert_refused(br#"{"id":"bad","credential_id":"c"}"#, "missing_field", "field `type`");
}

#[test]
fn fields_that_are_missing_twice_or_of_another_kind() {
    for (record, field) in [
        (event("decision.made", r#","action":"revoke""#), "reviewer"),
        (event("decision.made", r#","reviewer":"","action":"revoke""#), "reviewer"),
        (event("decision.made", r#","reviewer":"r""#), "action"),
        (event("credential.contained", ""), "method"),
        (event("truth.established", r#","correct_action":"revoke""#), "seeded"),
        (at("null"), "time"),
    ] {
        assert_refused(&record, "missing_field", &format!("field `{field}`"));
    }
    let twice = event("leak.detected", r#","time":"2026-03-02T10:00:00Z""#);
    assert_refused(&twice, "duplicate_field", "field `time` appears twice");
    assert_refused(&at("1772442000"), "wrong_type", "found a number");
    assert_refused(&event("leak.detected", r#","owner":["a"]"#), "wrong_type", "field `owner`");
    let authorized = event("decision.made", r#","reviewer":"r","action":"revoke","authorized":1"#);
    assert_refused(&authorized, "wrong_type", "field `authorized`");
    let long = format!(r#","owner":"{}""#, "x".repeat(257));
    assert_refused(&event("leak.detected", &long), "too_long", "257 bytes, the limit is 256");
}

#[test]
fn times_that_cannot_be_meant() {
    for (time, detail) in [
        (r#""2026-03-02T09:00:00""#, "without an offset"),
        (r#""0001-01-01T00:00:00Z""#, "outside the years 2000 to 2100"),
        (r#""1999-12-31T23:59:59.999Z""#, "outside the years 2000 to 2100"),
        (r#""2101-01-01T00:00:00Z""#, "outside the years 2000 to 2100"),
        (r#""2026-02-30T00:00:00Z""#, "not an RFC 3339"),
        (r#""yesterday""#, "not an RFC 3339"),
        (r#""-2026-03-02T09:00:00Z""#, "not an RFC 3339"),
    ] {
        assert_refused(&at(time), "invalid_time", detail);
    }
    let exposed = event("leak.detected", r#","exposed_at":"2026-03-02 09:00""#);
    assert_refused(&exposed, "invalid_time", "field `exposed_at`");
}

#[test]
fn numbers_out_of_their_range() {
    for (field, value) in [
        ("summary_words", "-1"),
        ("summary_words", "4294967296"),
        ("summary_words", "1.5"),
        ("summary_words", "99999999999999999999999999999999"),
        ("confidence", "-0.1"),
        ("confidence", "1.0000001"),
        ("confidence", "123456789012345678901234567890"),
    ] {
        let more = format!(r#","recommendation":"revoke","{field}":{value}"#);
        let record = event("triage.completed", &more);
        assert_refused(&record, "invalid_value", &format!("field `{field}`"));
    }
    let shrug = event("decision.made", r#","reviewer":"r","action":"shrug""#);
    assert_refused(&shrug, "invalid_value", "one of revoke, rotate, quarantine");
}

#[test]
fn nesting_without_end() {
    let closed = [r#"{"a":"#.repeat(10_000), "1".to_owned(), "}".repeat(10_000)].concat();
    let arrays = format!(r#"{{"a":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    for record in [closed, arrays, r#"{"a":"#.repeat(10_000), "[".repeat(10_000)] {
        assert_refused(record.as_bytes(), "too_deep", "nested deeper than 64");
    }
}

#[test]
fn what_is_unknown_is_ignored_whatever_it_holds() {
    let directory = tempfile::tempdir().unwrap();
    let deep = format!("{}{}", "[".repeat(50), "]".repeat(50));
    let more = format!(
        r#","x":{deep},"x":"\ud800","":null,"reviewer":7,"action":"shrug","n":-1e-300,"o":{{"time":0}}"#
    );
    let told = replayed(directory.path(), &event("leak.detected", &more));
    assert_eq!((told.events("accepted"), told.events("rejected")), (1, 0), "{:?}", told.rejected);
}

#[test]
fn a_line_of_a_hundred_megabytes_is_passed_over_in_little_memory() {
    let mut child = {
        let mut command = Run::replay().key(KEY).args(["-", "--json"]).into_command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", events::detection(1)).unwrap();
    stdin.write_all(br#"{"type":"leak.detected","x":""#).unwrap();
    let megabyte = vec![b'a'; 1 << 20];
    for _ in 0..100 {
        stdin.write_all(&megabyte).unwrap();
    }
    // All but what fits a pipe has been read by now.
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kib < 40 << 10, "{kib} KiB at the most");
    }
    writeln!(stdin, "\"}}\n{}", events::detection(2)).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(number(&summary, "events.accepted"), 2);
    assert_eq!(number(&summary, "events.rejected"), 1);
}

#[test]
fn too_large_is_told_with_its_line_packed_or_not() {
    let mut text = format!("{}\n{{\"x\":\"", events::detection(1)).into_bytes();
    text.resize(text.len() + (20 << 20), b'a');
    text.extend_from_slice(format!("\"}}\n{}\n", events::detection(2)).as_bytes());
    for bytes in [zstd::encode_all(&text[..], 1).unwrap(), text] {
        let directory = tempfile::tempdir().unwrap();
        let told = replayed(directory.path(), &bytes);
        assert_eq!(told.ran.code, Some(0));
        assert_eq!(told.events("accepted"), 2);
        let [refused] = &told.rejected[..] else { panic!("{:?}", told.rejected) };
        assert_eq!((&refused["line"], &refused["reason"]), (&2.into(), &"too_large".into()));
        assert!(told.ran.stdout.contains("input.ndjson:2"), "{}", told.ran.stdout);
    }
}

/// The exit status says whether anything could be used.
#[test]
fn an_input_of_which_nothing_can_be_used_is_a_failure() {
    let good = events::detection(1);
    let bad = "{}\n{\"type\": 7}\n";
    let unsupported = "a,b,c\n1,2,3\n";
    let skipped = "null\n";
    for (input, code) in [
        (String::new(), 0),
        (skipped.to_owned(), 0),
        (good.clone(), 0),
        (format!("{bad}{good}\n"), 0),
        (bad.to_owned(), 1),
        (unsupported.to_owned(), 1),
        (format!("{skipped}{bad}"), 1),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let told = replayed(directory.path(), input.as_bytes());
        assert_eq!(told.ran.code, Some(code), "{input}: {:?}", told.ran);
        let stderr = &told.ran.stderr;
        assert_eq!(stderr.contains("nothing of the input could be used"), code == 1, "{stderr}");
        if code == 1 {
            for word in ["rejected.ndjson", "map try", "--format"] {
                assert!(stderr.contains(word), "{stderr}");
            }
            let strict = Run::replay().key(KEY).within(directory.path());
            strict.args(["input.ndjson", "--strict"]).go().exits(3);
        }
        // What is after the time that is reported could be used, at another one.
        let early = Run::replay().key(KEY).within(directory.path());
        let early = early.args(["input.ndjson", "--as-of", "2020-01-01"]).go();
        let only_bad = code == 1;
        assert_eq!(early.code, Some(i32::from(only_bad)), "{input}: {early:?}");
    }
}

/// A table is told as such, once for each row.
#[test]
fn csv_is_told_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let table = "credential_id,time,action\nAKIAIOSFODNN7EXAMPLE,2026-03-02T09:00:00Z,revoke\n";
    let told = replayed(directory.path(), table.as_bytes());
    assert_eq!((told.events("unsupported"), told.events("rejected")), (2, 0));
    let detail = told.rejected[0]["detail"].as_str().unwrap();
    for word in ["CSV", "mlr --icsv --ojsonl", "docs/maps.md"] {
        assert!(detail.contains(word), "{detail}");
    }
    // The advice works: the same rows as objects are read.
    let rows = "{\"type\":\"leak.detected\",\"id\":\"1\",\"credential_id\":\"k\",\"time\":\"2026-03-02T09:00:00Z\"}\n";
    assert_eq!(replayed(directory.path(), rows.as_bytes()).ran.code, Some(0));
}

/// A day is its beginning in UTC, as for `report`.
#[test]
fn the_time_of_a_report_may_be_a_day() {
    let directory = tempfile::tempdir().unwrap();
    let event = |id: u32, time: &str| {
        format!(
            "{{\"type\":\"leak.detected\",\"id\":\"{id}\",\"credential_id\":\"k{id}\",\"time\":\"{time}\"}}\n"
        )
    };
    let events = event(1, "2026-03-01T23:59:59Z")
        + &event(2, "2026-03-02T00:00:00Z")
        + &event(3, "2026-03-02T09:00:00Z");
    std::fs::write(directory.path().join("input.ndjson"), events).unwrap();
    let at = |time: &str| {
        let run = Run::replay().key(KEY).within(directory.path());
        let ran = run.args(["input.ndjson", "--json", "--as-of", time]).go();
        ran.exits(0).json()
    };
    assert_eq!(at("2026-03-02"), at("2026-03-02T00:00:00Z"));
    assert_eq!(number(&at("2026-03-02"), "windows.total"), 2);
    let refused = Run::replay().key(KEY).within(directory.path());
    refused.args(["input.ndjson", "--as-of", "2026-02-30"]).go().exits(2);
}

#[test]
fn random_bytes() {
    for seed in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let mut bytes = Dice(seed).bytes(40_000);
        // Neither an array's bracket nor the mark of a compressed file.
        bytes[0] = b'?';
        let told = replayed(directory.path(), &bytes);
        // Nothing could be used, which is a failure.
        assert_eq!(told.ran.code, Some(1), "seed {seed}: {:?}", told.ran);
        assert!(told.ran.stderr.contains("nothing of the input could be used"), "{:?}", told.ran);
        assert_eq!(told.events("accepted"), 0, "seed {seed}");
        assert!(told.events("rejected") > 100, "seed {seed}");
        let lines = 1 + bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let places: Vec<u64> = told.rejected.iter().map(|line| number(line, "line")).collect();
        assert!(places.is_sorted() && *places.last().unwrap() <= lines, "seed {seed}");
        // Written as they are, they would be no JSON and could command a terminal.
        let plain = |c: char| c == '\n' || !c.is_control();
        assert!(told.ran.stdout.chars().all(plain), "seed {seed}");
    }
}

#[test]
fn damage_does_not_spread() {
    // Every good event counts though every other line is broken. A broken line
    // is told of by itself, but for one that could be the rest of the broken one
    // before it: together they are one broken record.
    for seed in [1, 2, 3, 4] {
        let options =
            Options { seed, extent: Extent::Events(10_000), garbage: 0.5, ..Options::DEFAULT };
        let (lines, malformed) = events::simulated(options);
        let directory = tempfile::tempdir().unwrap();
        let told = replayed(directory.path(), &events::ndjson(&lines));
        assert_eq!(told.ran.code, Some(0));
        assert_eq!(told.events("accepted") + told.events("duplicate"), 10_000, "seed {seed}");
        let refused: BTreeSet<u64> = told.refused().map(|line| number(line, "line")).collect();
        let malformed: BTreeSet<u64> = malformed.into_iter().collect();
        assert!(refused.is_subset(&malformed), "seed {seed}: a good line is refused");
        assert_eq!(told.events("rejected"), refused.len() as u64, "seed {seed}: told twice");
        let untold: Vec<u64> = malformed.difference(&refused).copied().collect();
        for line in &untold {
            let before = &lines[*line as usize - 2];
            let open = before.first() == Some(&b'{') && before.last() != Some(&b'}');
            assert!(malformed.contains(&(line - 1)) && open, "seed {seed}: line {line}");
        }
        assert!(untold.len() * 1_000 <= malformed.len(), "seed {seed}: {}", untold.len());
        let written = format!("All {} are in out/rejected.ndjson", grouped(refused.len() as u64));
        let unjoined = told.rejected.len() - told.refused().count();
        assert_eq!(told.summary["not_joined"].as_array().unwrap().len(), unjoined, "seed {seed}");
        assert!(told.ran.stdout.contains(&written), "{}", told.ran.stdout);
    }
}
