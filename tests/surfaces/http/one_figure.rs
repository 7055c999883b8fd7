//! Every figure has one definition: all surfaces are asked about the same moment of the same
//! simulated day, and answer the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use shutterlag::runtime::view::Applied;

use super::board::Board;
use super::client::get;
use super::made::{now, options, start};

const KEY: &str = "an identity key of these tests";
const RACED: [&str; 3] = ["secret_exposure", "activity_triage", "soc_classification"];

fn program(arguments: &[&str], folder: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shutterlag"));
    command.args(arguments).current_dir(folder).env("SHUTTERLAG_IDENTITY_KEY", KEY);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The reviews that were due by the counters, in the workflows that attackers race for.
fn due(metrics: &str) -> BTreeMap<String, u64> {
    let mut due = BTreeMap::new();
    for line in metrics.lines() {
        let Some(rest) = line.strip_prefix("shutterlag_reviews_due_total{outcome=\"") else {
            continue;
        };
        let (outcome, rest) = rest.split_once("\",workflow=\"").unwrap();
        let (workflow, count) = rest.split_once("\"} ").unwrap();
        if RACED.contains(&workflow) {
            *due.entry(outcome.to_owned()).or_default() += count.parse::<u64>().unwrap();
        }
    }
    due
}

/// The sum of a counter over workflows.
fn sum(metrics: &str, name: &str, end: &str) -> f64 {
    let series = format!("{name}{{end=\"{end}\",");
    let values = metrics.lines().filter(|line| line.starts_with(&series));
    values.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// The effective review rate, as the recording rules define it.
fn by_rules(due: &BTreeMap<String, u64>) -> (f64, f64) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboards/rules/shutterlag.rules.yml");
    let rules = fs::read_to_string(path).unwrap();
    let share = |record: &str, matcher: &str| {
        let rule = rules.split(&format!("- record: {record}\n")).nth(1).unwrap();
        let outcomes = rule.split(matcher).nth(1).unwrap().split('"').next().unwrap();
        let counted: u64 = outcomes.split('|').map(|outcome| due.get(outcome).unwrap_or(&0)).sum();
        counted as f64 / due.values().sum::<u64>() as f64
    };
    let low = share("shutterlag:effective_review_low:ratio1d", "outcome=\"");
    let high = share("shutterlag:effective_review_high:ratio1d", "outcome=~\"");
    (low, high)
}

#[test]
fn all_surfaces_answer_the_same_about_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let at = now().to_string();
    let simulate = ["--seed", "11", "--days", "1", "--windows-per-day", "300"];
    let start_at = ["--start", "2026-03-01T13:00:00Z", "--out", "events.ndjson"];
    program(&[&["simulate"], &simulate[..], &start_at].concat(), folder.path());
    program(&["replay", "--as-of", &at, "--out", "out", "events.ndjson"], folder.path());
    let out = |name: &str| fs::read_to_string(folder.path().join("out").join(name)).unwrap();
    let summary: Value = serde_json::from_str(&out("summary.json")).unwrap();
    let report = program(&["report", "--format", "json", "--as-of", &at, "out"], folder.path());
    let report: Value = serde_json::from_str(&report).unwrap();
    let made = start(options(None));
    for line in out("windows.ndjson").lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let key = record["exposure_id"].as_str().unwrap();
        assert_eq!(made.view.apply(key.as_bytes(), Some(line.as_bytes()), now()), Applied::Kept);
    }
    made.view.progress(|progress| progress.assigned([(0, 0, 0)]));
    let api = get(made.address(), "/api/v1/summary").is(200).json();
    assert_eq!(api["period"]["complete"], true);
    let figures = &api["figures"];
    let (_, whole) = Board::open(made.address()).next();
    let board = &whole["parts"]["rate"];

    // The effective review rate, with its bounds, its incidents and what it is made of.
    let rate = &summary["effective_review_rate"];
    assert!(rate["low"].as_f64().unwrap() > 0.05 && rate["windows"].as_u64().unwrap() > 200);
    assert_eq!(&figures["effective_review_rate"], rate, "the API");
    assert_eq!(&board["effective"], rate, "the board");
    assert_eq!(&report["verdict"]["effective"], rate, "the report");
    let due = due(&out("metrics.prom"));
    for (outcome, count) in rate["outcomes"].as_object().unwrap() {
        assert_eq!(json!(due.get(outcome).unwrap_or(&0)), *count, "{outcome} by the counters");
    }
    let (low, high) = by_rules(&due);
    assert!((low - rate["low"].as_f64().unwrap()).abs() < 1e-12, "{low}, and {rate}");
    assert!((high - rate["high"].as_f64().unwrap()).abs() < 1e-12, "{high}, and {rate}");

    // How long the wait is, open windows included.
    let median = &summary["survival"]["time_to_review"]["median_ms"];
    assert!(median["low"].is_u64() && median["high"] != median["low"], "{median}");
    for (surface, value) in [
        ("the API", &figures["survival"]["time_to_review"]["median_ms"]),
        ("the board", &board["median_ms"]),
        ("the report", &report["time_to_review"]["median_ms"]),
    ] {
        assert_eq!(value, median, "{surface}");
    }
    // How many were tried by an attacker first, if every leaked key is tried.
    let first = &summary["attacker_window"]["attacker_first"];
    assert!(first["expected_low"].as_f64() < first["expected_high"].as_f64(), "some are unknown");
    assert_eq!(&figures["attacker_window"]["attacker_first"], first, "the API");
    for (figure, value) in first.as_object().unwrap() {
        assert_eq!(&report["attacker_first"]["laws"][0][figure], value, "the report: {figure}");
    }
    for end in ["low", "high"] {
        let expected = first[format!("expected_{end}")].as_f64().unwrap();
        let shown = (expected * 10.0).round() / 10.0;
        assert_eq!(board["attacker_first"][end], json!(shown), "the board: {end}");
        let counted = sum(&out("metrics.prom"), "shutterlag_attacker_first_expected_total", end);
        assert!((counted - expected).abs() < 1e-6, "the counter: {counted}, and {expected}");
    }
    // Where the decisions fell, as far as that is known.
    let race = &summary["attacker_window"];
    assert!(race["unknown"].as_u64().unwrap() > 0, "some times of exposure are not known");
    for band in ["ahead", "contested", "behind", "unknown", "unreviewed", "withdrawn"] {
        assert_eq!(figures["attacker_window"][band], race[band], "the API: {band}");
    }
    for count in ["unknown", "withdrawn"] {
        assert_eq!(board[count], race[count], "the board: {count}");
    }
    let by = &summary["survival"]["time_to_review"]["reviewed_by_fastest"];
    assert!(by["low"].as_f64() < by["high"].as_f64(), "{by}");
    assert_eq!(&figures["survival"]["time_to_review"]["reviewed_by_fastest"], by, "the API");
    for (end, value) in by.as_object().unwrap() {
        assert_eq!(&report["time_to_review"]["reviewed_by"][0][end], value, "the report: {end}");
    }
    // Whether the decisions were reviews.
    for (part, field) in
        [("hollow", "hollow"), ("unassessed", "unassessed"), ("reviews", "decisions")]
    {
        let count = &summary["oversight"][part];
        let of_report = &report["reviews"][field];
        let of_report = if of_report.is_object() { &of_report["count"] } else { of_report };
        assert_eq!(
            (&figures["oversight"][part], &board[part], of_report),
            (count, count, count),
            "{part}"
        );
    }
    // What waits.
    let windows = &summary["windows"];
    let open = windows["open"].as_u64().unwrap() + windows["contained"].as_u64().unwrap();
    assert_eq!(board["open"], json!(open));
    assert_eq!(whole["parts"]["waiting"]["open"], windows["open"]);
    let list = get(made.address(), "/api/v1/board/windows?state=open&limit=1").is(200).json();
    assert_eq!(list["matching"], windows["open"]);
    let page = get(made.address(), "/metrics").is(200).body;
    for state in ["open", "reviewed", "contained", "closed"] {
        let line = format!("shutterlag_view_windows{{state=\"{state}\"}} {}\n", windows[state]);
        assert!(page.contains(&line), "{line}");
    }
}
