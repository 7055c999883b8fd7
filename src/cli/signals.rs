//! What asks the process to end.
//!
//! Invariant: from the moment that [`Signals`] exists nothing else ends it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What asks the process to end. From the moment it exists, nothing else ends it:
/// without it a signal kills, or as the first process of a container does nothing.
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

    /// Returns when the process is asked to end, and then `true`, or when `done`.
    pub(super) fn wait(&mut self, done: impl Fn() -> bool) -> bool {
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
