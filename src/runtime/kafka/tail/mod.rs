//! Reads a topic to its end, and on.
//!
//! ```text
//! topic ──▶ reader (one consumer, no group) ──┬─▶ follow: to the end and on, for ever
//!                                             └─▶ snapshot: to a fixed end, once
//! ```
//!
//! The read view and the notifier follow a topic. The report takes a snapshot of one.
//!
//! Invariants: the consumer is no member of a group and commits nothing, so every
//! process reads all partitions; it gets committed records only.

mod error;
mod follow;
mod reader;
mod record;
mod snapshot;
mod topic;

pub(in crate::runtime) use follow::{Follow, Follower};
pub(in crate::runtime) use record::Record;
pub(in crate::runtime) use snapshot::snapshot;
pub use topic::Topic;
