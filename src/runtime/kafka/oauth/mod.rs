//! Bearer tokens for brokers that ask for them (SASL/OAUTHBEARER): one source
//! for all clients of the process.
//!
//! librdkafka asks a client's context for a token when the client begins and
//! before the one it has runs out; the contexts hand the question on to
//! [`Tokens`]. It asks when the client is polled, so a client that is waited for
//! before it is ever polled needs [`Tokens::admit`].
//!
//! Invariants: there is one request at a time, whoever asks; while a token is
//! valid nobody waits for its successor, and no failure to get one is an error
//! of a client; neither token nor secret shows in a message or in `Debug`.

mod answer;
mod endpoint;

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::client::{Client, ClientContext, OAuthToken};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use self::answer::Token;
use self::endpoint::Endpoint;
use super::error::Fault;
use super::raw;
use crate::runtime::clock;
use crate::settings::{Mechanism, Security};
use crate::time::{Span, Timestamp};

/// How long the token endpoint may take to answer, all in all.
const ANSWER_WITHIN: Span = Span::from_secs(10);

/// How long nobody tries again after a failure.
const RETRY_AFTER: Span = Span::from_secs(5);

/// How long a client may keep a token whose successor is on its way: librdkafka
/// looks once a second, and brokers may want the new one soon.
const ASK_AGAIN_AFTER: Span = Span::from_secs(1);

/// Where clients get their tokens from; clones share them. Of no effect with
/// any other mechanism than OAUTHBEARER.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Option<Arc<Source>>);

#[derive(Debug)]
struct Source {
    endpoint: Endpoint,
    kept: Mutex<Kept>,
    /// Held by whoever is fetching.
    turn: Mutex<()>,
    /// Whether a thread of its own is fetching.
    aside: AtomicBool,
}

#[derive(Debug, Default)]
struct Kept {
    token: Option<Token>,
    /// Why the last attempt failed, and when, by [`clock::uptime`].
    failed: Option<(Span, Fault)>,
}

impl Tokens {
    /// The source that `security` asks for. Reads the authorities' certificates
    /// and connects to nothing yet.
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
            turn: Mutex::default(),
            aside: AtomicBool::new(false),
        })))
    }

    /// Gives a client its first token before it is polled.
    pub(crate) fn admit<C: ClientContext>(&self, client: &Client<C>) -> Result<(), Fault> {
        let Some(source) = &self.0 else { return Ok(()) };
        let token = source.current()?.for_client(clock::now());
        raw::set_token(client, &token)
            .map_err(|why| Fault::Passing(format!("handing over a token: {why}")))
    }

    /// What librdkafka asks the context of a client for.
    pub(crate) fn answer(&self) -> Result<OAuthToken, Box<dyn Error>> {
        let source = self.0.as_ref().ok_or("nobody was to ask for a token; this is a bug")?;
        Ok(source.current()?.for_client(clock::now()))
    }

    /// Sorts an error of a client as [`Fault::of`] does, but one that means that
    /// there was no token by the reason for that.
    pub(super) fn fault(&self, doing: &str, error: &KafkaError) -> Fault {
        let unfit = error.rdkafka_error_code() == Some(RDKafkaErrorCode::Authentication);
        let source = self.0.as_ref().filter(|_| unfit);
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
                    self.renew_aside();
                }
                Ok(token)
            }
            None => self.renew(),
        }
    }

    /// Why there is no valid token, if that is so and was found out.
    fn missing(&self) -> Option<Fault> {
        let kept = lock(&self.kept);
        let valid = kept.token.as_ref().is_some_and(|token| clock::now() < token.expires_at);
        kept.failed.as_ref().filter(|_| !valid).map(|(_, fault)| fault.clone())
    }

    /// Why it is too early to ask again, if it is.
    fn failed_just_now(&self) -> Option<Fault> {
        let kept = lock(&self.kept);
        let (at, fault) = kept.failed.as_ref()?;
        (clock::uptime() < *at + RETRY_AFTER).then(|| fault.clone())
    }

    /// Fetches a token, unless somebody did while this waited for its turn.
    fn renew(&self) -> Result<Token, Fault> {
        let _turn = lock(&self.turn);
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

    /// Has a thread of its own fetch a token, if none is at it.
    fn renew_aside(self: &Arc<Source>) {
        if self.aside.swap(true, Ordering::AcqRel) {
            return;
        }
        let source = Arc::clone(self);
        let started = std::thread::Builder::new().name("token".to_owned()).spawn(move || {
            // A failure was told, and whoever asks next begins again.
            let _ = source.renew();
            source.aside.store(false, Ordering::Release);
        });
        if let Err(error) = started {
            self.aside.store(false, Ordering::Release);
            tracing::warn!("starting a thread that renews the token: {error}");
        }
    }
}

impl Token {
    /// The token with the lifetime that makes librdkafka, which asks again after
    /// four fifths of it, ask when a new one is due or on its way.
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
