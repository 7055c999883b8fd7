//! The HTTP server: metrics, health, the read view as JSON, the live board, and receivers.
//!
//! Invariants: only receivers take anything in, and hand it over; it runs on a thread of its own, and
//! no worker waits for it; every answer, connection, wait and shutdown has a time limit;
//! without a token it answers no request that a foreign page made through a browser;
//! errors are JSON with a code.

mod answer;
mod board;
mod catching_up;
mod compared;
mod document;
mod exposure;
mod guard;
mod joining;
mod missing;
mod options;
mod places;
mod query;
mod receivers;
mod reviewer;
mod routes;
mod runbooks;
mod serve;
mod session;
mod status;
mod tls;
mod window_now;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;

pub use guard::{Token, TokenError};
pub use options::{Options, Shown};
pub use receivers::{EVENTS, Receivers};
pub use tls::{Tls, TlsError};

/// Why the server did not start.
#[derive(Debug)]
pub enum StartError {
    /// It cannot listen on the address.
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The system gives no thread or no event queue.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Listen { address, error } => {
                write!(f, "cannot listen on {address}: ")?;
                match error.kind() {
                    io::ErrorKind::AddrInUse => f.write_str(
                        "another program does; stop it, or choose another address (`[http] listen` of a \
                         run, `--listen` of a demo)",
                    ),
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

/// A running server. It stops when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<watch::Sender<bool>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts the server. It listens when this returns.
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
            // Answers are made on other threads than the loop that reads and writes.
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

    /// Whether its thread has ended, which before a stop means that it panicked.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops the server: accepts no more connections, finishes the current answers within
    /// [`Options::shutdown_within`], then returns.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // The server notices that the sender is gone, and stops.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_thread_that_panics_has_ended() {
        let thread = thread::spawn(|| panic!("a panic that a test made"));
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let server = Server { address, stop: None, thread: Some(thread) };
        let until = std::time::Duration::from_secs(10);
        let mut waited = Duration::ZERO;
        while !server.has_ended() && waited < until {
            thread::sleep(Duration::from_millis(5));
            waited += Duration::from_millis(5);
        }
        assert!(server.has_ended());
    }
}
