//! Receivers: the paths at which other programs deliver events.
//!
//! Invariants: a body is read only up to its bound, and within a time; nothing of it is looked
//! at before it has proved who sent it; where a header alone proves that, no body is read
//! before; bodies of strangers take no memory that verified ones need; a delivery is answered 2xx when everything that follows from it is durable; what
//! cannot be used is 2xx as well, and a dead letter.

mod body;
mod refusals;
mod verify;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

pub(super) use self::body::BODY_WITHIN;
use self::refusals::Refusals;
use self::verify::{Unverified, Verifier};
use super::answer::{Problem, json};
use crate::metrics::{DeliveryResult, Receivers as Metrics};
use crate::runtime::clock;
use crate::runtime::receive::{Deliveries, Delivery, DeliveryHeaders, NotTaken, Received, Taken};
use crate::settings::{self, Verify};
use crate::time::{Span, Timestamp};

/// The path of native events, which asks for the server's token.
pub const EVENTS: &str = "events";
/// The most bytes of a delivery of native events.
const EVENTS_BYTES_MAX: usize = 25 << 20;
/// The most bytes whose signature is checked on the server's thread: a tenth of a millisecond.
const VERIFIED_AT_ONCE_MAX: usize = 64 << 10;

/// What receivers need.
#[derive(Clone, Debug)]
pub struct Receivers {
    all: Vec<Receiver>,
    deliveries: Deliveries,
    metrics: Metrics,
    /// How much of bodies may be held at a time.
    budgets: body::Budgets,
}

/// One receiver.
#[derive(Clone, Debug)]
struct Receiver {
    name: String,
    verifier: Option<Arc<Verifier>>,
    /// Whether Slack asks whether the address is the right one.
    slack: bool,
    body_bytes_max: usize,
    refusals: Arc<Refusals>,
}

impl Receivers {
    /// The names of all receivers, in the order of their numbers: native events first.
    pub fn names(settings: &[settings::Receiver]) -> Vec<String> {
        let own = settings.iter().map(|receiver| receiver.name.clone());
        std::iter::once(EVENTS.to_owned()).chain(own).collect()
    }

    /// Receivers with these settings, which hand over to `deliveries`.
    ///
    /// # Errors
    /// A secret that cannot be used, or no random bytes.
    pub fn new(
        settings: &[settings::Receiver],
        deliveries: Deliveries,
        metrics: Metrics,
    ) -> Result<Receivers, String> {
        let events = Receiver {
            name: EVENTS.to_owned(),
            verifier: None,
            slack: false,
            body_bytes_max: EVENTS_BYTES_MAX,
            refusals: Arc::default(),
        };
        let mut all = vec![events];
        for receiver in settings {
            if let Some(every) = receiver.expect_every {
                metrics.expect(&receiver.name, every);
            }
            all.push(Receiver {
                name: receiver.name.clone(),
                verifier: Some(Arc::new(Verifier::new(receiver)?)),
                slack: receiver.verify == Verify::Slack,
                body_bytes_max: receiver.body_bytes_max,
                refusals: Arc::default(),
            });
        }
        Ok(Receivers { all, deliveries, metrics, budgets: body::Budgets::default() })
    }

    /// How each of them does, as the metrics tell it.
    pub(super) fn health(&self) -> Vec<ReceiverHealth> {
        let of = |receiver: &Receiver| {
            let figures = self.metrics.of(&receiver.name);
            ReceiverHealth {
                name: receiver.name.clone(),
                last_at_ms: figures.last_at.map(Timestamp::as_millis),
                expected_ms: figures.expected.map(Span::as_millis),
                taken: figures.taken,
                refused: figures.refused,
            }
        };
        self.all.iter().map(of).collect()
    }
}

/// How one receiver does.
#[derive(Debug, Serialize)]
pub(super) struct ReceiverHealth {
    name: String,
    /// When a delivery was last taken, since the start of the process.
    last_at_ms: Option<i64>,
    /// How often one is expected.
    expected_ms: Option<i64>,
    /// Deliveries that were taken, and that were not, since the start of the process.
    taken: u64,
    refused: u64,
}

/// Slack's question whether this is the right address.
#[derive(Deserialize)]
struct Handshake<'h> {
    #[serde(rename = "type")]
    kind: &'h str,
    challenge: &'h str,
}

#[derive(Serialize)]
struct Challenge<'h> {
    challenge: &'h str,
}

/// Why nothing of a delivery was kept.
enum Refusal {
    Unverified(Unverified),
    Body(body::Refused),
    NotTaken(NotTaken),
}

impl From<body::Refused> for Refusal {
    fn from(refused: body::Refused) -> Refusal {
        Refusal::Body(refused)
    }
}

/// Takes one delivery to the receiver called `name`.
pub(super) async fn receive(receivers: &Receivers, name: &str, request: Request) -> Response {
    let Some(number) = receivers.deliveries.number(name) else {
        return Problem::NotFound("no receiver has this name").into_response();
    };
    let receiver = &receivers.all[number];
    let arrived_at = clock::now();
    let (head, body) = request.into_parts();
    let body = match read_verified(receivers, receiver, &head.headers, body).await {
        Ok(body) => body,
        Err(refusal) => return refuse(receivers, receiver, &refusal),
    };
    let began = clock::instant();
    match take(receivers, number, arrived_at, &head.headers, body).await {
        Ok(response) => {
            receivers.metrics.taken(&receiver.name, clock::instant() - began, arrived_at);
            response
        }
        Err(refusal) => refuse(receivers, receiver, &refusal),
    }
}

/// Reads a body whose sender has proved who it is.
async fn read_verified(
    receivers: &Receivers,
    receiver: &Receiver,
    headers: &HeaderMap,
    body: Body,
) -> Result<body::Held, Refusal> {
    let (bytes_max, budgets) = (receiver.body_bytes_max, &receivers.budgets);
    match &receiver.verifier {
        Some(verifier) if verifier.needs_body() => {
            let body = body::read(headers, body, bytes_max, &budgets.unverified).await?;
            Ok(verify(verifier, headers, body).await?.charge(&budgets.verified)?)
        }
        verifier => {
            // Where a header alone proves it, nobody else gets memory here.
            let verified = verifier.as_ref().map(|it| it.verify(headers, b"", clock::now()));
            verified.unwrap_or(Ok(())).map_err(Refusal::Unverified)?;
            Ok(body::read(headers, body, bytes_max, &budgets.verified).await?)
        }
    }
}

/// Checks who has sent a body.
async fn verify(
    verifier: &Arc<Verifier>,
    headers: &HeaderMap,
    body: body::Held,
) -> Result<body::Held, Refusal> {
    if body.bytes.len() <= VERIFIED_AT_ONCE_MAX {
        let verified = verifier.verify(headers, &body.bytes, clock::now());
        return verified.map(|()| body).map_err(Refusal::Unverified);
    }
    let (verifier, headers) = (Arc::clone(verifier), headers.clone());
    let verifying = move || {
        let verified = verifier.verify(&headers, &body.bytes, clock::now());
        verified.map(|()| body).map_err(Refusal::Unverified)
    };
    let verified = spawn_blocking(verifying).await;
    verified.unwrap_or_else(|_| Err(Refusal::NotTaken(NotTaken("the program stops".to_owned()))))
}

/// Makes a verified delivery durable.
async fn take(
    receivers: &Receivers,
    number: usize,
    arrived_at: Timestamp,
    headers: &HeaderMap,
    body: body::Held,
) -> Result<Response, Refusal> {
    let receiver = &receivers.all[number];
    let (bytes_max, budget) = (receiver.body_bytes_max, &receivers.budgets.verified);
    let body = body::unpack(headers, body, bytes_max, budget).await?;
    if receiver.slack
        && let Ok(Handshake { kind: "url_verification", challenge }) =
            serde_json::from_slice(&body.bytes)
    {
        return Ok(json(StatusCode::OK, &Challenge { challenge }));
    }
    let taken = hand_over(receivers, number, arrived_at, headers, body).await;
    taken.map(|taken| json(StatusCode::OK, &taken)).map_err(Refusal::NotTaken)
}

async fn hand_over(
    receivers: &Receivers,
    receiver: usize,
    arrived_at: Timestamp,
    headers: &HeaderMap,
    body: body::Held,
) -> Result<Taken, NotTaken> {
    let (answer, taken) = oneshot::channel();
    let named = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let headers = DeliveryHeaders::of(named);
    let body::Held { bytes: body, permit } = body;
    let queued_at = clock::now();
    let received = Received { receiver, arrived_at, queued_at, headers, body };
    receivers.deliveries.put(Delivery { received, permit, answer })?;
    taken.await.unwrap_or_else(|_| Err(NotTaken("the program stops".to_owned())))
}

/// Answers a delivery of which nothing was kept, and counts it.
fn refuse(receivers: &Receivers, receiver: &Receiver, refusal: &Refusal) -> Response {
    let (result, response) = match refusal {
        Refusal::Unverified(why) => {
            receiver.refusals.log(&receiver.name, *why, clock::uptime());
            (why.result(), Problem::Unverified.into_response())
        }
        Refusal::Body(refused) => (refused.result(), (*refused).into_response()),
        Refusal::NotTaken(NotTaken(why)) => {
            tracing::debug!("a delivery was not taken: {why}");
            (DeliveryResult::Unavailable, Problem::Unavailable.into_response())
        }
    };
    receivers.metrics.refused(&receiver.name, result);
    response
}

impl Unverified {
    fn result(self) -> DeliveryResult {
        match self {
            Unverified::Unsigned => DeliveryResult::Unsigned,
            Unverified::Stale => DeliveryResult::Stale,
            Unverified::Wrong => DeliveryResult::Unverified,
        }
    }
}

impl body::Refused {
    fn result(&self) -> DeliveryResult {
        match self {
            body::Refused::TooLarge => DeliveryResult::TooLarge,
            body::Refused::Unreadable | body::Refused::Encoding => DeliveryResult::Unreadable,
            body::Refused::Slow => DeliveryResult::Unreadable,
            body::Refused::Busy => DeliveryResult::Unavailable,
        }
    }
}

impl IntoResponse for body::Refused {
    fn into_response(self) -> Response {
        match self {
            body::Refused::TooLarge => Problem::TooLarge.into_response(),
            body::Refused::Unreadable => {
                Problem::Body("the body did not come to its end").into_response()
            }
            body::Refused::Encoding => {
                Problem::Body("the body cannot be unpacked; send it as it is, or as gzip")
                    .into_response()
            }
            body::Refused::Slow => Problem::Slow.into_response(),
            body::Refused::Busy => Problem::Unavailable.into_response(),
        }
    }
}
