//! What clients have in common that only read.

use std::error::Error;

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use super::logs;
use super::oauth::Tokens;

/// Sends the client's own lines to the log, and gives it its tokens.
pub(in crate::runtime) struct Context {
    /// What it logs in with.
    pub(in crate::runtime) tokens: Tokens,
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.tokens.answer()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        logs::line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        logs::error(&error, reason);
    }
}

impl ConsumerContext for Context {}
