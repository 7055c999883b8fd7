//! One delivery, and its answer.
//!
//! Invariant: a delivery is answered with [`Taken`] only after everything that follows from it
//! is durable.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::formats::RejectReason;
use crate::runtime::stages::Headers;
use crate::time::Timestamp;

/// One request to a receiver, whose sender has proved who it is.
#[derive(Debug)]
pub struct Delivery {
    /// What came.
    pub received: Received,
    /// The memory that the body was granted, given back with the delivery: its sender may
    /// leave before.
    pub permit: Option<OwnedSemaphorePermit>,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Taken, NotTaken>>,
}

/// The content of a delivery.
#[derive(Debug)]
pub struct Received {
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
}

impl Delivery {
    /// A delivery to the first receiver that nobody waits for.
    pub fn unasked(body: Vec<u8>, arrived_at: Timestamp) -> Delivery {
        let (answer, _) = oneshot::channel();
        let (headers, queued_at) = (DeliveryHeaders::default(), arrived_at);
        let received = Received { receiver: 0, arrived_at, queued_at, headers, body };
        Delivery { received, permit: None, answer }
    }
}

/// What became of a delivery that is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Taken {
    /// Events that were decoded.
    pub events: u64,
    /// Records that cannot be used; each is a dead letter.
    pub refused: u64,
    /// Why, of the first of them. None of it quotes a record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<Why>,
}

/// Why a record cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Why {
    /// The class of error.
    pub reason: RejectReason,
    /// The error in words.
    pub detail: String,
}

impl Why {
    /// As many as an answer tells.
    pub const TOLD_MAX: usize = 3;
}

/// Why a delivery may not be durable. The sender should send it again: events that were kept
/// all the same count once, by their ids.
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
