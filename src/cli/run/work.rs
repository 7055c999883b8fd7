//! The thread that does the work of a run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

/// How the work ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End<T> {
    /// It came to its end with this.
    Done(T),
    /// It panicked, which is a bug. The message of the panic is on standard error.
    Panicked,
    /// It still goes on.
    Late,
}

/// Work that a thread does.
#[derive(Debug)]
pub(super) struct Work<T>(Receiver<T>);

/// Sets a flag when it is dropped, so after a panic as well.
struct SetAtEnd(Arc<AtomicBool>);

impl Drop for SetAtEnd {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl<T: Send + 'static> Work<T> {
    /// Starts a thread called `name` that does `work`. However that ends, `stop` is set then.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(
        name: &str,
        stop: &Arc<AtomicBool>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Work<T>> {
        let (ended, end) = crossbeam_channel::bounded(1);
        let at_end = SetAtEnd(Arc::clone(stop));
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _at_end = at_end;
            // Nobody waits any more for work that was late.
            let _ = ended.send(work());
        })?;
        Ok(Work(end))
    }

    /// How the work ended, if it does so within this time.
    pub(super) fn end_within(&self, within: Duration) -> End<T> {
        match self.0.recv_timeout(within) {
            Ok(done) => End::Done(done),
            Err(RecvTimeoutError::Disconnected) => End::Panicked,
            Err(RecvTimeoutError::Timeout) => End::Late,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn work_that_panics_stops_the_process_and_is_told_apart() {
        let stop = Arc::new(AtomicBool::new(false));
        let work: Work<()> =
            Work::start("panics", &stop, || panic!("a panic that a test made")).unwrap();
        assert_eq!(work.end_within(SOON), End::Panicked);
        assert!(stop.load(Ordering::Acquire));
    }

    #[test]
    fn work_that_ends_sets_stop_and_hands_its_result_over() {
        let stop = Arc::new(AtomicBool::new(false));
        let (go, wait) = crossbeam_channel::bounded::<()>(0);
        let work = Work::start("ends", &stop, move || wait.recv().is_ok()).unwrap();
        assert_eq!(work.end_within(Duration::from_millis(20)), End::Late);
        assert!(!stop.load(Ordering::Acquire));
        go.send(()).unwrap();
        assert_eq!(work.end_within(SOON), End::Done(true));
        while !stop.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
    }
}
