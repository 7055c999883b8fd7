//! One consumer that reads all partitions of a topic.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Offset, TopicPartitionList};

use super::error::TailError;
use super::topic::Topic;
use crate::runtime::kafka::client::context::Context;

/// The consumer.
pub(super) struct Reader<'t> {
    consumer: BaseConsumer<Context>,
    topic: &'t Topic,
    answer_within: Duration,
}

/// What one poll returned.
pub(super) enum Polled<'c> {
    Nothing,
    Record(BorrowedMessage<'c>),
    /// The end of this partition is reached.
    End(i32),
    /// An error that librdkafka gets over by itself.
    Trouble(KafkaError),
}

impl<'t> Reader<'t> {
    /// A consumer for `purpose`, which brokers see in its group's name. The broker has
    /// `answer_within` for each question.
    pub(super) fn open(
        topic: &'t Topic,
        purpose: &str,
        answer_within: Duration,
    ) -> Result<Reader<'t>, TailError> {
        let mut config = topic.client.clone();
        config.remove("group.instance.id");
        config
            // librdkafka makes no consumer without a group. This one never joins it.
            .set("group.id", format!("{}.{purpose}", topic.name))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("fetch.queue.backoff.ms", "10");
        let consumer: BaseConsumer<Context> =
            config.create_with_context(Context::with(&topic.tokens, ()))?;
        let admitted = topic.tokens.admit(consumer.client());
        admitted.map_err(|fault| TailError::NoToken(fault.to_string()))?;
        Ok(Reader { consumer, topic, answer_within })
    }

    /// All partitions: number, first offset, end.
    pub(super) fn partitions(&self) -> Result<Vec<(i32, i64, i64)>, TailError> {
        let name = &self.topic.name;
        let metadata = self.consumer.fetch_metadata(Some(name), self.answer_within)?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == name);
        let partitions = topic.map(|topic| topic.partitions()).unwrap_or_default();
        if partitions.is_empty() {
            return Err(TailError::NoTopic);
        }
        let bounds = partitions.iter().map(|partition| {
            let (low, end) = self.bounds(partition.id())?;
            Ok((partition.id(), low, end))
        });
        bounds.collect()
    }

    /// Where a partition begins and ends.
    pub(super) fn bounds(&self, partition: i32) -> Result<(i64, i64), TailError> {
        Ok(self.consumer.fetch_watermarks(&self.topic.name, partition, self.answer_within)?)
    }

    /// Reads these partitions from these offsets on.
    pub(super) fn assign(
        &self,
        positions: impl IntoIterator<Item = (i32, i64)>,
    ) -> Result<(), TailError> {
        let mut list = TopicPartitionList::new();
        for (partition, position) in positions {
            let position = Offset::Offset(position);
            list.add_partition_offset(&self.topic.name, partition, position)?;
        }
        Ok(self.consumer.assign(&list)?)
    }

    /// Waits for the next record.
    pub(super) fn poll(&self, wait: Duration) -> Result<Polled<'_>, TailError> {
        match self.consumer.poll(wait) {
            None => Ok(Polled::Nothing),
            Some(Ok(message)) => Ok(Polled::Record(message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Polled::End(partition)),
            Some(Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
            ))) => Err(TailError::PositionGone),
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => Err(error.into()),
            Some(Err(error)) => Ok(Polled::Trouble(error)),
        }
    }
}
