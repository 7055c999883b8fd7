//! The figures of a report on the whole ledger of a replay are those of the replay.

use std::collections::BTreeMap;

use serde_json::Value;
use shutterlag::simulate::{Extent, Options};

use super::made::{report, report_on};
use crate::harness::case::{CASES, Case, close};
use crate::harness::{KEY, Out, Run, events};

/// The workflows that attackers race for, unless configured otherwise.
const RACED: [&str; 3] = ["secret_exposure", "activity_triage", "soc_classification"];

/// The options of a replay that a report on its ledger needs as well.
fn options(case: &Case) -> Vec<&'static str> {
    let taken = ["--attacker", "--expect-opening", "--reviewer-names"];
    let mut options = Vec::new();
    for (at, option) in case.args.iter().enumerate().filter(|(_, arg)| taken.contains(arg)) {
        options.push(*option);
        if *option != "--reviewer-names" {
            options.push(case.args[at + 1]);
        }
    }
    options
}

#[test]
fn figures_are_those_of_the_summary() {
    for case in CASES.iter() {
        let told = report_on(&case.out.0, &options(case));
        let (name, summary) = (case.name, &case.summary);
        assert_eq!(told["as_of"], summary["as_of"], "{name}");
        assert_eq!(told["verdict"]["windows"], summary["windows"]["total"], "{name}");
        assert_eq!(told["verdict"]["effective"], summary["effective_review_rate"], "{name}");
        let race = &summary["attacker_window"];
        for (band, theirs) in [
            ("ahead", "ahead"),
            ("contested", "contested"),
            ("behind", "behind"),
            ("unknown", "unknown"),
            ("withdrawn", "withdrawn"),
            ("undecided", "unreviewed"),
        ] {
            // The summary counts the workflows that attackers race for.
            let groups = told["bands"]["by_workflow"].as_array().unwrap().iter();
            let raced = groups.filter(|group| RACED.contains(&group["name"].as_str().unwrap()));
            let ours: u64 = raced.map(|group| group[band].as_u64().unwrap()).sum();
            assert_eq!(race[theirs], ours, "{name}: {band}");
        }
        for (at, theirs) in ["attacker_first", "attacker_first_from_the_start"].iter().enumerate() {
            for figure in [
                "windows",
                "incidents",
                "low",
                "high",
                "expected_low",
                "expected_high",
                "expected_at_least",
            ] {
                let ours = told["attacker_first"]["laws"][at][figure].as_f64().unwrap();
                let theirs = race[*theirs][figure].as_f64().unwrap();
                assert!(close(ours, theirs), "{name}: {figure}: {ours} {theirs}");
            }
        }

        let survival = &summary["survival"]["time_to_review"];
        let waits = &told["time_to_review"];
        for (at, theirs) in [(0, "reviewed_by_fastest"), (1, "reviewed_by_mean")] {
            for figure in ["low", "high", "low_bound", "high_bound"] {
                let ours = &waits["reviewed_by"][at][figure];
                assert_eq!(ours, &survival[theirs][figure], "{name}: {theirs} {figure}");
            }
        }
        for figure in ["median_ms", "rmst_1h_ms", "observed_up_to_ms", "unknown_exposure"] {
            assert_eq!(waits[figure], survival[figure], "{name}: {figure}");
        }
        let stages = [
            ("detection", "detection"),
            ("ai", "triage"),
            ("review", "review"),
            ("time_to_review", "time_to_review"),
            ("containment", "containment"),
            ("exposure", "exposure"),
        ];
        for (part, stage) in stages {
            let all = told["stages"].as_array().unwrap();
            let ours = all.iter().find(|own| own["part"] == part).unwrap();
            let theirs = &summary["stages"][stage];
            assert_eq!(ours["completed"], theirs["count"], "{name}: {part}");
            for figure in ["censored", "p50_ms", "p90_ms", "p99_ms", "max_ms"] {
                assert_eq!(ours[figure], theirs[figure], "{name}: {part} {figure}");
            }
        }
        oversight(case, &told);
    }
}

fn oversight(case: &Case, told: &Value) {
    let (reviews, theirs) = (&told["reviews"], &case.summary["oversight"]);
    assert_eq!(reviews["decisions"], theirs["reviews"], "{}", case.name);
    assert_eq!(reviews["hollow"]["count"], theirs["hollow"]);
    assert_eq!(reviews["meaningful"]["count"], theirs["meaningful"]);
    for figure in ["agreed", "disagreed", "unadvised"] {
        assert_eq!(reviews[figure], theirs[figure], "{}: {figure}", case.name);
    }
    for by in reviews["by_reason"].as_array().unwrap() {
        let reason = by["reason"].as_str().unwrap();
        assert_eq!(by["count"], theirs["by_reason"][reason], "{}: {reason}", case.name);
    }
    assert_eq!(told["boundary"]["ai_acted_first"]["count"], theirs["ai_acted_first"]);
    assert_eq!(told["seeded"]["caught"]["count"], theirs["seeded"]["caught"], "{}", case.name);
    assert_eq!(told["seeded"]["missed"]["count"], theirs["seeded"]["missed"], "{}", case.name);
    assert_eq!(told["reviewers"]["reviewers"], theirs["reviewers"]["count"], "{}", case.name);
    // What is judged again from the ledger is what was judged when it was written.
    assert_eq!(reviews["reading"]["recorded_only"], 0, "{}", case.name);
    assert_eq!(reviews["reading"]["found_only"], 0, "{}", case.name);
    assert!(reviews["reading"]["confirmed"].as_u64().unwrap() > 0, "{}", case.name);
    let input = &told["quality"]["input"];
    for count in
        ["read", "accepted", "duplicate", "rejected", "unsupported", "late", "orphan", "clock_skew"]
    {
        assert_eq!(input[count], case.summary["events"][count], "{}: {count}", case.name);
    }
}

#[test]
fn flags_over_the_whole_ledger_are_the_findings_of_the_replay() {
    // The shared organisation is too small for anybody to be named.
    let options =
        Options { seed: 5, extent: Extent::Events(35_000), incidents: 0.1, ..Options::DEFAULT };
    let directory = tempfile::tempdir().unwrap();
    let (events, out) = (directory.path().join("events"), Out(directory.path().join("ledger")));
    std::fs::write(&events, events::ndjson(&events::simulated(options).0)).unwrap();
    Run::replay().key(KEY).arg("--out").arg(&out.0).arg(&events).go().exits(0);
    let told = report_on(&out.0, &[]);
    let mut findings: BTreeMap<String, Value> = BTreeMap::new();
    for finding in out.lines("findings.ndjson") {
        if finding["finding"] == "reviewer_flagged" {
            let reviewer = finding["reviewer"].as_str().unwrap().to_owned();
            findings.insert(reviewer, finding["evidence"].clone());
        }
    }
    assert!(!findings.is_empty(), "nobody was flagged: nothing is compared");
    let named = told["reviewers"]["named"]["reviewers"].as_array().unwrap();
    assert_eq!(named.len(), findings.len(), "{named:?}");
    for one in named {
        let reviewer = one["reviewer"].as_str().unwrap();
        let number = |value: &Value| value["log10_e_value"].as_f64().unwrap();
        let (log, ours) = (number(&findings[reviewer]), number(one));
        assert!(close(log, ours), "{reviewer}: {log} and {ours}");
        assert_eq!(one["sight"], findings[reviewer]["sight"], "{reviewer}");
    }
}

/// `value` without what depends on incidents. The exposures of a whole ledger decide which
/// exposures are one incident, so a part alone may have more incidents.
fn without_incidents(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            // A rate calls its effective number `effective`; only that one is a number.
            fields.retain(|name, value| {
                let bound = fields_of_incidents(name);
                !(bound || name == "effective" && value.is_number())
            });
            // `low` and `high` are bounds wherever a share stands beside them.
            if fields.contains_key("share") {
                fields.retain(|name, _| name != "low" && name != "high");
            }
            fields.values_mut().for_each(|value| *value = without_incidents(value.take()));
        }
        Value::Array(all) => all.iter_mut().for_each(|v| *v = without_incidents(v.take())),
        _ => {}
    }
    value
}

fn fields_of_incidents(name: &str) -> bool {
    ["incidents", "low_bound", "high_bound"].contains(&name)
}

/// Which windows a slice keeps.
type Keeps = fn(&Value) -> bool;

/// A report on a part is the report on a ledger that holds that part alone, but for
/// what other windows bear on: reading times, and the reviewers' evidence.
#[test]
fn a_slice_is_as_if_the_rest_were_not_there() {
    let case = &CASES[0];
    let text = case.out.text("windows.ndjson");
    let (from, to) = ("2026-01-05T06:00:00Z", "2026-01-06T00:00:00Z");
    let slices: [(&[&str], Keeps); 4] = [
        (&["--workflow", "secret_exposure"], |w| w["workflow"] == "secret_exposure"),
        (&["--severity", "high", "--severity", "critical"], |w| {
            w["severity"] == "high" || w["severity"] == "critical"
        }),
        (&["--team", "team-payments@engineering.example.org"], |w| {
            w["owner"] == "team-payments@engineering.example.org"
        }),
        (&["--from", "2026-01-05T06:00:00Z", "--to", "2026-01-06T00:00:00Z"], |w| {
            let at = w["detected_at"].as_str().unwrap();
            ("2026-01-05T06:00:00.000Z".."2026-01-06T00:00:00.000Z").contains(&at)
        }),
    ];
    let as_of = case.summary["as_of"].as_str().unwrap();
    for (args, keeps) in slices {
        let always: &[&str] = &["--as-of", as_of];
        let period: &[&str] = if args[0] == "--from" { &[] } else { &["--from", from, "--to", to] };
        let told = report(text.as_bytes(), &[args, always, period].concat());
        let kept: String = text
            .lines()
            .filter(|line| keeps(&serde_json::from_str(line).unwrap()))
            .map(|line| format!("{line}\n"))
            .collect();
        let bounds: &[&str] = &["--from", from, "--to", to];
        let alone = report(kept, &[always, bounds].concat());
        assert!(told["verdict"]["windows"].as_u64().unwrap() > 5, "{args:?}");
        let plain = |value: &Value| without_incidents(value.clone());
        for section in [
            "time_to_review",
            "attacker_first",
            "stages",
            "bands",
            "seeded",
            "boundary",
            "outcomes",
            "ownership",
        ] {
            if section == "seeded" {
                assert_eq!(
                    plain(&told[section]["caught"]),
                    plain(&alone[section]["caught"]),
                    "{args:?}"
                );
                continue;
            }
            assert_eq!(plain(&told[section]), plain(&alone[section]), "{args:?}: {section}");
        }
        assert_eq!(
            plain(&told["reviews"]["hollow"]),
            plain(&alone["reviews"]["hollow"]),
            "{args:?}"
        );
        let scope = |report: &Value| report["evidence"]["scopes"][0].clone();
        assert_eq!(scope(&told), scope(&alone), "{args:?}: the same records");
    }
}
