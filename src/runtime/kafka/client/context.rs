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

/// What one kind of client does about an error of the whole client, besides logging it.
pub(crate) trait ClientErrors: Send + Sync + 'static {
    fn note(&self, _error: &KafkaError, _reason: &str) {}
}

impl ClientErrors for () {}

impl<T> Context<T> {
    pub(crate) fn with(tokens: &Tokens, own: T) -> Context<T> {
        Context { tokens: tokens.clone(), own }
    }
}

impl<T: ClientErrors> ClientContext for Context<T> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.tokens.answer()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        logging::librdkafka(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.own.note(&error, reason);
        logging::librdkafka_error(&error, reason);
    }
}

impl ConsumerContext for Context {}
