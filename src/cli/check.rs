//! `shutterlag check`: checks a configuration and prints what is in force.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::{CliError, Outcome, identity, map, tell};
use crate::formats::Format;
use crate::report::terminal::printable;
use crate::runtime::kafka::client::config;
use crate::settings::{Effective, Role, Settings, SettingsError};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration of `shutterlag run`.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// Print the topics and the configuration as JSON.
    #[arg(long)]
    json: bool,
}

/// What is printed as JSON.
#[derive(Debug, Serialize)]
struct Checked {
    /// None without Kafka.
    topics: Vec<Topic>,
    settings: Effective,
}

/// A topic and its purpose.
#[derive(Debug, Serialize)]
struct Topic {
    name: String,
    role: String,
}

/// Runs the command.
///
/// # Errors
/// When standard output cannot be written. Faults of the configuration go to
/// standard error and to the outcome.
pub fn run(args: &Args) -> Result<Outcome, CliError> {
    let Some(settings) = told(Settings::load(&args.config, std::env::vars_os())) else {
        return Ok(Outcome::Failed);
    };
    // All faults at once: nobody wants to start again for each.
    let mut fine = kafka(&settings, &args.config) & key(&settings);
    let sources = settings.sources.iter().map(|source| source.format);
    let receivers = settings.receivers.iter().map(|receiver| receiver.format);
    let formats: Vec<Format> = sources.chain(receivers).collect();
    fine &= map::check(&settings.maps(), &formats);
    if !fine {
        return Ok(Outcome::Failed);
    }
    let topics = if settings.uses_kafka() { topics(&settings) } else { Vec::new() };
    let checked = Checked { topics, settings: settings.effective() };
    match print(&checked, &settings, args) {
        // The reader of our output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        printed => printed?,
    }
    Ok(Outcome::Fine)
}

/// Reads the configuration. If it has faults, writes them to standard error and
/// returns `None`.
pub(super) fn settings(config: &Path) -> Option<Settings> {
    let settings = told(Settings::load(config, std::env::vars_os()))?;
    kafka(&settings, config).then_some(settings)
}

/// Whether the client of Kafka takes its settings. If not, standard error says why.
fn kafka(settings: &Settings, config: &Path) -> bool {
    if settings.uses_kafka()
        && let Err(why) = config::verify(&settings.kafka)
    {
        tell(&format!("shutterlag: {}: {why}", config.display()));
        return false;
    }
    true
}

/// Whether the identity key can be used. One that is missing here may be set where the run
/// starts, so that is a note.
fn key(settings: &Settings) -> bool {
    match identity::from_environment() {
        Err(why) => {
            tell(&format!("shutterlag: {why}"));
            false
        }
        Ok(keyed) => {
            if keyed.random && settings.uses_kafka() {
                tell(&format!(
                    "shutterlag: note: {} is not set here; `shutterlag run` with Kafka does not start \
                     without it",
                    identity::VARIABLE
                ));
            }
            true
        }
    }
}

/// The settings of a run without a configuration, in the same way.
pub(super) fn settings_without_file() -> Option<Settings> {
    told(Settings::without_file(std::env::vars_os()))
}

fn told(settings: Result<Settings, SettingsError>) -> Option<Settings> {
    match settings {
        Ok(settings) => Some(settings),
        Err(error) => {
            for fault in &error.faults {
                tell(&format!("shutterlag: {fault}"));
            }
            None
        }
    }
}

/// The topics that this process reads, then those of shutterlag's own that it uses.
fn topics(settings: &Settings) -> Vec<Topic> {
    let receives = settings.kafka.role == Role::Receiver;
    let read = settings.sources.iter().filter(|_| !receives).map(|source| Topic {
        name: source.topic.clone(),
        role: match (source.format, source.prekeyed) {
            (Format::Auto, false) => "source, formats recognised".to_owned(),
            (Format::Auto, true) => "source, keyed by credential, formats recognised".to_owned(),
            (format, false) => format!("source, {format}"),
            (format, true) => format!("source, keyed by credential, {format}"),
        },
    });
    let written = [settings.topics.events(), settings.topics.dead_letters()];
    let own = settings.topics.all().filter(|(_, name)| !receives || written.contains(name));
    let own = own.map(|(role, name)| Topic { name, role: role.to_owned() });
    read.chain(own).collect()
}

fn print(checked: &Checked, settings: &Settings, args: &Args) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut stdout, checked)?;
        return stdout.write_all(b"\n");
    }
    let file = printable(&args.config.display().to_string());
    writeln!(stdout, "# {file} is a valid configuration\n#")?;
    // As comments, so that the output is a configuration again.
    if settings.uses_kafka() {
        for line in table(&checked.topics).to_string().lines() {
            writeln!(stdout, "# {line}")?;
        }
    } else {
        let store = printable(&settings.store.path.0.display().to_string());
        writeln!(stdout, "# It names no Kafka brokers: a run keeps everything in {store}")?;
    }
    writeln!(stdout)?;
    for line in checked.settings.to_toml().map_err(io::Error::other)?.lines() {
        writeln!(stdout, "{}", printable(line))?;
    }
    stdout.flush()
}

fn table(topics: &[Topic]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(["Topic", "Role"]);
    for Topic { name, role } in topics {
        table.add_row([name, role]);
    }
    table
}
