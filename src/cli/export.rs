//! `shutterlag export`: writes the events of a local store out.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use super::{CliError, Outcome, tell};
use crate::runtime::local::export;

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
    let mut out: Box<dyn Write> = match &args.out {
        None => Box::new(io::stdout().lock()),
        Some(path) => Box::new(
            File::create_new(path)
                .map_err(|error| CliError::Failed(format!("{}: {error}", path.display())))?,
        ),
    };
    let events = export(&args.store, &mut BufWriter::new(&mut out))
        .map_err(|fault| CliError::Failed(fault.to_string()))?;
    if args.out.is_some() {
        tell(&format!("shutterlag: {events} events"));
    }
    Ok(Outcome::Fine)
}
