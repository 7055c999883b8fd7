//! `shutterlag explain`: shows the arithmetic of one finding of a ledger, or why several names are
//! one credential.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Write};
use std::path::{Path, PathBuf};

use super::{CliError, Outcome};
use crate::report::explain::{ExplainError, credential, explain};
use crate::runtime::ledger::is_store;
use crate::runtime::local::Reader;
use crate::runtime::stages::Fault;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A finding: its line in findings.ndjson, or its name: finding/exposure_id,
    /// rubber_stamp_suspected/reviewer/time, reviewer_flagged/reviewer. A local store counts
    /// its findings in the order of their names. Or a name of a credential: which names it has,
    /// and who linked them.
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
    let mut explained = explain(&mut *findings, &mut *windows, &args.what, args.all);
    if matches!(explained, Err(ExplainError::NotFound)) {
        explained = credential(&mut *ledger()?.1, &args.what);
    }
    let explained = explained.map_err(|error| match error {
        ExplainError::NotFound => CliError::Usage(error.to_string()),
        error => CliError::Failed(format!("{}: {error}", args.ledger.display())),
    })?;
    match io::stdout().lock().write_all(explained.text.as_bytes()) {
        // The reader of our output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        printed => printed?,
    }
    Ok(if explained.agrees { Outcome::Fine } else { Outcome::Failed })
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
