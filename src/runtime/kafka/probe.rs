//! A client's context that remembers what went wrong, so that "no answer" can
//! be told with its reason.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::error::advice;
use super::logs;
use super::oauth::Tokens;

/// Clones remember together.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    seen: Arc<Mutex<Seen>>,
    tokens: Tokens,
}

#[derive(Debug, Default)]
struct Seen {
    lasting: Option<(RDKafkaErrorCode, String)>,
    latest: Option<String>,
}

impl Probe {
    pub(super) fn new(tokens: &Tokens) -> Probe {
        Probe { seen: Arc::default(), tokens: tokens.clone() }
    }

    /// An error that waiting does not mend.
    pub(super) fn lasting(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).lasting.clone()
    }

    /// The last error of any kind.
    pub(super) fn latest(&self) -> Option<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).latest.clone()
    }
}

impl ClientContext for Probe {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.tokens.answer()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        logs::line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = error.rdkafka_error_code()
            && advice(code).is_some()
            && !logs::is_lost_login(&error, reason)
        {
            seen.lasting = Some((code, reason.to_owned()));
        }
        // Of all brokers being down the reason was told before.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            seen.latest = Some(reason.to_owned());
        }
        logs::error(&error, reason);
    }
}

impl ConsumerContext for Probe {}
