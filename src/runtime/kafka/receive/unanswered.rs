//! A delivery whose records are on their way to the brokers.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::recent::RecentLetters;
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
    /// The names of its dead letters.
    letters: Mutex<Vec<Box<str>>>,
    recent: Arc<RecentLetters>,
}

impl Unanswered {
    pub(super) fn new(
        answer: oneshot::Sender<Result<Taken, NotTaken>>,
        permit: Option<OwnedSemaphorePermit>,
        recent: &Arc<RecentLetters>,
    ) -> Unanswered {
        Unanswered {
            answer: Some(answer),
            _permit: permit,
            taken: Mutex::default(),
            failure: OnceLock::new(),
            letters: Mutex::default(),
            recent: Arc::clone(recent),
        }
    }

    /// Whether this dead letter was written before, for it or for an earlier delivery. If not, it
    /// is written now.
    pub(super) fn has_letter(&self, name: String) -> bool {
        if self.recent.knows(&name) {
            return true;
        }
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        let name = Box::from(name);
        let known = letters.contains(&name);
        if !known {
            letters.push(name);
        }
        known
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
                let letters = self.letters.get_mut().unwrap_or_else(PoisonError::into_inner);
                self.recent.acknowledged(std::mem::take(letters));
                Ok(taken)
            }
            (Some(why), _) => Err(NotTaken(why)),
            (None, None) => Err(NotTaken("it was not sent to its end".to_owned())),
        };
        // Whoever asked may have left; what was taken stays.
        let _ = answer.send(answered);
    }
}
