//! A topic to be read.

use rdkafka::config::ClientConfig;

use crate::runtime::kafka::client::auth::Tokens;
use crate::runtime::kafka::client::config::base;
use crate::settings::Kafka;

/// A topic, and how to reach its brokers.
#[derive(Clone, Debug)]
pub struct Topic {
    pub(super) client: ClientConfig,
    pub(super) tokens: Tokens,
    pub(super) name: String,
}

impl Topic {
    /// The topic `name` on the brokers of `kafka`. `tokens` are for brokers that ask
    /// for bearer tokens.
    pub fn new(kafka: &Kafka, tokens: &Tokens, name: String) -> Topic {
        Topic { client: base(kafka), tokens: tokens.clone(), name }
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}
