//! The transactional producer of a worker.
//!
//! Invariants: in exactly-once delivery nothing is sent outside a transaction. A
//! transaction is committed only with the positions of the worker's inputs under the
//! group's metadata of that moment, so that the broker refuses a worker that has lost a
//! partition. After any failure the producer is dropped and never used again.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::linger::Linger;
use super::member::Member;
use super::setup::Setup;
use crate::runtime::clock;
use crate::runtime::kafka::client::config::unless_set;
use crate::runtime::kafka::client::context::Context;
use crate::runtime::kafka::client::deliveries::{Deliveries, FirstFailure};
use crate::runtime::kafka::client::partitioner::placed;
use crate::runtime::kafka::client::{raw, topics};
use crate::runtime::stages::Fault;
use crate::runtime::stages::{Outbox, Outgoing, Topic};
use crate::settings::Delivery;
use crate::time::{Span, Timestamp};

/// How long librdkafka waits for more records of a batch.
const LINGER: &str = "linger.ms";

/// The producer.
pub(super) struct TransactionalProducer {
    producer: BaseProducer<Deliveries>,
    /// The name of each topic, in the order of [`Topic::ALL`].
    topics: [String; Topic::ALL.len()],
    /// How many partitions our topic of events has.
    partitions: usize,
    delivery: Delivery,
    patience: Span,
    linger: Linger,
    /// Whether a transaction, or without transactions anything at all, is open.
    open: bool,
    /// Records since the last commit.
    sent: usize,
}

impl TransactionalProducer {
    /// A producer whose batches wait as `linger` says, unless the operator says otherwise. In
    /// exactly-once delivery it fences an earlier one of the same
    /// transactional id, and aborts the transaction that the earlier one left open.
    pub(super) fn new(setup: &Setup, linger: Linger) -> Result<TransactionalProducer, Fault> {
        let Setup { delivery, patience, .. } = *setup;
        let failed = |error| Fault::of("starting the producer", &error);
        let context = Context::with(&setup.tokens, FirstFailure::default());
        let mut config = setup.producer.clone();
        unless_set(&mut config, LINGER, linger.ms());
        let producer: BaseProducer<Deliveries> =
            config.create_with_context(context).map_err(failed)?;
        setup.tokens.admit(producer.client())?;
        if delivery == Delivery::ExactlyOnce {
            // An earlier transaction may have to time out first.
            producer.init_transactions((patience + patience).to_std()).map_err(failed)?;
        }
        let topics = topics::names(&setup.topics);
        let partitions = setup.partitions;
        let (open, sent) = (false, 0);
        Ok(TransactionalProducer {
            producer,
            topics,
            partitions,
            delivery,
            patience,
            linger,
            open,
            sent,
        })
    }

    /// Takes another producer whose batches wait as `linger` says. Only between transactions.
    pub(super) fn set_linger(&mut self, setup: &Setup, linger: Linger) -> Result<(), Fault> {
        if self.open || linger == self.linger || setup.producer.get(LINGER).is_some() {
            return Ok(());
        }
        // In exactly-once delivery the new one fences this one, which has nothing left to do.
        *self = TransactionalProducer::new(setup, linger)?;
        Ok(())
    }

    /// Serves the producer, so that it stays logged in while nothing is sent.
    pub(super) fn serve(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Whether there is something to commit.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Records sent since the last commit.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    /// Makes sure that a transaction is open.
    pub(super) fn open(&mut self) -> Result<(), Fault> {
        if !std::mem::replace(&mut self.open, true) && self.delivery == Delivery::ExactlyOnce {
            self.producer
                .begin_transaction()
                .map_err(|error| Fault::of("beginning a transaction", &error))?;
        }
        Ok(())
    }

    /// Commits all that was sent, together with the positions of the inputs.
    pub(super) fn commit(
        &mut self,
        member: &Member,
        positions: &TopicPartitionList,
    ) -> Result<(), Fault> {
        self.open()?;
        self.producer.poll(Duration::ZERO);
        self.producer.context().own.check()?;
        match self.delivery {
            Delivery::ExactlyOnce => self.commit_transaction(member, positions)?,
            Delivery::AtLeastOnce => self.commit_separately(member, positions)?,
        }
        self.open = false;
        self.sent = 0;
        Ok(())
    }

    fn commit_transaction(
        &self,
        member: &Member,
        positions: &TopicPartitionList,
    ) -> Result<(), Fault> {
        // Taken now: the group may have moved on without a callback. And positions
        // of somebody without a generation would be taken from anybody.
        let consumer = member.consumer();
        let group = consumer
            .group_metadata()
            .filter(|_| raw::generation(consumer) > 0 && !consumer.assignment_lost())
            .filter(|_| positions.count() > 0)
            .ok_or_else(|| Fault::Passing("no longer a member of the group".to_owned()))?;
        self.producer
            .send_offsets_to_transaction(positions, &group, self.patience.to_std())
            .map_err(|error| Fault::of("committing positions", &error))?;
        let until = clock::uptime() + self.patience;
        loop {
            // In slices, since only polling shows a delivery that failed.
            let Err(error) = raw::commit_transaction(&self.producer, COMMIT_SLICE_MS) else {
                return Ok(());
            };
            self.producer.poll(Duration::ZERO);
            self.producer.context().own.check()?;
            if !error.retriable || clock::uptime() >= until {
                return Err(Fault::of_code("committing", Some(error.code), &error));
            }
        }
    }

    fn commit_separately(
        &self,
        member: &Member,
        positions: &TopicPartitionList,
    ) -> Result<(), Fault> {
        if member.consumer().assignment_lost() {
            return Err(Fault::Passing("no longer a member of the group".to_owned()));
        }
        let until = clock::uptime() + self.patience;
        while self.producer.in_flight_count() > 0 {
            // A failed delivery is the only thing that is ever polled.
            self.producer.poll(Duration::from_millis(1));
            self.producer.context().own.check()?;
            if clock::uptime() >= until {
                return Err(Fault::Passing("the broker did not take all records".to_owned()));
            }
        }
        member
            .consumer()
            .commit(positions, CommitMode::Sync)
            .map_err(|error| Fault::of("committing positions", &error))
    }
}

impl Outbox for TransactionalProducer {
    fn send(&mut self, outgoing: Outgoing<'_>) -> Result<(), Fault> {
        self.open()?;
        self.sent += 1;
        let mut record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(&self.topics[outgoing.topic as usize]).key(outgoing.key);
        record.partition = placed(&outgoing, self.partitions);
        record.payload = outgoing.value;
        record.timestamp = outgoing.written_at.map(Timestamp::as_millis);
        let mut patient_until = None;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    let now = clock::uptime();
                    if now > *patient_until.get_or_insert(now + self.patience) {
                        return Err(Fault::Passing("the broker takes no more records".to_owned()));
                    }
                    self.producer.poll(Duration::from_millis(1));
                    self.producer.context().own.check()?;
                    record = back;
                }
                Err((error, back)) => {
                    return Err(Fault::of(&format!("sending to {}", back.topic), &error));
                }
            }
        }
    }
}

impl Drop for TransactionalProducer {
    fn drop(&mut self) {
        // What is still queued belongs to a transaction that nobody commits: it
        // must not be sent on while the wrapper's drop waits for it.
        if self.open {
            use rdkafka::producer::PurgeConfig;
            self.producer.purge(PurgeConfig::default().queue().inflight());
            if self.delivery == Delivery::ExactlyOnce {
                // So that nobody has to wait until the broker times it out.
                let _ = self.producer.abort_transaction(Duration::from_secs(1));
            }
        }
    }
}

const COMMIT_SLICE_MS: u32 = 500;
