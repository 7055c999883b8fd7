//! The context of a producer: it keeps the first delivery that failed.

use std::sync::{Mutex, PoisonError};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;

use super::context::{ClientEvents, Context};
use crate::runtime::stages::Fault;

/// The context of a producer.
pub(crate) type Deliveries = Context<FirstFailure>;

/// The first delivery that failed, if any did: librdkafka's code, and why.
#[derive(Debug, Default)]
pub(crate) struct FirstFailure(Mutex<Option<(Option<RDKafkaErrorCode>, String)>>);

impl ClientEvents for FirstFailure {}

impl FirstFailure {
    /// # Errors
    /// The first delivery that failed.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some((code, why)) => Err(Fault::of_code("sending", *code, why)),
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let why = format!("{error} (topic {})", message.topic());
            let mut first = self.own.0.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert((error.rdkafka_error_code(), why));
        }
    }
}
