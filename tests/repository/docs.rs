//! The reference pages and the program say the same.
//!
//! Output fields come from a run of the program, input fields from the types. Each is compared
//! with the tables of the page in both directions, so that nobody can add, rename or drop a
//! field on one side only.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use shutterlag::config::Limits;
use shutterlag::engine::alerts::Alert;
use shutterlag::event::{
    Action, Actor, Body, CaseOpened, DecisionMade, Event, Evidence, ExposedAtQuality,
    IdentityLinked, Kind, LeakDetected, Method, Provenance, Relation, ReviewOpened, Severity,
    TriageCompleted, Verdict, Workflow,
};
use shutterlag::formats::maps::Maps;
use shutterlag::formats::{Context, Decoded, Format, Identity, RejectReason, SkipReason, decode};
use shutterlag::metrics::{
    Metrics, Notify, Pipeline, PipelineStage, Receivers, TransactionResult, ViewFigures,
};
use shutterlag::time::Timestamp;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The part of a page under `## heading`.
fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let start = page.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let rest = &page[start + 4..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

/// The rows of the table whose first column is headed `column`, by cells.
fn table(text: &str, column: &str) -> Vec<Vec<String>> {
    let header = format!("| {column} |");
    let rows = text.lines().skip_while(|line| !line.starts_with(&header)).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// What stands in backquotes in `text`.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The names in the first column of the table headed `column`.
fn names(text: &str, column: &str) -> BTreeSet<String> {
    let rows = table(text, column);
    assert!(!rows.is_empty(), "a table of `{column}`");
    let names: Vec<String> = rows.iter().flat_map(|row| quoted(&row[0])).collect();
    let distinct: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(distinct.len(), names.len(), "a name twice in {names:?}");
    distinct
}

fn words(all: impl Iterator<Item = &'static str>) -> BTreeSet<String> {
    all.map(str::to_owned).collect()
}

/// The paths of all fields of `value`, a list being one.
fn fields(value: &Value, prefix: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, value) in object {
                let dot = if prefix.is_empty() { "" } else { "." };
                fields(value, &format!("{prefix}{dot}{key}"), into);
            }
        }
        _ => drop(into.insert(prefix.to_owned())),
    }
}

/// All fields of the objects in `text`, one per line. An object that is null
/// or empty on some lines is not a field itself.
fn fields_of_lines(text: &str) -> BTreeSet<String> {
    assert!(!text.is_empty());
    let mut all = BTreeSet::new();
    for line in text.lines() {
        fields(&serde_json::from_str(line).unwrap(), "", &mut all);
    }
    let inner = all.clone();
    all.retain(|field| !inner.iter().any(|other| other.starts_with(&format!("{field}."))));
    all
}

/// What a replay of a simulated organisation writes.
fn run() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let shutterlag = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_shutterlag"))
            .args(arguments)
            .current_dir(directory.path())
            .env("SHUTTERLAG_IDENTITY_KEY", "a key for tests only")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let simulate = ["simulate", "--seed", "4", "--events", "20000", "--garbage", "0.01"];
    shutterlag(&[&simulate[..], &["--ai-first", "0.05", "--out", "events.ndjson"]].concat());
    shutterlag(&["replay", "events.ndjson", "--out", "out"]);
    directory
}

#[test]
fn every_file_and_field_of_the_ledger_is_documented() {
    let directory = run();
    let out = directory.path().join("out");
    let ledger = page("docs/ledger.md");

    let written: BTreeSet<String> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names(&ledger, "file"), written, "files");

    for file in ["windows.ndjson", "alerts.ndjson", "findings.ndjson", "rejected.ndjson"] {
        let text = fs::read_to_string(out.join(file)).unwrap();
        assert_eq!(names(section(&ledger, file), "field"), fields_of_lines(&text), "{file}");
    }
    // Fields stand in the order of the table.
    let windows = fs::read_to_string(out.join("windows.ndjson")).unwrap();
    let first = windows.lines().find(|line| line.contains("\"truth\":{")).unwrap();
    let tops = table(section(&ledger, "windows.ndjson"), "field");
    let mut at = 0;
    for row in &tops {
        let name = quoted(&row[0]).pop_first().unwrap();
        let key = name.rsplit('.').next().unwrap().to_owned();
        let found = first[at..].find(&format!("\"{key}\":"));
        at += found.unwrap_or_else(|| panic!("{name} stands elsewhere"));
    }

    let summary = fs::read_to_string(out.join("summary.json")).unwrap();
    let mut written = BTreeSet::new();
    fields(&serde_json::from_str(&summary).unwrap(), "", &mut written);
    let bands = ["ahead", "contested", "behind", "unreviewed", "unknown", "withdrawn"];
    let general: BTreeSet<String> = written
        .iter()
        .map(|field| match field.split('.').collect::<Vec<_>>()[..] {
            ["effective_review_rate", "outcomes", _] => {
                "effective_review_rate.outcomes.{outcome}".to_owned()
            }
            ["workflows", _, "effective_review_rate", "outcomes", _] => {
                "workflows.{workflow}.effective_review_rate.outcomes.{outcome}".to_owned()
            }
            ["workflows", _, band] if bands.contains(&band) => {
                "workflows.{workflow}.{band}".to_owned()
            }
            ["workflows", _, ref figure @ ..] => {
                format!("workflows.{{workflow}}.{}", figure.join("."))
            }
            ["stages", _, figure] => format!("stages.{{stage}}.{figure}"),
            ["oversight", "by_reason", _] => "oversight.by_reason.{reason}".to_owned(),
            _ => field.clone(),
        })
        .collect();
    assert_eq!(names(section(&ledger, "summary.json"), "field"), general, "summary.json");
}

#[test]
fn every_section_of_the_report_is_documented() {
    let directory = run();
    let output = Command::new(env!("CARGO_BIN_EXE_shutterlag"))
        .args(["report", "out", "--format", "json"])
        .current_dir(directory.path())
        .env("SHUTTERLAG_IDENTITY_KEY", "a key for tests only")
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let written: BTreeSet<String> = report.as_object().unwrap().keys().cloned().collect();
    let documented = names(&page("docs/report.md"), "section of the JSON form");
    assert_eq!(documented, written);
}

/// The metrics of a text exposition: name to type and labels.
fn exposed(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut written: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for line in text.lines() {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap();
            written.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let (name, labels) = line.split_once('{').unwrap_or((line, ""));
            let name = name.split(' ').next().unwrap();
            let parts = ["_bucket", "_sum", "_count"];
            let base = parts.iter().find_map(|part| name.strip_suffix(part));
            let key = base.filter(|base| written.contains_key(*base)).unwrap_or(name);
            let labels = labels.split("\",").filter_map(|label| label.split_once("=\""));
            let labels = labels.map(|(label, _)| label.to_owned()).filter(|label| label != "le");
            written.get_mut(key).unwrap().1.extend(labels);
        }
    }
    written
}

/// The metrics of a table: name to type and labels.
fn tabled(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let rows = table(text, "metric");
    assert!(!rows.is_empty());
    rows.iter()
        .map(|row| (quoted(&row[0]).pop_first().unwrap(), (row[1].clone(), quoted(&row[2]))))
        .collect()
}

/// The metrics that a source file registers. One that nothing moves would be
/// missing in what is exposed and in the table alike.
fn registered(file: &str) -> BTreeSet<String> {
    const MAKERS: [&str; 9] = [
        ".counter(",
        ".counters(",
        ".sums(",
        ".gauge(",
        ".gauges(",
        ".level(",
        ".levels(",
        ".histogram(",
        ".histograms(",
    ];
    let source = page(file);
    let calls = MAKERS.iter().flat_map(|maker| source.split(maker).skip(1));
    let made = calls.filter_map(|call| call.split('"').nth(1));
    let names: BTreeSet<String> = made.map(|name| format!("shutterlag_{name}")).collect();
    assert!(!names.is_empty(), "{file}");
    names
}

#[test]
fn every_metric_and_label_is_documented() {
    let directory = run();
    let text = fs::read_to_string(directory.path().join("out/metrics.prom")).unwrap();
    let documented = tabled(section(&page("docs/ledger.md"), "metrics.prom"));
    assert_eq!(documented, exposed(&text));
    for name in registered("src/metrics/mod.rs") {
        assert!(documented.contains_key(&name), "{name}");
    }
}

#[test]
fn every_metric_of_a_live_run_is_documented() {
    let metrics = Metrics::new().unwrap();
    let of_a_replay = tabled(section(&page("docs/ledger.md"), "metrics.prom"));
    let pipeline = Pipeline::register(&metrics, Timestamp::MIN).unwrap();
    let took = Duration::from_millis(3);
    pipeline.lag("shutterlag.events", 0, 1);
    pipeline.transaction(PipelineStage::Windows, TransactionResult::Committed, took);
    pipeline.restored(1, took);
    pipeline.state(0, 1, 1);
    pipeline.dead_letters("late", 1);
    pipeline.recovered(Some("github").into(), 1);
    pipeline.rebalanced(PipelineStage::Intake);
    pipeline.unjoined([(Kind::DecisionMade, Some("slack").into(), 1)].into_iter());
    let attacked = Some(Default::default());
    pipeline.view(&ViewFigures { attacked, ..ViewFigures::default() });
    pipeline.clock_jumps(1, 1);
    let notify = Notify::register(&metrics, 1).unwrap();
    notify.delay(took);
    Receivers::register(&metrics, &["events".to_owned()]).unwrap();
    let mut written = exposed(&String::from_utf8(metrics.encode().unwrap()).unwrap());
    written.retain(|name, _| !of_a_replay.contains_key(name));

    let page = page("docs/metrics.md");
    let sections = ["Pipeline", "Read view", "Receivers", "Alerts", "Process"]
        .map(|heading| section(&page, heading));
    let mut documented = BTreeMap::new();
    sections.iter().for_each(|text| documented.extend(tabled(text)));
    if cfg!(target_os = "linux") {
        assert_eq!(documented, written);
    }
    for file in ["pipeline", "notify", "receivers"] {
        for name in registered(&format!("src/metrics/{file}.rs")) {
            assert!(documented.contains_key(&name), "{name}");
        }
    }

    // A partition that goes takes its figures along.
    pipeline.forget_lag("shutterlag.events", 0);
    pipeline.forget_state(0);
    let text = String::from_utf8(metrics.encode().unwrap()).unwrap();
    assert!(!text.contains("partition="), "{text}");
}

#[test]
fn every_alert_is_documented() {
    let ledger = page("docs/ledger.md");
    let rows = table(section(&ledger, "alerts.ndjson"), "alert");
    let documented: Vec<(String, String)> =
        rows.iter().map(|row| (quoted(&row[0]).pop_first().unwrap(), row[1].clone())).collect();
    let known: Vec<(String, String)> =
        Alert::ALL.iter().map(|alert| (alert.to_string(), alert.urgency().to_string())).collect();
    assert_eq!(documented, known);
}

#[test]
fn every_reason_is_documented() {
    let events = page("docs/events.md");
    let rejected = words(RejectReason::ALL.iter().map(|reason| reason.as_str()));
    assert_eq!(names(section(&events, "Rejections"), "reason"), rejected);
    let skipped = words(SkipReason::ALL.iter().map(|reason| reason.as_str()));
    assert_eq!(names(section(&events, "Skipped records"), "reason"), skipped);
}

/// An event of `kind` with every field that it can have: a new field does not
/// compile until it is here.
fn full(kind: Kind) -> Event<'static> {
    let time = Timestamp::MIN;
    let text = || Some("x".into());
    let body = match kind {
        Kind::LeakDetected => Body::LeakDetected(LeakDetected {
            exposed_at: Some(time),
            exposed_at_quality: Some(ExposedAtQuality::Exact),
            location: text(),
            provider: text(),
            requested_by: text(),
            incident: text(),
            reopened: true,
        }),
        Kind::CaseOpened => Body::CaseOpened(CaseOpened {
            started_at: Some(time),
            requested_by: text(),
            items: Some(1),
            incident: text(),
            reopened: true,
        }),
        Kind::CaseWithdrawn => Body::CaseWithdrawn { reason: text() },
        Kind::TriageCompleted => Body::TriageCompleted(TriageCompleted {
            recommendation: Action::Revoke,
            model: text(),
            confidence: Some(0.5),
            summary_words: Some(1),
            summary_chars: Some(1),
            provenance: Some(Provenance::Model),
            requested_by: text(),
        }),
        Kind::ReviewOpened => Body::ReviewOpened(ReviewOpened {
            reviewer: "x".into(),
            items_opened: Some(1),
            evidence: Some(Evidence::Raw),
        }),
        Kind::DecisionMade => Body::DecisionMade(DecisionMade {
            reviewer: "x".into(),
            action: Action::Revoke,
            actor_kind: Actor::Human,
            verdict: Some(Verdict::Approve),
            rationale_words: Some(1),
            rationale_digest: text(),
            batch_id: text(),
            batch_size: Some(1),
            items_opened: Some(1),
            authorized: Some(true),
        }),
        Kind::CredentialContained => {
            Body::CredentialContained { method: Method::Revoked, actor_kind: Actor::Human }
        }
        Kind::CredentialAbused => Body::CredentialAbused,
        Kind::TruthEstablished => {
            Body::TruthEstablished { correct_action: Action::Revoke, seeded: false }
        }
        Kind::IdentityLinked => Body::IdentityLinked(IdentityLinked {
            aliases: vec!["y".into()],
            relation: Relation::Same,
        }),
    };
    Event {
        id: "x".into(),
        time,
        credential_id: "x".into(),
        workflow: match kind {
            Kind::CaseOpened => Workflow::PolicyChange,
            _ => Workflow::SecretExposure,
        },
        source: text(),
        severity: Some(Severity::Low),
        owner: text(),
        noted: shutterlag::event::Noted { clock_skew: true, recovered: true },
        body,
    }
}

/// What becomes of `record`: its events, or why there are none.
fn read(record: &str) -> Result<Vec<Kind>, String> {
    let identity = Identity::new(b"a key for tests only").unwrap();
    let context = Context {
        identity: &identity,
        detected_at: None,
        limits: Limits::DEFAULT,
        maps: Maps::NONE,
    };
    let mut events = Vec::new();
    match decode(Format::Native, record.as_bytes(), &context, &mut events) {
        Ok(Decoded::Events) => Ok(events.iter().map(Event::kind).collect()),
        Ok(Decoded::Skipped(reason)) => Err(reason.to_string()),
        Ok(Decoded::Mixed(parts)) => Err(format!("{parts:?}")),
        Err(rejection) => Err(rejection.to_string()),
    }
}

#[test]
fn every_event_field_is_documented_and_required_where_it_says_so() {
    let page = page("docs/events.md");
    let common = table(section(&page, "Every event"), "field");
    for kind in Kind::ALL {
        let text = section(&page, kind.as_str());
        let own = table(text, "field");
        // A kind's own row of a common field replaces it.
        let of = |row: &[String]| quoted(&row[0]).pop_first();
        let replaced = |row: &&Vec<String>| own.iter().any(|other| of(other) == of(row));
        let rows = || common.iter().filter(|row| !replaced(row)).chain(&own);
        let documented: BTreeSet<String> = rows().flat_map(|row| quoted(&row[0])).collect();
        let mut event = serde_json::to_value(full(*kind)).unwrap();
        let mut written = BTreeSet::new();
        fields(&event, "", &mut written);
        assert_eq!(documented, written, "{kind}");

        for row in rows() {
            let field = quoted(&row[0]).pop_first().unwrap();
            let value = event.as_object_mut().unwrap().remove(&field).unwrap();
            let result = read(&event.to_string());
            event[&field] = value;
            match row[2].as_str() {
                "yes" => assert!(result.is_err(), "{kind} without {field}"),
                "no" => assert_eq!(result, Ok(vec![*kind]), "{kind} without {field}"),
                other => panic!("{kind} {field}: {other}"),
            }
        }
        let example = text.split("```json").nth(1).and_then(|rest| rest.split("```").next());
        assert_eq!(read(example.unwrap()), Ok(vec![*kind]), "the example of {kind}");
    }
}

#[test]
fn every_limit_is_documented_with_its_value() {
    let Limits {
        record_bytes,
        depth,
        id_bytes,
        credential_id_bytes,
        text_bytes,
        events_per_record,
    } = Limits::DEFAULT;
    let known = [
        ("record_bytes", record_bytes),
        ("depth", depth),
        ("id_bytes", id_bytes),
        ("credential_id_bytes", credential_id_bytes),
        ("text_bytes", text_bytes),
        ("events_per_record", events_per_record),
    ];
    let known: BTreeMap<String, String> =
        known.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
    let documented: BTreeMap<String, String> =
        table(section(&page("docs/events.md"), "Limits"), "limit")
            .iter()
            .map(|row| (quoted(&row[0]).pop_first().unwrap(), row[1].clone()))
            .collect();
    assert_eq!(documented, known);
}

#[test]
fn the_map_of_modules_names_what_is_there() {
    let architecture = page("docs/modules.md");
    let named: BTreeSet<String> =
        quoted(&architecture).into_iter().filter(|name| name.starts_with("src/")).collect();
    for path in &named {
        assert!(root().join(path).exists(), "{path} is gone");
    }
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            // Of a folder's files the folder's own documentation tells.
            if path.is_dir() {
                assert!(named.contains(&format!("{name}/")), "{name}/ is not in the map");
                folders.push(path);
            } else if folder == root().join("src") {
                assert!(named.contains(&name), "{name} is not in the map");
            }
        }
    }
}

/// All pages that belong to the project.
fn pages(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "corpus", "artifacts", "out"].contains(&name) {
                pages(&path, into);
            }
        } else if name.ends_with(".md") {
            into.push(path);
        }
    }
}

/// The targets of `[text](target)` outside of code.
fn links(page: &str) -> Vec<String> {
    let mut links = Vec::new();
    for (number, block) in page.split("```").enumerate() {
        if number % 2 == 0 {
            let targets = block.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            links.extend(targets.map(str::to_owned));
        }
    }
    links
}

/// The anchors that a page's headings get where it is shown.
fn anchors(page: &str) -> BTreeSet<String> {
    let slug = |heading: &str| -> String {
        let lower = heading.trim().to_lowercase().replace(' ', "-");
        lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    page.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| slug(line.trim_start_matches('#')))
        .collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut found = Vec::new();
    pages(root(), &mut found);
    found.sort();
    let mut dead = Vec::new();
    let mut followed = 0;
    for path in &found {
        let text = fs::read_to_string(path).unwrap();
        for link in links(&text).iter().filter(|link| !link.contains("://")) {
            followed += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let there = target.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&target).unwrap()).contains(anchor));
            if !there {
                dead.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(followed > 0);
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn dead_links_would_be_found() {
    assert_eq!(links("[a](b.md) ```[c](d.md)``` [e](#f)"), ["b.md", "#f"]);
    let anchors = anchors("# A b\n## windows.ndjson\ntext\n### `c_d`: e\n");
    assert_eq!(anchors.iter().collect::<Vec<_>>(), ["a-b", "c_d-e", "windowsndjson"]);
}
