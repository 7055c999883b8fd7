//! One finding, computed again from the ledger, with the arithmetic shown.
//!
//! Invariants: nothing but `findings.ndjson` and `windows.ndjson` is read, and the
//! rules are those that the finding states; what is recomputed is compared with
//! what was recorded, and a difference is told, never smoothed over.

mod certificate;
mod sequential;

use std::fmt;
use std::io::{self, BufRead};

use serde::Deserialize;

use super::terminal::printable;
use crate::config::OversightFault;
use crate::records::{Declared, Finding, WindowRecord};

/// Two figures this close, relatively, are the same.
const SAME: f64 = 1e-9;

/// What an explanation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The arithmetic, for people.
    pub text: String,
    /// Whether it gives what was recorded.
    pub agrees: bool,
}

/// Why a finding cannot be explained.
#[derive(Debug)]
pub enum ExplainError {
    /// The ledger cannot be read.
    Read(io::Error),
    /// A line is not what a ledger holds.
    Malformed {
        /// The file.
        file: &'static str,
        /// The line, counted from 1.
        line: usize,
    },
    /// No finding goes by that name.
    NotFound,
    /// The ledger has no window that the finding needs.
    Incomplete(&'static str),
    /// The rules that the finding states are none.
    Rules(OversightFault),
}

impl fmt::Display for ExplainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExplainError::Read(error) => error.fmt(f),
            ExplainError::Malformed { file, line } => {
                write!(f, "{file}:{line}: not a line of a ledger")
            }
            ExplainError::NotFound => f.write_str(
                "no such finding: give its line in findings.ndjson, or finding/exposure_id, \
                 rubber_stamp_suspected/reviewer/time or reviewer_flagged/reviewer/list",
            ),
            ExplainError::Incomplete(what) => write!(f, "the ledger lacks {what}"),
            ExplainError::Rules(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for ExplainError {}

impl From<io::Error> for ExplainError {
    fn from(error: io::Error) -> ExplainError {
        ExplainError::Read(error)
    }
}

impl From<OversightFault> for ExplainError {
    fn from(fault: OversightFault) -> ExplainError {
        ExplainError::Rules(fault)
    }
}

/// Formatting into memory does not fail.
impl From<fmt::Error> for ExplainError {
    fn from(error: fmt::Error) -> ExplainError {
        ExplainError::Read(io::Error::other(error))
    }
}

/// What a finding is called, beside its line.
fn name(finding: &Finding) -> String {
    let reviewer = finding.reviewer.as_deref().unwrap_or_default();
    match (finding.name(), &finding.exposure_id) {
        (kind, Some(exposure)) => format!("{kind}/{exposure}"),
        (Finding::FLAGGED, None) => {
            let list = finding.evidence["list"].as_str().unwrap_or("?");
            format!("{}/{reviewer}/{list}", Finding::FLAGGED)
        }
        (kind, None) => format!("{kind}/{reviewer}/{}", finding.at),
    }
}

/// The evidence of a finding.
fn evidence<'f, E: Deserialize<'f>>(finding: &'f Finding) -> Result<E, ExplainError> {
    E::deserialize(&finding.evidence)
        .map_err(|_| ExplainError::Incomplete("the evidence of the finding"))
}

/// All lines of a file, as the records that they are.
fn lines<R: Declared>(
    input: &mut dyn BufRead,
    file: &'static str,
) -> impl Iterator<Item = Result<R, ExplainError>> {
    input.lines().zip(1..).map(move |(text, line)| {
        R::read(text?.as_bytes()).map_err(|_| ExplainError::Malformed { file, line })
    })
}

/// Explains the finding called `which`; `all` shows every step, not only the latest.
///
/// # Errors
/// See [`ExplainError`].
pub fn explain(
    findings: &mut dyn BufRead,
    windows: &mut dyn BufRead,
    which: &str,
    all: bool,
) -> Result<Explained, ExplainError> {
    let number = which.parse::<usize>().ok();
    let mut found = None;
    for (finding, line) in lines::<Finding>(findings, "findings.ndjson").zip(1..) {
        let finding = finding?;
        if Some(line) == number || name(&finding) == which {
            found = Some(finding);
            break;
        }
    }
    let finding = found.ok_or(ExplainError::NotFound)?;
    let windows: Vec<WindowRecord> = lines(windows, "windows.ndjson").collect::<Result<_, _>>()?;
    let mut explained = match finding.name() {
        Finding::SUSPECTED => sequential::suspected(&finding, &windows, all)?,
        Finding::FLAGGED => sequential::flagged(&finding, &windows, all)?,
        _ => certificate::explain(&finding, &windows)?,
    };
    explained.text.insert_str(0, &format!("{}\n\n", printable(&name(&finding))));
    Ok(explained)
}

/// The last line: whether what was computed is what was recorded.
fn compare(text: &mut String, what: &str, recorded: Option<f64>, computed: f64) -> bool {
    let Some(recorded) = recorded else {
        text.push_str(&format!("\nNothing is recorded of the {what}.\n"));
        return false;
    };
    let same = (recorded - computed).abs() <= SAME * recorded.abs().max(computed.abs()).max(1.0);
    let verdict = if same { "the same" } else { "NOT THE SAME" };
    text.push_str(&format!("\n{what}: recorded {recorded}, computed {computed}: {verdict}\n"));
    same
}
