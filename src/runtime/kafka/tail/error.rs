//! Why reading a topic stopped.

use std::fmt;

use rdkafka::error::KafkaError;

/// Why reading stopped.
pub(super) enum TailError {
    Kafka(KafkaError),
    /// The topic does not exist.
    NoTopic,
    /// The next record to read was deleted. Tombstones may have been deleted with it,
    /// so what was read before may be wrong.
    PositionGone,
    /// No token for brokers that ask for one.
    NoToken(String),
}

impl fmt::Display for TailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TailError::Kafka(error) => error.fmt(f),
            TailError::NoTopic => {
                f.write_str("the topic does not exist; `shutterlag check --config` shows its name")
            }
            TailError::PositionGone => f.write_str("the topic no longer holds the next record"),
            TailError::NoToken(why) => f.write_str(why),
        }
    }
}

impl From<KafkaError> for TailError {
    fn from(error: KafkaError) -> TailError {
        TailError::Kafka(error)
    }
}
