//! What every decoder gets, and what a record can become.

use super::identity::Identity;
use super::maps::Maps;
use super::rejection::Rejection;
use crate::config::Limits;
use crate::event::words;
use crate::time::Timestamp;

words! {
    /// Why a well-formed record of a known source has nothing to measure.
    SkipReason {
        /// A kind of notification to which no kind of event corresponds.
        NotMeasured = "not_measured",
        /// Marked by its source as a sample.
        Sample = "sample",
        /// A line of the source's own log within its output.
        LogLine = "log_line",
        /// Nothing: `null`, a tombstone, or padding.
        Empty = "empty",
    }
}

/// What a record became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// At least one event was appended.
    Events,
    /// The record is valid, but there is nothing to measure in it.
    Skipped(SkipReason),
    /// The record is an array, or an envelope around several records. Some of its parts gave
    /// their events, possibly none did; these did not.
    Mixed(Vec<Part>),
}

/// One part of a record that gave no events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Why it gave none.
    pub outcome: Result<SkipReason, Rejection>,
    /// Its shape, without its content.
    pub excerpt: String,
}

/// What a decoder needs besides the record.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// Turns raw secrets into names.
    pub identity: &'c Identity,
    /// The detection time of records that have none of their own.
    pub detected_at: Option<Timestamp>,
    /// The bounds on records, texts and events.
    pub limits: Limits,
    /// The sources that are described in jq.
    pub maps: &'c Maps,
}
