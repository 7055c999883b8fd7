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
    // The sentences below it quote a median with the open windows, and one without.
    let (summary, windows) = replayed("replay examples/leaks.ndjson");
    assert_eq!(summary["survival"]["time_to_review"]["median_ms"].as_i64().unwrap() / 1000, 589);
    let raced = windows.iter().filter(|window| window["raced"] == true);
    let mut reviewed: Vec<i64> =
        raced.filter_map(|window| window["durations_ms"]["time_to_review"].as_i64()).collect();
    reviewed.sort_unstable();
    assert_eq!(reviewed[reviewed.len().div_ceil(2) - 1] / 1000, 490);
    assert!(readme.contains("reviewed windows is 8 min 10 s."));
    assert!(readme.contains("With the open windows included it is 9 min 49 s."));
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
