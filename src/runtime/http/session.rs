//! The session of a person who signed in with the token: a signed cookie.
//!
//! Invariants: the server keeps nothing, so every instance with the same token accepts the
//! session; a cookie holds no token; a cookie is valid only at the host and in the browser
//! that it was made for, for [`VALID_FOR`], and is renewed while it is used, up to [`LASTS`].

use std::fmt;

use axum::http::{HeaderMap, HeaderValue, Uri, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::time::{Span, Timestamp};

/// How long a cookie is valid.
const VALID_FOR: Span = Span::from_mins(60);

/// How old a cookie is before an answer renews it.
const RENEWED_AFTER: Span = Span::from_mins(15);

/// How long after signing in the last renewed cookie ends.
const LASTS: Span = Span::from_mins(12 * 60);

/// The cookie's name over plain HTTP.
const NAME: &str = "shutterlag-session";

/// The cookie's name over HTTPS. A browser accepts a cookie with this prefix only if it is
/// `Secure`, has the path `/`, and names no domain.
const SECURE_NAME: &str = "__Host-shutterlag-session";

/// Bytes of a cookie header that are looked at.
const COOKIES_BYTES_MAX: usize = 8 << 10;

/// What signs cookies. It follows from the token, so a new token ends all sessions.
#[derive(Clone)]
pub(super) struct SessionKey(Hmac<Sha256>);

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey")
    }
}

/// A session that a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    signed_in: Timestamp,
    issued: Timestamp,
    secure: bool,
}

impl SessionKey {
    /// The key for `token`; `None` never happens, because HMAC takes keys of any length.
    pub(super) fn of(token: &str) -> Option<SessionKey> {
        let derived = Hmac::<Sha256>::new_from_slice(token.as_bytes()).ok()?;
        let derived = derived.chain_update(b"shutterlag session key").finalize().into_bytes();
        Hmac::<Sha256>::new_from_slice(&derived).ok().map(SessionKey)
    }

    /// The `Set-Cookie` for somebody who signs in with the request `headers` belong to.
    pub(super) fn sign_in(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Option<HeaderValue> {
        let session = Session { signed_in: now, issued: now, secure: came_by_https(headers) };
        self.cookie(session, uri, headers)
    }

    /// The valid session that a request carries at `now`.
    pub(super) fn session(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Option<Session> {
        cookies(headers).find_map(|(name, value)| {
            let secure = match name {
                NAME => false,
                SECURE_NAME => true,
                _ => return None,
            };
            let (signed, mac) = value.rsplit_once('.')?;
            let (signed_in, issued) = signed.split_once('.')?;
            let time = |text: &str| Timestamp::from_millis_checked(text.parse().ok()?).ok();
            let (signed_in, issued) = (time(signed_in)?, time(issued)?);
            let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
            let session = Session { signed_in, issued, secure };
            self.signed(session, uri, headers).verify_slice(&mac).ok()?;
            let valid =
                issued <= now && now.since(issued) < VALID_FOR && now.since(signed_in) < LASTS;
            valid.then_some(session)
        })
    }

    /// The `Set-Cookie` that renews `session`, if it is time.
    pub(super) fn renewed(
        &self,
        session: Session,
        uri: &Uri,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Option<HeaderValue> {
        if now.since(session.issued) < RENEWED_AFTER {
            return None;
        }
        self.cookie(Session { issued: now, ..session }, uri, headers)
    }

    fn cookie(&self, session: Session, uri: &Uri, headers: &HeaderMap) -> Option<HeaderValue> {
        let Session { signed_in, issued, secure } = session;
        let mac = self.signed(session, uri, headers).finalize().into_bytes();
        let name = if secure { SECURE_NAME } else { NAME };
        let (signed_in, issued) = (signed_in.as_millis(), issued.as_millis());
        let value = format!("{signed_in}.{issued}.{}", URL_SAFE_NO_PAD.encode(mac));
        set_cookie(name, &value, VALID_FOR.as_millis() / 1000)
    }

    fn signed(&self, session: Session, uri: &Uri, headers: &HeaderMap) -> Hmac<Sha256> {
        let browser = headers.get(header::USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
        let mut mac = self.0.clone();
        // Lengths keep two different pairs of texts from being the same bytes.
        for part in [host(uri, headers).as_bytes(), browser] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        for time in [session.signed_in, session.issued] {
            mac.update(&time.as_millis().to_be_bytes());
        }
        mac
    }
}

/// The `Set-Cookie` headers that end a session.
pub(super) fn sign_out() -> impl Iterator<Item = HeaderValue> {
    [NAME, SECURE_NAME].into_iter().filter_map(|name| set_cookie(name, "", 0))
}

fn set_cookie(name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
    let secure = if name == SECURE_NAME { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).ok()
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let sent = headers.get_all(header::COOKIE).iter().filter_map(|sent| sent.to_str().ok());
    sent.filter(|sent| sent.len() <= COOKIES_BYTES_MAX)
        .flat_map(|sent| sent.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
}

/// The host that a request names, as the client wrote it.
fn host(uri: &Uri, headers: &HeaderMap) -> String {
    let named = uri.authority().map(|authority| authority.as_str());
    let sent = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    named.or(sent).unwrap_or_default().to_ascii_lowercase()
}

/// Whether the browser spoke HTTPS, with this server or with a proxy before it. A browser
/// says so in the origin of every `POST`.
fn came_by_https(headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| origin.starts_with("https://"))
}

/// Whether a page of this server made the request, or no page at all.
pub(super) fn own_page(uri: &Uri, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, named)| named.eq_ignore_ascii_case(&host(uri, headers)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(1_772_452_800_000) + Span::from_mins(minutes)
    }

    /// The `name=value` of a `Set-Cookie`.
    fn pair(cookie: &HeaderValue) -> String {
        cookie.to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_session_is_valid_where_it_was_made_and_for_an_hour() {
        let key = SessionKey::of("correct-horse").unwrap();
        let uri = Uri::from_static("/api/v1/session");
        let browser = [("host", "lag.example.org"), ("user-agent", "B/1")];
        let cookie = key.sign_in(&uri, &headers(&browser), at(0)).unwrap();
        let text = cookie.to_str().unwrap();
        assert!(text.ends_with("; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict"), "{text}");
        assert!(!text.contains("correct-horse"));
        let pair = pair(&cookie);
        let with = |more: &[(&'static str, &str)], minutes| {
            let mut all = vec![("cookie", pair.as_str())];
            all.extend_from_slice(more);
            key.session(&uri, &headers(&all), at(minutes)).is_some()
        };
        assert!(with(&browser, 0) && with(&browser, 59));
        assert!(!with(&browser, 60), "it has expired");
        assert!(!with(&browser, -1), "it is of the future");
        assert!(!with(&[("host", "other.example.org"), ("user-agent", "B/1")], 1), "another host");
        assert!(!with(&[("host", "lag.example.org"), ("user-agent", "B/2")], 1), "another browser");
        assert!(!with(&[("host", "lag.example.org")], 1), "no browser");
        let other = SessionKey::of("another-token").unwrap();
        let all = headers(&[("cookie", &pair), browser[0], browser[1]]);
        assert!(other.session(&uri, &all, at(1)).is_none(), "the token was changed");
    }

    #[test]
    fn a_cookie_that_was_changed_is_no_session() {
        let key = SessionKey::of("correct-horse").unwrap();
        let uri = Uri::from_static("/");
        let own = headers(&[("host", "a")]);
        let pair = pair(&key.sign_in(&uri, &own, at(0)).unwrap());
        let (name, value) = pair.split_once('=').unwrap();
        let parts: Vec<&str> = value.split('.').collect();
        let later = at(30).as_millis();
        let changed = [
            format!("{name}="),
            format!("{name}=.."),
            format!("{name}={}.{later}.{}", parts[0], parts[2]),
            format!("{name}={later}.{}.{}", parts[1], parts[2]),
            format!("{name}={}.{}.", parts[0], parts[1]),
            format!("{name}={}.{}.{}x", parts[0], parts[1], parts[2]),
            format!("other={value}"),
            format!("{name}={}.{}.{}", "9".repeat(40), parts[1], parts[2]),
        ];
        for cookie in &changed {
            let sent = headers(&[("host", "a"), ("cookie", cookie)]);
            assert_eq!(key.session(&uri, &sent, at(1)), None, "{cookie}");
        }
        let sent = headers(&[("host", "a"), ("cookie", &format!("x=1; {pair}; y=2"))]);
        assert!(key.session(&uri, &sent, at(1)).is_some());
    }

    #[test]
    fn a_session_in_use_is_renewed_but_not_for_ever() {
        let key = SessionKey::of("correct-horse").unwrap();
        let uri = Uri::from_static("/");
        let own = headers(&[("host", "a")]);
        let mut cookie = key.sign_in(&uri, &own, at(0)).unwrap();
        let mut renewals = 0;
        let mut minute = 0;
        let ended = loop {
            minute += 10;
            let sent = headers(&[("host", "a"), ("cookie", &pair(&cookie))]);
            let Some(session) = key.session(&uri, &sent, at(minute)) else { break minute };
            if let Some(next) = key.renewed(session, &uri, &own, at(minute)) {
                cookie = next;
                renewals += 1;
            }
        };
        assert_eq!(ended, 12 * 60);
        assert!((30..=40).contains(&renewals), "{renewals}");
    }

    #[test]
    fn over_https_the_cookie_is_bound_to_it() {
        let key = SessionKey::of("correct-horse").unwrap();
        let uri = Uri::from_static("/");
        let own = headers(&[("host", "a"), ("origin", "https://a")]);
        let cookie = key.sign_in(&uri, &own, at(0)).unwrap();
        let text = cookie.to_str().unwrap();
        assert!(text.starts_with("__Host-") && text.ends_with("; Secure"), "{text}");
        assert_eq!(sign_out().count(), 2);
    }

    #[test]
    fn only_pages_of_this_server_may_sign_in() {
        let uri = Uri::from_static("/");
        for (origin, own) in [
            ("http://a:9464", true),
            ("https://A:9464", true),
            ("http://b:9464", false),
            ("http://a", false),
            ("null", false),
        ] {
            let sent = headers(&[("host", "a:9464"), ("origin", origin)]);
            assert_eq!(own_page(&uri, &sent), own, "{origin}");
        }
        assert!(own_page(&uri, &headers(&[("host", "a")])));
    }
}
