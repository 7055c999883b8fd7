//! The command line as somebody meets it who has read nothing.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::tempdir;

fn run(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shutterlag"));
    command.args(arguments).current_dir(folder).env_remove("SHUTTERLAG_IDENTITY_KEY");
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_begins_with_three_examples_that_exist() {
    let folder = tempdir().unwrap();
    let help = text(&run(&["--help"], folder.path()).stdout);
    assert!(help.starts_with("Examples:\n"), "{help}");
    let examples: Vec<&str> = help
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  shutterlag "))
        .collect();
    assert_eq!(examples.len(), 3, "{help}");
    for example in examples {
        let command = example.split(' ').next().unwrap();
        assert!(run(&[command, "--help"], folder.path()).status.success(), "{example}");
    }
}

#[test]
fn the_version_names_the_commit_and_the_features() {
    let folder = tempdir().unwrap();
    let version = text(&run(&["--version"], folder.path()).stdout);
    let start = format!("shutterlag {} (commit ", env!("CARGO_PKG_VERSION"));
    assert!(version.starts_with(&start) && version.contains(", features: "), "{version}");
}

#[test]
fn shells_and_man_know_every_command() {
    let folder = tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = text(&run(&["completions", shell], folder.path()).stdout);
        for word in ["replay", "simulate", "reviewer-names"] {
            assert!(completions.contains(word), "{shell} does not know {word}");
        }
    }
    assert!(run(&["man", "pages"], folder.path()).status.success());
    let help = text(&run(&["--help"], folder.path()).stdout);
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> = names.map(|line| line.trim().split(' ').next().unwrap()).collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let page = folder.path().join("pages").join(format!("shutterlag-{name}.1"));
        assert!(fs::read_to_string(&page).unwrap().contains(".SH SYNOPSIS"), "{name}");
    }
}

#[test]
fn a_report_of_events_says_what_to_do_instead() {
    let folder = tempdir().unwrap();
    let simulate = ["simulate", "--seed", "3", "--days", "1", "--out", "events.ndjson"];
    assert!(run(&simulate, folder.path()).status.success());
    let output = run(&["report", "events.ndjson"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert_eq!(told.lines().count(), 1, "{told}");
    for command in ["shutterlag replay events.ndjson --out ledger/", "shutterlag report ledger/"] {
        assert!(told.contains(&format!("`{command}`")), "{told}");
        // What it says works.
        let arguments: Vec<&str> = command.split(' ').skip(1).collect();
        assert!(run(&arguments, folder.path()).status.success(), "{command}");
    }
}

#[test]
fn a_check_tells_all_faults_at_once_and_knows_a_missing_key() {
    let folder = tempdir().unwrap();
    let check = |config: &str| {
        fs::write(folder.path().join("c.toml"), config).unwrap();
        run(&["check", "--config", "c.toml"], folder.path())
    };
    let kafka = "[kafka]\nbrokers = \"127.0.0.1:9092\"\n[[sources]]\ntopic = \"leaks\"\n";
    let output = check(kafka);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("SHUTTERLAG_IDENTITY_KEY is not set here"));
    assert!(text(&check("").stderr).is_empty(), "a local store makes its own key");
    let two = "[http]\nlisten = \"nowhere\"\n[alerts]\nresend_interval = \"0s\"\ncolour = 1\n";
    let output = check(two);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr).lines().count(), 3, "{}", text(&output.stderr));
    let mut command = Command::new(env!("CARGO_BIN_EXE_shutterlag"));
    command.args(["check", "--config", "c.toml"]).current_dir(folder.path());
    fs::write(folder.path().join("c.toml"), kafka).unwrap();
    let output = command.env("SHUTTERLAG_IDENTITY_KEY", "short").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!text(&output.stderr).contains("short\n"), "the key itself is not shown");
}
