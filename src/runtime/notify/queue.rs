//! The queue of one Alertmanager.
//!
//! Invariants: the queue holds names, each once; the content is looked up when an alert
//! is pushed. So while an Alertmanager is down the queue does not grow with time, and
//! afterwards nothing stale is pushed. A full queue refuses new names and counts them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::store::PushKey;

/// A bounded queue without repeats.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    came: Condvar,
    bound: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<PushKey>,
    known: BTreeSet<PushKey>,
}

impl Queue {
    pub(super) fn new(bound: usize) -> Queue {
        Queue { waiting: Mutex::default(), came: Condvar::new(), bound }
    }

    /// Adds the keys that do not wait yet. Returns how many found no room.
    pub(super) fn add(&self, keys: &[PushKey]) -> u64 {
        let mut waiting = self.lock();
        let mut refused = 0;
        for key in keys {
            if waiting.known.contains(key) {
                continue;
            }
            if waiting.order.len() >= self.bound {
                refused += 1;
                continue;
            }
            waiting.known.insert(key.clone());
            waiting.order.push_back(key.clone());
        }
        drop(waiting);
        self.came.notify_one();
        refused
    }

    /// Puts keys back at the front, because they could not be pushed. Ignores the bound.
    pub(super) fn put_back(&self, keys: Vec<PushKey>) {
        let mut waiting = self.lock();
        for key in keys.into_iter().rev() {
            if waiting.known.insert(key.clone()) {
                waiting.order.push_front(key);
            }
        }
    }

    /// Takes up to `most`, waiting for up to `patience` if there is nothing.
    pub(super) fn take(&self, most: usize, patience: Duration) -> Vec<PushKey> {
        let mut waiting = self.lock();
        if waiting.order.is_empty() {
            let woken = self.came.wait_timeout(waiting, patience);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        let most = most.min(waiting.order.len());
        let taken: Vec<PushKey> = waiting.order.drain(..most).collect();
        for key in &taken {
            waiting.known.remove(key);
        }
        taken
    }

    /// The number of keys that wait.
    pub(super) fn len(&self) -> usize {
        self.lock().order.len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> PushKey {
        PushKey::Alert(name.into())
    }

    #[test]
    fn an_alert_waits_once_and_beyond_the_bound_is_counted() {
        let queue = Queue::new(3);
        let [a, b, c, d] = ["a", "b", "c", "d"].map(key);
        assert_eq!(queue.add(&[a.clone(), b.clone(), a.clone()]), 0);
        assert_eq!(queue.add(&[c.clone(), d.clone(), b.clone()]), 1);
        assert_eq!(queue.len(), 3);
        let taken = queue.take(2, Duration::ZERO);
        assert_eq!(taken, [a.clone(), b.clone()]);
        queue.add(std::slice::from_ref(&d));
        queue.put_back(taken);
        assert_eq!(queue.take(9, Duration::ZERO), [a, b, c, d]);
        assert!(queue.take(1, Duration::from_millis(1)).is_empty());
    }
}
