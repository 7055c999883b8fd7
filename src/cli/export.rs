//! `shutterlag export`: writes the events of a local store out, as NDJSON or to a cluster.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::identity::{self, Keyed};
use super::{CliError, Outcome, check, tell};
use crate::runtime::kafka::export::Exported;
use crate::runtime::kafka::{self, Tokens};
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

    /// Write NDJSON, or write to the topic of events of a cluster, each event once: a later
    /// export goes on where this one stops.
    #[arg(long, value_enum, default_value_t = To::Ndjson)]
    to: To,

    /// The configuration of the cluster's runs, for `--to kafka`.
    #[arg(long, value_name = "FILE", required_if_eq("to", "kafka"), conflicts_with = "out")]
    config: Option<PathBuf>,
}

/// Where events go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum To {
    /// Text, one event in a line.
    Ndjson,
    /// The topic of events of a cluster.
    Kafka,
}

/// Runs the command.
///
/// # Errors
/// A store that cannot be read, or output that cannot be written.
pub fn run(args: &Args) -> Result<Outcome, CliError> {
    // A store that cannot be read leaves no file behind.
    let store = Reader::open(&args.store).map_err(|fault| failed(&fault))?;
    match (args.to, &args.config) {
        (To::Kafka, Some(config)) => to_kafka(args, &store, config),
        _ => to_ndjson(args, &store),
    }
}

fn to_ndjson(args: &Args, store: &Reader) -> Result<Outcome, CliError> {
    let mut out: Box<dyn Write> = match &args.out {
        None => Box::new(io::stdout().lock()),
        Some(path) => Box::new(new_file(path)?),
    };
    match export(store, &mut BufWriter::new(&mut out)) {
        Ok(events) if args.out.is_some() => tell(&format!("shutterlag: {events} events")),
        Ok(_) => {}
        // The reader of our output has closed it.
        Err(ExportError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => return Err(failed(&error)),
    }
    Ok(Outcome::Fine)
}

fn to_kafka(args: &Args, store: &Reader, config: &Path) -> Result<Outcome, CliError> {
    let Some(settings) = check::settings(config) else { return Ok(Outcome::Failed) };
    let config = config.display();
    if !settings.uses_kafka() {
        return Err(CliError::Failed(format!("{config}: no kafka.brokers to export to")));
    }
    let Keyed { identity, random } = identity::from_environment()?;
    if random || !store.is_made_with(&identity).map_err(|fault| failed(&fault))? {
        return Err(CliError::Failed(format!(
            "{}: the cluster must use the key that the store was made with, or one credential \
             gets two names; set {} to that key, here and for the runs of {config}",
            args.store.display(),
            identity::VARIABLE,
        )));
    }
    let tokens = Tokens::new(&settings.kafka.security).map_err(|fault| failed(&fault))?;
    kafka::check(&settings, &tokens).map_err(|fault| failed(&fault))?;
    let exported = kafka::export::export(&settings, &tokens, store);
    let Exported { events, after } = exported.map_err(|fault| failed(&fault))?;
    let before = if after > 0 { " beside those of an earlier export" } else { "" };
    tell(&format!("shutterlag: {events} events written to {}{before}", settings.topics.events()));
    Ok(Outcome::Fine)
}

fn failed(error: &dyn std::fmt::Display) -> CliError {
    CliError::Failed(error.to_string())
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
