//! `shutterlag explain`: shows the arithmetic of one finding of a ledger, or why several names are
//! one credential.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Write};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::{CliError, Outcome};
use crate::records::{Declared, Finding};
use crate::report::explain::{ExplainError, credential, explain, name as explain_name};
use crate::runtime::ledger::is_store;
use crate::runtime::local::Reader;
use crate::runtime::stages::Fault;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A finding: its line in findings.ndjson, or its name: finding/exposure_id,
    /// rubber_stamp_suspected/reviewer/time, reviewer_flagged/reviewer. The name of an exposure or
    /// the address of its page on the board is enough if one finding is about it; a line of
    /// findings.ndjson works, too. A local store counts its findings in the order of their names.
    /// Or a name of a credential: which names it has, and who linked them.
    #[arg(value_name = "FINDING|NAME")]
    what: String,

    /// The directory that `replay --out` wrote, or the file of a local store.
    #[arg(long, value_name = "LEDGER")]
    ledger: PathBuf,

    /// Show every step, not only the last ones.
    #[arg(long)]
    all: bool,
}

/// Runs the command. The outcome is a failure if the ledger gives another result than
/// the finding.
///
/// # Errors
/// When the ledger cannot be read, or does not contain the finding.
pub fn run(args: &Args) -> Result<Outcome, CliError> {
    let ledger = || match is_store(&args.ledger) {
        true => in_store(&args.ledger),
        false => {
            Ok((open(&args.ledger, "findings.ndjson")?, open(&args.ledger, "windows.ndjson")?))
        }
    };
    let (mut findings, mut windows) = ledger()?;
    let which = pasted(&args.what);
    let mut explained = explain(&mut *findings, &mut *windows, &which, args.all);
    if matches!(explained, Err(ExplainError::NotFound)) {
        explained = credential(&mut *ledger()?.1, &which);
    }
    let explained = explained.map_err(|error| match error {
        ExplainError::NotFound | ExplainError::Several(_) => CliError::Usage(error.to_string()),
        error => CliError::Failed(format!("{}: {error}", args.ledger.display())),
    })?;
    match io::stdout().lock().write_all(explained.text.as_bytes()) {
        // The reader of our output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        printed => printed?,
    }
    Ok(if explained.agrees { Outcome::Fine } else { Outcome::Failed })
}

/// What somebody means who pastes `text`: a name with what stood around it, the address of an
/// exposure's page or answer, or a whole line of a file of findings.
fn pasted(text: &str) -> String {
    let text = text.trim().trim_matches(['"', '\'', '`', ',']);
    if let Ok(finding) = Finding::read(text.as_bytes()) {
        return explain_name(&finding);
    }
    let paths = ["/exposure/", "/api/v1/exposures/", "/api/v1/windows/"];
    let web = text.starts_with("http://") || text.starts_with("https://");
    let rest = paths.iter().filter(|_| web).find_map(|path| text.split_once(path));
    let Some((_, rest)) = rest else { return text.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    percent_decode_str(rest).decode_utf8_lossy().into_owned()
}

/// Lines to read.
type Lines = Box<dyn BufRead>;

fn open(ledger: &Path, name: &str) -> Result<Lines, CliError> {
    let path = ledger.join(name);
    let file = File::open(&path).map_err(|error| {
        CliError::Failed(format!(
            "{}: {error}; give the directory that `replay --out` wrote, or the file of a \
                 local store",
            path.display()
        ))
    })?;
    Ok(Box::new(BufReader::new(file)))
}

/// The findings and the windows of a store.
fn in_store(path: &Path) -> Result<(Lines, Lines), CliError> {
    let failed = |fault: Fault| CliError::Failed(fault.to_string());
    let reader = Reader::open(path).map_err(failed)?;
    let (mut findings, mut windows) = (Vec::new(), Vec::new());
    let add = |lines: &mut Vec<u8>, record: &[u8]| {
        lines.extend_from_slice(record);
        lines.push(b'\n');
    };
    reader.findings(&mut |record| add(&mut findings, record)).map_err(failed)?;
    let visit = &mut |_: &str, record: &[u8]| {
        add(&mut windows, record);
        Ok(())
    };
    reader.windows(visit).map_err(failed)?;
    Ok((Box::new(Cursor::new(findings)), Box::new(Cursor::new(windows))))
}

#[cfg(test)]
mod tests {
    use super::pasted;

    #[test]
    fn what_people_paste_is_understood() {
        let name = "impossible_reading/secret_exposure/github:example-org/app#7/1772452800000";
        let exposure = "secret_exposure/github:example-org/app#7/1772452800000";
        let line = r#"{"finding":"impossible_reading","at":"2026-03-02T12:00:00.000Z","exposure_id":"secret_exposure/github:example-org/app#7/1772452800000","workflow":"secret_exposure","reviewer":"reviewer-1","evidence":{}}"#;
        for (text, meant) in [
            ("7", "7"),
            (name, name),
            (&format!("  \"{name}\",\n"), name),
            (&format!("`{exposure}`"), exposure),
            (line, name),
            (
                "https://lag.example.org/exposure/secret_exposure%2Fgithub%3Aexample-org%2Fapp%237%2F1772452800000?tz=local",
                exposure,
            ),
            (
                "http://127.0.0.1:9464/api/v1/windows/secret_exposure%2Fgithub%3Aexample-org%2Fapp%237%2F1772452800000",
                exposure,
            ),
        ] {
            assert_eq!(pasted(text), meant, "{text}");
        }
    }
}
