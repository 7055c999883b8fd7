//! What both runtimes start beside themselves: the HTTP server with its receivers, and pushing
//! alerts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Receiver;

use super::log::failed;
use crate::cli::CliError;
use crate::cli::signals::Signals;
use crate::formats::Format;
use crate::metrics::{self, Notify};
use crate::runtime::clock;
use crate::runtime::health::Health;
use crate::runtime::http::{self, Receivers, Token};
use crate::runtime::notify;
use crate::runtime::receive::{Deliveries, Delivery};
use crate::runtime::stages::Context;
use crate::runtime::view::{Bounds, View};
use crate::runtime::watchdog::Watchdog;
use crate::settings::Settings;
use crate::time::Span;

/// What the server shows, and takes in.
pub(super) struct Served {
    pub(super) view: Arc<View>,
    pub(super) health: Arc<Health>,
    pub(super) receivers: Option<Arc<Receivers>>,
    /// Whether the process only takes deliveries.
    pub(super) only_receives: bool,
    /// How long a worker may make no progress before it counts as stuck.
    pub(super) stalled_after: Span,
}

/// The receivers of a run, and what they get.
pub(super) struct Receiving {
    pub(super) receivers: Arc<Receivers>,
    /// Name and format of each receiver, in the order of their numbers.
    pub(super) formats: Vec<(String, Format)>,
    pub(super) deliveries: Receiver<Delivery>,
}

/// Makes the receivers. The server takes deliveries for them.
pub(super) fn receivers(settings: &Settings, context: &Context) -> Result<Receiving, CliError> {
    /// Deliveries that may wait to be made durable.
    const WAITING_MAX: usize = 4_096;
    let names = Receivers::names(&settings.receivers);
    let own = settings.receivers.iter().map(|receiver| receiver.format);
    let formats = names.iter().cloned().zip(std::iter::once(Format::Auto).chain(own)).collect();
    let figures = metrics::Receivers::register(&context.metrics, &names);
    let (queue, deliveries) = Deliveries::new(names, WAITING_MAX);
    let figures = figures.map_err(|error| failed(&error))?;
    let receivers = Receivers::new(&settings.receivers, queue, figures);
    let receivers = Arc::new(receivers.map_err(|why| failed(&why))?);
    Ok(Receiving { receivers, formats, deliveries })
}

/// An empty view.
pub(super) fn view(settings: &Settings) -> Arc<View> {
    Arc::new(View::new(Bounds {
        windows_max: settings.http.view_windows_max,
        closed_kept: Bounds::CLOSED_KEPT,
    }))
}

/// Starts the HTTP server, if the configuration has one.
pub(super) fn http(
    settings: &Settings,
    context: &Context,
    served: Served,
) -> Result<Option<http::Server>, CliError> {
    let Some(listen) = settings.http.listen else { return Ok(None) };
    let token = settings.http.token.as_ref().map(|token| Token::new(token.reveal()));
    let token = token.transpose().map_err(|error| failed(&error))?;
    let shown = http::Shown {
        metrics: Arc::clone(&context.metrics),
        pipeline: context.pipeline.clone(),
        health: served.health,
        view: served.view,
        standings: Arc::clone(&context.standings),
        unjoined: Arc::clone(&context.unjoined),
        race: settings.race.clone(),
        profiles: settings.profiles,
        figures: settings.figures.clone(),
        names: settings.identity.clone(),
        identity: context.identity.clone(),
        oversight: context.oversight.clone(),
        stalled_after: served.stalled_after,
        clock: context.clock,
        reviewer_alerts: Arc::clone(&context.reviewer_alerts),
        receivers: served.receivers,
        only_receives: served.only_receives,
        demo: false,
    };
    let mut options = http::Options::new(listen, token);
    if let (Some(certificate), Some(key)) =
        (&settings.http.certificate_file, &settings.http.key_file)
    {
        options.tls = Some(http::Tls::load(certificate, key).map_err(|error| failed(&error))?);
    }
    let scheme = scheme(settings);
    let server = http::Server::start(options, shown).map_err(|error| failed(&error))?;
    tracing::info!("serving {scheme}://{}", server.address());
    Ok(Some(server))
}

/// Waits for a signal, for the end of the work, for the end of the server, or for a worker that
/// hangs, and sets `stop`.
///
/// # Errors
/// The server ended although nobody stopped it, or a worker hangs.
pub(super) fn until_end(
    signals: &mut Signals,
    stop: &AtomicBool,
    server: Option<&http::Server>,
    mut watchdog: Watchdog,
) -> Result<(), CliError> {
    let mut hangs = None;
    let server_ended = || server.is_some_and(http::Server::has_ended);
    let asked = signals.wait(|| {
        hangs = watchdog.look(clock::uptime());
        hangs.is_some() || stop.load(Ordering::Acquire) || server_ended()
    });
    stop.store(true, Ordering::Release);
    if let Some(why) = hangs {
        // At once: the others are given the time to commit what they have.
        tracing::error!("{why}");
        return Err(failed(&why));
    }
    if !asked && server_ended() {
        return Err(failed(
            &"the HTTP server ended by itself, which is a bug: report it with the message above; \
              what was answered is kept, start the run again",
        ));
    }
    Ok(())
}

/// How the addresses of the server begin.
pub(super) fn scheme(settings: &Settings) -> &'static str {
    if settings.http.certificate_file.is_some() { "https" } else { "http" }
}

/// Starts pushing alerts, if there are Alertmanagers.
pub(super) fn alerts(
    settings: &Settings,
    context: &Context,
    source: notify::Source,
    stop: &Arc<AtomicBool>,
) -> Result<(), CliError> {
    let alertmanagers = settings.alerts.alertmanagers.len();
    let metrics =
        Notify::register(&context.metrics, alertmanagers).map_err(|error| failed(&error))?;
    if alertmanagers == 0 {
        return Ok(());
    }
    notify::spawn(notify::Options {
        source,
        alerts: settings.alerts.clone(),
        race: settings.race.clone(),
        profiles: settings.profiles,
        names: settings.identity.clone(),
        identity: context.identity.clone(),
        metrics,
        stop: Arc::clone(stop),
    })
    .map_err(|error| failed(&error))
}
