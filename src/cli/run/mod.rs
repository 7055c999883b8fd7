//! `shutterlag run`: reads events and measures until it is stopped, on Kafka or on one local
//! file.

mod kafka;
mod local;
mod log;
mod serve;
mod work;

use std::path::PathBuf;

use super::{CliError, Outcome, check};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file; `shutterlag check` checks it. Without it everything is kept in
    /// shutterlag.db in this directory, and events come in at http://127.0.0.1:9464/in/events.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// What kept the run from starting, or ended it.
pub fn run(args: &Args) -> Result<Outcome, CliError> {
    let settings = match &args.config {
        Some(config) => check::settings(config),
        None => check::settings_without_file(),
    };
    let Some(settings) = settings else { return Ok(Outcome::Failed) };
    if settings.uses_kafka() {
        kafka::run(settings)
    } else {
        local::run(settings, args.config.is_some())
    }
}
