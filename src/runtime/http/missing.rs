//! What a person who follows a link gets where there is nothing, or where the token is needed.
//! Programs get the same answer as JSON.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};

use super::document::{HEADERS, document};

/// Whether somebody asks for a page: a browser that goes to an address says that it wants HTML, and
/// addresses of data have none.
pub(super) fn asks_for_page(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let data = ["/api/", "/in/"].iter().any(|begin| uri.path().starts_with(begin));
    method == Method::GET && !data && accepts.into_iter().any(|it| it.contains("text/html"))
}

/// Lets an answer that something is missing say so on a page.
pub(super) fn say_on_page(response: &mut Response<Body>) {
    let (title, why) = match response.status() {
        StatusCode::NOT_FOUND => ("Nothing here", "This server has no page at this address."),
        StatusCode::UNAUTHORIZED => {
            ("Sign in first", "This address needs the token. The board asks for it.")
        }
        _ => return,
    };
    let content =
        format!("<h1>{title}</h1>\n<p>{why}</p>\n<p><a href=\"/\">To the board</a></p>\n");
    *response.body_mut() = Body::from(document(&format!("{title} – shutterlag"), &content));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().extend(HEADERS.map(|(name, value)| (Some(name), value)));
}
