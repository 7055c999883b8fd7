//! Dependencies point one way, and the pure layers stay pure.
//!
//! The test reads the source as text, without comments and literals, and checks every path
//! against the rule, in imports and in expressions. `docs/modules.md` states the rule
//! and its reasons.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::source::{files, paths};

/// Each layer, and the layers it may name. Whatever is not here may not exist.
const LAYERS: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("event", &["time"]),
    ("config", &["time", "event"]),
    ("engine", &["time", "event", "config"]),
    ("formats", &["time", "event", "config"]),
    ("settings", &["time", "event", "config", "engine", "formats"]),
    ("simulate", &["time", "event"]),
    ("records", &["time", "event", "config", "engine", "formats"]),
    ("metrics", &["time", "event", "config", "engine", "formats", "records"]),
    ("report", &["time", "event", "config", "engine", "formats", "records", "metrics"]),
    (
        "runtime",
        &[
            "time", "event", "config", "engine", "formats", "settings", "records", "metrics",
            "report",
        ],
    ),
    (
        "cli",
        &[
            "time", "event", "config", "engine", "formats", "settings", "simulate", "records",
            "metrics", "report", "runtime",
        ],
    ),
];

/// Layers that know no world: bytes or events in, values out.
const PURE: &[&str] = &["time", "event", "config", "engine", "formats", "records"];

/// Crates that bring a world with them.
const WORLDLY_CRATES: &[&str] = &[
    "tokio",
    "rdkafka",
    "axum",
    "prometheus",
    "dashmap",
    "crossbeam_channel",
    "getrandom",
    "rand",
    "indicatif",
    "clap",
];

/// Parts of the standard library that do.
const WORLDLY_PATHS: &[&str] =
    &["std::fs", "std::net", "std::thread", "std::env", "std::process", "std::io::stdin"];

/// Names that do, wherever they come from.
const WORLDLY_NAMES: &[&str] =
    &["Instant", "SystemTime", "stdin", "stdout", "stderr", "println", "eprintln", "thread_local"];

/// What a file may name all the same: the type alone, as the library that
/// writes histogram logs takes times in this form. `now` stays out of reach. The program of a map
/// is compiled on a thread for its larger stack alone; what comes of it depends on the text only.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("engine/histogram.rs", "std::time::SystemTime"),
    ("engine/histogram.rs", "SystemTime"),
    ("engine/histogram.rs", "SystemTime::UNIX_EPOCH"),
    ("formats/maps/program.rs", "std::thread::Builder::new"),
    ("formats/maps/program.rs", "std::thread::scope"),
];

/// A path that breaks the rule, and how.
#[derive(Clone, Debug, PartialEq)]
struct Fault {
    path: String,
    why: String,
}

/// What is wrong with `code`, a file of `layer`.
fn faults(layer: &str, code: &str) -> Vec<Fault> {
    let (_, allowed) = LAYERS.iter().find(|(name, _)| *name == layer).unwrap();
    let mut faults = Vec::new();
    for path in paths(code) {
        let segments: Vec<&str> = path.split("::").collect();
        // Two steps up or more can leave the layer without saying `crate`.
        let up = segments.iter().take_while(|segment| **segment == "super").count();
        let rooted = match &segments[..] {
            ["crate", rest @ ..] => rest,
            _ if up >= 2 => &segments[up..],
            _ => &[],
        };
        if let [target, ..] = *rooted
            && target != layer
            && LAYERS.iter().any(|(name, _)| *name == target)
            && !allowed.contains(&target)
        {
            let why = format!("{layer} must not know {target}");
            faults.push(Fault { path: path.clone(), why });
        }
        if PURE.contains(&layer) {
            let worldly = WORLDLY_CRATES.contains(&segments[0])
                || WORLDLY_NAMES.iter().any(|name| segments.contains(name))
                || WORLDLY_PATHS
                    .iter()
                    .any(|worldly| path == *worldly || path.starts_with(&format!("{worldly}::")));
            if worldly {
                faults.push(Fault { why: format!("{layer} is pure"), path });
            }
        }
    }
    faults
}

/// A file without the module of tests at its end: tests may draw random cases
/// and print their seed, as no user runs them.
fn shipped(mut code: String) -> String {
    const TESTS: &str = "\n#[cfg(test)]\nmod tests {\n";
    if let Some(start) = code.find(TESTS) {
        let module = &code[start + TESTS.len()..];
        let ends = module.find("\n}\n").map(|end| end + "\n}\n".len());
        assert_eq!(ends, Some(module.len()), "something follows a module of tests");
        code.truncate(start);
    }
    code
}

#[test]
fn only_the_tests_at_the_end_of_a_file_are_left_out() {
    let tests = "\n#[cfg(test)]\nmod tests {\n    use rand::Rng;\n}\n";
    assert!(faults("engine", &shipped(format!("fn f() {{}}\n{tests}"))).is_empty());
    assert!(!faults("engine", &shipped(format!("use rand::Rng;\n{tests}"))).is_empty());
    let behind = format!("{tests}use rand::Rng;\n");
    assert!(std::panic::catch_unwind(|| shipped(behind)).is_err());
}

/// The layer of each source file but the roots, and its text.
fn sources() -> Vec<(String, String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    found.sort();
    found
        .into_iter()
        .filter(|path| !["lib.rs", "main.rs"].iter().any(|root| *path == src.join(root)))
        .map(|path| {
            let inside = path.strip_prefix(&src).unwrap();
            let first = inside.components().next().unwrap();
            let layer = Path::new(&first).file_stem().unwrap().to_str().unwrap().to_owned();
            let code = shipped(fs::read_to_string(&path).unwrap());
            (layer, inside.to_str().unwrap().replace('\\', "/"), code)
        })
        .collect()
}

#[test]
fn every_file_keeps_to_its_layer() {
    let sources = sources();
    let seen: BTreeSet<&str> = sources.iter().map(|(layer, _, _)| layer.as_str()).collect();
    let ruled: BTreeSet<&str> = LAYERS.iter().map(|(layer, _)| *layer).collect();
    assert_eq!(seen, ruled, "modules under src/ and layers of the rule");
    let mut unused: Vec<_> = EXCEPTIONS.to_vec();
    let mut found = String::new();
    for (layer, file, code) in &sources {
        for Fault { path, why } in faults(layer, code) {
            let exception = (file.as_str(), path.as_str());
            if EXCEPTIONS.contains(&exception) {
                unused.retain(|other| *other != exception);
            } else {
                writeln!(found, "{file}: `{path}`: {why}").unwrap();
            }
        }
    }
    assert!(found.is_empty(), "{found}");
    assert!(unused.is_empty(), "no longer needed: {unused:?}");
}

#[test]
fn only_the_kafka_runtime_and_the_log_name_the_kafka_client() {
    let mut naming: Vec<String> = sources()
        .into_iter()
        .filter(|(_, _, code)| paths(code).iter().any(|path| path.starts_with("rdkafka")))
        .map(|(_, file, _)| file)
        .collect();
    assert!(naming.iter().any(|file| file == "runtime/kafka/tail/reader.rs"), "{naming:?}");
    naming.retain(|file| !file.starts_with("runtime/kafka/") && file != "runtime/logging.rs");
    assert!(naming.is_empty(), "{naming:?}");
}

#[test]
fn the_rule_has_no_cycle() {
    for (at, (layer, allowed)) in LAYERS.iter().enumerate() {
        for target in *allowed {
            let below = LAYERS[..at].iter().any(|(name, _)| name == target);
            assert!(below, "{layer} → {target}");
        }
    }
}

#[test]
fn a_wrong_direction_is_found_however_it_is_written() {
    for code in [
        "use crate::runtime::clock;",
        "use crate::{event::Event, runtime::{clock, input}};",
        "fn f() -> u8 { crate::report::record::f() }",
        "macro_rules! m { () => { $crate::cli::main() } }",
        "use super::super::cli;",
    ] {
        assert!(!faults("engine", code).is_empty(), "{code}");
    }
}

#[test]
fn an_impurity_is_found_however_it_is_written() {
    for code in [
        "use std::fs;",
        "use std::{fmt, fs::File};",
        "use std::time::{Duration, Instant};",
        "let now = std::time::SystemTime::now();",
        "use tokio::sync::mpsc;",
        "fn f() { let quote = '\"'; std::thread::yield_now() }",
        "fn f<'a>(x: &'a str) { println!(\"{x}\") }",
    ] {
        assert!(!faults("formats", code).is_empty(), "{code}");
        assert!(faults("runtime", code).is_empty(), "the runtime may: {code}");
    }
}

#[test]
fn texts_comments_and_likenesses_are_no_paths() {
    for code in [
        "// use std::fs;\n/* crate::cli /* std::net */ tokio::x */",
        "const A: &str = \"std::fs \\\" crate::cli\"; const B: &str = r#\"tokio::\"x\"#;",
        "use std::time::Duration; fn instant(prometheus_like: u8, fs: u8) {}",
        "use crate::event::Event; use crate::engine::windows;",
        "fn f(b: u8) -> bool { matches!(b, b'\"' | b'\\'') && b == b'/' }",
    ] {
        assert_eq!(faults("engine", code), [], "{code}");
    }
}
