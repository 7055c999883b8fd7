//! The outputs depend on the set of events only, not on their order, on redelivery, on the
//! files that hold them, or on the compression of those.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use shutterlag::simulate::{Extent, Options};

use crate::harness::dice::Dice;
use crate::harness::{KEY, Out, Run, STAGES, events, ms, number};

/// Names that only the key gives: the same secret from two scanners, its webhook
/// and its AWS notice.
const FOREIGN: &str = include_str!("../fixtures/replay/foreign.ndjson");

fn run(files: &[PathBuf], out: &Path, settle: Option<&str>) -> (Out, Value) {
    let out = Out(out.to_owned());
    let mut run = Run::replay().key(KEY).arg("--json").arg("--out").arg(&out.0);
    run = run.args(["--detected-at", "2026-01-05T08:00:00Z"]).args(files);
    if let Some(settle) = settle {
        run = run.args(["--settle", settle]);
    }
    let summary = run.go().exits(0).json();
    crate::harness::assert_accounts(&summary);
    (out, summary)
}

/// Writes `lines`, in their order, to several files in forms that the dice choose.
fn scatter(lines: &[Vec<u8>], directory: &Path, dice: &mut Dice) -> Vec<PathBuf> {
    fs::create_dir(directory).unwrap();
    let pieces = 1 + dice.below(5);
    let size = lines.len().div_ceil(pieces);
    let mut files = Vec::new();
    for (number, piece) in lines.chunks(size).enumerate() {
        let bytes = match dice.below(5) {
            0 => events::ndjson(piece),
            1 => piece.join(&b"\r\n"[..]),
            // Objects with nothing in between.
            2 => piece.concat(),
            3 => [b"[\n", &piece.join(&b",\n  "[..])[..], b"]"].concat(),
            _ => {
                let values: Vec<Value> =
                    piece.iter().map(|line| serde_json::from_slice(line).unwrap()).collect();
                serde_json::to_vec_pretty(&values).unwrap()
            }
        };
        let packed = match dice.below(3) {
            0 => bytes,
            1 => gzip(&bytes),
            _ => zstd::encode_all(&bytes[..], 3).unwrap(),
        };
        // The program recognises a file's form by its bytes, whatever its name.
        let file = directory.join(format!("part-{number}.txt"));
        fs::write(&file, packed).unwrap();
        files.push(file);
    }
    files
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The summary without what counts deliveries.
fn undelivered(mut summary: Value) -> Value {
    let events = summary["events"].as_object_mut().unwrap();
    events.remove("read").unwrap();
    events.remove("duplicate").unwrap();
    summary
}

/// The metrics without what counts deliveries.
fn metrics(out: &Out) -> String {
    let deliveries = ["shutterlag_events_total{", "shutterlag_events_duplicate_total "];
    let text = out.text("metrics.prom");
    let kept = text.lines().filter(|line| deliveries.iter().all(|name| !line.starts_with(name)));
    kept.collect::<Vec<_>>().join("\n")
}

#[test]
fn order_redelivery_and_packing_change_nothing() {
    for seed in [1, 2, 3, 5, 8] {
        println!("seed {seed}");
        let options = Options {
            seed,
            extent: Extent::Events(2_500),
            skew: 0.05,
            ai_first: 0.03,
            re_leaks: 0.3,
            ..Options::DEFAULT
        };
        let (mut lines, _) = events::simulated(options);
        lines.extend(FOREIGN.lines().map(|line| line.as_bytes().to_vec()));
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("all.ndjson");
        fs::write(&file, events::ndjson(&lines)).unwrap();
        let (expected, expected_summary) = run(&[file], &directory.path().join("out"), None);
        assert!(number(&expected_summary, "windows.total") > 200);

        for turn in 0..3 {
            println!("  turn {turn}");
            let mut dice = Dice(seed << 8 | turn);
            let mut delivered = lines.clone();
            let again = dice.below(lines.len());
            for _ in 0..again {
                delivered.push(lines[dice.below(lines.len())].clone());
            }
            dice.shuffle(&mut delivered);
            let files =
                scatter(&delivered, &directory.path().join(format!("in-{turn}")), &mut dice);
            let (found, summary) = run(&files, &directory.path().join(format!("{turn}")), None);
            for name in ["windows.ndjson", "alerts.ndjson", "findings.ndjson"] {
                assert!(found.bytes(name) == expected.bytes(name), "seed {seed}.{turn}: {name}");
            }
            for stage in STAGES {
                let name = format!("{stage}.hlog");
                assert!(found.bytes(&name) == expected.bytes(&name), "seed {seed}.{turn}: {name}");
            }
            assert_eq!(metrics(&found), metrics(&expected), "seed {seed}.{turn}");
            let grown = |path: &str| number(&summary, path) - number(&expected_summary, path);
            // A record may stand for several events, so for several repeats.
            assert!(grown("events.read") >= again as u64, "seed {seed}.{turn}");
            assert_eq!(grown("events.duplicate"), grown("events.read"), "seed {seed}.{turn}");
            assert_eq!(undelivered(summary), undelivered(expected_summary.clone()));
        }
    }
}

#[test]
fn as_of_a_moment_is_as_if_nothing_later_had_been_read() {
    for seed in [1, 2] {
        let options =
            Options { seed, extent: Extent::Events(2_000), skew: 0.05, ..Options::DEFAULT };
        let (lines, _) = events::simulated(options);
        let directory = tempfile::tempdir().unwrap();
        let (all, some) = (directory.path().join("all"), directory.path().join("some"));
        fs::write(&all, events::ndjson(&lines)).unwrap();
        // To the millisecond the time of an event: that one still counts.
        let time = |line: &[u8]| serde_json::from_slice::<Value>(line).unwrap()["time"].clone();
        let moment = time(&lines[1_200]);
        let earlier: Vec<_> =
            lines.iter().filter(|line| ms(&time(line)) <= ms(&moment)).cloned().collect();
        assert!(earlier.len() > 1_000 && earlier.len() < 1_500);
        fs::write(&some, events::ndjson(&earlier)).unwrap();
        let run = |file: &Path, out: &str| {
            let out = Out(directory.path().join(out));
            let run = Run::replay().key(KEY).arg("--json").arg("--out").arg(&out.0).arg(file);
            let summary = run.args(["--as-of", moment.as_str().unwrap()]).go().exits(0).json();
            (out, summary)
        };
        let ((cut, cut_summary), (fewer, fewer_summary)) = (run(&all, "a"), run(&some, "b"));
        for name in ["windows.ndjson", "alerts.ndjson", "findings.ndjson"] {
            assert!(cut.bytes(name) == fewer.bytes(name), "seed {seed}: {name}");
        }
        let left_out = (lines.len() - earlier.len()) as u64;
        assert_eq!(number(&cut_summary, "events.skipped"), left_out);
        assert_eq!(cut_summary["as_of"], moment);
        let told = |mut summary: Value| {
            summary["events"].as_object_mut().unwrap().remove("skipped").unwrap();
            undelivered(summary)
        };
        assert_eq!(told(cut_summary), told(fewer_summary), "seed {seed}");
    }
}

/// Events that are at most ten minutes late, each delivered once.
fn nearly_in_order(seed: u64) -> Options {
    Options {
        seed,
        extent: Extent::Events(2_500),
        duplicates: 0.0,
        disorder: 0.3,
        late: 0.0,
        skew: 0.0,
        re_leaks: 0.3,
        // Truth and abuse come after the settling by nature: tested on their own.
        observed: 0.0,
        seeded: 0.0,
        revealed: 0.0,
        ..Options::DEFAULT
    }
}

fn without(records: &[Value], fields: &[&str]) -> Vec<Value> {
    let mut records = records.to_vec();
    for record in &mut records {
        for field in fields {
            record.as_object_mut().unwrap().remove(*field).unwrap();
        }
    }
    records
}

#[test]
fn settling_on_the_way_gives_the_same_ledger() {
    const SETTLE_MS: i64 = 20 * 60_000;
    for seed in [1, 2, 3, 4] {
        println!("seed {seed}");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("all.ndjson");
        fs::write(&file, events::ndjson(&events::simulated(nearly_in_order(seed)).0)).unwrap();
        let files = [file];
        let (whole, mut whole_summary) = run(&files, &directory.path().join("whole"), None);
        let (settled, mut settled_summary) = run(&files, &directory.path().join("s"), Some("20m"));
        // Names that waited longer than the orphan timeout are gone when windows settle.
        for summary in [&mut whole_summary, &mut settled_summary] {
            summary.as_object_mut().unwrap().remove("not_joined").unwrap();
        }
        assert_eq!(whole_summary, settled_summary, "seed {seed}");
        assert_eq!(number(&settled_summary, "events.late"), 0);
        let (whole_windows, windows) =
            (whole.lines("windows.ndjson"), settled.lines("windows.ndjson"));
        assert_eq!(without(&whole_windows, &["final"]), without(&windows, &["final"]));
        for name in ["alerts.ndjson", "findings.ndjson", "metrics.prom"] {
            assert_eq!(whole.text(name), settled.text(name), "seed {seed}: {name}");
        }
        let as_of = ms(&settled_summary["as_of"]).unwrap();
        let mut finals = 0;
        for window in &windows {
            let times = ["decided_at", "contained_at", "withdrawn_at"].map(|at| ms(&window[at]));
            let is_closed = window["state"] == "closed" || window["state"] == "withdrawn";
            let settles = times.into_iter().flatten().max().filter(|_| is_closed);
            // A second decision may be what closed it. A resighting keeps it for longer.
            if window["further_decisions"] == 0 && window["resightings"] == 0 {
                let is_final = settles.is_some_and(|closed| closed + SETTLE_MS <= as_of);
                assert_eq!(window["final"], is_final, "{window}");
            }
            finals += u64::from(window["final"] == true);
        }
        let closed = number(&settled_summary, "windows.closed")
            + number(&settled_summary, "windows.withdrawn");
        assert!(finals > 0 && finals < closed, "seed {seed}: {finals} of {closed}");
    }
}

#[test]
fn what_comes_after_the_settling_is_late_and_changes_nothing_else() {
    for seed in [1, 2] {
        println!("seed {seed}");
        let options =
            Options { observed: 0.5, seeded: 0.1, revealed: 0.3, ..nearly_in_order(seed) };
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("all.ndjson");
        let options = Options { extent: Extent::Days(2), reviewers: 12, ..options };
        fs::write(&file, events::ndjson(&events::simulated(options).0)).unwrap();
        let files = [file];
        let (whole, whole_summary) = run(&files, &directory.path().join("whole"), None);
        let (settled, summary) = run(&files, &directory.path().join("settled"), Some("20m"));
        let late = number(&summary, "events.late");
        assert!(late > 0);
        let told = settled.lines("rejected.ndjson");
        assert!(told.iter().all(|line| line["reason"] == "late"));
        let held = |windows: &[Value]| windows.iter().map(|w| number(w, "revision")).sum::<u64>();
        let (before, after) = (whole.lines("windows.ndjson"), settled.lines("windows.ndjson"));
        // What comes when even the closing is forgotten finds no window at all.
        let orphans = |summary: &Value| number(summary, "events.orphan");
        let forgotten = orphans(&summary) - orphans(&whole_summary);
        assert_eq!(held(&before) - held(&after), late + forgotten, "seed {seed}");
        let changed = ["final", "revision", "abused_at", "truth"];
        // A late severity or source is late as well; simulated ones add none.
        assert_eq!(without(&before, &changed), without(&after, &changed), "seed {seed}");
        let accepted = number(&whole_summary, "events.accepted");
        assert_eq!(number(&summary, "events.accepted") + late, accepted, "seed {seed}");
    }
}
