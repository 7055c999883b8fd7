//! What other programs deliver, on its way from the HTTP server to whoever makes it durable.
//!
//! Invariant: a delivery is answered after everything that follows from it is durable, or
//! when nothing of it was kept.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::runtime::stages::Headers;
use crate::time::Timestamp;

/// One request to a receiver, whose sender has proved who it is.
#[derive(Debug)]
pub struct Delivery {
    /// The number of the receiver.
    pub receiver: usize,
    /// When it arrived.
    pub arrived_at: Timestamp,
    /// When its body had come and was verified, and it began to wait.
    pub queued_at: Timestamp,
    /// The headers of the request, as a stage knows them.
    pub headers: DeliveryHeaders,
    /// The body, unpacked.
    pub body: Vec<u8>,
    /// The memory that the body was granted, given back with the delivery: its sender may
    /// leave before.
    pub permit: Option<OwnedSemaphorePermit>,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Taken, NotTaken>>,
}

impl Delivery {
    /// A delivery to the first receiver that nobody waits for.
    pub fn unasked(body: Vec<u8>, arrived_at: Timestamp) -> Delivery {
        let (answer, _) = oneshot::channel();
        let (headers, queued_at) = (DeliveryHeaders::default(), arrived_at);
        Delivery { receiver: 0, arrived_at, queued_at, headers, body, permit: None, answer }
    }
}

/// What became of a delivery that is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Taken {
    /// Events that were decoded.
    pub events: u64,
    /// Records that cannot be used; each is a dead letter.
    pub refused: u64,
}

/// Why nothing of a delivery was kept. The sender should try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken(pub String);

/// The headers of a request.
#[derive(Clone, Debug, Default)]
pub struct DeliveryHeaders(Vec<(String, Vec<u8>)>);

impl DeliveryHeaders {
    /// Those of a request that say what it is. The attributes of a CloudEvent are named as
    /// Kafka's binding names them, so that the stages know one form.
    pub fn of<'h>(headers: impl IntoIterator<Item = (&'h str, &'h [u8])>) -> DeliveryHeaders {
        let known = headers.into_iter().filter_map(|(name, value)| {
            let name = match name.strip_prefix("ce-") {
                Some(attribute) => format!("ce_{attribute}"),
                None if name == "content-type" => name.to_owned(),
                None => return None,
            };
            Some((name, value.to_vec()))
        });
        DeliveryHeaders(known.collect())
    }

    /// Whether the body is the data of one CloudEvent.
    pub fn is_cloud_event(&self) -> bool {
        self.0.iter().any(|(name, _)| name == "ce_specversion")
    }
}

impl Headers for DeliveryHeaders {
    fn all(&self) -> Vec<(&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
    }
}

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
