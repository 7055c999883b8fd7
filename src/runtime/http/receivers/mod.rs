//! Receivers: the paths at which other programs deliver events.
//!
//! Invariants: a body is read only up to its bound, and within a time; nothing of it is looked
//! at before it has proved who sent it; where a header alone proves that, no body is read
//! before; a delivery is answered 2xx when everything that follows from it is durable; what
//! cannot be used is 2xx as well, and a dead letter.

mod body;
mod verify;

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use self::verify::{Unverified, Verifier};
use super::answer::{Problem, json};
use crate::metrics::{DeliveryResult, Receivers as Metrics};
use crate::runtime::clock;
use crate::runtime::receive::{Deliveries, Delivery, DeliveryHeaders, NotTaken, Received};
use crate::settings::{self, Verify};

/// The path of native events, which asks for the server's token.
pub const EVENTS: &str = "events";
/// The most bytes of a delivery of native events.
const EVENTS_BYTES_MAX: usize = 25 << 20;

/// What receivers need.
#[derive(Clone, Debug)]
pub struct Receivers {
    all: Vec<Receiver>,
    deliveries: Deliveries,
    metrics: Metrics,
    /// Bytes of bodies that are held at a time.
    budget: body::Budget,
}

/// One receiver.
#[derive(Clone, Debug)]
struct Receiver {
    name: String,
    verifier: Option<Verifier>,
    /// Whether Slack asks whether the address is the right one.
    slack: bool,
    body_bytes_max: usize,
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
        };
        let mut all = vec![events];
        for receiver in settings {
            all.push(Receiver {
                name: receiver.name.clone(),
                verifier: Some(Verifier::new(receiver)?),
                slack: receiver.verify == Verify::Slack,
                body_bytes_max: receiver.body_bytes_max,
            });
        }
        Ok(Receivers { all, deliveries, metrics, budget: body::Budget::default() })
    }
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

/// Takes one delivery to the receiver called `name`.
pub(super) async fn receive(receivers: &Receivers, name: &str, request: Request) -> Response {
    let Some(number) = receivers.deliveries.number(name) else {
        return Problem::NotFound("no receiver has this name").into_response();
    };
    let receiver = &receivers.all[number];
    let arrived_at = clock::now();
    let began = clock::instant();
    let answer = |result, response: Response| {
        receivers.metrics.answered(&receiver.name, result, clock::instant() - began, arrived_at);
        response
    };
    let (head, body) = request.into_parts();
    // A secret in a header is looked at before the body is: nobody else gets memory here.
    let (early, late) = match &receiver.verifier {
        Some(verifier) if verifier.needs_body() => (None, Some(verifier)),
        other => (other.as_ref(), None),
    };
    let unverified = |verifier: Option<&Verifier>, body: &[u8]| {
        let verified = verifier.map_or(Ok(()), |it| it.verify(&head.headers, body, clock::now()));
        verified.err().map(|why| answer(why.result(), Problem::Unverified.into_response()))
    };
    if let Some(refused) = unverified(early, b"") {
        return refused;
    }
    let (bytes_max, budget) = (receiver.body_bytes_max, &receivers.budget);
    let body = match body::read(&head.headers, body, bytes_max, budget).await {
        Ok(body) => body,
        Err(refused) => return answer(refused.result(), refused.into_response()),
    };
    if let Some(refused) = unverified(late, &body.bytes) {
        return refused;
    }
    let body = match body::unpack(&head.headers, body, bytes_max, budget).await {
        Ok(body) => body,
        Err(refused) => return answer(refused.result(), refused.into_response()),
    };
    if receiver.slack
        && let Ok(Handshake { kind: "url_verification", challenge }) =
            serde_json::from_slice(&body.bytes)
    {
        return answer(DeliveryResult::Taken, json(StatusCode::OK, &Challenge { challenge }));
    }
    let taken = hand_over(receivers, number, arrived_at, &head.headers, body).await;
    match taken {
        Ok(taken) => answer(DeliveryResult::Taken, json(StatusCode::OK, &taken)),
        Err(NotTaken(why)) => {
            tracing::debug!("a delivery was not taken: {why}");
            answer(DeliveryResult::Unavailable, unavailable())
        }
    }
}

async fn hand_over(
    receivers: &Receivers,
    receiver: usize,
    arrived_at: crate::time::Timestamp,
    headers: &HeaderMap,
    body: body::Held,
) -> Result<crate::runtime::receive::Taken, NotTaken> {
    let (answer, taken) = oneshot::channel();
    let named = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let headers = DeliveryHeaders::of(named);
    let body::Held { bytes: body, permit } = body;
    let received = Received { receiver, arrived_at, headers, body };
    receivers.deliveries.put(Delivery { received, permit, answer })?;
    taken.await.unwrap_or_else(|_| Err(NotTaken("the program stops".to_owned())))
}

/// Says that the sender has to send it again.
fn unavailable() -> Response {
    const RETRY_AFTER: Duration = Duration::from_secs(5);
    let mut response = Problem::Unavailable.into_response();
    let seconds = HeaderValue::from(RETRY_AFTER.as_secs());
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

impl Unverified {
    fn result(self) -> DeliveryResult {
        match self {
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
            body::Refused::Busy => unavailable(),
        }
    }
}
