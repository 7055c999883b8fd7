//! `--verify` finds out whether a report and a ledger belong together.

use std::fs;

use serde_json::{Value, json};

use super::made::{DAY, MINUTE, MONDAY, decided, lines, open};
use crate::harness::case::CASES;
use crate::harness::{KEY, Ran, Run};

struct Pair {
    directory: tempfile::TempDir,
}

impl Pair {
    /// A ledger and the report on it.
    fn new(ledger: &str, args: &[&str]) -> Pair {
        let pair = Pair { directory: tempfile::tempdir().unwrap() };
        pair.write(ledger);
        let at = pair.directory.path();
        let run = Run::program().key(KEY).arg("report").arg(at.join("ledger.ndjson")).args(args);
        run.arg("--out").arg(at.join("report.json")).go().exits(0);
        pair
    }

    fn write(&self, ledger: &str) {
        fs::write(self.directory.path().join("ledger.ndjson"), ledger).unwrap();
    }

    fn verify(&self) -> Ran {
        let at = self.directory.path();
        let run = Run::program().key(KEY).arg("report").arg("--verify").arg(at.join("report.json"));
        run.arg(at.join("ledger.ndjson")).go()
    }
}

fn ledger() -> Vec<Value> {
    let mut records: Vec<Value> = (0..10)
        .map(|n| decided(&format!("c{n:02}"), MONDAY + n * 3_600_000, n * MINUTE, n as u32 % 6))
        .collect();
    records.push(open("c98", MONDAY + DAY));
    records.push(open("c99", MONDAY + 2 * DAY));
    records
}

#[test]
fn every_single_change_of_a_record_is_found() {
    let all = ledger();
    // The period is a part of the ledger: what is outside it is covered as well.
    let pair = Pair::new(&lines(&all), &["--from", "2026-03-02", "--to", "2026-03-03"]);
    pair.verify().exits(0);
    for at in 0..all.len() {
        let mut changed = all.clone();
        changed[at]["source"] = json!("gitlab");
        pair.write(&lines(&changed));
        let ran = pair.verify().exits(1);
        assert!(ran.stdout.contains("NOT equal"), "{}", ran.stdout);
        let day = &all[at]["detected_at"].as_str().unwrap()[..10];
        assert!(ran.stdout.contains(&format!("evidence.days.{day}.sha256")), "{}", ran.stdout);

        let mut missing = all.clone();
        missing.remove(at);
        pair.write(&lines(&missing));
        pair.verify().exits(1);

        let mut added = all.clone();
        added.insert(at, open("new", MONDAY + 7 + at as i64));
        pair.write(&lines(&added));
        let ran = pair.verify().exits(1);
        assert!(ran.stdout.contains("records"), "{}", ran.stdout);
    }
    pair.write(&lines(&all));
    pair.verify().exits(0);
}

#[test]
fn even_a_blank_more_is_another_file() {
    let all = lines(&ledger());
    let pair = Pair::new(&all, &[]);
    pair.write(&format!("{all}\n"));
    let ran = pair.verify().exits(1);
    assert!(ran.stdout.contains("evidence.sources[0].sha256"), "{}", ran.stdout);
    // The records are the same, and so are all figures.
    assert!(!ran.stdout.contains("evidence.days"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("verdict"), "{}", ran.stdout);
}

#[test]
fn a_changed_figure_of_the_report_is_found() {
    let pair = Pair::new(&lines(&ledger()), &[]);
    let path = pair.directory.path().join("report.json");
    let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let changes: [(&str, Value); 5] = [
        ("/verdict/effective/low", json!(0.99)),
        ("/reviews/hollow/count", json!(1)),
        ("/time_to_review/curve/7/low", json!(0.5)),
        ("/question/teams", json!(["team-b"])),
        ("/evidence/days/0/records", json!(1)),
    ];
    for (place, value) in changes {
        let mut forged = written.clone();
        *forged.pointer_mut(place).unwrap() = value;
        fs::write(&path, forged.to_string()).unwrap();
        pair.verify().exits(1);
    }
    let mut forged = written.clone();
    forged["outlook"] = json!("bright");
    fs::write(&path, forged.to_string()).unwrap();
    let ran = pair.verify().exits(1);
    assert!(ran.stdout.contains("outlook: the report says \"bright\""), "{}", ran.stdout);
    fs::write(&path, written.to_string()).unwrap();
    let ran = pair.verify().exits(0);
    assert!(ran.stdout.contains("Equal"), "{}", ran.stdout);
}

#[test]
fn a_replays_directory_is_verified_wherever_it_lies() {
    let case = &CASES[0];
    let directory = tempfile::tempdir().unwrap();
    let (report, moved) = (directory.path().join("r.json"), directory.path().join("moved"));
    let run = Run::program().key(KEY).arg("report").arg(&case.out.0).args(["--severity", "high"]);
    run.arg("--out").arg(&report).go().exits(0);
    fs::create_dir(&moved).unwrap();
    for name in ["windows.ndjson", "summary.json", "rejected.ndjson"] {
        fs::copy(case.out.0.join(name), moved.join(name)).unwrap();
    }
    let verify = || Run::program().key(KEY).arg("report").arg("--verify").arg(&report).arg(&moved);
    verify().go().exits(0);
    // What is told beside the ledger is part of it.
    let rejected = fs::read_to_string(moved.join("rejected.ndjson")).unwrap();
    let (first, rest) = rejected.split_once('\n').unwrap();
    assert!(!first.is_empty());
    fs::write(moved.join("rejected.ndjson"), rest).unwrap();
    verify().go().exits(1);
}

#[test]
fn what_is_no_report_is_refused() {
    let pair = Pair::new(&lines(&ledger()), &[]);
    let path = pair.directory.path().join("report.json");
    let other = |text: &str| {
        fs::write(&path, text).unwrap();
        pair.verify().exits(1).stderr
    };
    assert!(other("# Markdown").contains("not JSON"));
    assert!(other("{}").contains("not a report"));
    let newer = r#"{"report":"shutterlag control-effectiveness report","format":99}"#;
    assert!(other(newer).contains("format 99"));
    let bare = r#"{"report":"shutterlag control-effectiveness report","format":2}"#;
    assert!(other(bare).contains("does not state what was asked"));
}
