//! Metrics of receivers.
//!
//! Invariant: a receiver is labelled by its name in the configuration, which bounds the label.

use std::time::Duration;

use prometheus::{GaugeVec, HistogramVec, IntCounterVec};

use super::Metrics;
use super::making::Making;
use crate::event::words;
use crate::time::{Span, Timestamp};

/// Upper bounds of the buckets of answers in seconds.
const ANSWER_BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0];

words! {
    /// What a delivery was answered.
    DeliveryResult {
        /// It is durable.
        Taken = "taken",
        /// It lacks a header that proves who sent it.
        Unsigned = "unsigned",
        /// Its signature or secret is wrong.
        Unverified = "unverified",
        /// It was signed too long ago, or in the future.
        Stale = "stale",
        /// Its body is too large.
        TooLarge = "too_large",
        /// Its body cannot be unpacked, or did not come to an end.
        Unreadable = "unreadable",
        /// It could not be made durable; the sender has to send it again.
        Unavailable = "unavailable",
    }
}

/// What the metrics of one receiver say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverFigures {
    /// When a delivery was last taken, since the start of the process.
    pub last_at: Option<Timestamp>,
    /// How often one is expected.
    pub expected: Option<Span>,
    /// Deliveries that were taken.
    pub taken: u64,
    /// Deliveries that were not.
    pub refused: u64,
}

/// The metrics of receivers. Clones move the same figures.
#[derive(Clone, Debug)]
pub struct Receivers {
    deliveries: IntCounterVec,
    answers: HistogramVec,
    last: GaugeVec,
    expected: GaugeVec,
}

impl Receivers {
    /// Registers them beside the others, for receivers with these names.
    ///
    /// # Errors
    /// When they are registered already.
    pub fn register(metrics: &Metrics, names: &[String]) -> Result<Receivers, prometheus::Error> {
        let make = Making(&metrics.registry);
        let deliveries = make.counters(
            "deliveries_total",
            "Deliveries to a receiver, by what they were answered.",
            &["receiver", "result"],
        )?;
        let answers = make.histograms(
            "delivery_answer_seconds",
            "Time from the end of a delivery's body to its answer.",
            &ANSWER_BUCKETS,
            &["receiver"],
        )?;
        let last = make.levels(
            "last_delivery_timestamp_seconds",
            "When a delivery to a receiver was last taken; 0 before the first one.",
            &["receiver"],
        )?;
        let expected = make.levels(
            "expected_delivery_seconds",
            "How often a delivery to a receiver is expected; 0 where none is.",
            &["receiver"],
        )?;
        for name in names {
            for result in DeliveryResult::ALL {
                deliveries.with_label_values(&[name.as_str(), result.as_str()]);
            }
            answers.with_label_values(&[name.as_str()]);
            last.with_label_values(&[name.as_str()]).set(0.0);
            expected.with_label_values(&[name.as_str()]).set(0.0);
        }
        Ok(Receivers { deliveries, answers, last, expected })
    }

    /// What the metrics of one receiver say.
    pub fn of(&self, receiver: &str) -> ReceiverFigures {
        let count = |result: &DeliveryResult| {
            self.deliveries.with_label_values(&[receiver, result.as_str()]).get()
        };
        let taken = count(&DeliveryResult::Taken);
        let all: u64 = DeliveryResult::ALL.iter().map(count).sum();
        let positive = |seconds: f64| (seconds > 0.0).then(|| (seconds * 1000.0).round() as i64);
        ReceiverFigures {
            last_at: positive(self.last.with_label_values(&[receiver]).get())
                .map(Timestamp::from_millis),
            expected: positive(self.expected.with_label_values(&[receiver]).get())
                .map(Span::from_millis),
            taken,
            refused: all.saturating_sub(taken),
        }
    }

    /// Something is expected to come to a receiver this often.
    pub fn expect(&self, receiver: &str, every: Span) {
        let seconds = every.as_millis() as f64 / 1000.0;
        self.expected.with_label_values(&[receiver]).set(seconds);
    }

    /// A delivery that arrived at `arrived_at` is durable, `took` after its body had come.
    pub fn taken(&self, receiver: &str, took: Duration, arrived_at: Timestamp) {
        self.deliveries.with_label_values(&[receiver, DeliveryResult::Taken.as_str()]).inc();
        self.answers.with_label_values(&[receiver]).observe(took.as_secs_f64());
        self.last.with_label_values(&[receiver]).set(arrived_at.as_millis() as f64 / 1000.0);
    }

    /// Nothing of a delivery was kept.
    pub fn refused(&self, receiver: &str, result: DeliveryResult) {
        self.deliveries.with_label_values(&[receiver, result.as_str()]).inc();
    }
}
