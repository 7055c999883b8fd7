//! `shutterlag replay`: files of events → windows, figures and a ledger.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::Outcome;
use super::identity::{self, Keyed};
use crate::config::{EngineConfig, Limits, Profiles};
use crate::engine::attacker::{CurveSetting, Race};
use crate::engine::summary::{Summary, Tally};
use crate::engine::windows::Stage;
use crate::event::Workflow;
use crate::formats::{Format, RejectReason};
use crate::metrics::Metrics;
use crate::report::terminal::{self, NotUsed, RefusedLine};
use crate::report::{Ledger, People, Telling, conclude};
use crate::runtime::input::{Input, Progress};
use crate::runtime::replay::{self, Options, Refused, Replayed};
use crate::time::{Span, Timestamp};

/// Refusals shown on the terminal.
const SHOWN_MAX: usize = 10;

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files of events, one stream in this order; `-` is standard input. NDJSON,
    /// JSON objects or arrays; plain, gzip or zstd.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Format of the records.
    #[arg(long, default_value = "auto", value_parser = words(Format::ALL.iter().map(|f| f.as_str()), Format::parse))]
    format: Format,

    /// Tell the state of this moment, RFC 3339; later events are left out
    /// [default: the time of the latest event].
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse_rfc3339)]
    as_of: Option<Timestamp>,

    /// Treat a window as final this long after closing, as a live run does; what
    /// arrives later is late [default: everything settles at the end of input].
    #[arg(long, value_name = "SPAN")]
    settle: Option<Span>,

    /// When findings of detectors that give no time (gitleaks, TruffleHog) were made.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse_rfc3339)]
    detected_at: Option<Timestamp>,

    /// Attackers' arrival, `[PLACE=]FASTEST,MEAN`, for one place of exposure or
    /// for all others; repeatable. Example: npm=1m,3m
    #[arg(long = "attacker", value_name = "CURVE")]
    attackers: Vec<CurveSetting>,

    /// Count a decision without `review.opened` as hollow in this workflow; repeatable.
    #[arg(long, value_name = "WORKFLOW", value_parser = words(Workflow::ALL.iter().map(|w| w.as_str()), Workflow::parse))]
    expect_opening: Vec<Workflow>,

    /// Show reviewers by name instead of by pseudonym.
    #[arg(long)]
    reviewer_names: bool,

    /// Write the ledger, alerts, findings, refusals, figures and histograms here.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,

    /// Exit with status 3 if anything was rejected.
    #[arg(long)]
    strict: bool,
}

fn words<T: Clone + Send + Sync + 'static>(
    all: impl Iterator<Item = &'static str>,
    parse: fn(&str) -> Option<T>,
) -> impl TypedValueParser<Value = T> {
    let known: Vec<&'static str> = all.collect();
    PossibleValuesParser::new(known).try_map(move |word| parse(&word).ok_or("not one of the known words"))
}

/// Runs the command.
///
/// # Errors
/// When an output cannot be written or an argument contradicts another. Inputs
/// that cannot be read are told, and show in the outcome.
pub fn run(args: Args) -> Result<Outcome, Box<dyn Error>> {
    let race = Race::from_settings(args.attackers.clone())?;
    let mut profiles = Profiles::default();
    for workflow in &args.expect_opening {
        profiles.get_mut(*workflow).expects_opening = true;
    }
    let keyed = identity::from_environment()?;
    let engine = EngineConfig {
        settle: args.settle,
        keep_settled: true,
        profiles,
        ..EngineConfig::default()
    };
    let options = Options {
        inputs: args.files.iter().cloned().map(Input::from).collect(),
        format: args.format,
        limits: Limits::DEFAULT,
        identity: keyed.identity.clone(),
        detected_at: args.detected_at,
        as_of: args.as_of,
        engine,
        decoders: std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1)),
    };
    let names: Vec<String> = args.files.iter().map(|file| place_name(file)).collect();
    let files = args.out.as_deref().map(Files::create).transpose()?;
    let mut refusals = Refusals::new(names, files.as_ref().map(Files::rejected).transpose()?)?;
    let bar = Bar::new();
    let replayed = replay::run(options, &mut |progress| bar.watch(progress), &mut |refused| {
        refusals.add(refused);
    });
    bar.finish();
    let failed = replayed.incomplete;
    let refusals = refusals.finish()?;

    let summary = finish(&args, replayed, &race, &profiles, &keyed, files.as_ref(), &refusals)?;
    let mut stdout = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut stdout, &summary)?;
        stdout.write_all(b"\n")?;
    } else {
        stdout.write_all(terminal::summary(&summary, &refusals.shown(files.as_ref())).as_bytes())?;
    }
    stdout.flush()?;
    keyed.notice();
    Ok(match (args.strict && summary.events.rejected > 0, failed) {
        (true, _) => Outcome::Refused,
        (false, true) => Outcome::Failed,
        (false, false) => Outcome::Fine,
    })
}
