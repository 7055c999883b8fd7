//! The signals that stop the process.
//!
//! Invariant: while a [`Signals`] exists, SIGTERM and SIGINT do not kill the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Receives SIGTERM and SIGINT. Without it they kill the process at once, or do nothing
/// if it is the first process of a container.
pub(super) struct Signals {
    runtime: tokio::runtime::Runtime,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Signals> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (terminate, interrupt) = {
            let _entered = runtime.enter();
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
        };
        Ok(Signals { runtime, terminate, interrupt })
    }

    /// Waits for a signal (`true`) or for `done` (`false`).
    pub(super) fn wait(&mut self, mut done: impl FnMut() -> bool) -> bool {
        let Signals { runtime, terminate, interrupt } = self;
        runtime.block_on(async {
            let mut look = tokio::time::interval(std::time::Duration::from_millis(50));
            loop {
                tokio::select! {
                    _ = terminate.recv() => return true,
                    _ = interrupt.recv() => return true,
                    _ = look.tick() => {
                        if done() {
                            return false;
                        }
                    }
                }
            }
        })
    }
}
