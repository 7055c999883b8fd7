//! Connections: accepting, bounding and ending them.
//!
//! Invariant: a client that sends or takes slowly holds one place for a bounded time,
//! and nothing else.

use std::convert::Infallible;
use std::net::TcpListener as StdListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, error, warn};

use super::board::Place;
use super::{Options, Shown, routes};

/// The largest head of a request, in bytes: a name of a window percent-encoded, and
/// room for headers.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// The most headers of a request.
const HEADERS_MAX: usize = 64;

/// How much the system keeps of what a client has not taken yet, in bytes.
const SEND_BUFFER_BYTES: usize = 128 << 10;

/// How often it is looked whether a board is read.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
    allow_files();
    let router = routes::router(options, shown, stop.clone());
    let places = Arc::new(Semaphore::new(options.connections_max));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = accept(&listener, &places) => {
                if let Some((stream, place)) = accepted {
                    let placed = Placed { router: router.clone(), place: Place::new(place) };
                    connections.spawn(connection(stream, placed, options.clone(), stop.clone()));
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

/// Lets the process have as many files as the system allows it: each board is one, and
/// a system's first answer is often a thousand for everything.
fn allow_files() {
    let files = getrlimit(Resource::Nofile);
    if files.current < files.maximum || files.maximum.is_none() {
        // Refused, it stays as it is; connections then wait for a file.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
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

/// The routes, for one connection.
struct Placed {
    router: Router,
    place: Arc<Place>,
}

impl Service<Request<Incoming>> for Placed {
    type Response = Response<axum::body::Body>;
    type Error = Infallible;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Arc::clone(&self.place));
        TowerToHyperService::new(self.router.clone()).call(request)
    }
}

async fn connection(
    stream: TcpStream,
    placed: Placed,
    options: Options,
    mut stop: watch::Receiver<bool>,
) {
    // Small answers should not wait for each other; without it they only come later.
    drop(stream.set_nodelay(true));
    // What the system holds for a client that does not read; without it, more.
    drop(SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES));
    let place = Arc::clone(&placed.place);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.head_within)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), placed);
    let mut served = pin!(served);
    tokio::select! {
        ended = served.as_mut() => {
            if let Err(error) = ended {
                debug!("an HTTP connection ended: {error}");
            }
            return;
        }
        _ = stop.changed() => {}
        cut_off = time_is_up(&place, &options) => {
            if cut_off {
                return debug!("a board took nothing for too long");
            }
        }
    }
    served.as_mut().graceful_shutdown();
    // A board has to come again and loses nothing by it.
    let patience = if place.streams() { options.shutdown_within } else { options.answer_within };
    if timeout(patience, served).await.is_err() {
        debug!("an HTTP client did not take its answer in time");
    }
}

/// When a connection has lasted long enough, or as a board is not read: then `true`.
async fn time_is_up(place: &Place, options: &Options) -> bool {
    let mut lasted = Duration::ZERO;
    loop {
        let board = place.streams();
        let within = if board { options.board_within } else { options.connection_within };
        let Some(left) = within.checked_sub(lasted).filter(|left| !left.is_zero()) else {
            return false;
        };
        let step = left.min(LOOK_EVERY);
        sleep(step).await;
        lasted += step;
        if place.stalled(options.board_stalled_after) {
            return true;
        }
    }
}
