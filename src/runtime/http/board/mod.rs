//! The live board: a page, and a stream of what it shows.
//!
//! ```text
//! view ──snapshot (built once)──▶ frame ──watch──▶ the stream of each board
//! ```
//!
//! Invariants: a snapshot is built once for all boards, and not while no board is open; a
//! stream holds the latest frame only, so a slow board skips frames, and one that never
//! reads is cut off; the page is the same for everybody and holds no figures, so it needs
//! no token, but the stream does.

mod frame;
mod headline;
mod notes;
mod rest;
mod reviews;
mod snapshot;
mod stream;
mod text;
mod unjoined;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

pub(super) use stream::{Feed, Slot};

/// What the page may do: load its own files, and connect to this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types \
                      'none'";

/// The page's files: path, type, content.
const FILES: [(&str, &str, &str); 8] = [
    ("/", "text/html; charset=utf-8", include_str!("page/board.html")),
    ("/board/board.css", "text/css; charset=utf-8", include_str!("page/board.css")),
    ("/board/board.js", "text/javascript; charset=utf-8", include_str!("page/board.js")),
    ("/board/source.js", "text/javascript; charset=utf-8", include_str!("page/source.js")),
    ("/board/race.js", "text/javascript; charset=utf-8", include_str!("page/race.js")),
    ("/board/chart.js", "text/javascript; charset=utf-8", include_str!("page/chart.js")),
    ("/board/unjoined.js", "text/javascript; charset=utf-8", include_str!("page/unjoined.js")),
    ("/board/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// The paths of the page's files.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(path, _, _)| *path)
}

/// The page's file at `path`, if there is one.
pub(super) fn file(path: &str) -> Option<Response> {
    let (_, form, content) = FILES.iter().find(|(known, _, _)| *known == path)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(form)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    Some((headers, *content).into_response())
}
