//! Access: the bearer token or a session made with it, or without one the host that a request
//! names.
//!
//! Invariants: the time of a comparison reveals nothing about the token; no message and no
//! `Debug` shows the token.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, Uri, header};

use super::compared::Compared;
use super::session::SessionKey;

/// The token that requests need.
#[derive(Clone)]
pub struct Token {
    compared: Compared,
    sessions: SessionKey,
}

/// Why a token cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It is empty, or holds other characters than visible ASCII.
    Unsendable,
    /// The system gives no random bytes.
    NoRandomness,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TokenError::Unsendable => "a token must be one or more visible ASCII characters",
            TokenError::NoRandomness => "the system gives no random bytes",
        })
    }
}

impl std::error::Error for TokenError {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The token that is `text`.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn new(text: &str) -> Result<Token, TokenError> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Unsendable);
        }
        let compared = Compared::new(text.as_bytes()).ok_or(TokenError::NoRandomness)?;
        let sessions = SessionKey::of(text).ok_or(TokenError::NoRandomness)?;
        Ok(Token { compared, sessions })
    }

    /// Whether `text` is the token.
    pub(super) fn is(&self, text: &str) -> bool {
        self.compared.is(text.as_bytes())
    }

    /// What signs the sessions of those who sign in with it.
    pub(super) const fn sessions(&self) -> &SessionKey {
        &self.sessions
    }

    /// Whether a request carries it: `Authorization: Bearer …`, once.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(given), None) = (given.next(), given.next()) else { return false };
        let Some((scheme, token)) =
            given.to_str().ok().and_then(|given| given.trim().split_once(' '))
        else {
            return false;
        };
        scheme.eq_ignore_ascii_case("bearer") && self.is(token.trim_start())
    }
}

/// Whether a request without a token may be answered: it names this machine by address or
/// as `localhost`. A foreign page can point its own host name at this machine, and the
/// browser would let it read the answer (DNS rebinding). But it cannot change the name that
/// the browser sends. A client that sends no name is no browser.
pub(super) fn names_an_address(uri: &Uri, headers: &HeaderMap) -> bool {
    let sent = headers.get_all(header::HOST).iter().map(|host| host.to_str().ok());
    let named = uri.authority().map(|authority| Some(authority.as_str()));
    sent.chain(named).all(|host| host.is_some_and(is_address))
}

fn is_address(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, rest)| {
            address.parse::<Ipv6Addr>().is_ok() && is_port_or_nothing(rest)
        });
    }
    let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
    let is_local = name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok();
    is_local && is_port_or_nothing(port)
}

/// Whether `text` is a colon and a port, or empty.
fn is_port_or_nothing(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn borne(token: &Token, values: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        token.admits(&headers)
    }

    #[test]
    fn only_the_token_itself_is_the_token() {
        let token = Token::new("correct-horse").unwrap();
        assert!(borne(&token, &["Bearer correct-horse"]));
        assert!(borne(&token, &["bearer  correct-horse "]));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "correct-horse",
            "Basic correct-horse",
            "Bearer correct-hors",
            "Bearer correct-horsee",
            "Bearer Correct-horse",
            "Bearer correct-horse x",
        ] {
            assert!(!borne(&token, &[wrong]), "{wrong:?}");
        }
        assert!(!borne(&token, &[]));
        assert!(!borne(&token, &["Bearer correct-horse", "Bearer correct-horse"]));
        assert_eq!(format!("{token:?}"), "Token");
        for bad in ["", "two words", "line\nbreak", "ü"] {
            assert_eq!(Token::new(bad).err(), Some(TokenError::Unsendable));
        }
    }

    #[test]
    fn a_name_that_others_control_is_no_address() {
        for own in
            ["localhost", "LOCALHOST:9464", "127.0.0.1", "127.0.0.1:80", "[::1]:9464", "10.1.2.3:1"]
        {
            assert!(is_address(own), "{own}");
        }
        for other in [
            "",
            "example.org",
            "localhost.example.org",
            "127.0.0.1.example.org",
            "[x]",
            "[::1",
            "a:b",
            "[::1]example.org",
            "[::1].example.org:9464",
            "127.0.0.1:80.example.org",
            "localhost:x",
            "127.0.0.1:",
        ] {
            assert!(!is_address(other), "{other}");
        }
    }
}
