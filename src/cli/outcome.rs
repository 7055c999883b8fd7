//! What every command shares: how it can end, how it can fail, and how it tells the user.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::report::terminal::printable;

/// Why a command could not do its work.
#[derive(Debug)]
pub enum CliError {
    /// The arguments contradict each other or themselves.
    Usage(String),
    /// Something outside failed.
    Failed(String),
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (CliError::Usage(why) | CliError::Failed(why)) = self;
        f.write_str(why)
    }
}

impl std::error::Error for CliError {}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> CliError {
        CliError::Failed(error.to_string())
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Fine,
    /// Something failed; it has been said.
    Failed,
    /// `--strict`, and something was refused.
    Refused,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(match outcome {
            Outcome::Fine => 0,
            Outcome::Failed => 1,
            Outcome::Refused => 3,
        })
    }
}

/// Tells the user on standard error. That this cannot be written is no reason to
/// stop: the exit status tells as well.
pub(super) fn tell(message: &str) {
    let _ = writeln!(io::stderr(), "{}", printable(message));
}
