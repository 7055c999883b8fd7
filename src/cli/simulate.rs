//! `shutterlag simulate`: writes event lines and the truth about them.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use flate2::write::GzEncoder;

use crate::simulate::{Extent, OptionError, Options, Simulation, Summary, WriteError, write};
use crate::time::Timestamp;

/// Generate the events of a simulated organisation; the same options give the same bytes
#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {
    /// The seed of the random numbers
    #[arg(long, default_value_t = Options::DEFAULT.seed)]
    pub seed: u64,
    /// Stop after exactly N event lines; redeliveries count, malformed lines do not [default: 100000]
    #[arg(long, value_name = "N", conflicts_with = "days")]
    pub events: Option<u64>,
    /// Stop after N days instead
    #[arg(long, value_name = "N")]
    pub days: Option<u32>,
    /// The time of the first event
    #[arg(long, value_name = "RFC3339", value_parser = time, default_value_t = Options::DEFAULT.start)]
    pub start: Timestamp,
    /// The file for the event lines; .gz and .zst are compressed, - is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub out: PathBuf,
    /// The file for the truth: what really happened
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// The number of reviewers
    #[arg(long, value_name = "N", default_value_t = Options::DEFAULT.reviewers)]
    pub reviewers: u32,
    /// Exposure windows per day, averaged over a week [default: 60 per reviewer]
    #[arg(long, value_name = "N")]
    pub windows_per_day: Option<u32>,
    /// Share of the AI's advice that is right, not counting seeded cases
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.ai_accuracy)]
    pub ai_accuracy: f64,
    /// Share of event lines that are exact redeliveries
    #[arg(long, value_name = "0..0.5", default_value_t = Options::DEFAULT.duplicates)]
    pub duplicates: f64,
    /// Share of events that are delayed on their way, most of them by less than 10 minutes
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.disorder)]
    pub disorder: f64,
    /// Share of the delayed events that are 10 minutes to 6 hours late
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.late)]
    pub late: f64,
    /// Share of windows in which one system's clock is wrong by 15 s to 5 min
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.skew)]
    pub skew: f64,
    /// Share of closed windows whose credential leaks again
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.re_leaks)]
    pub re_leaks: f64,
    /// Share of windows detected again before they close
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.repeats)]
    pub repeats: f64,
    /// Share of public exposures quarantined by the provider
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.quarantine)]
    pub quarantine: f64,
    /// Share of public exposures found by an attacker
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.attacked)]
    pub attacked: f64,
    /// Share of the attackers' successes that are noticed
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.observed)]
    pub observed: f64,
    /// Share of windows that are planted, with advice that is wrong on purpose
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.seeded)]
    pub seeded: f64,
    /// Share of the other windows whose right answer becomes known later
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.revealed)]
    pub revealed: f64,
    /// Share of windows that nobody ever decides
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.undecided)]
    pub undecided: f64,
    /// Share of decisions to act that are never carried out
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.uncontained)]
    pub uncontained: f64,
    /// Share of windows in which the AI acts before a person decides
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.ai_first)]
    pub ai_first: f64,
    /// Share of all lines that are malformed
    #[arg(long, value_name = "0..0.5", default_value_t = Options::DEFAULT.garbage)]
    pub garbage: f64,
    /// Share of newly leaked secrets that are commits which expose several at once
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.incidents)]
    pub incidents: f64,
    /// Share of reviewers who hand on what they doubt instead of rejecting it
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.juniors)]
    pub juniors: f64,
    /// Share of cases that go to a specialist of their workflow, if one is at work
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.specialists)]
    pub specialists: f64,
    /// Days after which another model gives the advice
    #[arg(long, value_name = "DAYS", default_value_t = Options::DEFAULT.upgrade_after)]
    pub upgrade_after: u32,
    /// Share of that model's advice that is right, not counting seeded cases
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.upgraded_accuracy)]
    pub upgraded_accuracy: f64,
    /// Share of reviews in which the AI advises again just before the decision
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.reruns)]
    pub reruns: f64,
    /// Share of undecided cases outside secret_exposure that their source withdraws
    #[arg(long, value_name = "0..1", default_value_t = Options::DEFAULT.withdrawn)]
    pub withdrawn: f64,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).map_err(|error| error.to_string())
}

/// Why the events were not generated, or not completely.
#[derive(Debug)]
pub enum SimulateError {
    /// An option is out of its range: a mistake of usage.
    Option(OptionError),
    /// Events and truth name the same file: a mistake of usage.
    SameFile(PathBuf),
    /// A file cannot be created.
    Create(PathBuf, io::Error),
    /// Writing failed.
    Write(WriteError),
}

impl fmt::Display for SimulateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SimulateError::Option(error) => error.fmt(f),
            SimulateError::SameFile(path) => {
                write!(f, "--out and --truth both name {}", path.display())
            }
            SimulateError::Create(path, error) => {
                write!(f, "{} cannot be created: {error}", path.display())
            }
            SimulateError::Write(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SimulateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SimulateError::Option(error) => Some(error),
            SimulateError::SameFile(_) => None,
            SimulateError::Create(_, error) => Some(error),
            SimulateError::Write(error) => Some(error),
        }
    }
}

impl SimulateArgs {
    /// The options of these arguments, not yet checked.
    pub fn options(&self) -> Options {
        Options {
            seed: self.seed,
            extent: match (self.events, self.days) {
                (_, Some(days)) => Extent::Days(days),
                (Some(events), None) => Extent::Events(events),
                (None, None) => Options::DEFAULT.extent,
            },
            start: self.start,
            reviewers: self.reviewers,
            windows_per_day: self.windows_per_day,
            ai_accuracy: self.ai_accuracy,
            duplicates: self.duplicates,
            disorder: self.disorder,
            late: self.late,
            skew: self.skew,
            re_leaks: self.re_leaks,
            repeats: self.repeats,
            quarantine: self.quarantine,
            attacked: self.attacked,
            observed: self.observed,
            seeded: self.seeded,
            revealed: self.revealed,
            undecided: self.undecided,
            uncontained: self.uncontained,
            ai_first: self.ai_first,
            garbage: self.garbage,
            incidents: self.incidents,
            juniors: self.juniors,
            specialists: self.specialists,
            upgrade_after: self.upgrade_after,
            upgraded_accuracy: self.upgraded_accuracy,
            reruns: self.reruns,
            withdrawn: self.withdrawn,
        }
    }
}

/// Whether two paths name the same file, which may not exist yet.
fn same_file(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        let here = Path::new(".");
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(here);
        let there = |folder: PathBuf| path.file_name().map(|name| folder.join(name));
        path.canonicalize().ok().or_else(|| folder.canonicalize().ok().and_then(there))
    };
    a == b || place(a).is_some_and(|a| Some(a) == place(b))
}

/// Writes the simulation. `None` when the reader of standard output closed it early,
/// which is no failure.
///
/// # Errors
/// See [`SimulateError`].
pub fn run(args: &SimulateArgs) -> Result<Option<Summary>, SimulateError> {
    let simulation = Simulation::new(args.options()).map_err(SimulateError::Option)?;
    if args.truth.as_deref().is_some_and(|truth| same_file(truth, &args.out)) {
        return Err(SimulateError::SameFile(args.out.clone()));
    }
    let create = |path: &Path| {
        File::create(path).map_err(|error| SimulateError::Create(path.to_owned(), error))
    };
    let mut truth = args.truth.as_deref().map(create).transpose()?;
    let truth = truth.as_mut();
    let done = |result: Result<Summary, WriteError>| result.map_err(SimulateError::Write);
    let finished = |error| SimulateError::Write(WriteError::Events(error));
    if args.out == Path::new("-") {
        return match write(simulation, &mut io::stdout().lock(), truth) {
            Err(WriteError::Events(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
            result => done(result).map(Some),
        };
    }
    let mut file = create(&args.out)?;
    let ending = args.out.extension().and_then(|ending| ending.to_str());
    let summary = match ending {
        Some("gz") => {
            let mut encoder = GzEncoder::new(file, flate2::Compression::fast());
            let summary = done(write(simulation, &mut encoder, truth))?;
            encoder.finish().map_err(finished)?;
            summary
        }
        Some("zst") => {
            let mut encoder = zstd::Encoder::new(file, 1).map_err(finished)?;
            let summary = done(write(simulation, &mut encoder, truth))?;
            encoder.finish().and_then(|mut file| file.flush()).map_err(finished)?;
            summary
        }
        _ => done(write(simulation, &mut file, truth))?,
    };
    Ok(Some(summary))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Read;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        simulate: SimulateArgs,
    }

    fn arguments(list: &[&str]) -> SimulateArgs {
        let program = ["shutterlag-simulate"].iter().chain(list);
        Program::try_parse_from(program).unwrap().simulate
    }

    #[test]
    fn no_arguments_are_the_defaults() {
        assert_eq!(arguments(&[]).options(), Options::DEFAULT);
        let changed = arguments(&["--days", "2", "--start", "2026-03-01T01:00:00+01:00"]).options();
        assert_eq!(changed.extent, Extent::Days(2));
        assert_eq!(changed.start.to_string(), "2026-03-01T00:00:00.000Z");
        let both = Program::try_parse_from(["x", "--days", "2", "--events", "3"]);
        assert!(both.is_err());
        let same = run(&arguments(&["--out", "a.ndjson", "--truth", "a.ndjson"]));
        assert!(matches!(same, Err(SimulateError::SameFile(_))));
        let refused = run(&arguments(&["--skew", "2"]));
        assert!(matches!(refused, Err(SimulateError::Option(error)) if error.option == "skew"));
    }

    #[test]
    fn files_hold_the_same_lines_packed_or_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        for name in ["plain.ndjson", "packed.ndjson.gz", "packed.ndjson.zst"] {
            let truth = path(&format!("{name}.truth"));
            let list = ["--events", "3000", "--out", &path(name), "--truth", &truth];
            let summary = run(&arguments(&list)).unwrap().unwrap();
            assert_eq!(summary.delivered.events, 3_000);
        }
        let bytes = |name: &str| std::fs::read(Path::new(&path(name))).unwrap();
        let plain = bytes("plain.ndjson");
        let (mut lines, mut truth) = (Vec::new(), io::Cursor::new(Vec::new()));
        let options = Options { extent: Extent::Events(3_000), ..Options::DEFAULT };
        write(Simulation::new(options).unwrap(), &mut lines, Some(&mut truth)).unwrap();
        let mut unpacked = Vec::new();
        let packed = bytes("packed.ndjson.gz");
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == plain, "gzip");
        assert!(zstd::decode_all(&bytes("packed.ndjson.zst")[..]).unwrap() == plain, "zstd");
        assert_eq!(plain, lines);
        let truths: HashSet<_> = ["plain.ndjson", "packed.ndjson.gz", "packed.ndjson.zst"]
            .iter()
            .map(|name| bytes(&format!("{name}.truth")))
            .collect();
        assert_eq!(truths.len(), 1);
        assert_eq!(truths.into_iter().next().unwrap(), truth.into_inner());
    }
}
