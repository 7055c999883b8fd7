//! What goes in, and what a replay of it says.
//!
//! Invariants: the same seed and size give the same story, moved by whole
//! weeks; every event lies in the past, so that a live run that has caught up
//! and a replay up to now speak of the same moment.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::ops::Range;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Unit};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Sent;
use crate::harness::dice::Dice;
use crate::harness::{KEY, Out, Run};
use crate::scratch;

/// The file of the events.
const EVENTS: &str = "events.ndjson";

/// Whether the events of a credential arrive in the order in which they happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// They do; redeliveries come on top.
    Ordered,
    /// Some are held up for minutes or hours, and clocks disagree.
    Disturbed,
}

/// Events as lines of JSON, in the order of their delivery.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) lines: Vec<Vec<u8>>,
    pub(crate) arrival: Arrival,
}

impl Input {
    /// An organisation of last week. About a day of it, whatever the size.
    pub(crate) fn simulate(seed: u64, events: usize, arrival: Arrival) -> Input {
        let windows_per_day = (events / 5).max(60);
        Input::of(seed, events, arrival, windows_per_day, (windows_per_day / 60).max(12))
    }

    /// A week of a dozen reviewers: enough of each to tell who does not read.
    pub(crate) fn of_a_dozen_reviewers(seed: u64) -> Input {
        const REVIEWERS: usize = 12;
        Input::of(seed, 20_000, Arrival::Ordered, 60 * REVIEWERS, REVIEWERS)
    }

    fn of(
        seed: u64,
        events: usize,
        arrival: Arrival,
        windows_per_day: usize,
        reviewers: usize,
    ) -> Input {
        let directory = scratch::directory("input");
        let file = directory.path().join("events.ndjson");
        let mut run = Run::program()
            .args(["simulate", "--seed", &seed.to_string(), "--events", &events.to_string()])
            .args(["--start", &monday_of_last_week().to_string()])
            .args(["--windows-per-day", &windows_per_day.to_string()])
            .args(["--reviewers", &reviewers.to_string()])
            .arg("--out")
            .arg(&file);
        if arrival == Arrival::Ordered {
            run = run.args(["--disorder", "0", "--skew", "0"]);
        }
        run.go().exits(0);
        let bytes = fs::read(&file).unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines: Vec<Vec<u8>> = lines.map(<[u8]>::to_vec).collect();
        assert_eq!(lines.len(), events);
        Input { lines, arrival }
    }

    /// The same with three names for each credential: an event has any of them, and another
    /// source says at some moment which are the same.
    pub(crate) fn under_several_names(mut self, seed: u64) -> Input {
        let mut dice = Dice(seed);
        let mut links = BTreeMap::new();
        for line in &mut self.lines {
            let mut event: Value = serde_json::from_slice(line).unwrap();
            let name = event["credential_id"].as_str().unwrap().to_owned();
            let names = [name.clone(), format!("{name}~b"), format!("a~{name}")];
            let link = json!({
                "type": "identity.linked",
                "id": format!("link of {name}"),
                "time": event["time"],
                "workflow": event["workflow"],
                "credential_id": names[1],
                "aliases": [names[0], names[2]],
            });
            event["credential_id"] = names[dice.below(3)].clone().into();
            links.entry(name).or_insert(link);
            *line = serde_json::to_vec(&event).unwrap();
        }
        for link in links.values() {
            let place = dice.below(self.lines.len());
            self.lines.insert(place, serde_json::to_vec(link).unwrap());
        }
        self
    }

    /// Some of the events as records, keyed by credential so that those of a
    /// credential stay in order.
    pub(crate) fn records(&self, range: Range<usize>) -> impl Iterator<Item = Sent> {
        self.lines[range].iter().map(|line| Sent::new(credential(line), line.clone()))
    }

    /// What a replay says of the events, as of now.
    pub(crate) fn replayed(&self) -> Expected {
        replay(&self.lines)
    }
}

/// What a replay says of `lines`, as of now. A part of a stream may hold what joins nothing yet.
pub(crate) fn replay(lines: &[Vec<u8>]) -> Expected {
    let mut spool = Spool::new();
    lines.iter().for_each(|line| spool.add(line));
    spool.replayed().part(&|_| true)
}

/// Events in a file, in the order of their delivery: those of an hour do not fit into memory.
pub(crate) struct Spool {
    directory: TempDir,
    file: BufWriter<File>,
    /// How many there are.
    pub(crate) events: usize,
}

impl Spool {
    /// Without any yet.
    pub(crate) fn new() -> Spool {
        let directory = scratch::directory("replay");
        let file = File::create(directory.path().join(EVENTS)).unwrap();
        Spool { directory, file: BufWriter::new(file), events: 0 }
    }

    /// Adds the next one.
    pub(crate) fn add(&mut self, line: &[u8]) {
        self.file.write_all(line).unwrap();
        self.file.write_all(b"\n").unwrap();
        self.events += 1;
    }

    /// What a replay says of them, as of now.
    pub(crate) fn replayed(self) -> Replayed {
        let Spool { directory, mut file, .. } = self;
        file.flush().unwrap();
        let out = directory.path().join("out");
        Run::replay()
            .arg(directory.path().join(EVENTS))
            .args(["--as-of", &Timestamp::now().to_string()])
            .arg("--out")
            .arg(&out)
            .key(KEY)
            .go()
            .exits(0);
        Replayed { _directory: directory, out: Out(out) }
    }
}

/// The files of a replay.
pub(crate) struct Replayed {
    _directory: TempDir,
    out: Out,
}

impl Replayed {
    /// What they say about the windows and reviewers that `belongs` says.
    pub(crate) fn part(&self, belongs: &dyn Fn(&str) -> bool) -> Expected {
        let parsed = |line: String| serde_json::from_str(&line).unwrap();
        let skipped = self.out.json("summary.json")["events"]["skipped"].as_u64();
        assert_eq!(skipped, Some(0), "events of the future");
        Expected {
            windows: self.lines("windows.ndjson", belongs).collect(),
            alerts: self.lines("alerts.ndjson", belongs).map(parsed).collect(),
            findings: self.lines("findings.ndjson", belongs).map(parsed).collect(),
            judged: false,
        }
    }

    fn lines(&self, name: &str, belongs: &dyn Fn(&str) -> bool) -> impl Iterator<Item = String> {
        let file = BufReader::new(File::open(self.out.0.join(name)).unwrap());
        let lines = file.lines().map(Result::unwrap);
        // Millions of lines: to parse each would take minutes. No name needs an escape.
        let field = |line: &str, before: &str| {
            let (_, rest) = line.split_once(before)?;
            rest.split_once('"').map(|(name, _)| belongs(name))
        };
        lines.filter(move |line| {
            let exposure = field(line, r#""exposure_id":""#);
            exposure.or_else(|| field(line, r#""reviewer":""#)).unwrap()
        })
    }
}

/// The ledger and the alerts of a replay.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// A record per window, as it was written.
    pub(crate) windows: Vec<String>,
    /// A line per transition.
    pub(crate) alerts: Vec<Value>,
    /// A line per finding.
    pub(crate) findings: Vec<Value>,
    /// Whether the run must have judged all decisions by now.
    pub(crate) judged: bool,
}

fn credential(line: &[u8]) -> String {
    let event: Value = serde_json::from_slice(line).unwrap();
    event["credential_id"].as_str().unwrap().to_owned()
}

fn monday_of_last_week() -> Timestamp {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).start_of_day().unwrap();
    let since_monday = i64::from(today.weekday().to_monday_zero_offset());
    let monday = &today - (since_monday + 7).days();
    assert_eq!(monday.round(Unit::Day).unwrap(), monday);
    monday.timestamp()
}
