//! Bearer tokens for brokers that ask for them (SASL/OAUTHBEARER): one source for all
//! clients of the process.
//!
//! librdkafka asks a client's context for a token when the client starts, and again before
//! the token expires. The context passes the request to [`Tokens`]. librdkafka asks only
//! while the client is polled. A client that makes a blocking call before its first poll
//! needs `Tokens::admit`.
//!
//! Invariants: there is one request to the endpoint at a time; while a token is valid
//! nobody waits for the next one, and a failed renewal is not an error of a client; no
//! message and no `Debug` shows a token or secret.

mod answer;
mod endpoint;

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::client::{Client, ClientContext, OAuthToken};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use self::answer::Token;
use self::endpoint::Endpoint;
use crate::runtime::clock;
use crate::runtime::kafka::client::raw;
use crate::runtime::stages::Fault;
use crate::settings::{Mechanism, Security};
use crate::time::{Span, Timestamp};

/// How long the token endpoint may take to answer.
const ANSWER_WITHIN: Span = Span::from_secs(10);

/// How long to wait after a failure before the next request.
const RETRY_AFTER: Span = Span::from_secs(5);

/// How long a client keeps a token while the next one is being fetched. librdkafka checks
/// once a second, and brokers may want the new token soon.
const ASK_AGAIN_AFTER: Span = Span::from_secs(1);

/// The source of the clients' tokens; clones share it. With any mechanism other than
/// OAUTHBEARER it does nothing.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Option<Arc<Source>>);

#[derive(Debug)]
struct Source {
    endpoint: Endpoint,
    kept: Mutex<Kept>,
    /// Locked while a token is fetched.
    fetching: Mutex<()>,
    /// Whether a background thread is fetching.
    in_background: AtomicBool,
}

#[derive(Debug, Default)]
struct Kept {
    token: Option<Token>,
    /// Why the last attempt failed, and when, by [`clock::uptime`].
    failed: Option<(Span, Fault)>,
}

impl Tokens {
    /// The source that `security` describes. Reads certificates, but does not connect yet.
    ///
    /// # Errors
    /// Certificates that cannot be read.
    pub fn new(security: &Security) -> Result<Tokens, Fault> {
        let sasl = security.sasl.as_ref().filter(|sasl| sasl.mechanism == Mechanism::OauthBearer);
        let Some(sasl) = sasl else { return Ok(Tokens(None)) };
        let endpoint = Endpoint::new(sasl, security.ca_file.as_deref(), ANSWER_WITHIN)?;
        Ok(Tokens::of(endpoint))
    }

    fn of(endpoint: Endpoint) -> Tokens {
        Tokens(Some(Arc::new(Source {
            endpoint,
            kept: Mutex::default(),
            fetching: Mutex::default(),
            in_background: AtomicBool::new(false),
        })))
    }

    /// Gives a client its first token before it is polled.
    pub(crate) fn admit<C: ClientContext>(&self, client: &Client<C>) -> Result<(), Fault> {
        let Some(source) = &self.0 else { return Ok(()) };
        let token = source.current()?.for_client(clock::now());
        raw::set_token(client, &token)
            .map_err(|why| Fault::Passing(format!("handing over a token: {why}")))
    }

    /// The token that librdkafka asks a client's context for.
    pub(crate) fn answer(&self) -> Result<OAuthToken, Box<dyn Error>> {
        let source =
            self.0.as_ref().ok_or("a token was requested without OAUTHBEARER; this is a bug")?;
        Ok(source.current()?.for_client(clock::now()))
    }

    /// Classifies an error of a client as [`Fault::of`] does. If the client failed because
    /// there was no token, returns the reason for that instead.
    pub(crate) fn fault(&self, doing: &str, error: &KafkaError) -> Fault {
        let no_login = error.rdkafka_error_code() == Some(RDKafkaErrorCode::Authentication);
        let source = self.0.as_ref().filter(|_| no_login);
        source.and_then(|source| source.missing()).unwrap_or_else(|| Fault::of(doing, error))
    }
}

impl Source {
    /// A valid token.
    fn current(self: &Arc<Source>) -> Result<Token, Fault> {
        let now = clock::now();
        let held = lock(&self.kept).token.clone().filter(|token| now < token.expires_at);
        match held {
            Some(token) if now < token.renew_at => Ok(token),
            Some(token) => {
                if self.failed_just_now().is_none() {
                    self.renew_in_background();
                }
                Ok(token)
            }
            None => self.renew(),
        }
    }

    /// Why there is no valid token, if there is none and the reason is known.
    fn missing(&self) -> Option<Fault> {
        let kept = lock(&self.kept);
        let valid = kept.token.as_ref().is_some_and(|token| clock::now() < token.expires_at);
        kept.failed.as_ref().filter(|_| !valid).map(|(_, fault)| fault.clone())
    }

    /// The last failure, if it was too recent to ask again.
    fn failed_just_now(&self) -> Option<Fault> {
        let kept = lock(&self.kept);
        let (at, fault) = kept.failed.as_ref()?;
        (clock::uptime() < *at + RETRY_AFTER).then(|| fault.clone())
    }

    /// Fetches a token, unless another thread fetched one while this one waited.
    fn renew(&self) -> Result<Token, Fault> {
        let _fetching = lock(&self.fetching);
        let now = clock::now();
        let fresh = lock(&self.kept).token.clone().filter(|token| now < token.renew_at);
        if let Some(token) = fresh {
            return Ok(token);
        }
        if let Some(fault) = self.failed_just_now() {
            return Err(fault);
        }
        let fetched = self.endpoint.fetch();
        let mut kept = lock(&self.kept);
        match fetched {
            Ok(token) => {
                tracing::debug!("a token was fetched");
                *kept = Kept { token: Some(token.clone()), failed: None };
                Ok(token)
            }
            Err(fault) => {
                if kept.token.is_some() {
                    tracing::warn!("{fault}");
                }
                kept.failed = Some((clock::uptime(), fault.clone()));
                Err(fault)
            }
        }
    }

    /// Fetches a token on a background thread, unless one is already fetching.
    fn renew_in_background(self: &Arc<Source>) {
        if self.in_background.swap(true, Ordering::AcqRel) {
            return;
        }
        let source = Arc::clone(self);
        let started = std::thread::Builder::new().name("token".to_owned()).spawn(move || {
            // A failure was logged, and the next request starts a new attempt.
            let _ = source.renew();
            source.in_background.store(false, Ordering::Release);
        });
        if let Err(error) = started {
            self.in_background.store(false, Ordering::Release);
            tracing::warn!("cannot start a thread that renews the token: {error}");
        }
    }
}

impl Token {
    /// The token with a lifetime for librdkafka, which asks again after four fifths of the
    /// lifetime. The lifetime is chosen so that it asks when the next token is due.
    fn for_client(&self, now: Timestamp) -> OAuthToken {
        let fresh_ms = self.renew_at.since(now).as_millis();
        let until = if fresh_ms > 0 {
            now + Span::from_millis(fresh_ms / 4 * 5 + 1000)
        } else {
            now + ASK_AGAIN_AFTER
        };
        OAuthToken {
            token: self.value.reveal().to_owned(),
            principal_name: self.principal.clone(),
            lifetime_ms: until.min(self.expires_at).as_millis(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
