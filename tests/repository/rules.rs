//! Rules, dashboards and runbooks name only metrics and alerts that exist.
//!
//! The test reads the files as text; `promtool`, which understands them, runs with the live
//! tests. `tests/repository/docs.rs` checks the pages of metrics against the program.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use shutterlag::engine::alerts::Alert;

const RULES: &str = "dashboards/rules/shutterlag.rules.yml";
const TESTS: [&str; 3] = [
    "dashboards/rules/shutterlag.test.yml",
    "dashboards/rules/long.test.yml",
    "dashboards/rules/silence.test.yml",
];
/// All that Prometheus loads together.
const LOADED: [&str; 2] = [RULES, "dashboards/rules/panels.yml"];
const SECTIONS: [&str; 4] =
    ["What it means", "First three things to do", "How to silence", "What not to conclude"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

fn files(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(directory)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

/// The names behind `- key: ` in the rules.
fn named(rules: &str, key: &str) -> BTreeSet<String> {
    let marker = format!("- {key}: ");
    let lines = rules.lines().filter_map(|line| line.trim().strip_prefix(&marker));
    lines.map(str::to_owned).collect()
}

/// Names of metrics in a text: whole words that begin with `shutterlag_`, or with
/// `shutterlag:` as recording rules do. What ends in `_` is the beginning of names.
fn metrics(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(|c: char| !is_part(c))
        .map(|word| word.trim_end_matches(':'))
        .filter(|word| word.starts_with("shutterlag_") || word.starts_with("shutterlag:"))
        // An image of a container: a version is no name.
        .filter(|word| {
            !word.trim_start_matches("shutterlag:").starts_with(|c: char| c.is_ascii_digit())
        })
        .filter(|word| !word.ends_with('_') && !word.contains("://"))
        .map(str::to_owned)
        .collect()
}

/// Every name that the program can show, with what histograms make of theirs.
fn known() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for page in ["docs/ledger.md", "docs/metrics.md"] {
        for line in read(page).lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let name = cells[1].trim_matches('`').to_owned();
            if cells[2] == "histogram" {
                known.extend(["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}")));
            } else if ["counter", "gauge"].contains(&cells[2]) {
                known.insert(name);
            }
        }
    }
    assert!(known.len() > 40, "{known:?}");
    known
}

#[test]
fn every_metric_in_rules_and_dashboards_exists() {
    let rules = files("dashboards/rules").into_iter();
    let rules: String = rules.map(|path| fs::read_to_string(path).unwrap()).collect();
    let (known, recorded) = (known(), named(&rules, "record"));
    assert!(recorded.len() > 10);
    let mut seen = 0;
    for path in files("dashboards") {
        for name in metrics(&fs::read_to_string(&path).unwrap()) {
            seen += 1;
            let exists = known.contains(&name) || recorded.contains(&name);
            assert!(exists, "{}: {name} is none of the program's metrics", path.display());
        }
    }
    assert!(seen > 30, "{seen}");
    // In prose a histogram goes by its own name.
    for path in files("docs/runbooks").into_iter().chain([root().join("docs/alerts.md")]) {
        for name in metrics(&fs::read_to_string(&path).unwrap()) {
            let exists = known.contains(&name)
                || recorded.contains(&name)
                || known.contains(&format!("{name}_count"));
            assert!(exists, "{}: {name}", path.display());
        }
    }
    assert_eq!(
        metrics("rate(shutterlag_a_total[5m]) / shutterlag:b:ratio, image shutterlag:0.1.0"),
        ["shutterlag:b:ratio", "shutterlag_a_total"].map(str::to_owned).into()
    );
}

/// The labels by which an alert is told apart from others of its name: a silence that leaves
/// one out mutes more than the page that it is for.
fn told_apart_by(alert: &str, rules: &str) -> Vec<String> {
    if alert == "RubberStampSuspected" {
        return vec!["reviewer".to_owned()];
    }
    let Some(rule) = rules.split(&format!("- alert: {alert}\n")).nth(1) else {
        return vec!["credential".to_owned(), "workflow".to_owned()];
    };
    let rule = rule.split("labels:").next().unwrap();
    let labels = rule.split("by (").nth(1).and_then(|rest| rest.split(')').next());
    let labels = labels.unwrap_or_default().split(',').map(|label| label.trim().to_owned());
    // Bounds of a histogram are within one alert.
    labels.filter(|label| !label.is_empty() && label != "le").collect()
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let rules = read(RULES);
    let of_rules = named(&rules, "alert");
    assert!(of_rules.len() > 10);
    let of_windows: BTreeSet<String> = Alert::ALL.iter().map(Alert::to_string).collect();
    let alerts: BTreeSet<String> = of_rules.union(&of_windows).cloned().collect();
    let pages: BTreeSet<String> = files("docs/runbooks")
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "README")
        .collect();
    assert_eq!(pages, alerts);
    let index = read("docs/runbooks/README.md");
    for alert in &alerts {
        assert!(index.contains(&format!("[{alert}]({alert}.md)")), "{alert} is not in the index");
        let page = read(&format!("docs/runbooks/{alert}.md"));
        assert!(page.starts_with(&format!("# {alert}\n")), "{alert}");
        let headings: Vec<&str> =
            page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(headings, SECTIONS, "{alert}");
        for section in page.split("\n## ").skip(1) {
            let (heading, text) = section.split_once('\n').unwrap();
            assert!(text.trim().len() > 40, "{alert}: nothing under {heading}");
        }
        let steps = page.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
        assert_eq!(steps.count(), 3, "{alert}");
        // A silence names the alert that it is for.
        for line in page.lines().filter(|line| line.starts_with("amtool")) {
            assert!(line.contains(&format!("alertname={alert} ")), "{alert}: {line}");
            for label in told_apart_by(alert, &rules) {
                assert!(line.contains(&format!(" {label}=")), "{alert}: no {label} in {line}");
            }
        }
        assert_eq!(page.matches("amtool silence add").count(), usize::from(alert != "Watchdog"));
    }
    for alert in &of_rules {
        let rule = rules.split(&format!("- alert: {alert}\n")).nth(1).unwrap();
        let rule = rule.split("- alert: ").next().unwrap();
        let runbook = format!("runbook_url: http://127.0.0.1:9464/runbook/{alert}\n");
        assert!(rule.contains(&runbook) && rule.contains("description: "), "{alert}");
        assert!(rule.contains("severity: ") && rule.contains("summary: "), "{alert}");
    }
}

#[test]
fn every_alert_of_the_rules_has_a_test_of_its_own() {
    let tests = TESTS.map(read).concat();
    for alert in named(&read(RULES), "alert") {
        assert!(tests.contains(&format!("alertname: {alert}")), "{alert}");
        let fires = tests
            .split(&format!("alertname: {alert}"))
            .skip(1)
            .any(|rest| !rest.trim_start_matches([',', '\n', ' ']).starts_with("exp_alerts: []"));
        assert!(fires, "{alert} is never seen to fire");
    }
}

/// Two rules that record one name give two values to one series, or mix sums of different labels.
#[test]
fn no_name_is_recorded_twice() {
    let text = LOADED.map(read).concat();
    let mut seen = BTreeSet::new();
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("- record: "));
    for name in names {
        assert!(seen.insert(name), "{name} is recorded twice");
    }
    assert!(seen.len() > 50, "{}", seen.len());
}

/// What waits is a stock that grows with everything nobody ever closes. A share of it, or a share
/// that contains it, changes with the uptime alone.
/// So a test of alerts may leave the recordings of panels out.
#[test]
fn no_alert_reads_what_is_recorded_for_panels() {
    let recorded = named(&read("dashboards/rules/panels.yml"), "record");
    assert!(!recorded.is_empty());
    let read: Vec<_> = metrics(&read(RULES)).intersection(&recorded).cloned().collect();
    assert_eq!(read, [""; 0]);
}

#[test]
fn no_rule_divides_by_a_stock() {
    let text = LOADED.map(read).concat();
    let mut divisions = 0;
    for rule in text.split("\n      - ") {
        let code: String =
            rule.lines().filter(|line| !line.trim().starts_with('#')).collect::<Vec<_>>().join(" ");
        if code.contains(" / ") {
            divisions += 1;
            for stock in ["shutterlag_open_windows", ":undecided_windows:", ":waiting_windows:"] {
                assert!(!code.contains(stock), "{code}");
            }
        }
    }
    assert!(divisions > 20, "{divisions}");
}
