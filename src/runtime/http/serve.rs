//! Accepts, limits and ends connections.
//!
//! Invariant: a client that sends or reads slowly occupies one slot for a limited time,
//! and nothing else.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::net::{IpAddr, TcpListener as StdListener};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, error, warn};

use super::answer::Problem;
use super::board::Slot;
use super::options::{Options, Shown};
use super::places::{Activity, Place, Places};
use super::receivers::BODY_WITHIN;
use super::routes;
use super::tls::Tls;

/// Bytes of a request's head at most: a percent-encoded name of a window, and headers.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// The most headers of a request.
const HEADERS_MAX: usize = 64;

/// Bytes that the system buffers for a client that has not read them yet.
const SEND_BUFFER_BYTES: usize = 128 << 10;

/// How often to check whether a board still reads its stream.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long to wait after a connection could not be accepted. Most likely the process is
/// out of file descriptors, and retrying at once would spin.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Serves until `stop` changes, then finishes the current answers.
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
    // It ends with the set.
    let mut background = JoinSet::new();
    if let Some(tls) = options.tls.clone() {
        background.spawn(reload(tls, options.tls_reload_every));
    }
    let router = routes::router(options, shown, stop.clone());
    let places = Places::new(options);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = accept(&listener) => {
                if let Some((stream, address)) = accepted {
                    let (places, router) = (Arc::clone(&places), router.clone());
                    let (options, stop) = (options.clone(), stop.clone());
                    connections.spawn(async move {
                        // A client for whom there is no place is sent away.
                        let Some((place, permit)) = places.take(address).await else { return };
                        let options = match place.reserved {
                            true => options.for_reserved_places(),
                            false => options,
                        };
                        let (slot, place) = (Slot::new(permit), Arc::new(place));
                        let activity = Activity::new();
                        let routes = Connection { router, slot, place, activity };
                        serve_one(stream, routes, options, stop).await;
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

/// Looks at the files of certificate and key for as long as the server runs.
async fn reload(tls: Tls, every: Duration) {
    loop {
        sleep(every).await;
        let tls = tls.clone();
        // A file may lie on a disk that takes its time.
        drop(tokio::task::spawn_blocking(move || tls.reload()).await);
    }
}

/// Raises the limit of open files to what the system allows. Each board needs one, and the
/// usual limit is a thousand.
fn allow_files() {
    let files = getrlimit(Resource::Nofile);
    if files.current < files.maximum || files.maximum.is_none() {
        // If the system refuses, the limit stays and connections wait.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
    }
}

/// The next connection, and from where it comes.
async fn accept(listener: &TcpListener) -> Option<(TcpStream, IpAddr)> {
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer.ip())),
        Err(error) => {
            warn!("cannot accept an HTTP connection: {error}");
            sleep(ACCEPT_REST).await;
            None
        }
    }
}

/// The routes, for one connection.
struct Connection {
    router: Router,
    slot: Arc<Slot>,
    place: Arc<Place>,
    activity: Arc<Activity>,
}

impl Service<Request<Incoming>> for Connection {
    type Response = Response<axum::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if !self.place.admits(request.uri().path()) {
            return Box::pin(ready(Ok(Problem::Overloaded.into_response())));
        }
        request.extensions_mut().insert(Arc::clone(&self.slot));
        let (answering, activity) = (self.activity.begin(), Arc::clone(&self.activity));
        let answer = TowerToHyperService::new(self.router.clone()).call(request);
        Box::pin(async move {
            let mut answer = answer.await;
            if let (true, Ok(answer)) = (activity.is_ending(), &mut answer) {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            drop(answering);
            answer
        })
    }
}

async fn serve_one(
    stream: TcpStream,
    routes: Connection,
    options: Options,
    mut stop: watch::Receiver<bool>,
) {
    // Small answers should not wait for each other. If this fails they only come later.
    drop(stream.set_nodelay(true));
    // Limits what the system buffers. If this fails it buffers more.
    drop(SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES));
    let Some(tls) = &options.tls else {
        return serve_requests(stream, routes, options, stop).await;
    };
    let handshake = timeout(options.head_within, tls.acceptor().accept(stream));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        _ = stop.changed() => return,
    };
    match shaken {
        Ok(Ok(stream)) => serve_requests(stream, routes, options, stop).await,
        Ok(Err(error)) => debug!("a client did not agree on TLS: {error}"),
        Err(_) => debug!("a client took too long to agree on TLS"),
    }
}

/// Answers the requests of one connection.
async fn serve_requests(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    routes: Connection,
    options: Options,
    mut stop: watch::Receiver<bool>,
) {
    let slot = Arc::clone(&routes.slot);
    let (place, activity) = (Arc::clone(&routes.place), Arc::clone(&routes.activity));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.head_within)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), routes);
    let mut served = pin!(served);
    tokio::select! {
        ended = served.as_mut() => {
            if let Err(error) = ended {
                debug!("an HTTP connection ended: {error}");
            }
            return;
        }
        _ = stop.changed() => {}
        () = leaves(&place, &activity, &slot) => {
            return debug!("a silent client left its place to another one");
        }
        over = time_is_up(&slot, &activity, &options) => {
            if over == Over::CutOff {
                return debug!("an HTTP client did not read, or asked for nothing more");
            }
        }
    }
    served.as_mut().graceful_shutdown();
    // A board connects again, and loses nothing by it.
    let patience = if slot.streams() { options.shutdown_within } else { options.answer_within };
    if timeout(patience, served).await.is_err() {
        debug!("an HTTP client did not take its answer in time");
    }
}

/// Waits until others want the place of a client that says nothing. A board never does.
async fn leaves(place: &Place, activity: &Activity, slot: &Slot) {
    loop {
        place.wanted(activity).await;
        if !slot.streams() {
            return;
        }
    }
}

/// How a connection ends by its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// At once.
    CutOff,
    /// After what is on its way.
    Gracefully,
}

/// Waits until a connection has lasted long enough, or until a board does not read its stream.
///
/// A client whose time is up is told so with its next answer. Its connection must not end before:
/// between two answers a request may be on its way, and its sender could not know what became of
/// it.
async fn time_is_up(slot: &Slot, activity: &Activity, options: &Options) -> Over {
    let mut lasted = Duration::ZERO;
    loop {
        let board = slot.streams();
        let within = if board { options.board_within } else { options.connection_within };
        let mut left = within.saturating_sub(lasted);
        if left.is_zero() {
            if board {
                return Over::Gracefully;
            }
            activity.end();
            let delivers = activity.is_answering();
            let more = if delivers { BODY_WITHIN } else { Duration::ZERO };
            left = (within + options.answer_within + more).saturating_sub(lasted);
            if left.is_zero() {
                return Over::CutOff;
            }
        }
        let step = left.min(LOOK_EVERY);
        sleep(step).await;
        lasted += step;
        if slot.stalled(options.board_stalled_after) {
            return Over::CutOff;
        }
    }
}
