//! A run on one local file.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::log::{self, failed};
use super::serve::{self, Served};
use super::work::{End, Work};
use crate::cli::identity;
use crate::cli::signals::Signals;
use crate::cli::{CliError, Outcome};
use crate::engine::oversight::Rules;
use crate::metrics::Metrics;
use crate::runtime::clock;
use crate::runtime::local::{Local, Lock, StoreFile};
use crate::runtime::notify;
use crate::runtime::stages::Context;
use crate::runtime::watchdog::Watchdog;
use crate::settings::Settings;
use crate::time::Span;

/// How long the local runtime may make no progress before it counts as stuck: longer than a
/// slow disk takes for a large transaction.
const STALLED_AFTER: Span = Span::from_secs(120);
/// How long finishing may take at the end.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(20);

/// Runs until it is stopped.
pub(super) fn run(settings: Settings, configured: bool) -> Result<Outcome, CliError> {
    let path = settings.store.path.0.clone();
    log::start(&settings)?;
    let mut signals = Signals::new()?;
    let mut lock = Lock::take(&path).map_err(|fault| failed(&fault))?;
    let identity = identity::from_environment_or_beside(&mut lock)?;
    let mut store = StoreFile::open(lock, &identity).map_err(|fault| failed(&fault))?;
    let metrics = Metrics::new().map_err(|error| failed(&error))?;
    let context = Context::new(&settings, identity, metrics).map_err(|error| failed(&error))?;
    let context = Arc::new(context);
    let receiving = serve::receivers(&settings, &context)?;
    let (stop, health) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let view = serve::view(&settings);
    let served = Served {
        view: Arc::clone(&view),
        health: Arc::clone(&health),
        receivers: Some(receiving.receivers),
        only_receives: false,
        stalled_after: STALLED_AFTER,
    };
    let (tell, news) = crossbeam_channel::unbounded();
    let pushes = !settings.alerts.alertmanagers.is_empty();
    serve::alerts(&settings, &context, notify::Source::Local(news), &stop)?;
    let rules = Rules::new(settings.oversight.clone()).map_err(|error| failed(&error))?;
    let local = Local {
        context: Arc::clone(&context),
        health: Arc::clone(&health),
        view,
        config: settings.engine(),
        rules: Arc::new(rules),
        receivers: receiving.formats,
        deliveries: receiving.deliveries,
        alerts: pushes.then_some(tell),
        keep_events: settings.store.keep_events,
    };
    let server = serve::http(&settings, &context, served)?;
    if let Some(server) = &server {
        // A service goes on when nobody reads what it prints.
        if let Err(error) = welcome(server.address(), &path, &settings, configured) {
            tracing::warn!(%error, "the standard output cannot be written to");
        }
    }
    // From here on the store may hold what was answered.
    store.keep();
    let worker = Arc::clone(&stop);
    let work = Work::start("local", &stop, move || {
        let done = local.run(&store, &worker);
        // Closing it writes what is in its log into the file.
        drop(store);
        done
    })?;
    let watchdog = Watchdog::new(Arc::clone(&health), STALLED_AFTER, clock::uptime());
    let server_ended = serve::until_end(&mut signals, &stop, server.as_ref(), watchdog);
    health.stop();
    let ended = work.end_within(SHUTDOWN_WITHIN);
    drop(server);
    server_ended?;
    match ended {
        End::Done(Ok(())) => {
            tracing::info!("stopped");
            Ok(Outcome::Fine)
        }
        End::Done(Err(fault)) => Err(failed(&fault)),
        End::Panicked => Err(failed(
            &"the local runtime panicked, which is a bug: report it with the message above; \
              nothing that was answered is lost, start it again",
        )),
        End::Late => {
            Err(failed(&"the store did not finish in time; nothing that was answered is lost"))
        }
    }
}

/// Says where everything is, and what to do next.
fn welcome(
    address: std::net::SocketAddr,
    path: &std::path::Path,
    settings: &Settings,
    configured: bool,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let url = format!("{}://{address}", serve::scheme(settings));
    writeln!(out, "shutterlag keeps everything in {}.\n", path.display())?;
    writeln!(out, "  the board      {url}/")?;
    writeln!(out, "  for Prometheus {url}/metrics")?;
    writeln!(out, "  native events  POST {url}/in/{}", crate::runtime::http::EVENTS)?;
    for receiver in &settings.receivers {
        writeln!(out, "  {:<14} POST {url}/in/{}", receiver.name, receiver.name)?;
    }
    if !configured {
        writeln!(
            out,
            "\nTo try it: curl --data-binary @examples/leaks.ndjson {url}/in/{}\n\
             To receive webhooks, add [[receivers]] to a configuration: docs/receivers.md.",
            crate::runtime::http::EVENTS
        )?;
    }
    writeln!(out, "\nPress Ctrl-C to stop.")?;
    out.flush()
}
