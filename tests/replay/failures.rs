//! Files, pipes and arguments that fail: the message, the work that is still done, and the exit
//! status (0 done, 1 something could not be read or written, 2 wrong usage, 3 refusals under
//! `--strict`).

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use shutterlag::simulate::{Extent, Options};

use crate::harness::{KEY, Out, Run, events, number};

/// A directory with two good files of one event each.
fn with_good_files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, n) in [("a.ndjson", 1), ("z.ndjson", 2)] {
        fs::write(directory.path().join(name), events::detection(n)).unwrap();
    }
    directory
}

/// Reads `bad` between the good files: it is told everywhere, and they count.
/// Returns its line in `rejected.ndjson` and the summary.
#[track_caller]
fn assert_unreadable(directory: &Path, bad: &str) -> (Value, Value) {
    let run = || Run::replay().key(KEY).within(directory).args(["a.ndjson", bad, "z.ndjson"]);
    let ran = run().args(["--out", "out"]).go().exits(1);
    let out = Out(directory.join("out"));
    let summary = out.json("summary.json");
    crate::harness::assert_accounts(&summary);
    let rejected = out.lines("rejected.ndjson");
    // What did not join comes after all that was read.
    let refused = rejected.iter().rfind(|line| line["reason"] != "not_joined").unwrap().clone();
    assert_eq!(refused["input"], bad);
    assert_eq!(refused["reason"], "unreadable");
    let detail = refused["detail"].as_str().unwrap();
    let place = match refused["line"].as_u64() {
        Some(line) => format!("{bad}:{line}"),
        None => bad.to_owned(),
    };
    assert!(ran.stdout.contains(&place) && ran.stdout.contains("unreadable"), "{}", ran.stdout);
    assert!(ran.stderr.contains(&format!("{place}: {detail}")), "{}", ran.stderr);
    // JSON goes to standard output whole, the failure to standard error.
    let json = run().arg("--json").go().exits(1);
    assert_eq!(json.json(), summary);
    assert!(json.stderr.contains(&place), "{}", json.stderr);
    (refused, summary)
}

#[test]
fn missing_files_and_directories() {
    let directory = with_good_files();
    fs::create_dir(directory.path().join("folder")).unwrap();
    for bad in ["missing.ndjson", "folder"] {
        let (refused, summary) = assert_unreadable(directory.path(), bad);
        assert_eq!(refused["line"], Value::Null);
        assert_eq!(number(&summary, "events.accepted"), 2);
        assert_eq!(number(&summary, "windows.total"), 2);
    }
}

#[cfg(unix)]
#[test]
fn files_without_permission() {
    use std::os::unix::fs::PermissionsExt;
    let directory = with_good_files();
    let file = directory.path().join("secret.ndjson");
    fs::write(&file, events::detection(3)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    // Whoever may read everything may read this as well.
    if fs::File::open(&file).is_err() {
        let (_, summary) = assert_unreadable(directory.path(), "secret.ndjson");
        assert_eq!(number(&summary, "events.accepted"), 2);
    }
}

/// Compressed files that are cut off or damaged in the middle.
#[test]
fn damaged_compression() {
    let options = Options { extent: Extent::Events(4_000), duplicates: 0.0, ..Options::DEFAULT };
    let text = events::ndjson(&events::simulated(options).0);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&text).unwrap();
    let gzip = encoder.finish().unwrap();
    let zstd = zstd::encode_all(&text[..], 3).unwrap();
    let damaged = |packed: &[u8]| {
        // So long that the head of a block is in it: what a few wrong bytes within a block of zstd
        // decode to is a text as well.
        let mut damaged = packed.to_vec();
        damaged[packed.len() / 2..][..packed.len() / 4].fill(0xff);
        damaged
    };
    for (name, bytes, least) in [
        ("cut.gz", gzip[..gzip.len() / 2].to_vec(), 1_500),
        ("cut.zst", zstd[..zstd.len() / 2].to_vec(), 500),
        ("damaged.gz", damaged(&gzip), 1_000),
        ("damaged.zst", damaged(&zstd), 500),
        ("head.gz", gzip[..4].to_vec(), 0),
        ("head.zst", zstd[..5].to_vec(), 0),
    ] {
        let directory = with_good_files();
        fs::write(directory.path().join(name), bytes).unwrap();
        let (refused, summary) = assert_unreadable(directory.path(), name);
        let read = number(&summary, "events.accepted") - 2;
        assert!((least..4_000).contains(&read), "{name}: {read}");
        // It was cut within the line after the last one that could be read.
        assert_eq!(refused["line"], read + 1, "{name}");
    }
}

#[test]
fn an_unreadable_file_behind_much_rubbish_is_still_told() {
    let directory = with_good_files();
    fs::write(directory.path().join("a.ndjson"), "rubbish\n".repeat(50)).unwrap();
    let run = Run::replay().key(KEY).within(directory.path());
    let ran = run.args(["a.ndjson", "missing.ndjson", "z.ndjson", "--json"]).go().exits(1);
    assert!(ran.stderr.contains("missing.ndjson"), "exit 1 without a word: {:?}", ran.stderr);
}

#[test]
fn nothing_in_it_is_no_failure() {
    let directory = tempfile::tempdir().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"").unwrap();
    for (name, bytes) in [
        ("empty", Vec::new()),
        ("blank", b"\n\n  \n\t\r\n".to_vec()),
        ("mark", b"\xEF\xBB\xBF".to_vec()),
        ("array", b"[]".to_vec()),
        ("packed", encoder.finish().unwrap()),
    ] {
        fs::write(directory.path().join(name), bytes).unwrap();
        let run = || Run::replay().key(KEY).within(directory.path()).arg(name);
        let ran = run().args(["--out", "out"]).go().exits(0);
        assert!(ran.stdout.starts_with("No leak was detected in the input"), "{}", ran.stdout);
        let summary = run().args(["--json", "--strict"]).go().exits(0).json();
        assert_eq!(summary["as_of"], Value::Null, "{name}");
        assert_eq!(number(&summary, "events.read"), 0, "{name}");
        assert_eq!(number(&summary, "windows.total"), 0, "{name}");
        assert_eq!(number(&summary, "effective_review_rate.windows"), 0, "{name}");
        for end in ["low", "high", "low_bound", "high_bound"] {
            assert_eq!(summary["effective_review_rate"][end], Value::Null, "{name}");
        }
        assert_eq!(summary["workflows"], serde_json::json!({}), "{name}");
        let out = Out(directory.path().join("out"));
        assert_eq!(out.names(), crate::harness::FILES);
        assert_eq!(out.text("windows.ndjson"), "");
        crate::harness::prom::Scrape::parse(&out.text("metrics.prom"));
    }
}

#[test]
fn standard_input() {
    let text = format!("{}\nrubbish\n{}\n", events::detection(1), events::detection(2));
    let ran = Run::replay().key(KEY).arg("-").stdin(text.as_str()).go().exits(0);
    assert!(ran.stdout.contains("2 exposure windows"), "{}", ran.stdout);
    assert!(ran.stdout.contains("stdin:2"), "{}", ran.stdout);
    // Packed and among files.
    let directory = with_good_files();
    let run = Run::replay().key(KEY).within(directory.path()).args(["a.ndjson", "-", "--json"]);
    let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let summary = run.stdin(packed).go().exits(0).json();
    assert_eq!(number(&summary, "events.accepted"), 2);
    assert_eq!(number(&summary, "events.duplicate"), 1);
}

#[test]
fn strict_is_about_refusals() {
    let directory = with_good_files();
    fs::write(directory.path().join("bad.ndjson"), "rubbish\n").unwrap();
    let run = |args: &[&str]| {
        Run::replay().key(KEY).within(directory.path()).args(args).arg("--strict").go()
    };
    run(&["a.ndjson", "z.ndjson"]).exits(0);
    // A repeat is no refusal.
    run(&["a.ndjson", "a.ndjson"]).exits(0);
    let ran = run(&["a.ndjson", "bad.ndjson", "--out", "out"]).exits(3);
    assert!(ran.stdout.contains("1 exposure window as of"), "{}", ran.stdout);
    let out = Out(directory.path().join("out"));
    assert_eq!(out.names(), crate::harness::FILES);
    assert_eq!(number(&out.json("summary.json"), "events.rejected"), 1);
}

#[test]
fn wrong_usage_says_what_would_be_right() {
    let directory = with_good_files();
    for (args, said) in [
        (&["replay"][..], "<FILE>"),
        (&["replay", "--format", "xml", "a.ndjson"], "gitleaks"),
        (&["replay", "--as-of", "yesterday", "a.ndjson"], "RFC 3339"),
        (&["replay", "--as-of", "2026-03-02T09:00:00", "a.ndjson"], "offset"),
        (&["replay", "--settle", "10", "a.ndjson"], "unit"),
        (&["replay", "--settle=-10m", "a.ndjson"], "--settle"),
        (&["replay", "--attacker", "17m,9m", "a.ndjson"], "later"),
        (&["replay", "--expect-opening", "everything", "a.ndjson"], "policy_change"),
        (&["replay", "--no-such-option", "a.ndjson"], "--no-such-option"),
        (&["rerun"], "rerun"),
        (&[], "Usage"),
    ] {
        let ran = Run::program().key(KEY).within(directory.path()).args(args).go().exits(2);
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{args:?}");
    }
}

#[test]
fn arguments_that_contradict_each_other_are_wrong_usage() {
    let directory = with_good_files();
    for (args, said) in [
        (&["replay", "--attacker", "npm=1m,2m", "--attacker", "npm=1m,3m", "a.ndjson"][..], "npm"),
        (&["simulate", "--skew", "2"], "--skew"),
        (&["simulate", "--out", "x", "--truth", "x"], "--truth"),
    ] {
        let ran = Run::program().key(KEY).within(directory.path()).args(args).go().exits(2);
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let options = Options { extent: Extent::Events(1_000), ..Options::DEFAULT };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.ndjson");
    fs::write(&file, events::ndjson(&events::simulated(options).0)).unwrap();
    let simulate = Run::program().args(["simulate", "--events", "100000"]);
    for run in [
        Run::replay().key(KEY).arg(&file),
        Run::replay().key(KEY).arg(&file).arg("--json"),
        simulate,
    ] {
        let mut command = run.into_command();
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        // Gone before the first byte.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
}

#[test]
fn outputs_that_cannot_be_written_are_named() {
    let directory = with_good_files();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("file"), "").unwrap();
    fs::create_dir_all(path("taken/windows.ndjson")).unwrap();
    for (out, named) in
        [("file", "file"), ("file/below", "file/below"), ("taken", "taken/windows.ndjson")]
    {
        let run = Run::replay().key(KEY).within(directory.path()).arg("a.ndjson");
        let ran = run.args(["--out", out]).go().exits(1);
        assert!(ran.stderr.starts_with(&format!("shutterlag: {named}: ")), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert_eq!(ran.stdout, "", "a summary as if all were well");
    }
}

#[test]
fn a_file_that_cannot_be_made_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.ndjson");
    fs::write(&file, events::detection(1)).unwrap();
    for name in crate::harness::FILES {
        let out = directory.path().join(format!("{name}.out"));
        fs::create_dir_all(out.join(name)).unwrap();
        let ran = Run::replay().key(KEY).arg(&file).arg("--out").arg(&out).go().exits(1);
        assert!(ran.stderr.contains(name) && ran.stderr.contains("directory"), "{}", ran.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let options = Options { extent: Extent::Events(1_000), garbage: 0.1, ..Options::DEFAULT };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.ndjson");
    fs::write(&file, events::ndjson(&events::simulated(options).0)).unwrap();
    let whole = directory.path().join("whole");
    Run::replay().key(KEY).arg(&file).arg("--out").arg(&whole).go().exits(0);
    let mut refused = Out(whole).lines("rejected.ndjson");
    refused.retain(|line| line["reason"] != "not_joined");
    // Nobody may fill a disk in a test; a file that must not grow fails as late.
    for kilobytes in ["0", "1", "16", "200"] {
        let out = directory.path().join(format!("{kilobytes}.out"));
        let whole = Run::replay().key(KEY).arg(&file).arg("--out").arg(&out).into_command();
        let limited = format!(r#"trap "" XFSZ; ulimit -f {kilobytes}; exec "$0" "$@""#);
        let mut command = std::process::Command::new("bash");
        command.arg("-c").arg(limited).arg(whole.get_program()).args(whole.get_args());
        for (name, value) in whole.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{kilobytes}: {stderr}");
        assert!(stderr.contains("File too large"), "{kilobytes}: {stderr}");
        assert!(crate::harness::FILES.iter().any(|name| stderr.contains(name)), "{stderr}");
        // Whoever has a ledger that could not be written has the refusals all the same.
        if kilobytes == "200" {
            assert!(stderr.contains("windows.ndjson"), "{stderr}");
            assert_eq!(Out(out).lines("rejected.ndjson"), refused);
        }
    }
    for extra in [&[][..], &["--json"]] {
        let mut command = Run::replay().key(KEY).arg(&file).args(extra).into_command();
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().contains("No space left"));
    }
}
