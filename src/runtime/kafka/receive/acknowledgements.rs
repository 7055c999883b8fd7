//! What the brokers say of the records that the receivers' producer sends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;

use super::failures::Failures;
use super::unanswered::Unanswered;
use crate::runtime::clock;
use crate::runtime::kafka::client::context::{ClientEvents, Context};
use crate::runtime::stages::Fault;

/// What the brokers say of the records.
#[derive(Debug, Default)]
pub(super) struct Acknowledgements {
    /// Whether the brokers answered the last time. It is not known before the first answer.
    answered: AtomicBool,
    /// Whether `failures` holds something. While it does not, an acknowledgement takes no lock.
    doubted: AtomicBool,
    failures: Mutex<Failures>,
    /// Why the producer cannot be used any more.
    fault: Mutex<Option<Fault>>,
}

impl Acknowledgements {
    /// # Errors
    /// Why the producer cannot be used any more.
    pub(super) fn usable(&self) -> Result<(), Fault> {
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
            self.failures().explained();
        }
    }

    /// What failed.
    pub(super) fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acknowledged(&self, message: &impl Message) {
        self.answered.store(true, Ordering::Release);
        if self.doubted.load(Ordering::Acquire) {
            let mut failures = self.failures();
            failures.acknowledged(message.topic(), message.partition());
            self.doubted.store(!failures.is_empty(), Ordering::Release);
        }
    }

    fn failed(&self, message: &impl Message, code: Option<RDKafkaErrorCode>, why: &str) {
        let (topic, partition, now) = (message.topic(), message.partition(), clock::uptime());
        let mut failures = self.failures();
        let is_first = if code == Some(RDKafkaErrorCode::MessageTimedOut) {
            failures.timed_out(topic, partition, now, why)
        } else {
            failures.refused(now, why);
            false
        };
        self.doubted.store(true, Ordering::Release);
        drop(failures);
        self.answered.store(false, Ordering::Release);
        if is_first {
            tracing::warn!(topic, partition, "deliveries are refused: {why}");
        }
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
            Ok(message) => self.own.acknowledged(message),
            Err((error, message)) => {
                let doing = format!("sending to {}", message.topic());
                let code = error.rdkafka_error_code();
                let fault = Fault::of(&doing, error);
                unanswered.fail(fault.to_string());
                match fault {
                    Fault::Passing(why) => self.own.failed(message, code, &why),
                    _ => self.own.unusable(fault),
                }
            }
        }
    }
}
