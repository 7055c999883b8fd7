//! What the brokers say of the records that the receivers' producer sends.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;

use super::unanswered::Unanswered;
use crate::runtime::clock;
use crate::runtime::kafka::client::context::{ClientEvents, Context};
use crate::runtime::stages::Fault;
use crate::time::Span;

/// How long a record that failed counts as a sign that the next one fails as well. Whoever
/// balances deliveries sends none here meanwhile, so that none can show the contrary.
const FAILED_FOR: Span = Span::from_secs(10);
/// What librdkafka says of a record that it has not given a partition yet.
const NO_PARTITION: i32 = -1;

/// What the brokers say of the records.
#[derive(Debug, Default)]
pub(super) struct Acknowledgements {
    /// Whether the brokers answered the last time. It is not known before the first answer.
    answered: AtomicBool,
    /// Whether `failing` holds something.
    doubted: AtomicBool,
    /// Topics and partitions of which nothing was acknowledged since a record of theirs failed.
    failing: Mutex<BTreeMap<(String, i32), Failing>>,
    /// Why the producer cannot be used any more.
    fault: Mutex<Option<Fault>>,
}

/// Failures of one partition in a row.
#[derive(Debug)]
struct Failing {
    /// When the first of those was told that timed out one after the other, as uptime.
    first: Span,
    /// When the latest was told, as uptime.
    latest: Span,
    /// Why the latest one failed.
    why: String,
}

impl Acknowledgements {
    /// # Errors
    /// Why the producer cannot be used any more.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.clone().map_or(Ok(()), Err)
    }

    /// Whether the brokers answered the last time, as far as is known.
    pub(super) fn is_answered(&self) -> bool {
        self.answered.load(Ordering::Acquire)
    }

    /// The brokers were asked, and answered or did not.
    pub(super) fn asked(&self, answered: bool) {
        self.answered.store(answered, Ordering::Release);
        if !answered {
            self.begin_anew();
        }
    }

    /// Why a record failed a moment ago, if nothing of its partition was acknowledged since.
    pub(super) fn just_failed(&self) -> Option<String> {
        let now = clock::uptime();
        self.failing().values().find(|it| now < it.latest + FAILED_FOR).map(|it| it.why.clone())
    }

    /// Why no record of some partition arrives, if all of them have timed out for as long as
    /// `patience`.
    pub(super) fn failing_for(&self, patience: Span) -> Option<String> {
        if !self.doubted.load(Ordering::Acquire) {
            return None;
        }
        let failing = self.failing();
        failing.values().find(|it| it.latest >= it.first + patience).map(|it| it.why.clone())
    }

    /// Counts failures anew: those before had a reason that is known.
    pub(super) fn begin_anew(&self) {
        for failing in self.failing().values_mut() {
            failing.first = failing.latest;
        }
    }

    fn failing(&self) -> MutexGuard<'_, BTreeMap<(String, i32), Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acknowledged(&self, topic: &str, partition: i32) {
        self.answered.store(true, Ordering::Release);
        if self.doubted.load(Ordering::Acquire) {
            let mut failing = self.failing();
            // A record that failed before it had a partition counts for all of its topic.
            for partition in [partition, NO_PARTITION] {
                failing.remove(&(topic.to_owned(), partition));
            }
            self.doubted.store(!failing.is_empty(), Ordering::Release);
        }
    }

    fn failed(&self, message: &impl Message, timed_out: bool, why: String) {
        let (topic, partition, now) = (message.topic(), message.partition(), clock::uptime());
        let mut failing = self.failing();
        match failing.entry((topic.to_owned(), partition)) {
            Entry::Occupied(mut known) => {
                // What a broker refused has reached it.
                let first = if timed_out { known.get().first } else { now };
                known.insert(Failing { first, latest: now, why });
            }
            Entry::Vacant(new) => {
                tracing::warn!(topic, partition, "deliveries are refused: {why}");
                new.insert(Failing { first: now, latest: now, why });
            }
        }
        self.doubted.store(true, Ordering::Release);
        self.answered.store(false, Ordering::Release);
    }

    fn unusable(&self, fault: Fault) {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
    }
}

impl ClientEvents for Acknowledgements {
    fn error(&self, error: &KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => self.answered.store(false, Ordering::Release),
            // The order of records is lost to an idempotent producer: only a new one goes on.
            Some(RDKafkaErrorCode::Fatal) => {
                self.unusable(Fault::Passing(format!("the receivers' producer ended: {reason}")));
            }
            _ => {}
        }
    }
}

impl ProducerContext for Context<Acknowledgements> {
    type DeliveryOpaque = Arc<Unanswered>;

    fn delivery(&self, result: &DeliveryResult<'_>, unanswered: Arc<Unanswered>) {
        match result {
            Ok(message) => self.own.acknowledged(message.topic(), message.partition()),
            Err((error, message)) => {
                let doing = format!("sending to {}", message.topic());
                let code = error.rdkafka_error_code();
                let timed_out = code == Some(RDKafkaErrorCode::MessageTimedOut);
                let fault = Fault::of(&doing, error);
                unanswered.fail(fault.to_string());
                match fault {
                    Fault::Passing(why) => self.own.failed(message, timed_out, why),
                    _ => self.own.unusable(fault),
                }
            }
        }
    }
}
