//! What both runtimes say: the program's own log, and why a run fails.

use std::io::IsTerminal;

use crate::cli::CliError;
use crate::runtime::logging;
use crate::settings::{LogFormat, Settings};

/// Starts the program's own log.
pub(super) fn start(settings: &Settings) -> Result<(), CliError> {
    let form = match settings.log.format {
        LogFormat::Pretty => logging::Form::Pretty,
        LogFormat::Json => logging::Form::Json,
    };
    logging::init(form, &settings.log.filter, std::io::stderr().is_terminal())
        .map_err(|error| CliError::Failed(error.to_string()))
}

pub(super) fn failed(error: &dyn std::fmt::Display) -> CliError {
    CliError::Failed(error.to_string())
}
