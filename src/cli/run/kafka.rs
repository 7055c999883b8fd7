//! A run on Kafka.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::log::{self, failed};
use super::serve::{self, Served};
use super::work::{End, Work};
use crate::cli::identity::{self, Keyed};
use crate::cli::signals::Signals;
use crate::cli::{CliError, Outcome, tell};
use crate::metrics::Metrics;
use crate::runtime::kafka::tail::Topic;
use crate::runtime::kafka::{self, Shared, Tokens};
use crate::runtime::view;
use crate::runtime::watchdog::Watchdog;
use crate::runtime::{clock, http, notify};
use crate::settings::{Role, Settings};
use crate::time::Span;

/// How long a worker may make no progress before it counts as stuck: longer than the
/// slowest step may take.
fn stalled_after(transaction_timeout: Span) -> Span {
    let thrice = transaction_timeout + transaction_timeout + transaction_timeout;
    thrice.max(Span::from_secs(90)) + Span::from_secs(30)
}

/// Runs until it is stopped.
pub(super) fn run(settings: Settings) -> Result<Outcome, CliError> {
    let Keyed { identity, random } = identity::from_environment()?;
    if random {
        return Err(CliError::Failed(format!(
            "{} is not set; a run needs the same key at each start, because credentials and \
             reviewers get their names from it",
            identity::VARIABLE
        )));
    }
    let mut signals = Signals::new()?;
    log::start(&settings)?;
    let tokens = Tokens::new(&settings.kafka.security).map_err(|fault| failed(&fault))?;
    let checking = {
        let (settings, tokens) = (settings.clone(), tokens.clone());
        std::thread::Builder::new().name("checking".to_owned()).spawn(move || {
            let partitions = kafka::check(&settings, &tokens)?;
            kafka::compare_clocks(&settings, &tokens).map(|()| partitions)
        })?
    };
    // Brokers may be slow to answer, and a stop must not wait for them.
    if signals.wait(|| checking.is_finished()) {
        tracing::info!("stopped before the start");
        return Ok(Outcome::Fine);
    }
    let partitions = match checking.join() {
        Ok(checked) => checked.map_err(|fault| failed(&fault))?,
        Err(_) => return Err(failed(&"checking the topics panicked; this is a bug")),
    };
    let metrics = Metrics::new().map_err(|error| failed(&error))?;
    let shutdown_timeout = settings.kafka.shutdown_timeout;
    let shared = Shared::new(settings, identity, metrics, tokens, partitions);
    let shared = Arc::new(shared.map_err(|error| failed(&error))?);
    let stop = Arc::new(AtomicBool::new(false));
    let receiving = match shared.settings.http.listen {
        Some(_) => Some(serve::receivers(&shared.settings, &shared.stages)?),
        None => None,
    };
    let (receivers, receiving) = receiving.map(halves).unzip();
    let prepared = kafka::prepare(&shared, receiving, &stop).map_err(|fault| failed(&fault))?;
    let server = http(&shared, receivers, &stop)?;
    if shared.settings.kafka.role == Role::All {
        let alerts = topic(&shared, shared.settings.topics.alerts());
        serve::alerts(&shared.settings, &shared.stages, notify::Source::Topic(alerts), &stop)?;
    }
    let workers = {
        let (shared, stop) = (Arc::clone(&shared), Arc::clone(&stop));
        move || kafka::run(&shared, prepared, &stop)
    };
    let work = Work::start("workers", &stop, workers)?;
    let watchdog = Watchdog::new(
        Arc::clone(&shared.health),
        stalled_after(shared.settings.kafka.transaction_timeout),
        clock::uptime(),
    );
    let server_ended = serve::until_end(&mut signals, &stop, server.as_ref(), watchdog);
    tracing::info!("draining");
    // The time counts from the request to stop.
    let until = clock::uptime() + shutdown_timeout;
    let left = until.as_millis() - clock::uptime().as_millis();
    shared.health.stop();
    let ended = work.end_within(Span::from_millis(left.max(0)).to_std());
    drop(server);
    server_ended?;
    match ended {
        End::Done(Ok(())) => {
            tracing::info!("stopped");
            Ok(Outcome::Fine)
        }
        End::Done(Err(fault)) => Err(failed(&fault)),
        End::Panicked => Err(failed(
            &"the workers panicked, which is a bug: report it with the message above; what is \
              committed is safe, start it again",
        )),
        End::Late => {
            tell(
                "shutterlag: the workers did not stop in time; open transactions are not committed",
            );
            Ok(Outcome::Failed)
        }
    }
}

/// The receivers, and what takes the deliveries that they get.
fn halves(receiving: serve::Receiving) -> (Arc<http::Receivers>, kafka::Receiving) {
    let serve::Receiving { receivers, formats, deliveries } = receiving;
    (receivers, kafka::Receiving { receivers: formats, deliveries })
}

fn topic(shared: &Shared, name: String) -> Topic {
    Topic::new(&shared.settings.kafka, &shared.tokens, name)
}

/// Starts the HTTP server and the view that it shows, if the configuration has one.
fn http(
    shared: &Shared,
    receivers: Option<Arc<http::Receivers>>,
    stop: &Arc<AtomicBool>,
) -> Result<Option<http::Server>, CliError> {
    let (settings, view) = (&shared.settings, serve::view(&shared.settings));
    let served = Served {
        view: Arc::clone(&view),
        health: Arc::clone(&shared.health),
        receivers,
        only_receives: settings.kafka.role == Role::Receiver,
        stalled_after: stalled_after(settings.kafka.transaction_timeout),
    };
    let server = serve::http(settings, &shared.stages, served)?;
    if server.is_some() && settings.kafka.role == Role::All {
        view::reader::spawn(view::reader::Options {
            topic: topic(shared, settings.topics.windows()),
            view,
            health: Arc::clone(&shared.health),
            stop: Arc::clone(stop),
            now: clock::now,
        })?;
    }
    Ok(server)
}
