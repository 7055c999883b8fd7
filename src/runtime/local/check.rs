//! The check of the whole file, which goes on while the run serves.
//!
//! It reads every page, and so takes as long as the file is large.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use rusqlite::InterruptHandle;

use super::file::StoreFile;
use crate::runtime::stages::Fault;

/// A check on a thread of its own. It ends when this is dropped.
pub(super) struct Check {
    damage: Receiver<Fault>,
    interrupt: InterruptHandle,
    /// Whether nobody waits for it any more.
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Check {
    /// Starts a check of `store`.
    ///
    /// # Errors
    /// Why the store cannot be opened once more, or that the system gives no thread.
    pub(super) fn start(store: &StoreFile) -> Result<Check, Fault> {
        let reader = store.reader()?;
        let interrupt = reader.connection.get_interrupt_handle();
        let (tell, damage) = bounded(1);
        let over = Arc::new(AtomicBool::new(false));
        let interrupted = Arc::clone(&over);
        let check = move || match reader.check() {
            Ok(()) => tracing::debug!("the store's file is whole"),
            Err(fault @ Fault::Lasting(_)) => drop(tell.send(fault)),
            Err(_) if interrupted.load(Ordering::Relaxed) => {}
            Err(fault) => tracing::warn!("the store's file could not be checked: {fault}"),
        };
        let no_thread = |error: io::Error| Fault::Lasting(error.to_string());
        let thread = thread::Builder::new().name("check".to_owned()).spawn(check);
        Ok(Check { damage, interrupt, over, thread: Some(thread.map_err(no_thread)?) })
    }

    /// The damage that it has found.
    pub(super) fn damage(&self) -> Option<Fault> {
        self.damage.try_recv().ok()
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.over.store(true, Ordering::Relaxed);
        // What has not begun yet cannot be interrupted.
        while !thread.is_finished() {
            self.interrupt.interrupt();
            thread::sleep(Duration::from_millis(1));
        }
        if thread.join().is_err() {
            tracing::error!("the check of the store's file panicked");
        }
    }
}
