//! The examples are as their page describes them, and its commands do what it promises.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::path::Path;

use serde_json::Value;

use crate::harness::{KEY, Out, Run, number};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PAGE: &str = include_str!("../../examples/README.md");

/// The page's command with `has` in it, as arguments of the program.
fn command(has: &str) -> Vec<&'static str> {
    let spans = PAGE.split('`').map(str::trim);
    let mut commands = spans.flat_map(str::lines).filter(|line| line.starts_with("shutterlag "));
    let found = commands.rfind(|line| line.contains(has)).unwrap();
    found.split_whitespace().skip(1).collect()
}

/// Runs the page's command with `has` in it.
fn replayed(has: &str) -> (Value, Vec<Value>) {
    let directory = tempfile::tempdir().unwrap();
    let out = Out(directory.path().join("out"));
    let run = Run::program().key(KEY).within(Path::new(ROOT)).args(command(has));
    let summary = run.arg("--json").arg("--out").arg(&out.0).go().exits(0).json();
    crate::harness::assert_accounts(&summary);
    (summary, out.lines("windows.ndjson"))
}

#[test]
fn the_simulated_example_can_be_made_again() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("examples")).unwrap();
    let run = Run::program().within(directory.path()).args(command("simulate"));
    run.go().exits(0);
    let file = Path::new("examples/leaks.ndjson");
    let made = std::fs::read(directory.path().join(file)).unwrap();
    let kept = std::fs::read(Path::new(ROOT).join(file)).unwrap();
    assert!(made == kept, "simulate no longer makes {}", file.display());
}

#[test]
fn the_simulated_example_has_something_of_everything() {
    let (summary, windows) = replayed("replay examples/leaks.ndjson");
    let at = |path: &str| number(&summary, path);
    assert!(PAGE.contains(&format!("{} exposure windows", windows.len())));
    assert!(PAGE.contains(&format!("{} lines", at("events.read"))));
    assert_eq!(at("events.rejected"), 3);
    for path in [
        "events.duplicate",
        "events.orphan",
        "events.clock_skew",
        "windows.open",
        "windows.reviewed",
        "windows.contained",
        "windows.closed",
        "windows.withdrawn",
        "attacker_window.ahead",
        "attacker_window.contested",
        "attacker_window.behind",
        "attacker_window.unreviewed",
        "oversight.meaningful",
        "oversight.disagreed",
        "oversight.unadvised",
        "oversight.by_reason.impossible_reading",
        "oversight.by_reason.unauthorized",
        "oversight.by_reason.templated_rationale",
        "oversight.ai_acted_first",
        "oversight.seeded.caught",
        "oversight.seeded.missed",
    ] {
        assert!(at(path) > 0, "{path}");
    }
    let rate = summary["effective_review_rate"]["low"].as_f64().unwrap();
    assert!((0.2..0.6).contains(&rate), "{rate}");
}

#[test]
fn the_readme_shows_what_its_command_prints() {
    let readme = include_str!("../../README.md");
    let shown = readme.split_once("-- replay examples/leaks.ndjson\n").unwrap().1;
    let shown = shown.split_once("```text\n").unwrap().1.split_once("  …\n").unwrap().0;
    let run = Run::replay().key(KEY).within(Path::new(ROOT)).arg("examples/leaks.ndjson");
    let printed = run.go().exits(0).stdout;
    assert!(printed.starts_with(shown), "the README does not show this:\n{printed}");
    // The sentences below it quote a median without the open windows, and the ends of that with
    // them.
    let (summary, windows) = replayed("replay examples/leaks.ndjson");
    let median = &summary["survival"]["time_to_review"]["median_ms"];
    assert_eq!(median["low"].as_i64().unwrap() / 1000, 606);
    assert_eq!(median["high"].as_i64().unwrap() / 3_600_000, 5 * 24 + 7);
    let raced = windows.iter().filter(|window| window["attacker_first"].is_object());
    let mut reviewed: Vec<i64> =
        raced.filter_map(|window| window["durations_ms"]["time_to_review"].as_i64()).collect();
    reviewed.sort_unstable();
    assert_eq!(reviewed[reviewed.len().div_ceil(2) - 1] / 1000, 534);
    assert!(readme.contains("reviewed windows is 8 min 54 s."));
    assert!(readme.contains("With the open windows included it is 10 min 06 s"));
    assert!(readme.contains("found it is 5 d 07 h."));
}

#[test]
fn webhooks_tell_of_three_alerts() {
    let (summary, windows) = replayed("github-webhooks.json");
    assert_eq!(number(&summary, "events.skipped"), 1, "the validation");
    assert_eq!(number(&summary, "events.rejected"), 0);
    // Revoked 6 min 42 s after the push, dismissed after 22 min, and open.
    let reviews: Vec<Option<i64>> =
        windows.iter().map(|window| window["durations_ms"]["time_to_review"].as_i64()).collect();
    assert_eq!(reviews, [Some(402_000), Some(1_320_000), None]);
    let states: Vec<&str> = windows.iter().map(|w| w["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["closed", "closed", "open"]);
    let ids: Vec<&str> = windows.iter().map(|w| w["credential_id"].as_str().unwrap()).collect();
    assert!(ids[0].contains("example-org/payments") && ids[2].contains("example-org/warehouse"));
}

#[test]
fn two_scanners_find_the_same_two_secrets() {
    let (alone, windows) = replayed("00Z examples/gitleaks.json");
    assert_eq!((number(&alone, "windows.total"), windows.len()), (2, 2));
    let (summary, windows) = replayed("examples/trufflehog.ndjson");
    assert_eq!(number(&summary, "events.skipped"), 2, "lines of the log");
    assert_eq!(number(&summary, "windows.total"), 2);
    for window in &windows {
        assert_eq!(window["detections"], 2, "{window}");
        assert_eq!(window["exposed_at_quality"], "commit", "{window}");
    }
    let names: Vec<&str> = windows.iter().map(|w| w["credential_id"].as_str().unwrap()).collect();
    assert_eq!(names[0], "AKIAIOSFODNN7EXAMPLE");
    assert!(names[1].starts_with("hmac:"), "{}", names[1]);
}

/// The workflow, and the page's text of its example.
fn workflow_on_the_page(name: &str) -> (&'static str, Value, Vec<Value>) {
    const WORKFLOWS: &str = include_str!("../../docs/workflows.md");
    let file = format!("workflows/{name}.ndjson");
    let printed = Run::program().key(KEY).within(Path::new(ROOT)).args(command(&file)).go();
    let printed = printed.exits(0).stdout;
    let shown = printed.split_once("\n┌").map_or(printed.as_str(), |(head, _)| head);
    assert!(WORKFLOWS.contains(&format!("```text\n{}\n```", shown.trim_end())), "{printed}");
    let (summary, windows) = replayed(&file);
    assert!(summary["not_joined"].as_array().is_none_or(Vec::is_empty), "{summary}");
    assert_eq!(number(&summary, "events.rejected") + number(&summary, "events.unsupported"), 0);
    // Nothing but records of vendors.
    let text = std::fs::read_to_string(Path::new(ROOT).join("examples").join(&file)).unwrap();
    assert!(text.lines().all(|line| !line.contains("\"credential_id\":")), "{file}");
    (WORKFLOWS, summary, windows)
}

/// Name, state, time to review in seconds, and quality of the review of every window.
fn reviewed(windows: &[Value]) -> Vec<String> {
    let each = windows.iter().map(|window| {
        let text =
            |path: &str| window.pointer(path).and_then(Value::as_str).unwrap_or("-").to_owned();
        let seconds = window["durations_ms"]["time_to_review"].as_i64().map(|ms| ms / 1000);
        let seconds = seconds.map_or("-".to_owned(), |seconds| seconds.to_string());
        format!("{} {} {seconds} {}", text("/credential_id"), text("/state"), text("/quality"))
    });
    each.collect()
}

const EXPOSURE: &[&str] = &[
    "AKIAI44QH8DHBEXAMPLE reviewed 360 unassessed",
    "AKIAIOSFODNN7EXAMPLE closed 390 meaningful",
    "github:github.com/41001#7 closed 1020 meaningful",
];
const ACTIVITY: &[&str] = &[
    "ocsf:example-edr/f-1 reviewed 380 meaningful",
    "ocsf:example-edr/f-2 closed 43 meaningful",
    "ocsf:example-edr/f-3 closed 260 unassessed",
];
const POLICY: &[&str] = &[
    "github:github.com/41001/pulls/1 closed 16200 meaningful",
    "github:github.com/41001/pulls/2 closed 5700 meaningful",
    "github:github.com/41001/pulls/3 closed 2 hollow",
];
const SOC: &[&str] = &[
    "google-secops:de_1 reviewed 840 meaningful",
    "sentinel:33333333-0000-4000-8000-000000000001 reviewed 420 meaningful",
    "sentinel:33333333-0000-4000-8000-000000000002 open - -",
];
const RIGHTS: &[&str] = &[
    "entra:44444444-0000-4000-8000-000000000001/item-1 reviewed 90000 unassessed",
    "entra:44444444-0000-4000-8000-000000000001/item-2 closed 90002 unassessed",
    "entra:44444444-0000-4000-8000-000000000001/item-3 open - -",
    "sailpoint:c-1/i-1 closed 172800 unassessed",
    "sailpoint:c-1/i-2 reviewed 172800 unassessed",
    "sailpoint:c-1/i-3 reviewed 172800 unassessed",
    "sailpoint:c-1/i-4 closed 172800 unassessed",
];

#[test]
fn one_key_through_eight_tools_is_one_window() {
    let (_, summary, windows) = workflow_on_the_page("exposure");
    assert_eq!(reviewed(&windows), EXPOSURE);
    assert_eq!(number(&summary, "events.linked"), 3);
}

#[test]
fn activity_is_triaged() {
    let (_, summary, windows) = workflow_on_the_page("activity-triage");
    assert_eq!(reviewed(&windows), ACTIVITY);
    assert_eq!(number(&summary, "oversight.ai_acted_first"), 1);
}

#[test]
fn changes_by_an_ai_are_approved_by_owners() {
    let (_, _, windows) = workflow_on_the_page("policy-change");
    assert_eq!(reviewed(&windows), POLICY);
}

#[test]
fn incidents_are_classified() {
    let (_, summary, windows) = workflow_on_the_page("soc-classification");
    assert_eq!(reviewed(&windows), SOC);
    // The agent of Sentinel dismissed its incident, and nobody decided after it.
    assert_eq!(number(&summary, "oversight.ai_acted_first"), 1);
}

#[test]
fn rights_are_reviewed() {
    let (_, summary, windows) = workflow_on_the_page("entitlement-review");
    assert_eq!(reviewed(&windows), RIGHTS);
    assert_eq!(number(&summary, "oversight.agreed"), 4);
}
