//! What an explanation comes to, and why there may be none.

use std::fmt;
use std::io;

use serde::Deserialize;

use crate::config::OversightFault;
use crate::records::Finding;
use crate::report::terminal::printable;

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
    /// Several findings are about that exposure: what they are called.
    Several(Vec<String>),
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
                "no finding and no credential is called that: give a finding's number from 1 on \
                 (in a directory, its line in findings.ndjson), or its name: finding/exposure_id, \
                 rubber_stamp_suspected/reviewer/time or reviewer_flagged/reviewer; or a name of \
                 a credential as the ledger has it",
            ),
            ExplainError::Several(names) => {
                let names: Vec<String> = names.iter().map(|name| printable(name)).collect();
                write!(
                    f,
                    "several findings are about this exposure; give one of them: {}",
                    names.join(" ")
                )
            }
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

/// The evidence of a finding.
pub(super) fn evidence<'f, E: Deserialize<'f>>(finding: &'f Finding) -> Result<E, ExplainError> {
    E::deserialize(&finding.evidence)
        .map_err(|_| ExplainError::Incomplete("the evidence of the finding"))
}

/// The last line: whether what was computed is what was recorded.
pub(super) fn compare(text: &mut String, what: &str, recorded: Option<f64>, computed: f64) -> bool {
    let Some(recorded) = recorded else {
        text.push_str(&format!("\nNothing is recorded of the {what}.\n"));
        return false;
    };
    let same = (recorded - computed).abs() <= SAME * recorded.abs().max(computed.abs()).max(1.0);
    let verdict = if same { "the same" } else { "NOT THE SAME" };
    text.push_str(&format!("\n{what}: recorded {recorded}, computed {computed}: {verdict}\n"));
    same
}
