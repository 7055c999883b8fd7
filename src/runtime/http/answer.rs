//! Answers and errors as JSON.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;

/// Headers of every answer: a browser takes it for data, does not store it, and runs or
/// loads nothing from it.
pub(super) const SECURITY_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// An unknown, repeated or invalid parameter.
    Parameter(String),
    /// The path is not UTF-8.
    Path,
    Unauthorized,
    /// The host is a name, and no token is set.
    Host,
    NotFound(&'static str),
    Method,
    Timeout,
    TooManyBoards,
    /// All places are taken, and this one is for health and metrics.
    Overloaded,
    Internal,
    /// A delivery did not prove who sent it.
    Unverified,
    /// A delivery came from a page in a browser.
    Browser,
    TooLarge,
    Slow,
    /// The body cannot be read.
    Body(&'static str),
    /// Nothing can be made durable at present.
    Unavailable,
}

#[derive(Serialize)]
struct ErrorBody<'p> {
    error: ErrorDetail<'p>,
}

#[derive(Serialize)]
struct ErrorDetail<'p> {
    code: &'static str,
    message: &'p str,
}

impl Problem {
    const fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Problem::Parameter(_) => (StatusCode::BAD_REQUEST, "bad_parameter"),
            Problem::Path => (StatusCode::BAD_REQUEST, "bad_path"),
            Problem::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Problem::Host => (StatusCode::MISDIRECTED_REQUEST, "unknown_host"),
            Problem::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Problem::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Problem::Timeout => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
            Problem::TooManyBoards => (StatusCode::SERVICE_UNAVAILABLE, "too_many_boards"),
            Problem::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Problem::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Problem::Unverified => (StatusCode::UNAUTHORIZED, "unverified"),
            Problem::Browser => (StatusCode::FORBIDDEN, "from_a_page"),
            Problem::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Problem::Slow => (StatusCode::REQUEST_TIMEOUT, "slow"),
            Problem::Body(_) => (StatusCode::BAD_REQUEST, "bad_body"),
            Problem::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        }
    }

    fn message(&self) -> &str {
        match self {
            Problem::Parameter(why) => why,
            Problem::Path => "the path is not UTF-8 when decoded",
            Problem::Unauthorized => "send the token: Authorization: Bearer …",
            Problem::Host => "without a token, use an IP address or localhost",
            Problem::NotFound(what) => what,
            Problem::Method => "this method is not allowed here",
            Problem::Timeout => "the answer took too long to make; ask for less, or try again",
            Problem::TooManyBoards => "too many boards are open; close one",
            Problem::Overloaded => {
                "too many clients are connected; only /healthz, /readyz and /metrics are answered now"
            }
            Problem::Internal => "the answer could not be made; see the log",
            Problem::Unverified => {
                "the delivery does not prove who sent it; see the secret on both sides, and the clocks"
            }
            Problem::Browser => "a page in a browser may not deliver events",
            Problem::TooLarge => {
                "the body is larger than `body_bytes_max` of this receiver; send less at a time"
            }
            Problem::Slow => "the body did not come in time",
            Problem::Body(why) => why,
            Problem::Unavailable => "the delivery could not be made durable; send it again",
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let (status, code) = self.status();
        let body = ErrorBody { error: ErrorDetail { code, message: self.message() } };
        // Two texts can always be written as JSON.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, JSON)], body).into_response();
        if self == Problem::Unauthorized {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        if matches!(self, Problem::Overloaded | Problem::Unavailable) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        response
    }
}

const JSON: &str = "application/json";
/// When to try again where there is no room at present, in seconds.
const RETRY_AFTER_S: u64 = 5;

/// `value` as JSON with this status.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(mut body) => {
            body.push(b'\n');
            (status, [(header::CONTENT_TYPE, JSON)], body).into_response()
        }
        Err(error) => {
            tracing::error!("an answer is not JSON: {error}");
            Problem::Internal.into_response()
        }
    }
}
