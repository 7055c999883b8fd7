//! What both runtimes start beside themselves: the HTTP server, and pushing alerts.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::log::failed;
use crate::cli::CliError;
use crate::metrics::Notify;
use crate::runtime::health::Health;
use crate::runtime::http::{self, Receivers, Token};
use crate::runtime::notify;
use crate::runtime::stages::Context;
use crate::runtime::view::{Bounds, View};
use crate::settings::Settings;
use crate::time::Span;

/// What the server shows, and takes in.
pub(super) struct Served {
    pub(super) view: Arc<View>,
    pub(super) health: Arc<Health>,
    pub(super) receivers: Option<Arc<Receivers>>,
    /// How long a worker may make no progress before it counts as stuck.
    pub(super) stalled_after: Span,
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
        stalled_after: served.stalled_after,
        clock: context.clock,
        reviewer_alerts: Arc::clone(&context.reviewer_alerts),
        receivers: served.receivers,
        demo: false,
    };
    let server = http::Server::start(http::Options::new(listen, token), shown)
        .map_err(|error| failed(&error))?;
    tracing::info!(address = %server.address(), "serving HTTP");
    Ok(Some(server))
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
        identity: context.identity.clone(),
        metrics,
        stop: Arc::clone(stop),
    })
    .map_err(|error| failed(&error))
}
