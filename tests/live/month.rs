//! A month of a ledger: the rules of Prometheus tell the ledger's effective review rate.
//!
//! The test takes the counters from the windows of a replay, every five minutes, and compares their
//! totals with the counters that the program itself shows at the end of days 1, 7 and 30. Then
//! `promtool` evaluates the rules over the month.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::prom::Scrape;
use crate::harness::{KEY, Out, Run, ms};
use crate::monitoring::{installed, root};
use crate::scratch;

/// 2026-01-05T00:00:00Z, the simulation's beginning.
const START_MS: i64 = 1_767_571_200_000;
const DAY_MS: i64 = 86_400_000;
/// From one sample to the next.
const STEP_MS: i64 = 5 * 60_000;
const RACED: [&str; 3] = ["secret_exposure", "activity_triage", "soc_classification"];
/// The age of a window at which its review is due, by the default targets.
const DUE_SECONDS: i64 = 540;

/// What came of a window's review by the ledger, and when the counter moves.
fn due(window: &Value, as_of: i64) -> Option<(String, i64)> {
    let start = ms(&window["exposed_at"])
        .filter(|_| window["clock"] == "exposed")
        .or_else(|| ms(&window["detected_at"]))
        .unwrap();
    let due_at = start + DUE_SECONDS * 1000;
    if let Some(decided) = ms(&window["decided_at"]) {
        let taken = window["durations_ms"]["time_to_review"].as_i64();
        let late = taken.is_some_and(|taken| taken >= DUE_SECONDS * 1000);
        let exact = window["clock"] == "exposed" && taken.is_some();
        let outcome = match window["quality"].as_str() {
            _ if late => "overdue",
            None => "unjudged",
            Some("hollow") => "hollow",
            Some(_) if !exact => "unknown_exposure",
            Some("unassessed") => "unassessed",
            Some(_) => "effective",
        };
        return Some((outcome.to_owned(), if late { due_at } else { decided }));
    }
    let withdrawn = ms(&window["withdrawn_at"]).is_some_and(|at| at < due_at);
    (due_at <= as_of && !withdrawn).then(|| ("overdue".to_owned(), due_at))
}

/// The counters of the workflows that attackers race for.
fn shown(out: &Out) -> BTreeMap<(String, String), u64> {
    let scrape = Scrape::parse(&out.text("metrics.prom"));
    let due = scrape.samples.iter().filter(|sample| sample.name == "shutterlag_reviews_due_total");
    due.filter(|sample| RACED.contains(&sample.labels["workflow"].as_str()) && sample.value > 0.0)
        .map(|sample| {
            let labels = (sample.labels["workflow"].clone(), sample.labels["outcome"].clone());
            (labels, sample.value as u64)
        })
        .collect()
}

#[test]
fn a_month_of_rules_tells_the_figure_of_the_ledger() {
    let directory = scratch::directory("month");
    let at = |name: &str| directory.path().join(name);
    let events = at("events.ndjson");
    Run::program()
        .args(["simulate", "--seed", "5", "--days", "30", "--windows-per-day", "200", "--out"])
        .arg(&events)
        .go()
        .exits(0);

    let mut expected = Vec::new();
    let mut steps: BTreeMap<(String, String), Vec<i64>> = BTreeMap::new();
    for day in [1, 7, 30] {
        let as_of = START_MS + day * DAY_MS;
        let folder = at(&format!("day{day}"));
        let time = shutterlag::time::Timestamp::from_millis(as_of);
        let run = Run::replay().key(KEY).args(["--as-of", &time.to_string(), "--out"]);
        run.arg(&folder).arg(&events).go().exits(0);
        let out = Out(folder);
        steps.clear();
        for window in out.lines("windows.ndjson") {
            let workflow = window["workflow"].as_str().unwrap();
            if let Some((outcome, moved)) =
                due(&window, as_of).filter(|_| RACED.contains(&workflow))
            {
                steps.entry((workflow.to_owned(), outcome)).or_default().push(moved);
            }
        }
        let counted: BTreeMap<_, _> =
            steps.iter().map(|(labels, moved)| (labels.clone(), moved.len() as u64)).collect();
        assert_eq!(counted, shown(&out), "the counters of day {day}");
        let rate = out.json("summary.json")["effective_review_rate"].clone();
        assert!(rate["windows"].as_u64().unwrap() > 100, "{rate}");
        let share = |end: &str| rate[end].as_f64().filter(|share| *share > 0.05).unwrap();
        expected.push((day, share("low"), share("high")));
    }

    let samples = 30 * DAY_MS / STEP_MS;
    let series: Vec<Value> = steps
        .into_iter()
        .map(|((workflow, outcome), mut moved)| {
            moved.sort_unstable();
            let values: Vec<String> = (0..=samples)
                .map(|n| moved.partition_point(|at| *at <= START_MS + n * STEP_MS).to_string())
                .collect();
            let name = "shutterlag_reviews_due_total";
            let name = format!(r#"{name}{{workflow="{workflow}",outcome="{outcome}"}}"#);
            json!({"series": name, "values": values.join(" ")})
        })
        .collect();
    // `promtool` compares exactly, so the query itself asks whether the figure is near enough.
    let near = |figure: &str, day: i64, share: f64| {
        json!({
            "expr": format!("abs({figure} / {share} - 1) < bool 0.01"),
            "eval_time": format!("{day}d"),
            "exp_samples": [{"labels": "{}", "value": 1}],
        })
    };
    let mut asked = Vec::new();
    let last = expected[2].1;
    for (day, low, high) in expected {
        asked.push(near(&format!("shutterlag:effective_review_low:ratio{day}d"), day, low));
        asked.push(near(&format!("shutterlag:effective_review_high:ratio{day}d"), day, high));
    }
    let test = |asked: &[Value]| {
        let rules = root("dashboards/rules/shutterlag.rules.yml");
        let file = at("month.test.yml");
        // JSON is YAML.
        let text = json!({
            "rule_files": [rules],
            "evaluation_interval": "1h",
            "tests": [{"interval": "5m", "input_series": series, "promql_expr_test": asked}],
        });
        fs::write(&file, text.to_string()).unwrap();
        let mut command = Command::new(installed(&["promtool"]));
        command.args(["test", "rules"]).arg(&file).output().unwrap()
    };
    let output = test(&asked);
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let wrong = near("shutterlag:effective_review_low:ratio30d", 30, 1.02 * last);
    // A figure that is 2 % away is found.
    assert!(!test(&[wrong]).status.success(), "a wrong figure passes");
}
