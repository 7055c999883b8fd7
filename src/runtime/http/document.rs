//! A page that the server writes itself, in the form of the board's pages.
//!
//! Invariant: nothing that anybody sends gets into a page.

use axum::http::header;
use axum::http::{HeaderName, HeaderValue};

use super::board::POLICY;

/// The headers of a page.
pub(super) const HEADERS: [(HeaderName, HeaderValue); 2] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
];

/// The page with this title and content, both HTML.
pub(super) fn document(title: &str, content: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <link rel=\"icon\" href=\"/board/icon.svg\" type=\"image/svg+xml\">\n\
         <link rel=\"stylesheet\" href=\"/board/board.css\">\n</head>\n<body>\n\
         <header class=\"bar\"><p class=\"home\"><a href=\"/\">shutterlag board</a></p>\
         <p><a href=\"/runbook/README\">All runbooks</a></p></header>\n\
         <main class=\"page prose\">\n{content}</main>\n</body>\n</html>\n"
    )
}
