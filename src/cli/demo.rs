//! `shutterlag demo`: a simulated organisation, live, with nothing else installed.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::signals::Signals;
use super::{CliError, Outcome};
use crate::config::{FiguresConfig, Limits, OversightConfig, Profiles};
use crate::engine::attacker::Race;
use crate::engine::identity::NameOrder;
use crate::event::Workflow;
use crate::formats::Identity;
use crate::formats::maps::Maps;
use crate::metrics::{Metrics, Pipeline};
use crate::runtime::clock::{self, Clock};
use crate::runtime::demo::{Demo, Fed};
use crate::runtime::http;
use crate::runtime::kafka::feed::{self, Topics};
use crate::runtime::logging;
use crate::runtime::stages::Context;
use crate::runtime::view::{Bounds, View};
use crate::settings::PeopleShown;
use crate::simulate::{Extent, OptionError, Options, Simulation, story};
use crate::time::{Span, Timestamp};

/// The key of the pseudonyms. It is public, because nobody in the demo is real.
const IDENTITY: &[u8] = b"nobody here is real";

/// How much of the organisation's time has passed when the demo starts: it is a
/// Tuesday morning, and a day of work is already visible.
const HISTORY: Span = Span::from_mins(33 * 60);

/// How long one organisation works before another replaces it, so that a demo that
/// nobody stops does not grow.
const PERIOD_DAYS: u32 = 14;

/// How long the organisation has been at work before, in days: at first with too few people, so
/// that the trend has a month to compare the last one with.
const PAST_DAYS: [u32; 2] = [34, 29];
/// Of what share of the cases nobody decided then.
const PAST_UNDECIDED: [f64; 2] = [0.3, 0.05];

/// How many windows open in a day: enough to see movement, and few enough to follow.
const WINDOWS_PER_DAY: u32 = 560;
/// The same where time runs at its real speed.
const WINDOWS_PER_DAY_PRODUCED: u32 = 6_000;

/// The most windows that the demo shows.
const WINDOWS_MAX: usize = 20_000;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the board listens; port 0 takes any free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9464")]
    listen: SocketAddr,
    /// Simulated seconds per real second, 1 to 3600
    #[arg(long, value_name = "N", default_value_t = 60.0, value_parser = speed)]
    speed: f64,
    /// The seed of the random numbers
    #[arg(long, default_value_t = Options::DEFAULT.seed)]
    seed: u64,
    /// Write the events to these Kafka brokers as they happen, for a live run to read
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["listen", "speed"])]
    produce: Option<String>,
    /// The topics for detections, the AI's advice and people's decisions, in this order
    #[arg(
        long,
        value_name = "NAME,NAME,NAME",
        value_parser = topics,
        default_value = "leak-detections,ai-triage,human-decisions",
        requires = "produce"
    )]
    topics: Topics,
}

fn topics(text: &str) -> Result<Topics, String> {
    match text.split(',').collect::<Vec<_>>()[..] {
        [detections, triage, decisions] if text.split(',').all(|name| !name.is_empty()) => {
            let own = str::to_owned;
            Ok(Topics {
                detections: own(detections),
                triage: own(triage),
                decisions: own(decisions),
            })
        }
        _ => Err("expected three names separated by commas".to_owned()),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| (1.0..=3600.0).contains(speed));
    speed.ok_or_else(|| "expected a number from 1 to 3600".to_owned())
}

/// Runs the command.
///
/// # Errors
/// What kept the demo from starting.
pub fn run(args: &Args) -> Result<Outcome, CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
    if !args.listen.ip().is_loopback() {
        return Err(CliError::Usage(format!(
            "{}: the demo has no login, so it only listens on a loopback address such as \
             127.0.0.1:9464",
            args.listen
        )));
    }
    let mut signals = Signals::new()?;
    if let Some(brokers) = &args.produce {
        return produce(args, brokers, &mut signals);
    }
    logging::init(logging::Form::Pretty, "warn", io::stderr().is_terminal())
        .map_err(|error| failed(&error))?;
    let began = Options::START + HISTORY;
    let metrics = Metrics::new().map_err(|error| failed(&error))?;
    let mut profiles = Profiles::default();
    for workflow in Workflow::ALL {
        // The tools of the simulated organisation report who looked at what.
        profiles.get_mut(*workflow).expects_opening = true;
    }
    let context = Context {
        identity: Identity::new(IDENTITY).map_err(|error| failed(&error))?,
        limits: Limits::DEFAULT,
        maps: Arc::new(Maps::shipped()),
        skew_tolerance: Span::from_mins(2),
        profiles,
        race: Race::default(),
        oversight: OversightConfig::default(),
        people: PeopleShown::Pseudonyms,
        clock: Clock::paced(began, args.speed),
        pipeline: Pipeline::register(&metrics, clock::now()).map_err(|error| failed(&error))?,
        metrics: Arc::new(metrics),
        standings: Arc::default(),
        unjoined: Arc::default(),
        reviewer_alerts: Arc::default(),
    };
    let demo = Demo {
        context: Arc::new(context),
        health: Arc::default(),
        view: Arc::new(View::new(Bounds {
            windows_max: WINDOWS_MAX,
            closed_kept: Bounds::CLOSED_KEPT,
        })),
    };
    let server = http::Server::start(http::Options::new(args.listen, None), shown(&demo))
        .map_err(|error| in_the_way(&error))?;
    let stop = Arc::new(AtomicBool::new(false));
    let working = {
        let (demo, stop, seed) = (demo.clone(), Arc::clone(&stop), args.seed);
        std::thread::Builder::new()
            .name("demo".to_owned())
            .spawn(move || work(&demo, seed, &stop))?
    };
    welcome(server.address(), args.speed)?;
    signals.wait(|| working.is_finished());
    stop.store(true, Ordering::Release);
    demo.health.stop();
    server.shutdown();
    match working.join() {
        Ok(worked) => worked.map(|()| Outcome::Fine),
        Err(_) => Err(failed(&"the demo panicked; this is a bug")),
    }
}

fn shown(demo: &Demo) -> http::Shown {
    let context = &demo.context;
    http::Shown {
        metrics: Arc::clone(&context.metrics),
        pipeline: context.pipeline.clone(),
        health: Arc::clone(&demo.health),
        view: Arc::clone(&demo.view),
        standings: Arc::clone(&context.standings),
        unjoined: Arc::clone(&context.unjoined),
        race: context.race.clone(),
        profiles: context.profiles,
        figures: FiguresConfig::default(),
        names: NameOrder::default(),
        identity: context.identity.clone(),
        oversight: context.oversight.clone(),
        stalled_after: Span::from_secs(120),
        clock: context.clock,
        reviewer_alerts: Arc::clone(&context.reviewer_alerts),
        receivers: None,
        only_receives: false,
        demo: true,
    }
}

fn in_the_way(error: &http::StartError) -> CliError {
    let taken = matches!(
        error,
        http::StartError::Listen { error, .. } if error.kind() == io::ErrorKind::AddrInUse
    );
    let remedy =
        if taken { "; for another port: shutterlag demo --listen 127.0.0.1:0" } else { "" };
    CliError::Failed(format!("{error}{remedy}"))
}

/// Runs one organisation after the other until `stop`.
fn work(demo: &Demo, seed: u64, stop: &AtomicBool) -> Result<(), CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
    let mut past = Some(past(seed).map_err(|error| failed(&error))?);
    for period in periods(seed, Options::START, WINDOWS_PER_DAY) {
        if stop.load(Ordering::Acquire) {
            break;
        }
        let past = past.take().into_iter().flatten();
        demo.run(past, period, stop).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// The events of the weeks before the first period.
fn past(seed: u64) -> Result<impl Iterator<Item = Fed> + Send, OptionError> {
    let [short, staffed] = PAST_DAYS.map(|days| Span::from_mins(i64::from(days) * 24 * 60));
    let before = |span: Span| Options::START + Span::from_millis(-span.as_millis());
    let starts = [before(short + staffed), before(staffed)];
    let of = |at: usize| {
        organisation(Options {
            seed: seed.wrapping_sub(1 + at as u64),
            extent: Extent::Days(PAST_DAYS[at]),
            start: starts[at],
            windows_per_day: Some(WINDOWS_PER_DAY / 3),
            undecided: PAST_UNDECIDED[at],
            ..ORGANISATION
        })
    };
    Ok(of(0)?.chain(of(1)?))
}

/// Writes the events of one organisation after the other to Kafka, at their times.
fn produce(args: &Args, brokers: &str, signals: &mut Signals) -> Result<Outcome, CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
    logging::init(logging::Form::Json, "info", false).map_err(|error| failed(&error))?;
    let start = clock::now() + Span::from_millis(-HISTORY.as_millis());
    let stop = Arc::new(AtomicBool::new(false));
    let working = {
        let (brokers, topics, seed) = (brokers.to_owned(), args.topics.clone(), args.seed);
        let stop = Arc::clone(&stop);
        std::thread::Builder::new().name("feed".to_owned()).spawn(move || {
            let events = periods(seed, start, WINDOWS_PER_DAY_PRODUCED).flatten();
            feed::feed(&brokers, &topics, &Clock::Real(clock::now), events, &stop)
        })?
    };
    tracing::info!(brokers, "writing the events of a simulated organisation");
    signals.wait(|| working.is_finished());
    stop.store(true, Ordering::Release);
    match working.join() {
        Ok(fed) => fed.map(|()| Outcome::Fine).map_err(|fault| failed(&fault)),
        Err(_) => Err(failed(&"the feed panicked; this is a bug")),
    }
}

/// The feeds of one organisation after the other from `start` on, until the last year
/// that times may have. The first feed contains the story.
fn periods(
    seed: u64,
    start: Timestamp,
    windows_per_day: u32,
) -> impl Iterator<Item = impl Iterator<Item = Fed>> {
    (0..).map_while(move |number: u32| {
        let days = Span::from_mins(i64::from(PERIOD_DAYS) * 24 * 60 * i64::from(number));
        let seed = seed.wrapping_add(u64::from(number));
        let events = organisation(Options {
            seed,
            start: start + days,
            windows_per_day: Some(windows_per_day),
            ..ORGANISATION
        })
        .ok()?;
        let mut tale = Vec::new();
        if number == 0 {
            tale =
                story(start + HISTORY).into_iter().map(|scene| (scene.at, scene.event)).collect();
        }
        Some(together(events, tale))
    })
}

/// An organisation of the demo.
const ORGANISATION: Options = Options {
    extent: Extent::Days(PERIOD_DAYS),
    reviewers: 12,
    undecided: 0.05,
    ..Options::DEFAULT
};

/// The events of an organisation.
fn organisation(options: Options) -> Result<impl Iterator<Item = Fed> + Send, OptionError> {
    Ok(Simulation::new(options)?.filter_map(|output| match output {
        crate::simulate::Output::Event(delivered) => Some((delivered.at, delivered.event)),
        _ => None,
    }))
}

/// Merges two feeds that are in order of delivery.
fn together(
    first: impl Iterator<Item = Fed>,
    second: impl IntoIterator<Item = Fed>,
) -> impl Iterator<Item = Fed> {
    let (mut first, mut second) = (first.peekable(), second.into_iter().peekable());
    std::iter::from_fn(move || match (first.peek(), second.peek()) {
        (Some((one, _)), Some((other, _))) if other < one => second.next(),
        (Some(_), _) => first.next(),
        (None, _) => second.next(),
    })
}

/// Prints the addresses.
fn welcome(address: SocketAddr, speed: f64) -> io::Result<()> {
    writeln!(
        io::stdout(),
        "A simulated organisation is at work, {speed} times as fast as real time.

  the board        http://{address}/
  the figures      http://{address}/api/v1/summary
  for Prometheus   http://{address}/metrics

In the first minute at the default speed, a leaked key is decided seconds before the fastest
attackers arrive, a provider quarantines another key, a reviewer who has stopped reading is
detected, and a planted case is let through. Nothing here is real, and nothing leaves this machine.

Press Ctrl-C to stop."
    )
}
