//! Tells the program from which commit, and with which features, it is built.

use std::env;
use std::process::Command;

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=SHUTTERLAG_COMMIT");
    // A build without the history, such as one in a container, gets the commit from outside. One for
    // tests has none, so that a commit alone compiles nothing anew.
    let given = env::var("SHUTTERLAG_COMMIT").ok().filter(|commit| !commit.is_empty());
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = given.or_else(|| {
        if !release {
            return None;
        }
        for file in ["HEAD", "logs/HEAD"] {
            let path = git(&["rev-parse", "--git-path", file])?;
            println!("cargo:rerun-if-changed={path}");
        }
        git(&["rev-parse", "--short=12", "HEAD"])
    });
    println!("cargo:rustc-env=SHUTTERLAG_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    let features = env::vars().filter_map(|(name, _)| {
        let name = name.strip_prefix("CARGO_FEATURE_")?.to_lowercase().replace('_', "-");
        (name != "default").then_some(name)
    });
    let features: Vec<String> = features.collect();
    let shown = if features.is_empty() { "none".to_owned() } else { features.join(", ") };
    println!("cargo:rustc-env=SHUTTERLAG_FEATURES={shown}");
}
