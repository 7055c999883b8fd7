//! The live board: pages, a stream of what they show, and the list as somebody asks for it.
//!
//! ```text
//! view ──snapshot (built once)──▶ frame ──watch──▶ the stream of each board
//! ```
//!
//! Invariants: a snapshot is built once for all boards, and not while no board is open; a
//! stream holds the latest frame only, so a slow board skips frames, and one that never
//! reads is cut off; the pages are the same for everybody and hold no figures, so they need
//! no token, but the stream and the answers do.

mod choices;
mod csv;
mod frame;
mod headline;
pub(super) mod list;
mod notes;
mod rest;
mod reviews;
mod snapshot;
mod stream;
mod strongest;
mod text;
mod unjoined;
mod waiting_row;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

pub(super) use stream::{Feed, Slot};

/// What a page may do: load its own files, and connect to this server.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types \
                      'none'";

/// The pages' files: path, type, content.
const FILES: [(&str, &str, &str); 16] = [
    ("/", HTML, include_str!("page/board.html")),
    ("/board/board.css", "text/css; charset=utf-8", include_str!("page/board.css")),
    ("/board/board.js", SCRIPT, include_str!("page/board.js")),
    ("/board/source.js", SCRIPT, include_str!("page/source.js")),
    ("/board/race.js", SCRIPT, include_str!("page/race.js")),
    ("/board/filter.js", SCRIPT, include_str!("page/filter.js")),
    ("/board/help.js", SCRIPT, include_str!("page/help.js")),
    ("/board/keys.js", SCRIPT, include_str!("page/keys.js")),
    ("/board/chart.js", SCRIPT, include_str!("page/chart.js")),
    ("/board/text.js", SCRIPT, include_str!("page/text.js")),
    ("/board/session.js", SCRIPT, include_str!("page/session.js")),
    ("/board/unjoined.js", SCRIPT, include_str!("page/unjoined.js")),
    ("/board/about.js", SCRIPT, include_str!("page/about.js")),
    ("/board/exposure.js", SCRIPT, include_str!("page/exposure.js")),
    ("/board/reviewer.js", SCRIPT, include_str!("page/reviewer.js")),
    ("/board/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// Pages about one thing, which is named in the rest of the path: its beginning, content.
const PAGES: [(&str, &str); 2] = [
    ("/exposure/", include_str!("page/exposure.html")),
    ("/reviewer/", include_str!("page/reviewer.html")),
];

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The routes of all pages and files.
pub(super) fn paths() -> impl Iterator<Item = String> {
    let files = FILES.iter().map(|(path, _, _)| (*path).to_owned());
    files.chain(PAGES.iter().map(|(path, _)| format!("{path}{{*name}}")))
}

/// Whether a page or a file of one is at `path`.
pub(super) fn has(path: &str) -> bool {
    find(path).is_some()
}

/// The page or file at `path`, if there is one.
pub(super) fn file(path: &str) -> Option<Response> {
    let (form, content) = find(path)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(form)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    Some((headers, content).into_response())
}

fn find(path: &str) -> Option<(&'static str, &'static str)> {
    let page = PAGES.iter().find(|(begin, _)| path.len() > begin.len() && path.starts_with(begin));
    let page = page.map(|(_, content)| (HTML, *content));
    let file = || FILES.iter().find(|(known, _, _)| *known == path);
    page.or_else(|| file().map(|(_, form, content)| (*form, *content)))
}
