//! docs/configuration.md and the example agree with the program's declarations of
//! its settings.
//!
//! A table of the page that differs fails with the table as it must be.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use shutterlag::settings::{Settings, reference};

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

/// Each section of the page that has a table of keys, with that table.
fn documented() -> Vec<(String, String)> {
    let page = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let sections = page.split("\n## ").skip(1).filter_map(|section| {
        let (heading, text) = section.split_once('\n')?;
        let rows = text.lines().filter(|line| line.starts_with('|'));
        let table = rows.fold(String::new(), |table, row| table + row + "\n");
        (!table.is_empty()).then(|| (heading.to_owned(), table))
    });
    sections.collect()
}

#[test]
fn every_table_of_the_page_is_the_one_that_the_program_declares() {
    let documented = documented();
    let declared: Vec<(String, String)> =
        reference().iter().map(|section| (section.name.clone(), section.markdown())).collect();
    let names = |tables: &[(String, String)]| -> BTreeSet<String> {
        tables.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&documented), names(&declared));
    let wrong: Vec<String> = declared
        .iter()
        .filter(|section| !documented.contains(section))
        .map(|(name, table)| format!("## {name}\n\n{table}"))
        .collect();
    assert!(wrong.is_empty(), "docs/configuration.md must say:\n\n{}", wrong.join("\n"));
}

/// The reference's defaults are those of the declarations; these are in force.
#[test]
fn every_declared_default_is_in_force() {
    // Lists whose entries have defaults need one.
    let lists = "[[alerts.alertmanagers]]\nurl = \"http://localhost:9093\"\n\
                 [[alerts.rules]]\npush = true\n\
                 [[receivers]]\nname = \"a\"\nverify = \"none\"\n";
    let settings = load(&format!("{SMALLEST}\n{lists}")).unwrap();
    let mut effective = serde_json::to_value(settings.effective()).unwrap();
    // The smallest configuration has brokers, and by default there are none.
    effective["kafka"]["brokers"] = load("").unwrap().kafka.brokers.into();
    let mut compared = 0;
    for section in reference().iter().filter(|section| section.name != "kafka.security.sasl") {
        let table = section.name.split('.').fold(&effective, |table, part| match part {
            "sources" | "alertmanagers" | "rules" | "receivers" => &table[part][0],
            "profiles" => &table[part]["secret_exposure"],
            part => &table[part],
        });
        for row in &section.rows {
            let place = format!("{}.{}", section.name, row.key);
            let in_force = table.get(&row.key);
            match row.default.as_str() {
                "required" => assert!(in_force.is_some(), "{place}"),
                "none" => assert_eq!(in_force, None, "{place}"),
                default => {
                    // Texts, numbers, flags and lists are written alike in TOML and JSON.
                    let default: Value = serde_json::from_str(default.trim_matches('`')).unwrap();
                    assert_eq!(in_force, Some(&default), "{place}");
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
fn the_example_loads_and_its_comments_are_the_defaults() {
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
