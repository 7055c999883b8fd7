//! What an answer looks like, and an error.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;

/// On every answer: it is data, is not kept, and runs or loads nothing.
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
    /// A parameter that is not there, or twice, or has no such value.
    Parameter(String),
    /// The path is not text.
    Path,
    Unauthorized,
    /// The host is a name, and there is no token.
    Host,
    NotFound(&'static str),
    Method,
    Timeout,
    TooManyBoards,
    Internal,
}

#[derive(Serialize)]
struct Told<'p> {
    error: Inner<'p>,
}

#[derive(Serialize)]
struct Inner<'p> {
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
            Problem::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    fn message(&self) -> &str {
        match self {
            Problem::Parameter(why) => why,
            Problem::Path => "the path is not UTF-8 when decoded",
            Problem::Unauthorized => "send the token: Authorization: Bearer …",
            Problem::Host => "without a token, ask by address or as localhost",
            Problem::NotFound(what) => what,
            Problem::Method => "only GET and HEAD",
            Problem::Timeout => "the answer took too long to make; ask for less, or again",
            Problem::TooManyBoards => "as many boards as allowed are watching; close one",
            Problem::Internal => "the answer could not be made; see the log",
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let (status, code) = self.status();
        let told = Told { error: Inner { code, message: self.message() } };
        // Two texts always are JSON; nothing is what would be left.
        let body = serde_json::to_vec(&told).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, JSON)], body).into_response();
        if self == Problem::Unauthorized {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

const JSON: &str = "application/json";

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
