//! `shutterlag replay`: turns files of events into windows, figures and a ledger.

mod bar;
mod figures;
mod files;
mod growing;
mod into;
mod refusals;
mod stream;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use self::bar::Bar;
use self::figures::{Printed, write_figures};
use self::files::Files;
use self::into::Comparison;
use self::refusals::{Refusals, Totals};
use super::identity::{self, Keyed};
use super::output::Readers;
use super::{CliError, Outcome, dressed, map, tell};
use crate::config::{EngineConfig, FiguresConfig, Limits, OversightConfig, Profiles};
use crate::engine::attacker::{CurveSetting, Race};
use crate::engine::oversight::Rules;
use crate::engine::summary::{EventCounts, Summary};
use crate::engine::windows::{Stage, View};
use crate::event::Workflow;
use crate::formats::Format;
use crate::formats::maps::Maps;
use crate::metrics::{Metrics, Source};
use crate::records::People;
use crate::report::terminal::{self, NotUsed};
use crate::report::{Conclusion, Ledger, NotJoined, Telling, conclude};
use crate::runtime::clock;
use crate::runtime::input::Input;
use crate::runtime::ledger;
use crate::runtime::replay::{self, Options, Replayed};
use crate::time::{Span, Timestamp};

/// If the latest event is further ahead of the clock than this, its time is probably
/// wrong.
const AHEAD_MAX: Span = Span::from_mins(24 * 60);

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files of events, read in this order as one stream; `-` is standard input. NDJSON,
    /// JSON objects or arrays; plain, gzip or zstd.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Read the last FILE on as it grows, also when it is rotated (renamed and begun anew, or cut
    /// off). Ctrl-C prints the summary.
    #[arg(long)]
    follow: bool,

    /// The format of the records: auto, native, cloudevents, github, gitleaks, trufflehog,
    /// eventbridge, or the name of a map (`shutterlag map list`).
    #[arg(long, default_value = "auto", value_parser = map::format)]
    format: Format,

    /// The directory of your own maps.
    #[arg(long, value_name = "DIR")]
    maps_dir: Option<PathBuf>,

    /// Report the state at this time and ignore later events: a date (it begins in UTC, so the
    /// events of that day are later) or an RFC 3339 time [default: the time of the latest event].
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse_moment)]
    as_of: Option<Timestamp>,

    /// Make a window final this long after its closing, as a live run does; events that
    /// arrive later are late [default: all windows become final at the end of input].
    #[arg(long, value_name = "SPAN")]
    settle: Option<Span>,

    /// The time of findings that have none (gitleaks, TruffleHog).
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse_rfc3339)]
    detected_at: Option<Timestamp>,

    /// When attackers arrive, `[PLACE=]FASTEST,MEAN`, for one place of exposure or for all
    /// others; repeatable. Example: npm=1m,3m
    #[arg(long = "attacker", value_name = "CURVE")]
    attackers: Vec<CurveSetting>,

    /// A place of exposure that attackers watch, by its `location`; repeatable
    /// [default: github, gitlab, npm, pypi, s3 and the like].
    #[arg(long = "public", value_name = "PLACE")]
    public: Vec<String>,

    /// A source that finds leaks as they happen, so that its detection is the exposure;
    /// repeatable.
    #[arg(long, value_name = "SOURCE")]
    detects_at_once: Vec<String>,

    /// Count a decision without `review.opened` as hollow in this workflow; repeatable.
    #[arg(long, value_name = "WORKFLOW", value_parser = words(Workflow::ALL.iter().map(|w| w.as_str()), Workflow::parse))]
    expect_opening: Vec<Workflow>,

    /// Another id of a reviewer, `ID=NAME`, where NAME is the id that counts; repeatable.
    #[arg(long = "alias", value_name = "ID=NAME", value_parser = alias)]
    aliases: Vec<(String, String)>,

    /// Show reviewers by name instead of by pseudonym.
    #[arg(long)]
    reviewer_names: bool,

    /// Write the ledger, alerts, findings, refusals, figures and histograms to this
    /// directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Compare the files, a list of a source, with the events that a run has kept, and deliver
    /// those that nobody delivered to the instance at URL, marked `recovered`.
    #[arg(
        long,
        value_name = "URL",
        conflicts_with_all = ["follow", "as_of", "settle", "out", "attackers", "public", "aliases"]
    )]
    into: Option<String>,

    /// The configuration of the run, for `--into` [default: a run on shutterlag.db in this
    /// directory].
    #[arg(long, value_name = "FILE", requires = "into")]
    config: Option<PathBuf>,

    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,

    /// Exit with status 3 if anything was rejected or is unsupported, or if somebody acted on a
    /// name under which nothing was detected.
    #[arg(long)]
    strict: bool,
}

pub(super) fn words<T: Clone + Send + Sync + 'static>(
    all: impl Iterator<Item = &'static str>,
    parse: fn(&str) -> Option<T>,
) -> impl TypedValueParser<Value = T> {
    let known: Vec<&'static str> = all.collect();
    PossibleValuesParser::new(known)
        .try_map(move |word| parse(&word).ok_or("not one of the known words"))
}

/// Processors that this process may use.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn alias(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((id, name)) if !id.is_empty() && !name.is_empty() => {
            Ok((id.to_owned(), name.to_owned()))
        }
        _ => Err("expected ID=NAME"),
    }
}

/// Runs the command.
///
/// # Errors
/// When an output cannot be written or an argument contradicts another. Inputs that
/// cannot be read go to standard error and to the outcome.
pub fn run(args: Args) -> Result<Outcome, CliError> {
    if let Some(url) = &args.into {
        return into::run(Comparison {
            url,
            files: &args.files,
            format: args.format,
            maps_dir: args.maps_dir.as_deref(),
            detected_at: args.detected_at,
            config: args.config.as_deref(),
            json: args.json,
            strict: args.strict,
        });
    }
    let run = Run::new(args)?;
    if let Some(files) = &run.files {
        // It is written last: while it is empty, the other files are not complete.
        files.open("summary.json")?.finish()?;
    }
    let rejected_file =
        run.files.as_ref().map(|files| files.open("rejected.ndjson")).transpose()?;
    let inputs = run.inputs()?;
    let names = inputs.iter().map(Input::name).collect();
    let mut refusals = Refusals::new(names, rejected_file);
    let mut bar = Bar::default();
    let mut replayed =
        replay::run(run.options(inputs), &mut |progress| bar.watch(progress), &mut |refused| {
            refusals.add(refused);
        });
    bar.finish();
    replayed.settle_rest(run.args.settle, &mut |refused| refusals.add(refused));
    let view = replayed.joined.windows.view();
    let Concluded { summary, totals, not_joined } = run.conclude(&replayed, &view, refusals)?;
    let printed = run.print(&summary, &replayed, &totals, &not_joined);
    run.notices(&replayed, &totals, &summary.events);
    match printed {
        // The reader of our output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        printed => printed?,
    }
    let events = &summary.events;
    let unused = events.rejected + events.unsupported > 0 || !not_joined.is_empty();
    let outcome = match (run.args.strict && unused, replayed.incomplete) {
        (true, _) => Outcome::Refused,
        (false, true) => Outcome::Failed,
        (false, false) if is_unusable(events, replayed.after_as_of) => Outcome::Failed,
        (false, false) => Outcome::Fine,
    };
    // The process ends here: freeing millions of states one by one would take seconds
    // for nothing.
    std::mem::forget(replayed);
    Ok(outcome)
}

/// What a run comes to.
struct Concluded {
    summary: Summary,
    totals: Totals,
    not_joined: Vec<NotJoined>,
}

/// What the arguments and the environment configure.
struct Run {
    args: Args,
    race: Race,
    figures: FiguresConfig,
    profiles: Profiles,
    oversight: Rules,
    keyed: Keyed,
    files: Option<Files>,
    maps: Arc<Maps>,
}

impl Run {
    fn new(args: Args) -> Result<Run, CliError> {
        if args.files.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
            return Err(CliError::Usage("standard input can be read only once".to_owned()));
        }
        if args.follow && args.files.last().is_some_and(|file| file.as_os_str() == "-") {
            return Err(CliError::Usage(
                "--follow is for a file; standard input is read on anyway".to_owned(),
            ));
        }
        if let Some(store) = args.files.iter().find(|file| ledger::is_store(file)) {
            let store = store.display();
            return Err(CliError::Usage(format!(
                "{store} is a local store; write its events out first: shutterlag export --store \
                 {store} --out events.ndjson, then replay events.ndjson"
            )));
        }
        let mut profiles = Profiles::default();
        for workflow in &args.expect_opening {
            profiles.get_mut(*workflow).expects_opening = true;
        }
        let config = OversightConfig {
            aliases: args.aliases.iter().cloned().collect(),
            ..OversightConfig::default()
        };
        let mut figures = FiguresConfig::default();
        if !args.public.is_empty() {
            figures.public = args.public.iter().cloned().collect();
        }
        let oversight = Rules::new(config).map_err(|fault| CliError::Usage(fault.to_string()))?;
        let readers = if args.reviewer_names { Readers::Owner } else { Readers::All };
        let create = |directory| Files::create(directory, readers);
        let files = args.out.as_deref().map(create).transpose()?;
        for (files, input) in
            files.iter().flat_map(|files| args.files.iter().map(move |i| (files, i)))
        {
            if let Some(name) = output_names().find(|name| files.would_overwrite(name, input)) {
                let name = files.path(&name);
                return Err(CliError::Usage(format!(
                    "{name} is an input and would be overwritten"
                )));
            }
        }
        Ok(Run {
            race: Race::from_settings(args.attackers.clone())
                .map_err(|error| CliError::Usage(error.to_string()))?
                .between(&profiles, &figures),
            figures,
            profiles,
            oversight,
            keyed: identity::from_environment()?,
            maps: map::load(args.maps_dir.as_deref(), args.format)?,
            files,
            args,
        })
    }

    fn inputs(&self) -> io::Result<Vec<Input>> {
        stream::inputs(&self.args.files, self.args.follow)
    }

    fn options(&self, inputs: Vec<Input>) -> Options {
        Options {
            inputs,
            format: self.args.format,
            limits: Limits::DEFAULT,
            maps: Arc::clone(&self.maps),
            identity: self.keyed.identity.clone(),
            detected_at: self.args.detected_at,
            as_of: self.args.as_of,
            engine: EngineConfig {
                settle: self.args.settle,
                keep_settled: true,
                profiles: self.profiles,
                detects_at_once: self.args.detects_at_once.iter().cloned().collect(),
                aliases: self.oversight.config().aliases.clone(),
                ..EngineConfig::default()
            },
            // The engine gets a core of its own; reading needs little of one.
            decoders: cores().saturating_sub(1).max(1),
        }
    }

    fn conclude(
        &self,
        replayed: &Replayed,
        view: &View<'_>,
        mut refusals: Refusals,
    ) -> io::Result<Concluded> {
        // Without an event there is no window, and the time does not matter.
        let as_of = replayed.as_of.unwrap_or(Timestamp::MIN);
        let telling = Telling {
            race: &self.race,
            profiles: &self.profiles,
            oversight: &self.oversight,
            figures: &self.figures,
            as_of,
            settle: self.args.settle,
            names: &replayed.joined.names,
        };
        let metrics = Metrics::new().map_err(io::Error::other)?;
        let conclusion = self.go_through(view, &telling, &metrics);
        for name in conclusion.iter().flat_map(|conclusion| &conclusion.not_joined) {
            refusals.not_joined(name);
        }
        // Whoever has a ledger that cannot be written has the refusals all the same.
        let totals = refusals.finish();
        let Conclusion { tally, unplaced, not_joined } = conclusion?;
        let totals = totals?;
        let counts = replayed.joined.windows.counts();
        let names = replayed.joined.names.counts();
        let events = EventCounts {
            read: replayed.events.read + names.copied,
            linked: names.linked - replayed.not_linked,
            accepted: counts.accepted - unplaced.late - unplaced.duplicate,
            duplicate: counts.duplicate + names.duplicate + unplaced.duplicate,
            late: counts.late + unplaced.late,
            orphan: counts.orphan + unplaced.orphan,
            ..replayed.events
        };
        let summary = tally.summary(&telling.figure_rules(), replayed.as_of, events);
        if let Some(files) = &self.files {
            let printed = Printed::of(&summary, &not_joined);
            write_figures(files, &printed, &tally, &metrics, replayed, &totals)?;
        }
        Ok(Concluded { summary, totals, not_joined })
    }

    /// Goes through all windows, and writes the ledger if there is a place for it.
    fn go_through(
        &self,
        view: &View<'_>,
        telling: &Telling<'_>,
        metrics: &Metrics,
    ) -> io::Result<Conclusion> {
        let Some(files) = &self.files else { return conclude(view, telling, None) };
        let mut people = if self.args.reviewer_names {
            People::names(self.keyed.identity.clone())
        } else {
            People::pseudonyms(self.keyed.identity.clone())
        };
        let mut windows = files.open("windows.ndjson")?;
        let mut alerts = files.open("alerts.ndjson")?;
        let mut findings = files.open("findings.ndjson")?;
        let ledger = Ledger {
            windows: &mut windows,
            alerts: &mut alerts,
            findings: &mut findings,
            metrics,
            people: &mut people,
            threads: cores(),
        };
        let conclusion = conclude(view, telling, Some(ledger))?;
        for file in [windows, alerts, findings] {
            file.finish()?;
        }
        Ok(conclusion)
    }

    fn print(
        &self,
        summary: &Summary,
        replayed: &Replayed,
        totals: &Totals,
        not_joined: &[NotJoined],
    ) -> io::Result<()> {
        if self.args.json {
            let mut stdout = io::stdout().lock();
            serde_json::to_writer_pretty(&mut stdout, &Printed::of(summary, not_joined))?;
            stdout.write_all(b"\n")?;
            stdout.flush()
        } else {
            let mut by_reason: Vec<_> = totals.by_reason.iter().map(|(r, n)| (*r, *n)).collect();
            by_reason.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason));
            let not_used = NotUsed {
                first: totals.first.clone(),
                by_reason,
                skipped: replayed.skipped,
                after_as_of: replayed.after_as_of,
                leaks_apart: replayed.leaks_apart,
                not_joined: not_joined.to_vec(),
                written_to: self.files.as_ref().map(|files| files.path("rejected.ndjson")),
            };
            dressed::print(&terminal::summary(summary, &not_used))
        }
    }

    fn notices(&self, replayed: &Replayed, totals: &Totals, events: &EventCounts) {
        let named = replayed
            .sources
            .iter()
            .any(|(_, source, _)| matches!(source, Source::Named("gitleaks" | "trufflehog")));
        let pseudonyms = self.files.is_some() && !self.args.reviewer_names;
        if self.keyed.random && (named || pseudonyms) {
            tell(&format!(
                "note: {} is not set, so the key is random: pseudonyms of secrets and reviewers differ \
                 from those of any other run.",
                identity::VARIABLE
            ));
        }
        if self.args.as_of.is_none()
            && replayed.as_of.is_some_and(|as_of| as_of.since(clock::now()) > AHEAD_MAX)
        {
            tell(
                "note: the latest event is in the future, and open windows are measured at its time \
                 (with --settle, events before it may count as late). Set the time to report with \
                 --as-of.",
            );
        }
        if is_unusable(events, replayed.after_as_of) {
            let written = self.files.as_ref().map(|files| files.path("rejected.ndjson"));
            tell(&format!(
                "shutterlag: nothing of the input could be used: {} rejected, {} unsupported; {} says \
                 why. `shutterlag map try FILE` shows what becomes of each record, --format names the \
                 format where it is not recognised, and a map reads what no format does.",
                events.rejected,
                events.unsupported,
                written.as_deref().unwrap_or("the summary"),
            ));
        }
        for place in &totals.unreadable {
            tell(&format!("shutterlag: {}: {}", place.place, place.detail));
        }
    }
}

/// Whether there was something in the input and nothing of it could be used. What was there to be
/// used, but came too late, or after the time that is reported, could be.
fn is_unusable(events: &EventCounts, after_as_of: u64) -> bool {
    events.accepted + events.duplicate + events.late + events.linked + after_as_of == 0
        && events.rejected + events.unsupported > 0
}

/// Every file that `--out` writes.
fn output_names() -> impl Iterator<Item = String> {
    let fixed = ["windows", "alerts", "findings", "rejected"].map(|name| format!("{name}.ndjson"));
    let figures = ["summary.json".to_owned(), "metrics.prom".to_owned()];
    fixed.into_iter().chain(figures).chain(Stage::ALL.iter().map(|stage| format!("{stage}.hlog")))
}
