//! Nothing secret comes out of the program. Canaries stand wherever a source can put a secret,
//! free text or a person's name; the test looks for them in everything that is printed or
//! written, as they are, in base64 and hex, and as a digest.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;
use std::path::Path;

use crate::harness::canary::{Net, Planter, canary};
use crate::harness::{KEY, Out, Ran, Run, number};

const ACCEPTED: &str = include_str!("../fixtures/replay/canary/accepted.ndjson");
const REFUSED: &str = include_str!("../fixtures/replay/canary/refused.ndjson");
const FORMATS: [&str; 7] =
    ["auto", "native", "cloudevents", "github", "gitleaks", "trufflehog", "eventbridge"];

/// Both templates with their canaries, and the number of canaries.
fn planted() -> (String, String, usize) {
    let mut planter = Planter { planted: 0 };
    let (accepted, refused) = (planter.plant(ACCEPTED), planter.plant(REFUSED));
    assert!(!accepted.contains('@') && !refused.contains('@'));
    (accepted, refused, planter.planted)
}

/// Everything that a run printed or wrote, by its place.
fn visible(ran: &Ran, out: &Out) -> Vec<(String, Vec<u8>)> {
    let mut seen = vec![
        ("stdout".to_owned(), ran.stdout.clone().into_bytes()),
        ("stderr".to_owned(), ran.stderr.clone().into_bytes()),
    ];
    for name in out.names() {
        seen.push((name.clone(), out.bytes(&name)));
    }
    seen
}

#[track_caller]
fn assert_silent(seen: &[(String, Vec<u8>)], net: &Net, how: &str) {
    for (place, text) in seen {
        assert_eq!(net.caught_in(text), Vec::<&(String, usize)>::new(), "in {place} ({how})");
    }
}

/// Replays `bytes` in every format, with and without a key, as a table and as
/// JSON, and looks for the canaries.
fn check(bytes: &[u8], canaries: usize) {
    let net = Net::of_canaries(canaries);
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("in"), bytes).unwrap();
    for format in FORMATS {
        for key in [None, Some(KEY)] {
            for form in [&[][..], &["--json"]] {
                let (ran, out) =
                    run(directory.path(), key, &[&["--format", format], form].concat());
                let how = format!("{format}, key {}, {form:?}", key.is_some());
                // In a format that is not theirs no record can be used, which is a failure.
                let unusable = ran.stderr.contains("nothing of the input could be used");
                assert_eq!(ran.code, Some(i32::from(unusable)), "{how}: {ran:?}");
                assert_silent(&visible(&ran, &out), &net, &how);
            }
        }
    }
}

fn run(directory: &Path, key: Option<&str>, args: &[&str]) -> (Ran, Out) {
    let mut run = Run::replay().within(directory).args(["in", "--out", "out"]).args(args);
    run = run.args(["--detected-at", "2026-03-02T12:00:00Z"]);
    if let Some(key) = key {
        run = run.key(key);
    }
    (run.go(), Out(directory.join("out")))
}

#[test]
fn the_check_itself_sees_what_it_should() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use sha2::{Digest, Sha256};
    let one = canary(1);
    let net = Net::of_canaries(1);
    let seen = |text: &str| !net.caught_in(text.as_bytes()).is_empty();
    assert!(seen(&format!("…{one}…")) && seen(&one.to_uppercase()));
    assert!(seen(&one[one.len() - 12..]));
    assert!(seen(&STANDARD.encode(format!("a{one}b"))));
    assert!(seen(&URL_SAFE_NO_PAD.encode(format!("ab{one}"))));
    let digest = Sha256::digest(one.as_bytes());
    assert!(seen(&digest.iter().map(|byte| format!("{byte:02X}")).collect::<String>()));
    assert!(seen(&STANDARD.encode(digest)));
    assert!(!seen(&canary(2)) && !seen("nothing of the kind"));
    // A canary where a source may put a name is shown: the search can find something.
    let directory = tempfile::tempdir().unwrap();
    let event = format!(
        r#"{{"type":"leak.detected","id":"i","time":"2026-03-02T09:00:00Z","credential_id":"{one}"}}"#
    );
    std::fs::write(directory.path().join("in"), event).unwrap();
    let (ran, out) = run(directory.path(), Some(KEY), &[]);
    let seen = visible(&ran.exits(0), &out);
    assert_eq!(seen.len(), 2 + crate::harness::FILES.len());
    let windows = seen.iter().find(|(place, _)| place == "windows.ndjson").unwrap();
    assert!(!net.caught_in(&windows.1).is_empty());
}

#[test]
fn canaries_are_where_they_are_meant_to_be() {
    // The program accepts or refuses each template as its file is named, so it reads every field.
    let (accepted, refused, canaries) = planted();
    assert!(canaries > 100, "{canaries}");
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("in"), accepted).unwrap();
    let (ran, out) = run(directory.path(), Some(KEY), &["--json"]);
    let summary = ran.exits(0).json();
    assert_eq!(number(&summary, "events.rejected"), 0, "{}", out.text("rejected.ndjson"));
    assert_eq!(number(&summary, "events.skipped"), 0);
    assert!(number(&summary, "events.accepted") >= ACCEPTED.lines().count() as u64);
    // Reviewers and what they did wrong are told.
    assert!(number(&summary, "oversight.reviews") >= 4);
    for reason in ["impossible_reading", "unauthorized", "self_approval"] {
        assert_eq!(number(&summary, &format!("oversight.by_reason.{reason}")), 1, "{reason}");
    }
    assert_eq!(number(&summary, "oversight.ai_acted_first"), 1);
    assert_eq!(number(&summary, "oversight.seeded.missed"), 1);
    assert_eq!(number(&summary, "windows.withdrawn"), 1);
    let windows = out.lines("windows.ndjson");
    let told = |field: &str| windows.iter().filter(|window| window[field].is_string()).count();
    assert_eq!([told("escalated_by"), told("withdrawn_reason"), told("evidence")], [1, 1, 1]);
    assert_eq!([told("incident"), told("model"), told("batch_id")], [2, 1, 2]);
    let opened = windows.iter().filter(|window| window["items_opened"] == 3).count();
    assert_eq!(opened, 1);
    std::fs::write(directory.path().join("in"), refused).unwrap();
    let (ran, _) = run(directory.path(), Some(KEY), &["--json"]);
    // Nothing could be used.
    let summary = ran.exits(1).json();
    assert_eq!(number(&summary, "events.accepted"), 0);
    assert_eq!(number(&summary, "events.rejected"), REFUSED.lines().count() as u64);
}

#[test]
fn whole_records_show_nothing() {
    let (accepted, refused, canaries) = planted();
    check(format!("{accepted}{refused}").as_bytes(), canaries);
}

#[test]
fn cut_off_and_garbled_records_show_nothing() {
    let (accepted, refused, canaries) = planted();
    let mut garbled = Vec::new();
    for line in accepted.lines().chain(refused.lines()) {
        for cut in (1..line.len()).step_by(41) {
            garbled.extend_from_slice(&line.as_bytes()[..cut]);
            garbled.push(b'\n');
        }
    }
    check(&garbled, canaries);
    // An array of everything, broken in the middle; two records as one.
    let array = format!("[{},{}", accepted.trim_end().replace('\n', ","), refused);
    check(array.as_bytes(), canaries);
    check(accepted.replace('\n', "").as_bytes(), canaries);
}

#[test]
fn names_come_out_only_where_they_are_wanted() {
    let (accepted, _, canaries) = planted();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("in"), accepted).unwrap();
    let (ran, out) = run(directory.path(), Some(KEY), &["--reviewer-names"]);
    let seen = visible(&ran.exits(0), &out);
    let net = Net::of_canaries(canaries);
    let shown = |place: &str| {
        let (_, text) = seen.iter().find(|(name, _)| name == place).unwrap();
        net.caught_in(text).iter().map(|(_, n)| *n).collect::<BTreeSet<usize>>()
    };
    // Five windows are decided, each by somebody else, and two of them badly; a sixth person
    // handed a case on. Who asked for a change is told nowhere.
    let (ledger, findings) = (shown("windows.ndjson"), shown("findings.ndjson"));
    assert_eq!(ledger.len(), 6, "{ledger:?}");
    assert!(!findings.is_empty() && findings.is_subset(&ledger), "{findings:?}");
    for (place, _) in &seen {
        if !["windows.ndjson", "findings.ndjson"].contains(&place.as_str()) {
            assert_eq!(shown(place), BTreeSet::new(), "{place}");
        }
    }
}

#[test]
fn names_of_things_come_out_in_the_ledger_alone() {
    // Three texts are told as the source gave them. They belong to one window each, so they
    // stand in its record and nowhere else: not on the terminal, not in a label.
    let event = |kind: &str, second: u32, more: &str| {
        format!(
            r#"{{"type":"{kind}","id":"{kind}","time":"2026-03-02T09:00:{second:02}Z","credential_id":"c",{more}}}"#
        )
    };
    let lines = [
        event("leak.detected", 0, &format!(r#""incident":"{}""#, canary(1))),
        event(
            "triage.completed",
            1,
            &format!(r#""recommendation":"revoke","model":"{}""#, canary(2)),
        ),
        event("case.withdrawn", 2, &format!(r#""reason":"{}""#, canary(3))),
    ];
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("in"), lines.join("\n")).unwrap();
    let net = Net::of_canaries(3);
    for form in [&[][..], &["--json"]] {
        let (ran, out) = run(directory.path(), Some(KEY), form);
        for (place, text) in visible(&ran.exits(0), &out) {
            let seen: BTreeSet<usize> = net.caught_in(&text).iter().map(|(_, n)| *n).collect();
            let expected = if place == "windows.ndjson" { vec![1, 2, 3] } else { vec![] };
            assert_eq!(seen, BTreeSet::from_iter(expected), "{place}");
        }
    }
}

#[test]
fn the_key_shows_nowhere() {
    let (accepted, refused, _) = planted();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("in"), format!("{accepted}{refused}")).unwrap();
    let key = canary(1_000);
    for args in [&[][..], &["--json"], &["--reviewer-names"]] {
        let (ran, out) = run(directory.path(), Some(&key), args);
        assert_silent(&visible(&ran.exits(0), &out), &Net::of(&key), "the key");
    }
    // The message says that a key is too short, and does not show it.
    let short = "cAnArY-q7f3c9e5";
    let fresh = tempfile::tempdir().unwrap();
    std::fs::write(fresh.path().join("in"), "").unwrap();
    let (ran, _) = run(fresh.path(), Some(short), &[]);
    let ran = ran.exits(1);
    assert!(ran.stderr.contains("SHUTTERLAG_IDENTITY_KEY"), "{}", ran.stderr);
    assert!(ran.stderr.contains("16 bytes"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert!(Net::of(short).caught_in(ran.stderr.as_bytes()).is_empty(), "{}", ran.stderr);
    assert!(!ran.stderr.contains("q7f3"), "{}", ran.stderr);
}

#[cfg(unix)]
#[test]
fn a_key_that_is_no_text_shows_nowhere() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let mut key = canary(1_001).into_bytes();
    key.extend_from_slice(b"\xff\xfe");
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("in"), "").unwrap();
    let run = Run::replay().within(directory.path()).arg("in").key(OsStr::from_bytes(&key));
    let ran = run.go().exits(1);
    assert!(ran.stderr.contains("SHUTTERLAG_IDENTITY_KEY"), "{}", ran.stderr);
    let net = Net::of(&canary(1_001));
    assert!(net.caught_in(ran.stderr.as_bytes()).is_empty(), "{}", ran.stderr);
}
