//! The README's two commands share what they build.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Crates with the sets of features that they are built with.
fn crates(edges: &str) -> BTreeMap<String, BTreeSet<String>> {
    let tree = ["tree", "--locked", "--offline", "--prefix", "none", "--format", "{p}|{f}"];
    let output = Command::new(env!("CARGO")).args(tree).args(["--edges", edges]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let (name, features) = line.trim_end_matches(" (*)").split_once('|').unwrap();
        let name = name.trim_end_matches(" (proc-macro)").to_owned();
        crates.entry(name).or_default().insert(features.to_owned());
    }
    crates
}

/// A feature that only a dependency of the tests asks for makes `cargo test` build that crate, and
/// all that need it, a second time.
#[test]
fn dependencies_of_the_tests_add_no_feature_to_those_of_the_program() {
    let (program, tests) = (crates("normal,build"), crates("normal,build,dev"));
    assert!(program.len() > 100 && tests.len() > program.len());
    for (name, features) in &program {
        assert!(
            features.is_subset(&tests[name]),
            "{name}: the program needs {features:?}, the tests {:?}; add the features in Cargo.toml",
            tests[name]
        );
    }
}
