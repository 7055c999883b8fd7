//! The HTTP server: metrics, health, the read view as JSON, and the live board.
//!
//! Invariants: it reads and never changes anything; it runs on one thread of its
//! own and keeps no worker waiting; every answer, connection, wait and shutdown has
//! a bound; without a token it answers no page that a browser was lured to; what it
//! says of an error is JSON with a code.

mod answer;
mod board;
mod guard;
mod query;
mod routes;
mod serve;
mod status;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;

pub use guard::{Token, TokenError};

use crate::config::{FiguresConfig, Profiles};
use crate::engine::attacker::Race;
use crate::engine::summary::FigureRules;
use crate::metrics::{Metrics, Pipeline};
use crate::runtime::clock::Clock;
use crate::runtime::health::Health;
use crate::runtime::standings::PartitionStandings;
use crate::runtime::suspicions::Suspicions;
use crate::runtime::view::View;
use crate::time::Span;

/// How the server listens, and what it bears.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens; port 0 is any free one.
    pub listen: SocketAddr,
    /// What every request but `/healthz` must bear.
    pub token: Option<Token>,
    /// Connections at a time; further ones wait to be accepted.
    pub connections_max: usize,
    /// Boards that watch at a time; they take none of the connections above.
    pub boards_max: usize,
    /// How long a board may watch before it has to ask again.
    pub board_within: Duration,
    /// How long a board may take in nothing before it is cut off.
    pub board_stalled_after: Span,
    /// How long a client may take to send a request's head, or stay silent between two.
    pub head_within: Duration,
    /// How long making an answer may take.
    pub answer_within: Duration,
    /// How long a connection may last; then it ends after the answer at hand.
    pub connection_within: Duration,
    /// How long answers at hand may take when the server ends.
    pub shutdown_within: Duration,
}

impl Options {
    /// The usual bounds.
    pub fn new(listen: SocketAddr, token: Option<Token>) -> Options {
        Options {
            listen,
            token,
            connections_max: 64,
            boards_max: 1_024,
            board_within: Duration::from_secs(30 * 60),
            board_stalled_after: Span::from_secs(20),
            head_within: Duration::from_secs(10),
            answer_within: Duration::from_secs(10),
            connection_within: Duration::from_secs(120),
            shutdown_within: Duration::from_secs(3),
        }
    }
}

/// What the server shows.
#[derive(Clone, Debug)]
pub struct Shown {
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// Those of a live run, among them the view's, which are set when asked for.
    pub pipeline: Pipeline,
    /// The workers.
    pub health: Arc<Health>,
    /// The windows.
    pub view: Arc<View>,
    /// The windows that wait in this process, for the metrics.
    pub standings: Arc<PartitionStandings>,
    /// The attackers' curves.
    pub race: Race,
    /// The deadlines of workflows.
    pub profiles: Profiles,
    /// What figures about exposures rest on.
    pub figures: FiguresConfig,
    /// How long a worker may go without progress.
    pub stalled_after: Span,
    /// The time.
    pub clock: Clock,
    /// Reviewers whose page is on.
    pub suspicions: Arc<Suspicions>,
    /// Whether all of it is made up, which the board then says.
    pub demo: bool,
}

impl Shown {
    /// The rules of figures.
    pub const fn figure_rules(&self) -> FigureRules<'_> {
        FigureRules { race: &self.race, profiles: &self.profiles, figures: &self.figures }
    }
}

/// Why the server did not start.
#[derive(Debug)]
pub enum StartError {
    /// The address cannot be had.
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The system has no thread, or nothing to wait with.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Listen { address, error } => {
                write!(f, "cannot listen on {address}: ")?;
                match error.kind() {
                    io::ErrorKind::AddrInUse => {
                        f.write_str("another program does; end it, or set another address for HTTP")
                    }
                    io::ErrorKind::PermissionDenied => f.write_str(
                        "not allowed; ports below 1024 need a privilege, set a higher one for HTTP",
                    ),
                    io::ErrorKind::AddrNotAvailable => f.write_str(
                        "this machine does not have the address; set one that it has for HTTP",
                    ),
                    _ => error.fmt(f),
                }
            }
            StartError::System(error) => write!(f, "cannot start the HTTP server: {error}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Listen { error, .. } | StartError::System(error) => Some(error),
        }
    }
}

/// A running server. It ends when this is dropped, or told to.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<watch::Sender<bool>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts the server; when this returns, it listens.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(options: Options, shown: Shown) -> Result<Server, StartError> {
        let address = options.listen;
        let listener = TcpListener::bind(address)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|error| StartError::Listen { address, error })?;
        let address = listener.local_addr().map_err(StartError::System)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // Answers are made beside the loop that reads and writes.
            .max_blocking_threads(4)
            .build()
            .map_err(StartError::System)?;
        let (stop, stopped) = watch::channel(false);
        let thread = thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                runtime.block_on(serve::serve(listener, &options, shown, stopped));
                runtime.shutdown_timeout(Duration::from_millis(500));
            })
            .map_err(StartError::System)?;
        Ok(Server { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the server: takes no more connections, finishes answers at hand within
    /// the time set for it, and returns when all is over.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // The server sees that nobody can tell it anything any more.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the HTTP server's thread panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
