//! What every decoder is given, and what a record can come to.

use super::identity::Identity;
use crate::config::Limits;
use crate::event::words;
use crate::time::Timestamp;

words! {
    /// Why a well-formed record of a known source holds nothing to measure.
    SkipReason {
        /// A kind of notification that none of the seven events stands for.
        NotMeasured = "not_measured",
        /// Marked by its source as a sample.
        Sample = "sample",
        /// A change made by the source itself, not by a person.
        NotHuman = "not_human",
        /// A line of the source's own log within its output.
        LogLine = "log_line",
    }
}

/// What a record came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// At least one event was appended.
    Events,
    /// Nothing to measure in it, and nothing wrong with it.
    Skipped(SkipReason),
}

/// What a decoder needs beside the record.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// Turns raw secrets into names.
    pub identity: &'c Identity,
    /// The detection time of records that have none of their own.
    pub detected_at: Option<Timestamp>,
    /// What is too large.
    pub limits: Limits,
}
