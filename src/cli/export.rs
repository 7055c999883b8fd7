//! `shutterlag export`: writes the events of a local store out.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{CliError, Outcome, tell};
use crate::runtime::local::{ExportError, Reader, export};

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The local store. A run may use it meanwhile.
    #[arg(long, value_name = "FILE", default_value = "shutterlag.db")]
    store: PathBuf,

    /// Write to this file, which must not be there yet [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A store that cannot be read, or output that cannot be written.
pub fn run(args: &Args) -> Result<Outcome, CliError> {
    // A store that cannot be read leaves no file behind.
    let store = Reader::open(&args.store).map_err(|fault| CliError::Failed(fault.to_string()))?;
    let mut out: Box<dyn Write> = match &args.out {
        None => Box::new(io::stdout().lock()),
        Some(path) => Box::new(new_file(path)?),
    };
    match export(&store, &mut BufWriter::new(&mut out)) {
        Ok(events) if args.out.is_some() => tell(&format!("shutterlag: {events} events")),
        Ok(_) => {}
        // The reader of our output has closed it.
        Err(ExportError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => return Err(CliError::Failed(error.to_string())),
    }
    Ok(Outcome::Fine)
}

/// A new file for its owner alone: events hold the names of reviewers, as the store does.
fn new_file(path: &Path) -> Result<File, CliError> {
    let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    made.map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::AlreadyExists => "it is there already; choose another --out".to_owned(),
            io::ErrorKind::NotFound => {
                "the directory does not exist; make it, or choose another --out".to_owned()
            }
            _ => error.to_string(),
        };
        CliError::Failed(format!("{}: {why}", path.display()))
    })
}
