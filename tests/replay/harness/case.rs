//! One simulated organisation that is replayed in several ways. All tests share the results.

use std::sync::LazyLock;

use serde_json::Value;
use shutterlag::simulate::{Extent, Options};

use super::prom::Scrape;
use super::{KEY, Out, Ran, Run, events, ms, number};

pub(crate) const EVENTS: u64 = 4_000;
pub(crate) const MINUTE: i64 = 60_000;

/// One way to replay the organisation, and its results.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) args: &'static [&'static str],
    pub(crate) ran: Ran,
    pub(crate) out: Out,
    pub(crate) summary: Value,
    pub(crate) windows: Vec<Value>,
    pub(crate) scrape: Scrape,
    _directory: tempfile::TempDir,
}

pub(crate) static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let options = Options {
        seed: 11,
        extent: Extent::Events(EVENTS),
        garbage: 0.02,
        ai_first: 0.03,
        seeded: 0.08,
        skew: 0.05,
        ..Options::DEFAULT
    };
    let (lines, _) = events::simulated(options);
    let input = events::ndjson(&lines);
    let ways: [(&str, &[&str]); 5] = [
        ("plain", &[]),
        ("as of a moment", &["--as-of", "2026-01-05T12:30:00Z"]),
        ("settling", &["--settle", "10m"]),
        ("names", &["--reviewer-names", "--expect-opening", "secret_exposure"]),
        ("curves", &["--attacker", "npm=1m,3m", "--attacker", "5m,20m"]),
    ];
    ways.into_iter().map(|(name, args)| case(name, args, &input)).collect()
});

fn case(name: &'static str, args: &'static [&'static str], input: &[u8]) -> Case {
    let directory = tempfile::tempdir().unwrap();
    let out = Out(directory.path().join("a/new/directory"));
    let file = directory.path().join("events.ndjson");
    std::fs::write(&file, input).unwrap();
    let run = Run::replay().key(KEY).args(args).arg("--out").arg(&out.0).arg("--json").arg(&file);
    let ran = run.go().exits(0);
    let summary = out.json("summary.json");
    let windows = out.lines("windows.ndjson");
    assert!(windows.len() > 200, "{name}: {} windows", windows.len());
    let scrape = Scrape::parse(&out.text("metrics.prom"));
    Case { name, args, ran, out, summary, windows, scrape, _directory: directory }
}

impl Case {
    pub(crate) fn as_of(&self) -> i64 {
        ms(&self.summary["as_of"]).unwrap()
    }

    pub(crate) fn settles(&self) -> bool {
        self.args.contains(&"--settle")
    }

    /// How many windows `is` holds for.
    pub(crate) fn count(&self, is: impl Fn(&Value) -> bool) -> u64 {
        self.windows.iter().filter(|window| is(window)).count() as u64
    }

    pub(crate) fn durations(&self, stage: &str) -> Vec<u64> {
        let of = |window: &Value| window["durations_ms"][stage].as_u64();
        let mut durations: Vec<u64> = self.windows.iter().filter_map(of).collect();
        durations.sort_unstable();
        durations
    }

    #[track_caller]
    pub(crate) fn assert_number(&self, path: &str, expected: u64) {
        assert_eq!(number(&self.summary, path), expected, "{}: {path}", self.name);
    }

    #[track_caller]
    pub(crate) fn assert_metric(&self, name: &str, labels: &[(&str, &str)], expected: u64) {
        let found = self.scrape.sum(name, labels);
        assert_eq!(found, expected as f64, "{}: {name} {labels:?}", self.name);
    }
}

/// Whether two sums are equal, apart from rounding.
pub(crate) fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

/// Where the measurement of a window starts.
pub(crate) fn start(window: &Value) -> i64 {
    let at = if window["clock"] == "exposed" { "exposed_at" } else { "detected_at" };
    ms(&window[at]).unwrap()
}
