//! What the brokers say of the records that the receivers' producer sends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;

use super::unanswered::Unanswered;
use crate::runtime::clock;
use crate::runtime::kafka::client::context::{ClientEvents, Context};
use crate::runtime::stages::Fault;
use crate::time::Span;

/// What the brokers say of the records.
#[derive(Debug)]
pub(super) struct Acknowledgements {
    /// Whether the brokers answered the last time.
    pub(super) answered: AtomicBool,
    /// Whether `failed` holds something.
    doubted: AtomicBool,
    /// When the latest delivery failed, as uptime, and why; `None` since one was acknowledged.
    pub(super) failed: Mutex<Option<(Span, String)>>,
    /// Why the producer cannot be used any more.
    pub(super) fault: Mutex<Option<Fault>>,
}

impl Default for Acknowledgements {
    fn default() -> Acknowledgements {
        // It is not known before the first answer.
        let (answered, doubted) = (AtomicBool::new(false), AtomicBool::new(false));
        Acknowledgements { answered, doubted, failed: Mutex::default(), fault: Mutex::default() }
    }
}

impl Acknowledgements {
    fn acknowledged(&self) {
        self.answered.store(true, Ordering::Release);
        if self.doubted.load(Ordering::Acquire) {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
            self.doubted.store(false, Ordering::Release);
        }
    }

    fn failed(&self, why: String) {
        let failed = Some((clock::uptime(), why));
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
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
            Ok(_) => self.own.acknowledged(),
            Err((error, message)) => {
                let doing = format!("sending to {}", message.topic());
                let fault = Fault::of(&doing, error);
                unanswered.fail(fault.to_string());
                match fault {
                    Fault::Passing(why) => self.own.failed(why),
                    _ => self.own.unusable(fault),
                }
            }
        }
    }
}
