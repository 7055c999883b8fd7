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
use serde_json::Value;

use super::oversight::{FLAGGED, RulesShown, SUSPECTED};
use super::terminal::printable;
use crate::config::OversightFault;
use crate::engine::oversight::{Advised, HollowReason, Known, Review};
use crate::event::{Action, Severity, Verdict, Workflow};
use crate::time::Timestamp;

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
                 rubber_stamp_suspected/reviewer/time or reviewer_flagged/reviewer",
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

/// A line of `findings.ndjson`.
#[derive(Debug, Deserialize)]
struct Finding {
    finding: String,
    at: Timestamp,
    exposure_id: Option<String>,
    reviewer: Option<String>,
    evidence: Value,
}

impl Finding {
    /// What it is called, beside its line.
    fn name(&self) -> String {
        let reviewer = self.reviewer.as_deref().unwrap_or_default();
        match (self.finding.as_str(), &self.exposure_id) {
            (kind, Some(exposure)) => format!("{kind}/{exposure}"),
            (FLAGGED, None) => format!("{FLAGGED}/{reviewer}"),
            (kind, None) => format!("{kind}/{reviewer}/{}", self.at),
        }
    }

    fn rules(&self) -> Result<RulesShown, ExplainError> {
        RulesShown::deserialize(&self.evidence["rules"])
            .map_err(|_| ExplainError::Incomplete("the rules of the finding"))
    }
}

/// What of a line of `windows.ndjson` bears on a review.
#[derive(Debug, Deserialize)]
struct Line {
    exposure_id: String,
    workflow: Workflow,
    credential_id: String,
    severity: Option<Severity>,
    revision: u64,
    detected_at: Timestamp,
    presented_at: Option<Timestamp>,
    opened_at: Option<Timestamp>,
    decided_at: Option<Timestamp>,
    band: Option<String>,
    recommendation: Option<Action>,
    confidence: Option<f64>,
    summary_words: Option<u32>,
    reviewer: Option<String>,
    verdict: Option<Verdict>,
    action: Option<Action>,
    agreed: Option<bool>,
    batch_id: Option<String>,
    rationale_words: Option<u32>,
    rationale_digest: Option<String>,
    truth: Option<Known>,
    hollow: Vec<HollowReason>,
}

impl Line {
    fn review(&self, expect_opening: &[Workflow]) -> Option<Review<'_>> {
        let found = |reason| self.hollow.contains(&reason);
        let advice = self.presented_at.zip(self.recommendation);
        Some(Review {
            workflow: self.workflow,
            credential_id: self.credential_id.as_str().into(),
            detected_at: self.detected_at,
            revision: self.revision,
            mark: 0,
            reviewer: self.reviewer.as_deref()?.into(),
            decided_at: self.decided_at?,
            first_opened_at: self.opened_at,
            opened_by_same_clock: true,
            opened_at: self.opened_at,
            source: Some("".into()),
            action: self.action?,
            verdict: self.verdict,
            agreed: self.agreed,
            advice: advice.map(|(presented_at, recommendation)| Advised {
                first_presented_at: presented_at,
                presented_by_same_clock: true,
                presented_at,
                recommendation,
                confidence: self.confidence,
                summary_words: self.summary_words,
                summary_chars: None,
                repeated: false,
            }),
            severity: self.severity,
            model: None,
            incident: None,
            own_request: found(HollowReason::SelfApproval),
            batch_id: self.batch_id.as_deref().map(Into::into),
            rationale_words: self.rationale_words,
            rationale_digest: self.rationale_digest.as_deref().map(Into::into),
            authorized: found(HollowReason::Unauthorized).then_some(false),
            truth: self.truth,
            expects_opening: expect_opening.contains(&self.workflow),
            ahead: self.band.as_deref() == Some("ahead"),
        })
    }
}

/// All lines of a file, as what they are.
fn lines<T: for<'de> Deserialize<'de>>(
    input: &mut dyn BufRead,
    file: &'static str,
) -> impl Iterator<Item = Result<T, ExplainError>> {
    input.lines().zip(1..).map(move |(text, line)| {
        serde_json::from_str(&text?).map_err(|_| ExplainError::Malformed { file, line })
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
        if Some(line) == number || finding.name() == which {
            found = Some(finding);
            break;
        }
    }
    let finding = found.ok_or(ExplainError::NotFound)?;
    let windows: Vec<Line> = lines(windows, "windows.ndjson").collect::<Result<_, _>>()?;
    let mut explained = match finding.finding.as_str() {
        SUSPECTED => sequential::suspected(&finding, &windows, all)?,
        FLAGGED => sequential::flagged(&finding, &windows, all)?,
        _ => certificate::explain(&finding, &windows)?,
    };
    explained.text.insert_str(0, &format!("{}\n\n", printable(&finding.name())));
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
