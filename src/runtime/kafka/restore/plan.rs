//! What is asked of a restore, and its answer.

use std::time::Duration;

use rdkafka::config::ClientConfig;

use crate::runtime::kafka::oauth::Tokens;
use crate::runtime::stages::{Fresh, Restored};
use crate::settings::Start;
use crate::time::Span;

/// What a worker wants restored.
#[derive(Clone, Debug)]
pub(in crate::runtime::kafka) struct Wanted {
    /// The partition, of its inputs and of the changelog.
    pub(in crate::runtime::kafka) partition: i32,
    /// Which of the stage's inputs, by number.
    pub(in crate::runtime::kafka) inputs: Vec<usize>,
    /// The epoch of its assignment, so that a late answer to an earlier one is known as
    /// such.
    pub(in crate::runtime::kafka) epoch: u64,
}

/// A partition that can be read on, with its state.
pub(in crate::runtime::kafka) struct Ready {
    pub(in crate::runtime::kafka) partition: i32,
    pub(in crate::runtime::kafka) epoch: u64,
    /// Each input that was asked for, and its next offset.
    pub(in crate::runtime::kafka) offsets: Vec<(usize, i64)>,
    /// The state, if the stage has any.
    pub(in crate::runtime::kafka) state: Option<Restored>,
    /// Whether one of the positions is not committed yet.
    pub(in crate::runtime::kafka) unpinned: bool,
    /// How long it took, together with the other partitions that were restored with it.
    pub(in crate::runtime::kafka) took: Duration,
}

/// What a stage reads, and where its state is.
#[derive(Clone, Debug)]
pub(in crate::runtime::kafka) struct Plan {
    /// The configuration of a consumer, with the stage's group and `read_committed`.
    pub(in crate::runtime::kafka) config: ClientConfig,
    pub(in crate::runtime::kafka) tokens: Tokens,
    pub(in crate::runtime::kafka) inputs: Vec<String>,
    /// The changelog and what its records are the state of.
    pub(in crate::runtime::kafka) state: Option<(String, Fresh)>,
    /// Where to read each input from if the group has no position in it.
    pub(in crate::runtime::kafka) starts: Vec<Start>,
    /// How long no record may come.
    pub(in crate::runtime::kafka) patience: Span,
    /// How long an answer may take: short enough that a stop need not wait for a broker
    /// that is down.
    pub(in crate::runtime::kafka) answer_within: Span,
}
