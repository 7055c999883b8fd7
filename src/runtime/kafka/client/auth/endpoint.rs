//! The token endpoint: one request with the client's credentials (RFC 6749,
//! section 4.4), one answer.
//!
//! Invariants: time and size are bounded; credentials go to the configured address only,
//! so redirects are not followed and an unencrypted request uses no proxy; no message holds
//! the address, which may contain secrets.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::Agent;

use super::answer::{FETCHING, Token, read};
use crate::runtime::clock;
use crate::runtime::percent::encoded;
use crate::runtime::stages::Fault;
use crate::runtime::trust::{self, Between, NoTrust};
use crate::settings::{Sasl, Secret};
use crate::time::Span;

/// Bytes of an answer that are read at most. A token has one or two thousand.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// The endpoint, and the client that asks it for tokens.
pub(super) struct Endpoint {
    agent: Agent,
    url: String,
    client_id: String,
    /// The value of the `authorization` header.
    authorization: Secret,
    /// The body of the request, a form.
    request: String,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// The endpoint of an OAUTHBEARER login. Its certificate must be signed by one of the
    /// system's authorities or one in `ca_file`.
    ///
    /// # Errors
    /// Certificates that cannot be read, or none at all.
    pub(super) fn new(
        sasl: &Sasl,
        ca_file: Option<&Path>,
        answer_within: Span,
    ) -> Result<Endpoint, Fault> {
        let (Some(url), Some(client_id), Some(secret)) =
            (&sasl.token_endpoint_url, &sasl.client_id, &sasl.client_secret)
        else {
            let needed = "client_id, client_secret and token_endpoint_url";
            return Err(Fault::Lasting(format!("kafka.security.sasl: OAUTHBEARER needs {needed}")));
        };
        // The settings allow plain HTTP for this machine only.
        let config = trust::asking(url, ca_file, Between::Proxy, answer_within);
        // Requests are too rare to keep a connection.
        let config = config.map_err(no_trust)?.max_idle_connections(0);
        let login = format!("{}:{}", encoded(client_id), encoded(secret.reveal()));
        let mut request = "grant_type=client_credentials".to_owned();
        if let Some(scope) = &sasl.scope {
            request += &format!("&scope={}", encoded(scope));
        }
        Ok(Endpoint {
            agent: config.build().new_agent(),
            url: url.clone(),
            client_id: client_id.clone(),
            authorization: Secret::new(format!("Basic {}", STANDARD.encode(login))),
            request,
        })
    }

    /// Asks for a token.
    ///
    /// # Errors
    /// [`Fault::Passing`] when the endpoint does not answer or has a problem of its own;
    /// [`Fault::Lasting`] when it refuses, or its answer is not a token.
    pub(super) fn fetch(&self) -> Result<Token, Fault> {
        let mut response = self
            .agent
            .post(&self.url)
            .header("authorization", self.authorization.reveal())
            .header("accept", "application/json")
            .content_type("application/x-www-form-urlencoded")
            .send(&self.request)
            .map_err(|error| fault(&error))?;
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec()
            .map_err(|error| fault(&error))?;
        read(status, &body, &self.client_id, clock::now())
    }
}

fn no_trust(why: NoTrust) -> Fault {
    match why {
        NoTrust::File(why) => ca_fault(&why),
        NoTrust::Nobody => Fault::Lasting(
            "this system has no certificates of authorities to check the token endpoint with; \
             install them (ca-certificates), or set kafka.security.ca_file"
                .to_owned(),
        ),
    }
}

fn ca_fault(why: &str) -> Fault {
    Fault::Lasting(format!("kafka.security.ca_file: {why}; give PEM certificates"))
}

/// Why there was no answer.
fn fault(error: &ureq::Error) -> Fault {
    use ureq::Error as E;
    let (why, advice) = match error {
        E::Timeout(_) => ("no answer in time".to_owned(), None),
        E::HostNotFound => ("no such host".to_owned(), None),
        E::Io(error) => match trust::objection(error) {
            Some(why) => (why, Some("check kafka.security.ca_file and the endpoint's certificate")),
            None => (error.to_string(), None),
        },
        E::Rustls(error) => {
            (error.to_string(), Some("check kafka.security.ca_file and the endpoint's certificate"))
        }
        E::ConnectionFailed => ("no connection".to_owned(), None),
        E::ConnectProxyFailed(_) | E::InvalidProxyUrl => {
            ("the proxy refuses the connection".to_owned(), Some("check HTTPS_PROXY and NO_PROXY"))
        }
        E::BodyExceedsLimit(_) => {
            ("the answer is too long for a token".to_owned(), Some("check the address"))
        }
        E::Protocol(_) => ("the answer is not HTTP".to_owned(), Some("check the address")),
        E::BadUri(_) | E::Http(_) | E::RequireHttpsOnly(_) => {
            ("the address is not valid".to_owned(), Some("write https://host/path"))
        }
        // The text of any other error may quote the address.
        _ => ("failed".to_owned(), None),
    };
    match advice {
        Some(advice) => Fault::Lasting(format!("{FETCHING}: {why}; {advice}")),
        None => Fault::Passing(format!("{FETCHING}: {why}")),
    }
}
