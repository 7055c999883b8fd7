//! The Kafka runtime on librdkafka's mock cluster. `tests/live` runs it on a real broker.

mod mock;
mod receive;
mod view_reader;
