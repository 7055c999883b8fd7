//! Ledgers made by hand, and reports on them.

use std::path::Path;

use serde_json::{Value, json};
use shutterlag::engine::oversight::HollowReasons;
use shutterlag::engine::windows::{ExposureId, Key};
use shutterlag::event::{Severity, Workflow};
use shutterlag::records::WindowRecord;
use shutterlag::time::Timestamp;

use crate::harness::{KEY, Ran, Run};

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const DAY: i64 = 24 * 60 * MINUTE;
/// 2026-03-02T00:00:00Z
pub(crate) const MONDAY: i64 = 1_772_409_600_000;

pub(crate) fn time(ms: i64) -> String {
    Timestamp::from_millis(ms).to_string()
}

/// An open exposure that was detected then.
pub(crate) fn open(credential: &str, detected: i64) -> Value {
    let key = Key { workflow: Workflow::SecretExposure, credential_id: credential };
    let detected_at = Timestamp::from_millis(detected);
    let record = WindowRecord {
        source: Some("github".to_owned()),
        location: Some("github".to_owned()),
        severity: Some(Severity::High),
        owner: Some("team-a".to_owned()),
        hollow: Some(HollowReasons::default()),
        effective: Some(false),
        ..WindowRecord::detected(ExposureId { key, detected_at })
    };
    serde_json::to_value(record).unwrap()
}

/// One that was decided so long after, by the reviewer with that number.
pub(crate) fn decided(credential: &str, detected: i64, after: i64, reviewer: u32) -> Value {
    let mut record = open(credential, detected);
    let at = time(detected + after);
    for (field, value) in [
        ("state", json!("closed")),
        ("revision", json!(3)),
        ("triaged_at", json!(time(detected))),
        ("presented_at", json!(time(detected))),
        ("recommendation", json!("revoke")),
        ("summary_words", json!(100)),
        ("decided_at", json!(at)),
        ("contained_at", json!(at)),
        ("reviewer", json!(format!("reviewer-{reviewer:012x}"))),
        ("verdict", json!("approve")),
        ("action", json!("revoke")),
        ("final_action", json!("revoke")),
    ] {
        record[field] = value;
    }
    record
}

/// The same, exposed at its detection: nothing of its wait is unknown.
pub(crate) fn known(record: &Value) -> Value {
    let mut record = record.clone();
    record["clock"] = json!("exposed");
    record["exposed_at"] = record["detected_at"].clone();
    record
}

pub(crate) fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// A report on `ledger`, a text of records.
pub(crate) fn run(ledger: impl Into<Vec<u8>>, args: &[&str]) -> Ran {
    Run::program().key(KEY).arg("report").arg("-").args(args).stdin(ledger).go()
}

/// The same as JSON.
#[track_caller]
pub(crate) fn report(ledger: impl Into<Vec<u8>>, args: &[&str]) -> Value {
    let ran = run(ledger, &[args, &["--format", "json"]].concat()).exits(0);
    no_nonsense(&ran.stdout);
    ran.json()
}

/// A report on what lies at `path`, as JSON.
#[track_caller]
pub(crate) fn report_on(path: &Path, args: &[&str]) -> Value {
    let run = Run::program().key(KEY).arg("report").arg(path).args(args);
    run.args(["--format", "json"]).go().exits(0).json()
}

/// No form of the report may hold what no figure is.
#[track_caller]
pub(crate) fn no_nonsense(text: &str) {
    for nonsense in ["NaN", "inf", "Infinity", "-0.0 ", "null %"] {
        let words = text.split(|c: char| !c.is_alphanumeric() && !".- %".contains(c));
        assert!(words.into_iter().all(|word| word.trim() != nonsense), "{nonsense}");
    }
}
