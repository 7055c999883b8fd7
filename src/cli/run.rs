//! `shutterlag run`: reads and writes topics until it is stopped.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::identity::{self, Keyed};
use super::signals::Signals;
use super::{CliError, Outcome, check, tell};
use crate::metrics::{Metrics, Notify};
use crate::runtime::http::{self, Token};
use crate::runtime::kafka::tail::Topic;
use crate::runtime::kafka::{self, Shared, Tokens};
use crate::runtime::view::{self, Bounds, View};
use crate::runtime::{clock, logging, notify};
use crate::settings::LogFormat;
use crate::time::Span;

/// How long a worker may make no progress before it counts as stuck: longer than the
/// slowest step may take.
fn stalled_after(transaction_timeout: Span) -> Span {
    let thrice = transaction_timeout + transaction_timeout + transaction_timeout;
    thrice.max(Span::from_secs(90)) + Span::from_secs(30)
}

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file; `shutterlag check` checks it.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// What kept the run from starting, or ended it.
pub fn run(args: &Args) -> Result<Outcome, CliError> {
    let Some(settings) = check::settings(&args.config) else { return Ok(Outcome::Failed) };
    let Keyed { identity, random } = identity::from_environment()?;
    if random {
        return Err(CliError::Failed(format!(
            "{} is not set; a run needs the same key at each start, because credentials and \
             reviewers get their names from it",
            identity::VARIABLE
        )));
    }
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
    let mut signals = Signals::new()?;
    let form = match settings.log.format {
        LogFormat::Pretty => logging::Form::Pretty,
        LogFormat::Json => logging::Form::Json,
    };
    logging::init(form, &settings.log.filter, std::io::stderr().is_terminal())
        .map_err(|error| failed(&error))?;
    let tokens = Tokens::new(&settings.kafka.security).map_err(|fault| failed(&fault))?;
    let checking = {
        let (settings, tokens) = (settings.clone(), tokens.clone());
        std::thread::Builder::new()
            .name("checking".to_owned())
            .spawn(move || kafka::check(&settings, &tokens))?
    };
    // Brokers may be slow to answer, and a stop must not wait for them.
    if signals.wait(|| checking.is_finished()) {
        tracing::info!("stopped before the start");
        return Ok(Outcome::Fine);
    }
    match checking.join() {
        Ok(checked) => checked.map_err(|fault| failed(&fault))?,
        Err(_) => return Err(failed(&"checking the topics panicked; this is a bug")),
    }
    let metrics = Metrics::new().map_err(|error| failed(&error))?;
    let shutdown_timeout = settings.kafka.shutdown_timeout;
    let shared = Shared::new(settings, identity, metrics, tokens);
    let shared = Arc::new(shared.map_err(|error| failed(&error))?);
    let stop = Arc::new(AtomicBool::new(false));
    let setups = kafka::prepare(&shared, &stop).map_err(|fault| failed(&fault))?;
    let server = serve(&shared, &stop)?;
    notify(&shared, &stop)?;
    let (ended, end) = crossbeam_channel::bounded(1);
    let workers = {
        let (shared, stop) = (Arc::clone(&shared), Arc::clone(&stop));
        move || {
            let _ = ended.send(kafka::run(&shared, setups, &stop));
        }
    };
    std::thread::Builder::new().name("workers".to_owned()).spawn(workers)?;
    signals.wait(|| stop.load(Ordering::Acquire));
    stop.store(true, Ordering::Release);
    tracing::info!("draining");
    // The time counts from the request to stop.
    let until = clock::uptime() + shutdown_timeout;
    let left = until.as_millis() - clock::uptime().as_millis();
    shared.health.stop();
    let ended =
        end.recv_timeout(std::time::Duration::from_millis(u64::try_from(left).unwrap_or(0)));
    drop(server);
    match ended {
        Ok(Ok(())) => {
            tracing::info!("stopped");
            Ok(Outcome::Fine)
        }
        Ok(Err(fault)) => Err(failed(&fault)),
        Err(_) => {
            tell(
                "shutterlag: the workers did not stop in time; open transactions are not committed",
            );
            Ok(Outcome::Failed)
        }
    }
}

/// Starts the HTTP server and the view that it shows, if the configuration has one.
fn serve(shared: &Shared, stop: &Arc<AtomicBool>) -> Result<Option<http::Server>, CliError> {
    let (settings, context) = (&shared.settings, &shared.stages);
    let Some(listen) = settings.http.listen else { return Ok(None) };
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
    let token = settings.http.token.as_ref().map(|token| Token::new(token.reveal()));
    let token = token.transpose().map_err(|error| failed(&error))?;
    let bounds =
        Bounds { windows_max: settings.http.view_windows_max, closed_kept: Bounds::CLOSED_KEPT };
    let view = Arc::new(View::new(bounds));
    let shown = http::Shown {
        metrics: Arc::clone(&context.metrics),
        pipeline: context.pipeline.clone(),
        health: Arc::clone(&shared.health),
        view: Arc::clone(&view),
        standings: Arc::clone(&context.standings),
        race: settings.race.clone(),
        profiles: settings.profiles,
        figures: settings.figures.clone(),
        stalled_after: stalled_after(settings.kafka.transaction_timeout),
        clock: context.clock,
        reviewer_alerts: Arc::clone(&context.reviewer_alerts),
        demo: false,
    };
    let server = http::Server::start(http::Options::new(listen, token), shown)
        .map_err(|error| failed(&error))?;
    tracing::info!(address = %server.address(), "serving HTTP");
    view::reader::spawn(view::reader::Options {
        topic: Topic::new(&settings.kafka, &shared.tokens, settings.topics.windows()),
        view,
        health: Arc::clone(&shared.health),
        stop: Arc::clone(stop),
        now: clock::now,
    })?;
    Ok(Some(server))
}

/// Starts pushing alerts, if there are Alertmanagers.
fn notify(shared: &Shared, stop: &Arc<AtomicBool>) -> Result<(), CliError> {
    let settings = &shared.settings;
    let alertmanagers = settings.alerts.alertmanagers.len();
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
    let metrics =
        Notify::register(&shared.stages.metrics, alertmanagers).map_err(|error| failed(&error))?;
    if alertmanagers == 0 {
        return Ok(());
    }
    notify::spawn(notify::Options {
        topic: Topic::new(&settings.kafka, &shared.tokens, settings.topics.alerts()),
        alerts: settings.alerts.clone(),
        race: settings.race.clone(),
        identity: shared.stages.identity.clone(),
        metrics,
        stop: Arc::clone(stop),
    })
    .map_err(|error| failed(&error))
}
