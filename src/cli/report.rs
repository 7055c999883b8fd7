//! `shutterlag report`: makes the control-effectiveness report from a ledger, or
//! verifies a report against a ledger.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;

use super::identity::{self, Keyed};
use super::output::{self, Readers, same_file};
use super::replay::words;
use super::{CliError, Outcome, check, tell};
use crate::config::{FiguresConfig, OversightConfig, Profiles};
use crate::engine::attacker::{CurveSetting, Race};
use crate::event::{Kind, Severity, Workflow};
use crate::records::People;
use crate::report::control::render::{self, Form};
use crate::report::control::verify::Written;
use crate::report::control::{self, Edge, Question, Report, Tool};
use crate::report::terminal::printable;
use crate::runtime::kafka::Tokens;
use crate::runtime::kafka::tail::Topic;
use crate::runtime::ledger::{self, LoadError, Loaded, Topics};
use crate::runtime::logging;
use crate::settings::Settings;
use crate::time::Timestamp;

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The ledger: files of its records (plain, gzip or zstd; `-` is standard input),
    /// or directories that `replay --out` wrote; several count as one ledger. Or the file of
    /// a local store, such as shutterlag.db.
    #[arg(required_unless_present = "config", value_name = "LEDGER")]
    ledger: Vec<PathBuf>,

    /// Read the ledger of the live run with this configuration, from its topic or its local
    /// store, up to its present end; attackers' curves, expected openings and the rules of
    /// oversight are those of the run.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ledger", "attackers", "public", "names", "expect_opening"])]
    config: Option<PathBuf>,

    /// Only exposures detected at or after this time: a date (it begins in UTC) or an
    /// RFC 3339 time [default: the earliest, without a comparison with an earlier period].
    #[arg(long, value_name = "TIME")]
    from: Option<Edge>,

    /// Only exposures detected before this time [default: all].
    #[arg(long, value_name = "TIME")]
    to: Option<Edge>,

    /// The time up to which the ledger is complete, so that an undecided exposure is known
    /// to be undecided: a date (it begins in UTC) or an RFC 3339 time [default: the latest time in
    /// the ledger].
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse_moment)]
    as_of: Option<Timestamp>,

    /// Whom the report is about, for its first page.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,

    /// Who prepared it, for its first page.
    #[arg(long, value_name = "NAME")]
    prepared_by: Option<String>,

    /// Only this workflow; repeatable.
    #[arg(long = "workflow", value_name = "WORKFLOW", value_parser = words(Workflow::ALL.iter().map(|w| w.as_str()), Workflow::parse))]
    workflows: Vec<Workflow>,

    /// Only this severity; repeatable.
    #[arg(long = "severity", value_name = "SEVERITY", value_parser = words(Severity::ALL.iter().map(|s| s.as_str()), Severity::parse))]
    severities: Vec<Severity>,

    /// Only exposures of this owner; repeatable.
    #[arg(long = "team", value_name = "OWNER")]
    teams: Vec<String>,

    /// When attackers arrive, `[PLACE=]FASTEST,MEAN`, as for `replay`; repeatable.
    #[arg(long = "attacker", value_name = "CURVE")]
    attackers: Vec<CurveSetting>,

    /// A place of exposure that attackers watch, as for `replay`; repeatable.
    #[arg(long = "public", value_name = "PLACE")]
    public: Vec<String>,

    /// Which of a credential's names is shown, the first that there is: ticket, incident, alert,
    /// key_id, digest, other, or the beginning of names and a `*`; repeatable [default: ticket,
    /// incident, alert, key_id, other, digest].
    #[arg(long = "names", value_name = "KIND")]
    names: Vec<String>,

    /// Count a decision without `review.opened` as hollow in this workflow, as for
    /// `replay`; repeatable.
    #[arg(long, value_name = "WORKFLOW", value_parser = words(Workflow::ALL.iter().map(|w| w.as_str()), Workflow::parse))]
    expect_opening: Vec<Workflow>,

    /// Write the report to this file, in the form of its ending: .html, .md, .json or
    /// .csv; repeatable [default: Markdown to standard output].
    #[arg(long = "out", value_name = "FILE")]
    outs: Vec<PathBuf>,

    /// The form of the report on standard output.
    #[arg(long, value_name = "FORM", conflicts_with = "outs", value_parser = PossibleValuesParser::new(Form::ALL.iter().map(|form| form.as_str())))]
    format: Option<String>,

    /// Show reviewers by name, if the ledger does.
    #[arg(long)]
    reviewer_names: bool,

    /// Skip records that cannot be read; the report says how many.
    #[arg(long)]
    allow_damage: bool,

    /// Recompute this report (in its JSON form) from the ledger and show what differs.
    #[arg(long, value_name = "REPORT", conflicts_with_all = [
        "from", "to", "as_of", "organisation", "prepared_by", "workflows", "severities", "teams", "attackers", "public", "names", "expect_opening", "outs",
        "format",
        "reviewer_names", "allow_damage",
    ])]
    verify: Option<PathBuf>,
}

/// Runs the command. A report that differs from the ledger's is a failure.
///
/// # Errors
/// When the ledger or the report cannot be read, the question cannot be answered, or a
/// file cannot be written.
pub fn run(args: &Args) -> Result<Outcome, CliError> {
    match &args.verify {
        Some(report) => verify(args, report),
        None => write(args),
    }
}

/// Where the ledger is.
enum Place<'p> {
    Files(&'p [PathBuf]),
    Store(PathBuf, Option<Box<Settings>>),
    Topics(Box<Topics>, Box<Settings>),
}

impl Place<'_> {
    /// `None` when the configuration has faults, which the user has been told.
    fn of(args: &Args) -> Result<Option<Place<'_>>, CliError> {
        let Some(config) = &args.config else {
            return Ok(Some(match &args.ledger[..] {
                [one] if ledger::is_store(one) => Place::Store(one.clone(), None),
                files => Place::Files(files),
            }));
        };
        let Some(settings) = check::settings(config) else { return Ok(None) };
        if !settings.uses_kafka() {
            let path = settings.store.path.0.clone();
            return Ok(Some(Place::Store(path, Some(Box::new(settings)))));
        }
        let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
        logging::init(logging::Form::Pretty, &settings.log.filter, io::stderr().is_terminal())
            .map_err(|error| failed(&error))?;
        let tokens = Tokens::new(&settings.kafka.security).map_err(|fault| failed(&fault))?;
        let topic = |name| Topic::new(&settings.kafka, &tokens, name);
        let topics = Topics {
            windows: topic(settings.topics.windows()),
            dead_letters: topic(settings.topics.dead_letters()),
            until: BTreeMap::new(),
        };
        Ok(Some(Place::Topics(Box::new(topics), Box::new(settings))))
    }

    fn load(&self, race: &Race, allow_damage: bool) -> Result<Loaded, CliError> {
        let loaded = match self {
            Place::Files(paths) => ledger::load(paths, race, allow_damage),
            Place::Store(path, _) => ledger::load_store(path, race, allow_damage),
            Place::Topics(topics, _) => ledger::load_topics(topics, race, allow_damage),
        };
        loaded.map_err(|error| {
            if let LoadError::Damaged { first, .. } = &error
                && self.events().is_none()
            {
                for fault in first {
                    tell(&format!("shutterlag: {fault}"));
                }
            }
            match self.events() {
                Some(path) => events_given(path),
                None => CliError::Failed(error.to_string()),
            }
        })
    }

    /// A file that holds events instead of a ledger.
    fn events(&self) -> Option<&Path> {
        let Place::Files(paths) = self else { return None };
        paths.iter().map(PathBuf::as_path).find(|path| begins_with_event(path))
    }
}

/// Whether the first line of a file is an event.
fn begins_with_event(path: &Path) -> bool {
    /// Bytes of a first line that are read.
    const LINE_BYTES_MAX: u64 = 64 << 10;
    if !path.is_file() {
        return false;
    }
    let Ok(file) = fs::File::open(path) else { return false };
    let mut line = String::new();
    let read = io::BufReader::new(file.take(LINE_BYTES_MAX)).read_line(&mut line);
    let event = serde_json::from_str::<serde_json::Value>(&line).ok().filter(|_| read.is_ok());
    let kind = event.as_ref().and_then(|event| event.get("type")?.as_str());
    kind.is_some_and(|kind| Kind::parse(kind).is_some())
}

/// What to do with events: a report is made from a ledger.
fn events_given(path: &Path) -> CliError {
    let file = printable(&path.display().to_string());
    CliError::Usage(format!(
        "{file} holds events, and a report is made from a ledger: run `shutterlag replay {file} --out \
         ledger/`, then `shutterlag report ledger/`"
    ))
}

fn write(args: &Args) -> Result<Outcome, CliError> {
    let outs: Vec<(&Path, Form)> = args
        .outs
        .iter()
        .map(|out| Ok((out.as_path(), form(out)?)))
        .collect::<Result<_, CliError>>()?;
    for (out, _) in &outs {
        if args.ledger.iter().any(|ledger| overwrites(out, ledger)) {
            return Err(CliError::Usage(format!(
                "{} is part of the ledger and would be overwritten; choose another --out",
                out.display()
            )));
        }
    }
    let Some(place) = Place::of(args)? else { return Ok(Outcome::Failed) };
    let report = answer(&place, &question(args, &place)?)?;
    let written = |form| {
        let mut bytes = Vec::new();
        render::write(&report, form, &mut bytes).map(|()| bytes)
    };
    for (out, form) in &outs {
        let bytes = written(*form)?;
        let readers = if args.reviewer_names { Readers::Owner } else { Readers::All };
        output::create(out, readers)
            .and_then(|mut file| file.write_all(&bytes))
            .map_err(|error| CliError::Failed(format!("{}: {error}", out.display())))?;
    }
    if outs.is_empty() {
        let form = args.format.as_deref().and_then(Form::parse).unwrap_or(Form::Markdown);
        print(&written(form)?)?;
    }
    if report.quality.damaged_records > 0 {
        tell(&format!(
            "shutterlag: {} could not be read; the report says so",
            counted(report.quality.damaged_records, "record")
        ));
    }
    Ok(Outcome::Fine)
}

fn verify(args: &Args, path: &Path) -> Result<Outcome, CliError> {
    let named =
        |why: &dyn std::fmt::Display| CliError::Failed(format!("{}: {why}", path.display()));
    let json = fs::read(path).map_err(|error| named(&error))?;
    let written = Written::parse(&json).map_err(|error| named(&error))?;
    let Some(mut place) = Place::of(args)? else { return Ok(Outcome::Failed) };
    if let Place::Topics(topics, _) = &mut place {
        topics.until.clone_from(&written.topics);
    }
    let computed = answer(&place, &written.question)?;
    let differences = written.differences(&computed).map_err(|error| named(&error))?;
    let mut text = String::new();
    if written.version != Tool::THIS.version {
        text.push_str(&format!(
            "Version {} wrote the report; this is version {}.\n",
            printable(&written.version),
            Tool::THIS.version
        ));
    }
    if differences.count == 0 {
        text.push_str(&format!(
            "Equal: every figure follows from {} of this ledger.\n",
            counted(computed.evidence.read, "record")
        ));
    } else {
        text.push_str(&format!(
            "NOT equal: {}.\n",
            counted(differences.count as u64, "difference")
        ));
        for difference in &differences.told {
            text.push_str(&format!("  {}\n", printable(&difference.to_string())));
        }
        if differences.told.len() < differences.count {
            text.push_str(&format!(
                "  … and {} more\n",
                differences.count - differences.told.len()
            ));
        }
    }
    print(text.as_bytes())?;
    Ok(if differences.count == 0 { Outcome::Fine } else { Outcome::Failed })
}

/// The report that answers `question`.
fn answer(place: &Place<'_>, question: &Question) -> Result<Report, CliError> {
    let race = question.race().map_err(|error| CliError::Usage(error.to_string()))?;
    let Loaded { rows, inputs } = place.load(&race, question.allow_damage)?;
    let Keyed { identity, random } = identity::from_environment()?;
    let people = match (question.reviewer_names, random) {
        (true, _) => Some(People::names(identity)),
        (false, false) => Some(People::pseudonyms(identity)),
        (false, true) => None,
    };
    let report = control::report(&rows, question, &inputs, people);
    // The process ends soon: freeing a million rows would take time for nothing.
    std::mem::forget(rows);
    report.map_err(|error| CliError::Failed(error.to_string()))
}

fn question(args: &Args, place: &Place<'_>) -> Result<Question, CliError> {
    let (race, mut profiles, figures, oversight) = match place {
        Place::Topics(_, settings) | Place::Store(_, Some(settings)) => (
            settings.race.clone(),
            settings.profiles,
            settings.figures.clone(),
            settings.oversight.clone(),
        ),
        Place::Files(_) | Place::Store(_, None) => {
            let race = Race::from_settings(args.attackers.clone());
            let race = race.map_err(|error| CliError::Usage(error.to_string()))?;
            let mut figures = FiguresConfig::default();
            if !args.public.is_empty() {
                figures.public = args.public.iter().cloned().collect();
            }
            (race, Profiles::default(), figures, OversightConfig::default())
        }
    };
    for workflow in &args.expect_opening {
        profiles.get_mut(*workflow).expects_opening = true;
    }
    let mut question = Question::new();
    question.set_race(&race);
    question.set_rules(&oversight, &profiles);
    question.set_figures(&figures);
    question.names = match place {
        Place::Topics(_, settings) | Place::Store(_, Some(settings)) => settings.identity.words(),
        Place::Files(_) | Place::Store(_, None) if args.names.is_empty() => question.names,
        Place::Files(_) | Place::Store(_, None) => args.names.clone(),
    };
    question.from.clone_from(&args.from);
    question.to.clone_from(&args.to);
    question.as_of = args.as_of;
    question.organisation.clone_from(&args.organisation);
    question.prepared_by.clone_from(&args.prepared_by);
    question.workflows = sorted(&args.workflows);
    question.severities = sorted(&args.severities);
    question.teams = sorted(&args.teams);
    question.allow_damage = args.allow_damage;
    question.reviewer_names = args.reviewer_names;
    Ok(question)
}

/// Sorted and without repeats, so that the order of arguments does not matter.
fn sorted<T: Clone + Ord>(all: &[T]) -> Vec<T> {
    let distinct: std::collections::BTreeSet<T> = all.iter().cloned().collect();
    distinct.into_iter().collect()
}

fn form(out: &Path) -> Result<Form, CliError> {
    let ending = out.extension().and_then(|ending| ending.to_str());
    ending.and_then(Form::of_ending).ok_or_else(|| {
        CliError::Usage(format!(
            "{}: unknown form; the name must end in .html, .md, .json or .csv",
            out.display()
        ))
    })
}

/// Whether writing `out` would overwrite what `ledger` holds.
fn overwrites(out: &Path, ledger: &Path) -> bool {
    let inside =
        ["summary.json", "windows.ndjson", "rejected.ndjson"].map(|name| ledger.join(name));
    let mut files = inside.iter().map(PathBuf::as_path).chain([ledger]);
    files.any(|file| same_file(out, file))
}

fn print(bytes: &[u8]) -> io::Result<()> {
    match io::stdout().lock().write_all(bytes) {
        // The reader of our output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

fn counted(number: u64, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}
