//! The rules over a month of a quiet and of a busy organisation: while nothing is wrong nobody is
//! told anything, and each fault pages once.
//!
//! The times of events are those of a simulation, with its nights, weekends and bursts. The reviews
//! are made up: nine in ten are effective. `promtool` evaluates the rules every five minutes.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Run, ms};
use crate::monitoring::{installed, root};
use crate::scratch;

/// 2026-01-05T00:00:00Z, the simulation's beginning. In `promtool` it is the time 0.
const START_MS: i64 = 1_767_571_200_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// From one sample to the next, and from one evaluation to the next.
const STEP: i64 = 5 * MINUTE;
/// After its detection a review is due.
const DUE: i64 = 9 * MINUTE;

/// What can go wrong, each for a while.
#[derive(Clone, Default)]
struct Faults {
    /// No event comes.
    silent: Range<i64>,
    /// The process cannot be reached.
    down: Range<i64>,
    /// One receiver gets nothing.
    receiver: Range<i64>,
    /// The workers do not keep up.
    lagging: Range<i64>,
    /// The topic of alerts is not read to its end.
    unread: Range<i64>,
    /// Nobody decides in time.
    overdue: Range<i64>,
}

/// Seconds at which events came, and at which windows were detected.
struct Organisation {
    events: Vec<i64>,
    detected: Vec<i64>,
}

impl Organisation {
    fn simulated(windows_per_day: &str, reviewers: &str) -> Organisation {
        let directory = scratch::directory("organisations");
        let file = directory.path().join("events.ndjson");
        Run::program()
            .args(["simulate", "--seed", "8", "--days", "30", "--reviewers", reviewers])
            .args(["--windows-per-day", windows_per_day, "--out"])
            .arg(&file)
            .go()
            .exits(0);
        let (mut events, mut detected) = (Vec::new(), Vec::new());
        for line in fs::read_to_string(file).unwrap().lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let at = (ms(&event["time"]).unwrap() - START_MS) / 1000;
            events.push(at);
            if ["leak.detected", "case.opened"].iter().any(|kind| event["type"] == *kind) {
                detected.push(at);
            }
        }
        events.sort_unstable();
        detected.sort_unstable();
        Organisation { events, detected }
    }

    /// The metrics of the first `days` under these faults.
    fn series(&self, faults: &Faults, days: i64) -> Vec<Value> {
        let mut all: BTreeMap<&str, Box<dyn Fn(i64) -> i64 + '_>> = BTreeMap::new();
        let (mut effective, mut overdue) = (Vec::new(), Vec::new());
        for (n, detected) in self.detected.iter().enumerate() {
            let due = detected + DUE;
            if faults.silent.contains(detected) {
                continue;
            }
            let late = n % 10 == 0 || faults.overdue.contains(&due);
            if late { overdue.push(due) } else { effective.push(due) }
        }
        let came: Vec<i64> =
            self.events.iter().copied().filter(|at| !faults.silent.contains(at)).collect();
        let count = |times: Vec<i64>| move |at: i64| times.partition_point(|it| *it <= at) as i64;
        let value = |during: Range<i64>, usual: i64, then: i64| {
            move |at: i64| if during.contains(&at) { then } else { usual }
        };
        all.insert(
            r#"shutterlag_events_total{type="leak.detected",source="github"}"#,
            Box::new(count(came)),
        );
        all.insert(
            r#"shutterlag_reviews_due_total{workflow="secret_exposure",outcome="effective"}"#,
            Box::new(count(effective)),
        );
        all.insert(
            r#"shutterlag_reviews_due_total{workflow="secret_exposure",outcome="overdue"}"#,
            Box::new(count(overdue)),
        );
        all.insert(
            r#"up{job="shutterlag",instance="a"}"#,
            Box::new(value(faults.down.clone(), 1, 0)),
        );
        let lagging = value(faults.lagging.clone(), 40, 50_000);
        all.insert(r#"shutterlag_consumer_lag_records{topic="leaks"}"#, Box::new(lagging));
        let unread = value(faults.unread.clone(), 0, 12);
        all.insert(r#"shutterlag_notify_unread_partitions{instance="a"}"#, Box::new(unread));
        all.insert(r#"process_start_time_seconds{job="shutterlag",instance="a"}"#, Box::new(|_| 1));
        let expected = r#"shutterlag_expected_delivery_seconds{receiver="github"}"#;
        all.insert(expected, Box::new(|_| HOUR));
        let silent = faults.receiver.clone();
        let delivered = move |at: i64| {
            let at = if silent.contains(&at) { silent.start } else { at };
            (at - at % (30 * MINUTE)).max(1)
        };
        let last = r#"shutterlag_last_delivery_timestamp_seconds{receiver="github"}"#;
        all.insert(last, Box::new(delivered));
        let values = |value: &dyn Fn(i64) -> i64| {
            let times = (0..=days * DAY).step_by(usize::try_from(STEP).unwrap());
            times.map(|at| value(at).to_string()).collect::<Vec<_>>().join(" ")
        };
        all.iter().map(|(name, of)| json!({"series": name, "values": values(of)})).collect()
    }

    /// Whether each look sees that each of its alerts began once, and no other: compared by
    /// `promtool`, whose output is the failure's message. The last look is at the end.
    fn begins(&self, faults: &Faults, looks: &[Look<'_>]) -> Result<(), String> {
        let directory = scratch::directory("organisations");
        let file = directory.path().join("month.test.yml");
        let asked = looks.iter().map(|Look { day, severities, begun }| {
            let firing = format!(r#"ALERTS{{alertstate="firing",severity=~"{severities}"}}"#);
            let begins = format!("({firing} unless {firing} offset 5m)[{day}d:5m]");
            let samples = begun
                .iter()
                .map(|alert| json!({"labels": format!("{{alertname=\"{alert}\"}}"), "value": 1}));
            json!({
                "expr": format!("sum by (alertname) (sum_over_time({begins}))"),
                "eval_time": format!("{day}d"),
                "exp_samples": samples.collect::<Vec<_>>(),
            })
        });
        let asked: Vec<Value> = asked.collect();
        let days = looks.last().map_or(0, |look| look.day);
        // Without the recordings of panels: no alert reads one (`tests/repository/rules.rs`), and
        // they take a quarter of the time.
        let rules = [root("dashboards/rules/shutterlag.rules.yml")];
        let groups = ["ratios", "control", "silence", "pipeline"];
        // JSON is YAML.
        let text = json!({
            "rule_files": rules,
            "evaluation_interval": "5m",
            "group_eval_order": groups.map(|group| format!("shutterlag-{group}")),
            "tests": [{
                "interval": "5m",
                "input_series": self.series(faults, days),
                "promql_expr_test": asked,
            }],
        });
        fs::write(&file, text.to_string()).unwrap();
        let mut promtool = Command::new(installed(&["promtool"]));
        let output = promtool.args(["test", "rules"]).arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(said) }
    }
}

/// What has begun when so many days are over.
struct Look<'l> {
    day: i64,
    severities: &'l str,
    begun: &'l [&'l str],
}

const PAGES: &str = "page|critical";
const ALL: &str = "warning|page|critical";

/// The faults that both organisations can have.
fn common() -> Faults {
    let at = |day: i64, hour: i64| day * DAY + hour * HOUR;
    Faults {
        down: at(28, 2)..at(28, 3),
        receiver: at(28, 6)..at(28, 14),
        lagging: at(28, 16)..at(28, 17),
        unread: at(28, 18)..at(28, 19),
        ..Faults::default()
    }
}

#[test]
fn a_quiet_organisation_is_paged_for_faults_alone() {
    let quiet = Organisation::simulated("2", "3");
    assert!((100..2_000).contains(&quiet.events.len()), "{}", quiet.events.len());
    // Nine days without an event: a weekend is no third of them.
    let faults = Faults { silent: 17 * DAY..27 * DAY, ..common() };
    let all = ["AlertsNotRead", "NoEvents", "PipelineLagging", "ReceiverSilent", "ShutterlagDown"];
    let nothing = Look { day: 17, severities: ALL, begun: &[] };
    quiet.begins(&faults, &[nothing, Look { day: 30, severities: PAGES, begun: &all }]).unwrap();
    // The comparison finds a page that is missing.
    let missing = Look { day: 1, severities: PAGES, begun: &["NoEvents"] };
    let said = quiet.begins(&Faults::default(), &[missing]).unwrap_err();
    assert!(said.contains("NoEvents"), "{said}");
}

#[test]
fn a_busy_organisation_is_paged_for_faults_alone() {
    let busy = Organisation::simulated("400", "24");
    assert!(busy.events.len() > 50_000, "{}", busy.events.len());
    let (day, night) = (20 * DAY + 9 * HOUR, 20 * DAY + 17 * HOUR);
    let faults = Faults { silent: 22 * DAY + 9 * HOUR..23 * DAY, overdue: day..night, ..common() };
    let all = [
        "AlertsNotRead",
        "EffectiveReviewBudgetBurning",
        "NoEvents",
        "PipelineLagging",
        "ReceiverSilent",
        "ShutterlagDown",
    ];
    let nothing = Look { day: 20, severities: ALL, begun: &[] };
    busy.begins(&faults, &[nothing, Look { day: 30, severities: PAGES, begun: &all }]).unwrap();
}
