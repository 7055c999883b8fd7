//! The thread that a worker asks for the state of its partitions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::plan::{Plan, Ready, Wanted};
use super::reader::Reader;
use crate::runtime::health::WorkerHealth;
use crate::runtime::stages::Fault;

/// A thread that restores while the worker goes on with what it has.
pub(crate) struct Restorer {
    wanted: Sender<Wanted>,
    pub(super) ready: Receiver<Result<Ready, Fault>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Restorer {
    /// Starts the thread.
    pub(crate) fn new(plan: Plan, health: Arc<WorkerHealth>) -> Result<Restorer, Fault> {
        let (wanted_in, wanted) = unbounded();
        let (ready, ready_out) = unbounded();
        let stop = Arc::new(AtomicBool::new(false));
        let mut reader = Reader::new(plan, health, Arc::clone(&stop))?;
        let thread = std::thread::Builder::new()
            .name("restore".to_owned())
            .spawn(move || serve(&mut reader, &wanted, &ready))
            .map_err(|error| Fault::Passing(format!("starting a thread: {error}")))?;
        Ok(Restorer { wanted: wanted_in, ready: ready_out, stop, thread: Some(thread) })
    }

    /// Asks for a partition.
    pub(crate) fn want(&self, wanted: Wanted) {
        let _ = self.wanted.send(wanted);
    }

    /// The next partition that is ready.
    pub(crate) fn next(&self) -> Result<Option<Ready>, Fault> {
        match self.ready.try_recv() {
            Ok(ready) => ready.map(Some),
            Err(crossbeam_channel::TryRecvError::Empty) => Ok(None),
            Err(crossbeam_channel::TryRecvError::Disconnected) => {
                Err(Fault::Passing("the restoring thread has ended".to_owned()))
            }
        }
    }
}

impl Drop for Restorer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(reader: &mut Reader, wanted: &Receiver<Wanted>, ready: &Sender<Result<Ready, Fault>>) {
    while !reader.stop.load(Ordering::Acquire) {
        let first = match wanted.recv_timeout(Duration::from_millis(200)) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => {
                // The clients' own events have to be served, too.
                reader.serve();
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let batch: Vec<Wanted> = std::iter::once(first).chain(wanted.try_iter()).collect();
        match reader.restore(&batch) {
            Ok(all) => all.into_iter().for_each(|one| drop(ready.send(Ok(one)))),
            Err(fault) => {
                let _ = ready.send(Err(fault));
                return;
            }
        }
    }
}
