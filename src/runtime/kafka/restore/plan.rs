//! What is asked of a restore, and its answer.

use std::time::Duration;

use rdkafka::config::ClientConfig;

use crate::formats::Identity;
use crate::runtime::blocks::BlockWriter;
use crate::runtime::kafka::client::auth::Tokens;
use crate::runtime::stages::{Fresh, Restored, Topic};
use crate::settings::Start;
use crate::time::Span;

/// What a worker wants restored.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The partition, of its inputs and of the changelog.
    pub(crate) partition: i32,
    /// Which of the stage's inputs, by number.
    pub(crate) inputs: Vec<usize>,
    /// The epoch of its assignment, so that a late answer to an earlier one is known as
    /// such.
    pub(crate) epoch: u64,
}

/// A partition that can be read on, with its state.
pub(crate) struct Ready {
    pub(crate) partition: i32,
    pub(crate) epoch: u64,
    /// Each input that was asked for, and its next offset.
    pub(crate) offsets: Vec<(usize, i64)>,
    /// The state, if the stage has any.
    pub(crate) state: Option<Restored>,
    /// Writes the changelog on, if there is one.
    pub(crate) blocks: Option<BlockWriter>,
    /// Whether one of the positions is not committed yet.
    pub(crate) unpinned: bool,
    /// The check record that the changelog lacks, to be written with the first positions.
    pub(crate) check: Option<CheckRecord>,
    /// How long it took, together with the other partitions that were restored with it.
    pub(crate) took: Duration,
}

/// The first record of a partition of a changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckRecord {
    pub(crate) topic: Topic,
    pub(crate) key: &'static [u8],
    pub(crate) value: Vec<u8>,
}

/// A changelog, and what its records are the state of.
#[derive(Clone, Debug)]
pub(crate) struct Changelog {
    pub(crate) topic: Topic,
    /// The name of the topic.
    pub(crate) name: String,
    pub(crate) fresh: Fresh,
    /// Names the credentials in it.
    pub(crate) identity: Identity,
}

/// What a stage reads, and where its state is.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The configuration of a consumer, with the stage's group and `read_committed`.
    pub(crate) config: ClientConfig,
    pub(crate) tokens: Tokens,
    pub(crate) inputs: Vec<String>,
    /// The changelog, if the stage has one.
    pub(crate) state: Option<Changelog>,
    /// Where to read each input from if the group has no position in it.
    pub(crate) starts: Vec<Start>,
    /// How long no record may come.
    pub(crate) patience: Span,
    /// How long an answer may take: short enough that a stop need not wait for a broker
    /// that is down.
    pub(crate) answer_within: Span,
}
