//! Receivers on Kafka: deliveries in, records of our own topics out.
//!
//! One thread decodes deliveries and hands their records to an idempotent producer. Another
//! one gets the acknowledgements and answers. Many deliveries are on their way at a time.
//!
//! Invariants: a delivery is answered "taken" only after all in-sync replicas have
//! acknowledged each of its records; a delivery that fails fails alone, unless the producer
//! cannot be used any more.

mod acknowledgements;
mod failures;
mod in_sync;
mod producer;
mod receiving;
mod recent;
mod unanswered;

pub use receiving::Receiving;
pub(super) use receiving::run;
