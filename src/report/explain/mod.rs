//! One finding, computed again from the ledger, with the arithmetic shown.
//!
//! Invariants: nothing but `findings.ndjson` and `windows.ndjson` is read, and the
//! rules are those that the finding states; what is recomputed is compared with
//! what was recorded, and a difference is told, never smoothed over.

mod certificate;
mod credential;
mod outcome;
mod sequential;

use std::io::BufRead;

pub use self::credential::credential;
pub use self::outcome::{ExplainError, Explained};

use super::terminal::printable;
use crate::records::{Declared, Finding, WindowRecord};

/// What a finding is called, beside its line.
pub fn name(finding: &Finding) -> String {
    let reviewer = finding.reviewer.as_deref().unwrap_or_default();
    match (finding.name(), &finding.exposure_id) {
        (kind, Some(exposure)) => format!("{kind}/{exposure}"),
        (Finding::FLAGGED, None) => format!("{}/{reviewer}", Finding::FLAGGED),
        (kind, None) => format!("{kind}/{reviewer}/{}", finding.at),
    }
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

/// The windows in the order in which they are judged where their decisions are of one moment
/// or one batch. A store keeps them in another one.
fn in_order(mut windows: Vec<WindowRecord>) -> Vec<WindowRecord> {
    windows.sort_by(|a, b| a.exposure_id().cmp(&b.exposure_id()));
    windows
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
    let (mut found, mut about) = (None, Vec::new());
    for (finding, line) in lines::<Finding>(findings, "findings.ndjson").zip(1..) {
        let finding = finding?;
        if Some(line) == number || name(&finding) == which {
            found = Some(finding);
            break;
        }
        if finding.exposure_id.as_ref().is_some_and(|exposure| exposure.to_string() == which) {
            about.push(finding);
        }
    }
    let finding = match (found, about.len()) {
        (Some(finding), _) => finding,
        (None, 0) => return Err(ExplainError::NotFound),
        (None, 1) => about.remove(0),
        (None, _) => return Err(ExplainError::Several(about.iter().map(name).collect())),
    };
    let windows = lines(windows, "windows.ndjson").collect::<Result<Vec<WindowRecord>, _>>()?;
    let windows = in_order(windows);
    let mut explained = match finding.name() {
        Finding::SUSPECTED => sequential::suspected(&finding, &windows, all)?,
        Finding::FLAGGED => sequential::flagged(&finding, &windows, all)?,
        _ => certificate::explain(&finding, &windows)?,
    };
    explained.text.insert_str(0, &format!("{}\n\n", printable(&name(&finding))));
    Ok(explained)
}
