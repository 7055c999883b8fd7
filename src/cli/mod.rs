//! Arguments → one command. Each command has a file.

pub mod check;
pub mod demo;
mod dressed;
pub mod explain;
pub mod export;
mod identity;
pub mod manual;
pub mod map;
mod outcome;
mod output;
pub mod replay;
pub mod report;
pub mod run;
mod signals;
pub mod simulate;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use outcome::tell;
pub use outcome::{CliError, Outcome};

/// What most people want first.
const EXAMPLES: &str = "\
Examples:
  shutterlag demo
      watch a simulated organisation live in the browser
  shutterlag replay leaks.ndjson --out ledger/
      read files of events: what happened to each leaked credential?
  shutterlag run
      take events in, keep them in one local file, show the board and raise alerts
";

/// The version, the commit and the features of this build.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("SHUTTERLAG_COMMIT"),
    ", features: ",
    env!("SHUTTERLAG_FEATURES"),
    ")"
);

/// Measures how long leaked credentials wait for a human decision, against the
/// 9 to 17 minutes that attackers take.
#[derive(Debug, Parser)]
#[command(
    name = "shutterlag",
    version = VERSION,
    about,
    before_help = EXAMPLES,
    max_term_width = 100
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read files of events and report what happened to each leaked credential.
    Replay(Box<replay::Args>),
    /// Show a simulated organisation live in the browser.
    Demo(demo::Args),
    /// Run live: take events in, measure windows and raise alerts until stopped.
    Run(run::Args),
    /// Check the configuration of a live run, and print the configuration in force.
    Check(check::Args),
    /// Recompute one finding of a ledger and show the arithmetic.
    Explain(explain::Args),
    /// Report from a ledger whether human control was effective, for governance: as
    /// HTML, Markdown, JSON or CSV.
    Report(Box<report::Args>),
    /// Write the events that a local store holds, one in a line, in the order of arrival.
    Export(export::Args),
    /// Maps: sources that are described in jq. List them, try one, test one.
    Map(map::Args),
    /// Write the events of a simulated organisation whose truth is known.
    Simulate(Box<simulate::SimulateArgs>),
    /// Print what a shell needs to complete commands and options.
    Completions(manual::CompletionsArgs),
    /// Write the manual pages of all commands to a directory.
    Man(manual::ManArgs),
}

impl From<simulate::SimulateError> for CliError {
    fn from(error: simulate::SimulateError) -> CliError {
        match error {
            simulate::SimulateError::Option(_) | simulate::SimulateError::SameFile(_) => {
                CliError::Usage(error.to_string())
            }
            error => CliError::Failed(error.to_string()),
        }
    }
}

/// Runs the command that the arguments name. A wrong argument ends the process
/// with status 2, as `clap` does.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Replay(args) => replay::run(*args),
        Command::Demo(args) => demo::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Map(args) => map::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Completions(args) => manual::completions(&args, Cli::command()),
        Command::Man(args) => manual::man(&args, Cli::command()),
        Command::Simulate(args) => {
            simulate::run(&args).map(|_| Outcome::Fine).map_err(CliError::from)
        }
    };
    match result {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            tell(&format!("shutterlag: {error}"));
            ExitCode::from(if matches!(error, CliError::Usage(_)) { 2 } else { 1 })
        }
    }
}
