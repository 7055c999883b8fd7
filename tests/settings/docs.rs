//! docs/configuration.md and the program name the same keys and defaults.
//!
//! The keys are those that the program tells when it refuses one it does not
//! know; the defaults are those in force when nothing is set.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use shutterlag::settings::Settings;

const SMALLEST: &str = "kafka.brokers = \"a:1\"\nsources = [{ topic = \"leaks\" }]\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn load(text: &str) -> Result<Settings, String> {
    let directory = tempfile::tempdir().unwrap();
    let path: PathBuf = directory.path().join("a.toml");
    fs::write(&path, text).unwrap();
    Settings::load(&path, []).map_err(|error| error.to_string())
}

/// The keys of a table, which `with_unknown` gives a key that it does not have.
fn keys(with_unknown: &str) -> BTreeSet<String> {
    let why = load(with_unknown).unwrap_err();
    let known =
        why.split_once("unknown field `zzz`, expected ").unwrap_or_else(|| panic!("{why}")).1;
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Rows of the section's table by their key: type, default, meaning.
fn documented() -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let page = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let mut sections = BTreeMap::new();
    for section in page.split("\n## ").skip(1) {
        let (heading, text) = section.split_once('\n').unwrap();
        let rows = text.lines().filter(|line| line.starts_with("| `")).map(|line| {
            let cells: Vec<String> =
                line.split(" | ").map(|cell| cell.trim_matches(['|', ' ']).to_owned()).collect();
            (cells[0].trim_matches('`').to_owned(), cells[1..].to_vec())
        });
        sections.insert(heading.to_owned(), rows.collect());
    }
    sections
}

/// Each section, and a configuration that sets an unknown key there.
const TABLES: &[(&str, &str)] = &[
    ("kafka", "kafka.zzz = 1"),
    ("kafka.security", "kafka.security.zzz = 1"),
    ("kafka.security.sasl", "kafka.security.sasl.zzz = 1"),
    ("topics", "topics.zzz = 1"),
    ("sources", "sources = [{ zzz = 1 }]"),
    ("intake", "intake.zzz = 1"),
    ("windows", "windows.zzz = 1"),
    ("oversight", "oversight.zzz = 1"),
    ("profiles", "profiles.secret_exposure.zzz = 1"),
    ("limits", "limits.zzz = 1"),
    ("alerts", "alerts.zzz = 1"),
    ("alerts.alertmanagers", "alerts.alertmanagers = [{ zzz = 1 }]"),
    ("alerts.rules", "alerts.rules = [{ zzz = 1 }]"),
    ("people", "people.zzz = 1"),
    ("http", "http.zzz = 1"),
    ("log", "log.zzz = 1"),
];

#[test]
fn every_key_is_documented_and_every_documented_key_exists() {
    let documented = documented();
    for (section, with_unknown) in TABLES {
        let mut known = keys(with_unknown);
        // Tables within it have sections of their own.
        known.retain(|key| !documented.contains_key(&format!("{section}.{key}")));
        let rows: BTreeSet<String> = documented[*section].keys().cloned().collect();
        assert_eq!(rows, known, "[{section}]");
    }
    let mut sections: BTreeSet<&str> = TABLES.iter().map(|(section, _)| *section).collect();
    // Any key goes there.
    sections.extend(["attackers", "kafka.librdkafka", "Rules"]);
    assert_eq!(documented.keys().map(String::as_str).collect::<BTreeSet<_>>(), sections);
    let top = keys("zzz = 1");
    assert_eq!(
        top,
        sections
            .iter()
            .filter(|s| **s != "Rules")
            .map(|s| s.split('.').next().unwrap().to_owned())
            .collect()
    );
}

#[test]
fn every_default_is_the_documented_one() {
    // Lists whose entries have defaults need one.
    let lists = "[[alerts.alertmanagers]]\nurl = \"http://localhost:9093\"\n\
                 [[alerts.rules]]\npush = true\n";
    let settings = load(&format!("{SMALLEST}\n{lists}")).unwrap();
    let effective = serde_json::to_value(settings.effective()).unwrap();
    let mut compared = 0;
    for (section, rows) in documented().iter().filter(|(section, _)| *section != "Rules") {
        let mut table = &effective;
        for part in section.split('.') {
            table = match part {
                "sasl" => &Value::Null,
                _ => &table[part],
            };
            table = match part {
                "sources" | "alertmanagers" | "rules" => &table[0],
                "profiles" => &table["secret_exposure"],
                _ => table,
            };
        }
        for (key, cells) in rows {
            let in_force = table.get(key).map(Value::to_string);
            match cells[1].as_str() {
                "required" => {
                    assert!(in_force.is_some() || section.ends_with("sasl"), "{section}.{key}")
                }
                "none" => assert_eq!(in_force, None, "{section}.{key}"),
                default => {
                    assert_eq!(
                        in_force.as_deref(),
                        Some(default.trim_matches('`')),
                        "{section}.{key}"
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn the_smallest_configuration_of_the_page_is_one() {
    let page = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let block = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(
        load(block),
        load(SMALLEST).map(|mut settings| {
            settings.kafka.brokers = "localhost:9092".to_owned();
            settings
        })
    );
}

/// What is commented out in the example claims to be the default.
#[test]
fn the_example_loads_and_its_comments_tell_the_defaults() {
    let text = fs::read_to_string(root().join("examples/shutterlag.toml")).unwrap();
    let as_it_is = load(&text).unwrap();
    // A key in a comment, but not a table nor what follows it.
    let mut in_comment = false;
    let mut uncommented = 0;
    let with_defaults: String = text
        .lines()
        .map(|line| {
            if line.starts_with('[') || line.starts_with("# [") {
                in_comment = line.starts_with('#');
            }
            let bare = line.strip_prefix("# ").filter(|bare| {
                let key = bare.split(" = ").next().unwrap_or_default();
                bare.contains(" = ") && !key.contains(' ')
            });
            match bare {
                Some(bare)
                    if !in_comment
                        && !bare.starts_with("instance")
                        && !bare.starts_with("token_file") =>
                {
                    uncommented += 1;
                    format!("{bare}\n")
                }
                _ => format!("{line}\n"),
            }
        })
        .collect();
    assert!(uncommented > 12, "{uncommented}");
    assert_eq!(load(&with_defaults).unwrap(), as_it_is);
}
