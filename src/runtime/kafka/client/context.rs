//! The part of a client's context that every client of librdkafka shares: it logs in
//! with the tokens of the process, and writes what librdkafka reports to our log.

use std::error::Error;

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use super::auth::Tokens;
use crate::runtime::logging;

/// A client's context. `own` is what one kind of client adds to it.
#[derive(Clone, Debug)]
pub(crate) struct Context<T = ()> {
    pub(crate) tokens: Tokens,
    pub(crate) own: T,
}

/// What one kind of client does with what librdkafka reports of the whole client.
pub(crate) trait ClientEvents: Send + Sync + 'static {
    /// An error, which is logged in any case.
    fn error(&self, _error: &KafkaError, _reason: &str) {}

    /// Statistics, as JSON, where the configuration asks for them.
    fn statistics(&self, _json: &[u8]) {}
}

impl ClientEvents for () {}

impl<T> Context<T> {
    pub(crate) fn with(tokens: &Tokens, own: T) -> Context<T> {
        Context { tokens: tokens.clone(), own }
    }
}

impl<T: ClientEvents> ClientContext for Context<T> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.tokens.answer()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        logging::librdkafka(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.own.error(&error, reason);
        logging::librdkafka_error(&error, reason);
    }

    fn stats_raw(&self, json: &[u8]) {
        self.own.statistics(json);
    }
}

impl ConsumerContext for Context {}
