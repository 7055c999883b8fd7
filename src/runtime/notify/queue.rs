//! What waits to be pushed to one Alertmanager.
//!
//! Invariants: an alert waits once, however often it is asked for, and what is
//! pushed is how it is then, not how it was when it was asked for; so while an
//! Alertmanager is away the queue does not grow with time, and nothing stale is
//! told when it is back. Beyond the bound what comes is refused and counted.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::board::Ticket;

/// A bounded queue without repeats.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    came: Condvar,
    bound: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<Ticket>,
    known: BTreeSet<Ticket>,
}

impl Queue {
    pub(super) fn new(bound: usize) -> Queue {
        Queue { waiting: Mutex::default(), came: Condvar::new(), bound }
    }

    /// Adds what does not wait yet, and says how many found no room.
    pub(super) fn add(&self, tickets: &[Ticket]) -> u64 {
        let mut waiting = self.lock();
        let mut refused = 0;
        for ticket in tickets {
            if waiting.known.contains(ticket) {
                continue;
            }
            if waiting.order.len() >= self.bound {
                refused += 1;
                continue;
            }
            waiting.known.insert(ticket.clone());
            waiting.order.push_back(ticket.clone());
        }
        drop(waiting);
        self.came.notify_one();
        refused
    }

    /// Puts back what could not be pushed, to be the next. It had its place before.
    pub(super) fn put_back(&self, tickets: Vec<Ticket>) {
        let mut waiting = self.lock();
        for ticket in tickets.into_iter().rev() {
            if waiting.known.insert(ticket.clone()) {
                waiting.order.push_front(ticket);
            }
        }
    }

    /// Takes up to `most`, waiting for up to `patience` if there is nothing.
    pub(super) fn take(&self, most: usize, patience: Duration) -> Vec<Ticket> {
        let mut waiting = self.lock();
        if waiting.order.is_empty() {
            let woken = self.came.wait_timeout(waiting, patience);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        let most = most.min(waiting.order.len());
        let taken: Vec<Ticket> = waiting.order.drain(..most).collect();
        for ticket in &taken {
            waiting.known.remove(ticket);
        }
        taken
    }

    /// How many wait.
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

    fn ticket(name: &str) -> Ticket {
        Ticket::Alert(name.into())
    }

    #[test]
    fn an_alert_waits_once_and_beyond_the_bound_is_counted() {
        let queue = Queue::new(3);
        let [a, b, c, d] = ["a", "b", "c", "d"].map(ticket);
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
