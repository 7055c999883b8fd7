//! What the tests of commands share: they run the real program and read back what it wrote.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

pub(crate) mod canary;
pub(crate) mod case;
pub(crate) mod dice;
pub(crate) mod events;
pub(crate) mod prom;

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// A key long enough to be one.
pub(crate) const KEY: &str = "an identity key for tests only";

/// A run of the program that has not started yet.
pub(crate) struct Run {
    command: Command,
    stdin: Option<Vec<u8>>,
}

/// A finished run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// `shutterlag`, without the variables of the tests' environment that it would read.
    pub(crate) fn program() -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shutterlag"));
        command.env_remove("SHUTTERLAG_IDENTITY_KEY").env("RUST_BACKTRACE", "1");
        Run { command, stdin: None }
    }

    /// `shutterlag replay`
    pub(crate) fn replay() -> Run {
        Run::program().arg("replay")
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Run {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Run {
        self.command.args(args);
        self
    }

    pub(crate) fn key(mut self, key: impl AsRef<OsStr>) -> Run {
        self.command.env("SHUTTERLAG_IDENTITY_KEY", key);
        self
    }

    pub(crate) fn within(mut self, directory: &Path) -> Run {
        self.command.current_dir(directory);
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Run {
        self.stdin = Some(bytes.into());
        self
    }

    /// The command itself, for settings that `Run` has no method for.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    /// Runs the program. Whatever the input, it must neither panic nor end by a signal.
    pub(crate) fn go(mut self) -> Ran {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let piped = self.stdin.is_some();
        self.command.stdin(if piped { Stdio::piped() } else { Stdio::null() });
        let mut child = self.command.spawn().unwrap();
        let feeder = self.stdin.map(|bytes| {
            let mut stdin = child.stdin.take().unwrap();
            // The program may end before it has read everything.
            std::thread::spawn(move || drop(stdin.write_all(&bytes)))
        });
        let output = child.wait_with_output().unwrap();
        feeder.into_iter().for_each(|thread| thread.join().unwrap());
        let ran = Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
        assert!(ran.code.is_some(), "ended by a signal: {ran:?}");
        ran
    }
}

impl Ran {
    /// Asserts the exit status; a failure shows everything that the program printed.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// A directory that `--out` filled.
#[derive(Debug)]
pub(crate) struct Out(pub(crate) PathBuf);

impl Out {
    #[track_caller]
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// The values of a file with one on each line, the last line ended like the others.
    #[track_caller]
    pub(crate) fn lines(&self, name: &str) -> Vec<Value> {
        let text = self.text(name);
        assert!(text.is_empty() || text.ends_with('\n'), "{name} ends within a line");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The names of the files, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The files of `--out`, in order.
pub(crate) const FILES: [&str; 13] = [
    "alerts.ndjson",
    "containment.hlog",
    "detection.hlog",
    "exposure.hlog",
    "findings.ndjson",
    "first_touch.hlog",
    "metrics.prom",
    "rejected.ndjson",
    "review.hlog",
    "summary.json",
    "time_to_review.hlog",
    "triage.hlog",
    "windows.ndjson",
];

/// The stages of a window, in the order of every output.
pub(crate) const STAGES: [&str; 7] =
    ["detection", "triage", "first_touch", "review", "time_to_review", "containment", "exposure"];

/// The names of an object's fields as they stand in the text.
pub(crate) fn fields(object: &str) -> Vec<String> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut names = Vec::new();
            while let Some((name, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                names.push(name);
            }
            Ok(names)
        }
    }
    serde_json::Deserializer::from_str(object).deserialize_map(Names).unwrap()
}

/// The number at `path`, with a dot between steps.
#[track_caller]
pub(crate) fn number(value: &Value, path: &str) -> u64 {
    let found = path.split('.').fold(value, |value, step| &value[step]);
    found.as_u64().unwrap_or_else(|| panic!("{path} is {found}"))
}

/// A count as tables show it, its thousands apart.
pub(crate) fn grouped(count: u64) -> String {
    if count < 1_000 {
        return count.to_string();
    }
    format!("{},{:03}", grouped(count / 1_000), count % 1_000)
}

/// Milliseconds since 1970 of a time in an output; `None` for `null`.
#[track_caller]
pub(crate) fn ms(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    Some(shutterlag::time::Timestamp::parse_rfc3339(text).unwrap().as_millis())
}

/// Asserts that every record that was read counts once, whatever became of it.
#[track_caller]
pub(crate) fn assert_accounts(summary: &Value) {
    let sum = |group: &str, names: &[&str]| {
        names.iter().map(|name| number(&summary[group], name)).sum::<u64>()
    };
    let fates = ["accepted", "duplicate", "rejected", "unsupported", "late", "skipped", "linked"];
    assert_eq!(number(summary, "events.read"), sum("events", &fates), "{summary:#}");
    let total = number(summary, "windows.total");
    assert_eq!(
        total,
        sum("windows", &["open", "reviewed", "contained", "closed", "withdrawn"]),
        "{summary:#}"
    );
    let bands = ["ahead", "contested", "behind", "unreviewed", "unknown", "withdrawn"];
    // Attackers race for some workflows only.
    assert!(sum("attacker_window", &bands) <= total, "{summary:#}");
    assert_eq!(
        number(summary, "oversight.reviews"),
        sum("oversight", &["meaningful", "hollow", "unassessed", "unjudged"]),
        "{summary:#}"
    );
    assert!(number(summary, "events.orphan") <= number(summary, "events.accepted"));
}
