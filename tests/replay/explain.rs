//! `explain` recomputes every finding from the ledger, and says where the ledger was changed.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use shutterlag::simulate::{Extent, Options};

use crate::harness::case::CASES;
use crate::harness::{KEY, Out, Run, events, number};

fn explain(ledger: &Path, finding: &str) -> crate::harness::Ran {
    Run::program().args(["explain", finding, "--ledger"]).arg(ledger).go()
}

/// A ledger with every kind of finding about reviewers.
fn ledger(directory: &Path) -> Out {
    let file = directory.join("events.ndjson");
    let options = Options {
        seed: 3,
        extent: Extent::Events(12_000),
        reviewers: 12,
        seeded: 0.1,
        ..Options::DEFAULT
    };
    fs::write(&file, events::ndjson(&events::simulated(options).0)).unwrap();
    let out = Out(directory.join("out"));
    let run = Run::replay().key(KEY).args(["--expect-opening", "secret_exposure", "--out"]);
    run.arg(&out.0).arg(&file).go().exits(0);
    out
}

#[test]
fn it_is_told_why_names_are_one_credential() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.ndjson");
    let event = |kind: &str, id: &str, name: &str, more: &str| {
        format!(
            r#"{{"type":"{kind}","id":"{id}","time":"2026-03-02T09:00:00Z","source":"scan","credential_id":"{name}"{more}}}"#
        )
    };
    let lines = [
        event("leak.detected", "1", "gg:31605", r#","aliases":["AKIA1"]"#),
        event("identity.linked", "2", "AKIA1", r#","aliases":["case-7"]"#),
        event("leak.detected", "3", "alone", ""),
    ];
    fs::write(&file, lines.join("\n")).unwrap();
    let out = directory.path().join("out");
    Run::replay().key(KEY).arg("--out").arg(&out).arg(&file).go().exits(0);
    for name in ["AKIA1", "gg:31605", "case-7"] {
        let told = explain(&out, name).exits(0).stdout;
        assert!(
            told.contains(&format!("{name} is one of 3 names of the credential AKIA1")),
            "{told}"
        );
        for link in ["scan: gg:31605 = AKIA1 (event 1)", "scan: AKIA1 = case-7 (event 2)"] {
            assert!(told.contains(link), "{told}");
        }
        assert!(!told.contains("not remembered"), "{told}");
    }
    assert!(explain(&out, "alone").exits(0).stdout.contains("one name"));
    assert!(explain(&out, "nobody").exits(2).stderr.contains("no finding"));
}

#[test]
fn every_finding_about_a_reviewer_is_computed_again() {
    let directory = tempfile::tempdir().unwrap();
    let out = ledger(directory.path());
    let mut kinds = BTreeSet::new();
    for (line, finding) in (1..).zip(out.lines("findings.ndjson")) {
        if !finding["exposure_id"].is_null() {
            continue;
        }
        let ran = explain(&out.0, &line.to_string()).exits(0);
        assert!(ran.stdout.contains("the same"), "{}", ran.stdout);
        let evidence = &finding["evidence"];
        let reviewer = finding["reviewer"].as_str().unwrap();
        let name = match finding["finding"].as_str().unwrap() {
            "reviewer_flagged" => {
                let (e, needed) = (&evidence["log10_e_value"], &evidence["log10_threshold"]);
                assert!(e.as_f64().unwrap() >= needed.as_f64().unwrap(), "{finding}");
                format!("reviewer_flagged/{reviewer}")
            }
            kind => {
                let (found, needed) = (&evidence["statistic"], &evidence["threshold"]);
                assert!(found.as_f64().unwrap() >= needed.as_f64().unwrap(), "{finding}");
                assert!(evidence["since"].as_str() <= finding["at"].as_str(), "{finding}");
                format!("{kind}/{reviewer}/{}", finding["at"].as_str().unwrap())
            }
        };
        assert_eq!(explain(&out.0, &name).exits(0).stdout, ran.stdout);
        // Every signal that was observed stands in the evidence as a part of it.
        let parts = evidence["signals"].as_array().unwrap();
        let parts: BTreeSet<&str> = parts.iter().map(|p| p["signal"].as_str().unwrap()).collect();
        assert!(!parts.is_empty(), "{finding}");
        kinds.insert(finding["finding"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds, ["reviewer_flagged", "rubber_stamp_suspected"].map(str::to_owned).into());
}

/// The cases that a certificate counts are listed, and take as long as it says.
fn shows_the_cases_of(finding: &serde_json::Value, text: &str) {
    let evidence = &finding["evidence"];
    let floors = text.lines().filter_map(|line| line.trim_start().strip_prefix("to read"));
    let floors: Vec<u64> =
        floors.map(|rest| rest.split_whitespace().next().unwrap().parse().unwrap()).collect();
    // One text in an incident or batch is listed with each of its cases, and counts once.
    let (cases, needed) = (number(evidence, "cases"), number(evidence, "needed_ms"));
    assert!(floors.len() as u64 >= cases, "{text}");
    assert!(floors.len() as u64 > cases || floors.iter().sum::<u64>() == needed, "{text}");
}

#[test]
fn every_kind_of_finding_about_a_window_is_computed_again() {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for case in CASES.iter() {
        for finding in case.out.lines("findings.ndjson") {
            let kind = finding["finding"].as_str().unwrap().to_owned();
            let Some(exposure) = finding["exposure_id"].as_str() else { continue };
            let seen = kinds.entry(kind.clone()).or_default();
            *seen += 1;
            if *seen <= 6 {
                let ran = explain(&case.out.0, &format!("{kind}/{exposure}")).exits(0);
                assert!(ran.stdout.ends_with("It holds.\n"), "{}", ran.stdout);
                if kind == "impossible_reading" {
                    shows_the_cases_of(&finding, &ran.stdout);
                }
            }
        }
    }
    assert_eq!(kinds.len(), 7, "{kinds:?}");
}

#[test]
fn a_ledger_that_was_changed_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let out = ledger(directory.path());
    let findings = out.lines("findings.ndjson");
    let at = findings.iter().position(|f| f["finding"] == "rubber_stamp_suspected").unwrap();
    let line = (at + 1).to_string();
    // The reviewer's short reviews made long ones: nothing is left to suspect.
    let windows = out.text("windows.ndjson");
    let changed: String = windows
        .lines()
        .map(|line| {
            let mut window: serde_json::Value = serde_json::from_str(line).unwrap();
            if window["reviewer"] == findings[at]["reviewer"] {
                window["summary_words"] = 0.into();
                window["agreed"] = false.into();
                window["verdict"] = "modify".into();
                window["opened_at"] = window["detected_at"].clone();
                window["truth"] = serde_json::Value::Null;
            }
            format!("{window}\n")
        })
        .collect();
    fs::write(out.0.join("windows.ndjson"), changed).unwrap();
    let ran = explain(&out.0, &line).exits(1);
    assert!(ran.stdout.contains("no page begins"), "{}", ran.stdout);

    explain(&out.0, "no such finding").exits(2);
    fs::write(out.0.join("windows.ndjson"), "{\"exposure_id\":1}\n").unwrap();
    let ran = explain(&out.0, &line).exits(1);
    assert!(ran.stderr.contains("windows.ndjson:1: not a line of a ledger"), "{}", ran.stderr);
    explain(&out.0, "no such finding").exits(1);
    explain(directory.path(), "1").exits(1);
}

#[test]
fn decisions_that_are_not_judged_yet_are_no_damage() {
    let directory = tempfile::tempdir().unwrap();
    let out = ledger(directory.path());
    let findings = out.lines("findings.ndjson");
    let kind = "evidence_unopened";
    let found = findings.iter().find(|finding| finding["finding"] == kind).unwrap();
    let unjudged = |mut window: serde_json::Value| {
        if window["exposure_id"] != found["exposure_id"] {
            window["hollow"] = serde_json::Value::Null;
            window["effective"] = serde_json::Value::Null;
        }
        format!("{window}\n")
    };
    let changed: String = out.lines("windows.ndjson").into_iter().map(unjudged).collect();
    fs::write(out.0.join("windows.ndjson"), changed).unwrap();
    let name = format!("{kind}/{}", found["exposure_id"].as_str().unwrap());
    assert!(explain(&out.0, &name).exits(0).stdout.ends_with("It holds.\n"));
}

/// The tools that advise and decide are different ones, so that their clocks may differ: by
/// 120 s by default, by nothing in the run that found this.
#[test]
fn a_finding_about_a_window_is_judged_by_the_rules_that_it_states() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.ndjson");
    let event = |kind: &str, second: u32, source: &str, more: &str| {
        format!(
            "{{\"type\":\"{kind}\",\"id\":\"{kind}\",\"time\":\"2026-03-02T09:00:{second:02}Z\",\
             \"credential_id\":\"c\",\"source\":\"{source}\"{more}}}\n"
        )
    };
    let advice = ",\"recommendation\":\"dismiss\",\"summary_words\":120";
    let decision = ",\"reviewer\":\"reviewer-01\",\"action\":\"dismiss\",\"verdict\":\"approve\"";
    let events = event("leak.detected", 0, "scanner", "")
        + &event("triage.completed", 10, "ai", advice)
        + &event("decision.made", 13, "desk", decision);
    fs::write(&file, events).unwrap();
    let out = Out(directory.path().join("out"));
    Run::replay().key(KEY).arg("--out").arg(&out.0).arg(&file).go().exits(0);
    assert_eq!(out.text("findings.ndjson"), "", "120 s of tolerance are more than reading takes");
    let window = &out.lines("windows.ndjson")[0];
    let mut found = serde_json::json!({
        "finding": "impossible_reading",
        "at": window["decided_at"],
        "exposure_id": window["exposure_id"],
        "workflow": "secret_exposure",
        "reviewer": window["reviewer"],
        "evidence": {
            "from": window["presented_at"],
            "to": window["decided_at"],
            "cases": 1,
            "needed_ms": 7_200,
            "unread_ms": 0,
            "available_ms": 3_000,
            "rules": {"skew_tolerance_ms": 0, "batch_hold_ms": 3_600_000},
        },
    });
    fs::write(out.0.join("findings.ndjson"), format!("{found}\n")).unwrap();
    let ran = explain(&out.0, "1").exits(0);
    assert!(
        ran.stdout.contains("clocks of different sources may be apart by 0 ms"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.ends_with("It holds.\n"), "{}", ran.stdout);
    found["evidence"]["rules"]["skew_tolerance_ms"] = 120_000.into();
    fs::write(out.0.join("findings.ndjson"), format!("{found}\n")).unwrap();
    assert!(explain(&out.0, "1").exits(1).stdout.ends_with("It does NOT hold by this ledger.\n"));
    found["evidence"].as_object_mut().unwrap().remove("rules");
    fs::write(out.0.join("findings.ndjson"), format!("{found}\n")).unwrap();
    assert!(explain(&out.0, "1").exits(1).stderr.contains("lacks the rules of the finding"));
}

#[test]
fn two_ids_of_one_person_are_one_reviewer_everywhere() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.ndjson");
    let case = |n: u32, reviewer: &str| {
        let event = |kind: &str, minute: u32, more: &str| {
            format!(
                "{{\"type\":\"{kind}\",\"id\":\"{kind}-{n}\",\"time\":\"2026-03-02T{:02}:{minute:02}:00Z\",\
                 \"credential_id\":\"cred-{n}\"{more}}}\n",
                9 + n
            )
        };
        let decision = format!(",\"reviewer\":\"{reviewer}\",\"action\":\"dismiss\"");
        let asked = ",\"recommendation\":\"dismiss\",\"requested_by\":\"reviewer-01\"";
        event("leak.detected", 0, "")
            + &event("triage.completed", 1, asked)
            + &event("decision.made", 5, &decision)
    };
    fs::write(&file, case(0, "reviewer-01") + &case(1, "r1@example.org")).unwrap();
    let run = |name: &str, alias: &[&str]| {
        let out = Out(directory.path().join(name));
        let run = Run::replay().key(KEY).args(alias).arg("--json").arg("--out").arg(&out.0);
        (run.arg(&file).go().exits(0).json(), out)
    };
    let (summary, out) = run("two", &[]);
    assert_eq!(number(&summary, "oversight.reviewers.count"), 2);
    assert_eq!(number(&summary, "oversight.by_reason.self_approval"), 1);
    // The group is too small for a count of flagged people, so there is no metric of it.
    assert!(summary["oversight"]["reviewers"]["flagged"].is_null());
    assert!(summary["oversight"]["reviewers"]["suspected"].is_null());
    assert!(!out.text("metrics.prom").contains("shutterlag_reviewers_flagged{"));
    let (summary, out) = run("one", &["--alias", "r1@example.org=reviewer-01"]);
    assert_eq!(number(&summary, "oversight.reviewers.count"), 1);
    assert_eq!(number(&summary, "oversight.by_reason.self_approval"), 2);
    let windows = out.lines("windows.ndjson");
    assert_eq!(windows[0]["reviewer"], windows[1]["reviewer"]);
    let alias = ["--alias", "a=b", "--alias", "b=c"];
    Run::replay().args(alias).arg(&file).go().exits(2);
    Run::replay().args(["--alias", "nobody"]).arg(&file).go().exits(2);
}
