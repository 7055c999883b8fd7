//! A report held against a ledger: is it what the ledger gives?
//!
//! Invariants: all figures are computed again from the ledger and the question that
//! the report states, and compared one by one; nothing of the report is taken on
//! trust but what was asked; where a source lies is no difference, what it holds is.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::evidence::Partition;
use super::{FORMAT, FORMAT_VERSION, Question, Report};

/// Two figures this close, relatively, are the same: another machine may round the
/// last digit of a logarithm otherwise.
const SAME: f64 = 1e-9;

/// Differences told one by one.
const TOLD_MAX: usize = 40;

/// A report as it was written.
#[derive(Debug)]
pub struct Written {
    value: Value,
    /// What it says was asked.
    pub question: Question,
    /// The topics it says it was made from, and what it read of each.
    pub topics: BTreeMap<String, Vec<Partition>>,
    /// The version that wrote it.
    pub version: String,
}

/// Why something is no report.
#[derive(Debug)]
pub enum VerifyError {
    /// It is not JSON.
    NotJson(serde_json::Error),
    /// It is JSON, and none of our reports.
    NotAReport,
    /// Its format is of another version.
    OtherFormat(u64),
    /// It does not state what was asked in a form that can be asked again.
    NoQuestion(serde_json::Error),
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerifyError::NotJson(error) => write!(f, "not JSON: {error}"),
            VerifyError::NotAReport => {
                f.write_str("not a report: give the JSON form, as `shutterlag report --out REPORT.json` writes it")
            }
            VerifyError::OtherFormat(version) => write!(
                f,
                "a report of format {version}, and this program knows {FORMAT_VERSION}: use the version that wrote it"
            ),
            VerifyError::NoQuestion(error) => write!(f, "it does not state what was asked: {error}"),
        }
    }
}

impl std::error::Error for VerifyError {}

impl Written {
    /// Reads a report's JSON form.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn parse(json: &[u8]) -> Result<Written, VerifyError> {
        let value: Value = serde_json::from_slice(json).map_err(VerifyError::NotJson)?;
        if value["report"] != FORMAT {
            return Err(VerifyError::NotAReport);
        }
        match value["format"].as_u64() {
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            Some(version) => return Err(VerifyError::OtherFormat(version)),
            None => return Err(VerifyError::NotAReport),
        }
        let question =
            Question::deserialize(&value["question"]).map_err(VerifyError::NoQuestion)?;
        let version = value["tool"]["version"].as_str().unwrap_or("?").to_owned();
        let mut topics = BTreeMap::new();
        for source in value["evidence"]["sources"].as_array().into_iter().flatten() {
            let partitions = Vec::<Partition>::deserialize(&source["partitions"]);
            if let Some((name, partitions)) = source["name"].as_str().zip(partitions.ok()) {
                topics.insert(name.to_owned(), partitions);
            }
        }
        Ok(Written { value, question, topics, version })
    }

    /// What of the report differs from `computed`, the answer that the ledger gives
    /// to the same question.
    ///
    /// # Errors
    /// A report that cannot be written.
    pub fn differences(&self, computed: &Report) -> Result<Differences, serde_json::Error> {
        let mut ours = serde_json::to_value(computed)?;
        let mut theirs = self.value.clone();
        for report in [&mut ours, &mut theirs] {
            // Who wrote it is told apart, and where a file lay is no difference.
            report["tool"] = Value::Null;
            let mut compacted = false;
            for source in report["evidence"]["sources"].as_array_mut().into_iter().flatten() {
                if source["kind"] == "file" {
                    source["name"] = Value::Null;
                }
                for part in source["partitions"].as_array_mut().into_iter().flatten() {
                    compacted = true;
                    part["records"] = Value::Null;
                    part["from_offset"] = Value::Null;
                }
            }
            // A compacted topic forgets what was replaced: only what counts must be there.
            if compacted {
                for gone in ["read", "superseded", "void", "tombstones"] {
                    report["evidence"][gone] = Value::Null;
                }
                // Theirs is a topic that is cleaned up by age.
                report["quality"]["dead_letters"] = Value::Null;
            }
        }
        let mut found = Differences::default();
        // The records first: they explain the rest.
        compare("evidence", &theirs["evidence"], &ours["evidence"], &mut found);
        let (theirs, ours) = (theirs.as_object_mut(), ours.as_object_mut());
        if let Some((theirs, ours)) = theirs.zip(ours) {
            theirs.remove("evidence");
            ours.remove("evidence");
            fields("", theirs, ours, &mut found);
        }
        Ok(found)
    }
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Differences {
    /// The first ones.
    pub told: Vec<Difference>,
    /// All of them.
    pub count: usize,
}

/// A figure that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where it stands in the report.
    pub path: String,
    /// What the report says; `None`: it says nothing there.
    pub reported: Option<Value>,
    /// What the ledger gives; `None`: nothing.
    pub computed: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), cut);
        write!(
            f,
            "{}: the report says {}, the ledger gives {}",
            self.path,
            shown(&self.reported),
            shown(&self.computed)
        )
    }
}

/// A value as text, no longer than a line.
fn cut(value: &Value) -> String {
    const MOST: usize = 100;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

impl Differences {
    fn add(&mut self, path: &str, reported: Option<&Value>, computed: Option<&Value>) {
        self.count += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(Difference {
                path: path.to_owned(),
                reported: reported.cloned(),
                computed: computed.cloned(),
            });
        }
    }
}

fn compare(path: &str, reported: &Value, computed: &Value, found: &mut Differences) {
    match (reported, computed) {
        (Value::Object(theirs), Value::Object(ours)) => fields(path, theirs, ours, found),
        (Value::Array(theirs), Value::Array(ours)) => {
            // Days are told apart by their date, so that one more is one difference.
            let key = |value: &Value| value["detected"].as_str().map(str::to_owned);
            if path == "evidence.days" && theirs.iter().chain(ours).all(|day| key(day).is_some()) {
                let named = |days: &[Value]| {
                    days.iter().filter_map(|day| Some((key(day)?, day.clone()))).collect()
                };
                return fields(path, &named(theirs), &named(ours), found);
            }
            for at in 0..theirs.len().max(ours.len()) {
                let place = format!("{path}[{at}]");
                both(&place, theirs.get(at), ours.get(at), found);
            }
        }
        (Value::Number(theirs), Value::Number(ours)) if theirs.is_f64() || ours.is_f64() => {
            let close = theirs
                .as_f64()
                .zip(ours.as_f64())
                .is_some_and(|(a, b)| (a - b).abs() <= SAME * a.abs().max(b.abs()).max(1.0));
            if !close {
                found.add(path, Some(reported), Some(computed));
            }
        }
        _ if reported == computed => {}
        _ => found.add(path, Some(reported), Some(computed)),
    }
}

fn fields(
    path: &str,
    theirs: &serde_json::Map<String, Value>,
    ours: &serde_json::Map<String, Value>,
    found: &mut Differences,
) {
    let names: std::collections::BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    for name in names {
        let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        both(&place, theirs.get(name), ours.get(name), found);
    }
}

fn both(path: &str, reported: Option<&Value>, computed: Option<&Value>, found: &mut Differences) {
    match (reported, computed) {
        (Some(reported), Some(computed)) => compare(path, reported, computed, found),
        (reported, computed) => found.add(path, reported, computed),
    }
}
