//! `shutterlag completions` and `shutterlag man`: what shells and `man` know of the commands.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;

use super::{CliError, Outcome};

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// The directory to write the pages to, one for each command; it is made if it is not there.
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

/// Writes the completions of `command` to standard output.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(args: &CompletionsArgs, mut command: Command) -> Result<Outcome, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "shutterlag", &mut text);
    match io::stdout().lock().write_all(&text) {
        // The reader of our output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        printed => printed?,
    }
    Ok(Outcome::Fine)
}

/// Writes a page for `command`, and one for each of its commands.
///
/// # Errors
/// When a page cannot be written.
pub fn man(args: &ManArgs, command: Command) -> Result<Outcome, CliError> {
    let failed =
        |error: io::Error| CliError::Failed(format!("{}: {error}", args.directory.display()));
    std::fs::create_dir_all(&args.directory).map_err(failed)?;
    clap_mangen::generate_to(command, &args.directory).map_err(failed)?;
    Ok(Outcome::Fine)
}
