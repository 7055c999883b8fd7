//! `shutterlag explain`: shows the arithmetic of one finding of a ledger.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use super::{CliError, Outcome};
use crate::report::explain::{ExplainError, explain};

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The finding: its line in findings.ndjson, or its name: finding/exposure_id,
    /// rubber_stamp_suspected/reviewer/time, reviewer_flagged/reviewer.
    #[arg(value_name = "FINDING")]
    finding: String,

    /// The directory that `replay --out` wrote.
    #[arg(long, value_name = "DIR")]
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
    let (mut findings, mut windows) =
        (open(&args.ledger, "findings.ndjson")?, open(&args.ledger, "windows.ndjson")?);
    let explained = explain(&mut findings, &mut windows, &args.finding, args.all);
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

fn open(ledger: &Path, name: &str) -> Result<BufReader<File>, CliError> {
    let path = ledger.join(name);
    let file = File::open(&path);
    file.map(BufReader::new)
        .map_err(|error| CliError::Failed(format!("{}: {error}", path.display())))
}
