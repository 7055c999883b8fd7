//! A delivery whose records are on their way to the brokers.

use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::runtime::receive::{NotTaken, Taken};
use crate::runtime::stages::Figures;

/// A delivery that is not answered yet. Each of its records holds it until the record is
/// acknowledged or has failed. When nobody holds it any more, it answers.
pub(super) struct Unanswered {
    answer: Option<oneshot::Sender<Result<Taken, NotTaken>>>,
    /// The memory that the body was granted: the records need as much.
    _permit: Option<OwnedSemaphorePermit>,
    taken: Mutex<Option<(Taken, Figures)>>,
    failure: OnceLock<String>,
}

impl Unanswered {
    pub(super) fn new(
        answer: oneshot::Sender<Result<Taken, NotTaken>>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Unanswered {
        let (taken, failure) = (Mutex::default(), OnceLock::new());
        Unanswered { answer: Some(answer), _permit: permit, taken, failure }
    }

    /// All of its records are handed to the producer. `figures` move if they arrive.
    pub(super) fn sent(&self, taken: Taken, figures: Figures) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some((taken, figures));
    }

    /// One of its records has failed, or could not be handed to the producer.
    pub(super) fn fail(&self, why: String) {
        // The first failure says most.
        let _ = self.failure.set(why);
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        let Some(answer) = self.answer.take() else { return };
        let taken = self.taken.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let answered = match (self.failure.take(), taken) {
            (None, Some((taken, figures))) => {
                figures.apply();
                Ok(taken)
            }
            (Some(why), _) => Err(NotTaken(why)),
            (None, None) => Err(NotTaken("it was not sent to its end".to_owned())),
        };
        // Whoever asked may have left; what was taken stays.
        let _ = answer.send(answered);
    }
}
