//! Connections: accepting, bounding and ending them.
//!
//! Invariant: a client that sends or takes slowly holds one place for a bounded time,
//! and nothing else.

use std::net::TcpListener as StdListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, error, warn};

use super::{Options, Shown, routes};

/// The largest head of a request, in bytes: a name of a window percent-encoded, and
/// room for headers.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// The most headers of a request.
const HEADERS_MAX: usize = 64;

/// How long to wait after a connection could not be accepted: most likely there
/// are no more files to be had, and trying at once would spin.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Serves until `stop` ends, then finishes what is at hand.
pub(super) async fn serve(
    listener: StdListener,
    options: &Options,
    shown: Shown,
    mut stop: watch::Receiver<bool>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(why) => return error!("the HTTP server cannot wait for connections: {why}"),
    };
    let router = routes::router(options, shown);
    let places = Arc::new(Semaphore::new(options.connections_max));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = accept(&listener, &places) => {
                if let Some((stream, place)) = accepted {
                    let connection =
                        connection(stream, router.clone(), options.clone(), stop.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
            }
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if timeout(options.shutdown_within, finished).await.is_err() {
        warn!("{} HTTP connections are cut off", connections.len());
        connections.shutdown().await;
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            warn!("cannot accept an HTTP connection: {error}");
            sleep(ACCEPT_REST).await;
            None
        }
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    options: Options,
    mut stop: watch::Receiver<bool>,
) {
    // Small answers should not wait for each other; without it they only come later.
    drop(stream.set_nodelay(true));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.head_within)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = pin!(served);
    tokio::select! {
        ended = served.as_mut() => {
            if let Err(error) = ended {
                debug!("an HTTP connection ended: {error}");
            }
            return;
        }
        _ = stop.changed() => {}
        () = sleep(options.connection_within) => {}
    }
    served.as_mut().graceful_shutdown();
    if timeout(options.answer_within, served).await.is_err() {
        debug!("an HTTP client did not take its answer in time");
    }
}
