//! `replay --into`: finds what nobody delivered, and delivers it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::stream;
use crate::cli::identity::{self, Keyed};
use crate::cli::{CliError, Outcome, check, map, tell};
use crate::config::{EngineConfig, Limits};
use crate::formats::{Format, Identity};
use crate::runtime::kafka::{self, Tokens};
use crate::runtime::local::Reader;
use crate::runtime::reconcile::{BySource, Destination, Found, Listed, deliver};
use crate::runtime::replay::{self, Options};
use crate::settings::Settings;
use crate::time::Timestamp;

/// What is compared with what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison<'a> {
    /// The address of a running instance.
    pub(super) url: &'a str,
    /// The list.
    pub(super) files: &'a [PathBuf],
    pub(super) format: Format,
    pub(super) maps_dir: Option<&'a Path>,
    pub(super) detected_at: Option<Timestamp>,
    /// The configuration of the run.
    pub(super) config: Option<&'a Path>,
    pub(super) json: bool,
    pub(super) strict: bool,
}

/// Compares, and delivers what is missing.
///
/// # Errors
/// A list that cannot be read, kept events that cannot be read, or an instance that does not take
/// what is missing.
pub(super) fn run(args: Comparison<'_>) -> Result<Outcome, CliError> {
    let settings = match args.config {
        Some(config) => check::settings(config),
        None => check::settings_without_file(),
    };
    let Some(settings) = settings else { return Ok(Outcome::Failed) };
    let identity = if settings.uses_kafka() {
        let Keyed { identity, random } = identity::from_environment()?;
        if random {
            return Err(CliError::Failed(format!(
                "{} is not set; credentials in the list need the names that they have in the run",
                identity::VARIABLE
            )));
        }
        identity
    } else {
        identity::of_store(&settings.store.path.0)?
    };
    let (mut listed, mut refused, mut broken) = (Listed::default(), 0_u64, None);
    let options = Options {
        inputs: stream::inputs(args.files, false)?,
        format: args.format,
        limits: Limits::DEFAULT,
        maps: map::load(args.maps_dir, args.format)?,
        identity: identity.clone(),
        detected_at: args.detected_at,
        as_of: None,
        engine: EngineConfig::default(),
        decoders: 1,
    };
    replay::read(
        options,
        &mut |event| {
            if let Err(error) = listed.add(event) {
                broken = Some(error);
            }
        },
        &mut |refusal| {
            refused += 1;
            if refused == 1 {
                tell(&format!("shutterlag: a record of the list: {}", refusal.rejection.detail));
            }
        },
    );
    if let Some(error) = broken {
        return Err(CliError::Failed(error.to_string()));
    }
    kept(&settings, &identity, &mut listed)?;
    let found = listed.found();
    if !found.missing.is_empty() {
        let token = settings.http.token.clone();
        let destination = Destination { url: args.url.to_owned(), token };
        deliver(&destination, &found.missing).map_err(CliError::Failed)?;
    }
    print(&found, refused, args.json)?;
    Ok(if args.strict && refused > 0 { Outcome::Refused } else { Outcome::Fine })
}

/// Takes in every event that was kept.
fn kept(settings: &Settings, identity: &Identity, listed: &mut Listed) -> Result<(), CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
    if settings.uses_kafka() {
        let tokens = Tokens::new(&settings.kafka.security).map_err(|fault| failed(&fault))?;
        return kafka::kept_events(settings, &tokens, &mut |event, at| listed.kept(event, at))
            .map_err(|why| failed(&why));
    }
    let path = &settings.store.path.0;
    let store = Reader::open(path).map_err(|fault| failed(&fault))?;
    if !store.is_made_with(identity).map_err(|fault| failed(&fault))? {
        return Err(CliError::Failed(format!(
            "{}: it was made with another identity key; set {} to that key",
            path.display(),
            identity::VARIABLE
        )));
    }
    let mut first = store.first_arrival().map_err(|fault| failed(&fault))?;
    store
        .events(&mut |event| {
            listed.kept(event, first.take());
            Ok(())
        })
        .map_err(|fault| failed(&fault))
}

fn print(found: &Found, refused: u64, json: bool) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, found).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    let Found { listed, known, older, recovered, .. } = found;
    let BySource { events, decisions } = found.total();
    writeln!(out, "{listed} events in the list, {known} of them known.")?;
    if *older > 0 {
        writeln!(out, "{older} are from before the first event that was kept, and not compared.")?;
    }
    if refused > 0 {
        writeln!(out, "{refused} records of the list could not be used.")?;
    }
    writeln!(out, "{events} were never delivered, {decisions} of them decisions.")?;
    for (source, BySource { events, decisions }) in recovered {
        let name = if source.is_empty() { "no source" } else { source };
        writeln!(out, "  {name}: {events}, {decisions} of them decisions")?;
    }
    if events > 0 {
        writeln!(out, "They are delivered now, marked `recovered`.")?;
    }
    Ok(())
}
