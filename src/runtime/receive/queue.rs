//! Where deliveries wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError};

use super::delivery::{Delivery, NotTaken};
use crate::runtime::clock;
use crate::time::Span;

/// Where deliveries wait for whoever makes them durable.
#[derive(Clone, Debug)]
pub struct Deliveries {
    queue: Sender<Delivery>,
    names: Arc<[String]>,
}

impl Deliveries {
    /// A queue of at most `waiting_max` deliveries to receivers with these names.
    pub fn new(names: Vec<String>, waiting_max: usize) -> (Deliveries, Receiver<Delivery>) {
        let (queue, deliveries) = crossbeam_channel::bounded(waiting_max);
        (Deliveries { queue, names: names.into() }, deliveries)
    }

    /// The number of the receiver with this name.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// Puts a delivery in the queue.
    ///
    /// # Errors
    /// The queue is full, or nobody takes from it any more.
    pub fn put(&self, delivery: Delivery) -> Result<(), NotTaken> {
        self.queue.try_send(delivery).map_err(|error| {
            NotTaken(match error {
                TrySendError::Full(_) => "too many deliveries wait; send it again".to_owned(),
                TrySendError::Disconnected(_) => "the program stops; send it again".to_owned(),
            })
        })
    }
}

/// Refuses whatever comes within `pause`, or until `stop` is set. The senders have to send it
/// again.
pub fn refuse(deliveries: &Receiver<Delivery>, pause: Span, stop: &AtomicBool, why: &str) {
    /// How soon a stop is seen.
    const WAIT: Duration = Duration::from_millis(20);
    let until = clock::uptime() + pause;
    while clock::uptime() < until && !stop.load(Ordering::Acquire) {
        match deliveries.recv_timeout(WAIT) {
            Ok(delivery) => drop(delivery.answer.send(Err(NotTaken(why.to_owned())))),
            Err(error) if error.is_timeout() => {}
            Err(_) => std::thread::sleep(WAIT),
        }
    }
}
