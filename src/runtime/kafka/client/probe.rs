//! A client's context that remembers the client's errors, so that a request without an
//! answer can be reported with its reason.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::auth::Tokens;
use super::context::{ClientEvents, Context};
use super::error::advice;
use crate::runtime::logging;

/// The context. Clones share what they remember.
pub(crate) type Probe = Context<Arc<Mutex<Seen>>>;

/// The errors of a client.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    lasting: Option<(RDKafkaErrorCode, String)>,
    latest: Option<String>,
}

impl Probe {
    pub(crate) fn new(tokens: &Tokens) -> Probe {
        Context::with(tokens, Arc::default())
    }

    /// An error that does not go away by waiting.
    pub(crate) fn lasting(&self) -> Option<(RDKafkaErrorCode, String)> {
        lock(&self.own).lasting.clone()
    }

    /// The last error of any kind.
    pub(crate) fn latest(&self) -> Option<String> {
        lock(&self.own).latest.clone()
    }
}

impl ClientEvents for Arc<Mutex<Seen>> {
    fn error(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        let mut seen = lock(self);
        if advice(code).is_some() && !logging::is_lost_login(error, reason) {
            seen.lasting = Some((code, reason.to_owned()));
        }
        // When all brokers are down, the reason came with an earlier error.
        if code != RDKafkaErrorCode::AllBrokersDown {
            seen.latest = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for Probe {}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
