//! The commands of the README and of the tutorials do what these pages say. The tutorial that needs
//! a broker is among the live tests.

use std::fs;

use crate::home::{Home, blocks};

#[test]
fn the_readme() {
    let home = Home::new();
    home.follows("README.md", "shutterlag");
    let ran = fs::read_to_string(home.path("cargo.log")).unwrap();
    let commands = [
        "run --locked -- replay examples/leaks.ndjson",
        "test --locked",
        "install --path . --locked",
    ];
    assert_eq!(ran.lines().collect::<Vec<_>>(), commands);
    for page in ["report.html", "live.html"] {
        let report = fs::read_to_string(home.path("shutterlag").join(page)).unwrap();
        assert!(report.contains("Exposures"), "{page}");
    }
}

#[test]
fn the_review_of_last_quarters_exports() {
    let home = Home::new();
    fs::create_dir(home.path("review")).unwrap();
    home.follows("docs/tutorial-review.md", "review");
    let report = fs::read_to_string(home.path("review/q3.html")).unwrap();
    assert!(report.contains("2026-07-01") && report.contains("Verdict"));
    // The export that the page makes holds no secret, and nor do the examples.
    let alerts = fs::read_to_string(home.path("review/alerts.ndjson")).unwrap();
    assert!(!alerts.contains("\"secret\""));
}

#[test]
fn github_slack_and_a_script_on_one_file() {
    let home = Home::new();
    home.follows("docs/tutorial-live.md", ".");
    let report = fs::read_to_string(home.path("shutterlag-live/report.html")).unwrap();
    assert!(report.contains("Exposures"));
}

/// `docker run` returns before the broker in the container answers.
#[test]
fn topics_are_created_once_the_broker_answers() {
    let home = Home::new();
    let broker = "echo \"$*\" >> ~/docker.log\n\
                  case \"$*\" in exec*) test \"$(grep --count exec ~/docker.log)\" -gt 2 ;; esac";
    home.script("bin/docker", broker);
    let page = fs::read_to_string("docs/tutorial-kafka.md").unwrap();
    let (_, _, first) = blocks(&page).into_iter().find(|(_, form, _)| *form == "sh").unwrap();
    home.sh(&format!("set -eu\n{first}"), ".");
    let log = fs::read_to_string(home.path("docker.log")).unwrap();
    let asked = log.lines().filter(|line| line.ends_with("--list")).count();
    let created = log.lines().filter(|line| line.contains("--create")).count();
    assert_eq!((asked, created), (3, 3), "{log}");
}

/// A page that says something else fails.
#[test]
fn a_page_that_says_something_else_is_noticed() {
    let home = Home::new();
    let printed = home.sh("echo '@@ block 1'\nshutterlag --version", ".");
    assert!(printed.contains("shutterlag") && !printed.contains("nothing like it"));
    let blocks = blocks("a\n```sh\nb\nc\n```\n```text\nd\n```\n");
    assert_eq!(blocks, [(2, "sh", "b\nc".to_owned()), (6, "text", "d".to_owned())]);
    assert_eq!(home.with_ports("localhost:9801/x"), format!("localhost:{}/x", home.ports[1].1));
}

/// A page on no shelf is not found.
#[test]
fn the_index_lists_every_page_once() {
    let index = fs::read_to_string("docs/README.md").unwrap();
    for entry in fs::read_dir("docs").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") && name != "README.md" {
            let links = index.matches(&format!("]({name})")).count();
            assert_eq!(links, 1, "{name} is not on one shelf of docs/README.md");
        }
    }
}

/// The script is short enough to be read in a minute: what a person has to write for an AI.
#[test]
fn the_script_of_the_tutorial_is_short() {
    let script = fs::read_to_string("examples/live/triage.py").unwrap();
    let lines = script.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 20, "{lines}");
}
