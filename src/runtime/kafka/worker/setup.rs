//! How a worker is set up; the same for each of its sessions.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rdkafka::config::ClientConfig;

use crate::metrics::Pipeline;
use crate::runtime::health::WorkerHealth;
use crate::runtime::kafka::client::auth::Tokens;
use crate::runtime::kafka::progress::watermark::Watermarks;
use crate::runtime::kafka::restore::Plan;
use crate::settings::{Delivery, Topics};
use crate::time::Span;

/// How a worker is set up.
#[derive(Debug)]
pub(crate) struct Setup {
    /// Which of its stage's workers, counted from 0.
    pub(crate) number: usize,
    pub(super) consumer: ClientConfig,
    pub(super) producer: ClientConfig,
    pub(super) topics: Topics,
    /// How many partitions our topic of events has.
    pub(super) partitions: usize,
    pub(super) tokens: Tokens,
    pub(super) plan: Plan,
    pub(super) delivery: Delivery,
    pub(super) commit_interval: Span,
    /// Bytes of a credential's state at most: records may be as large.
    pub(super) state_bytes_max: usize,
    /// How long a step of a transaction may take.
    pub(super) patience: Span,
    pub(super) time: TimeSource,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) health: Arc<WorkerHealth>,
    pub(super) pipeline: Pipeline,
}

/// What the time of a stage's partitions goes by.
#[derive(Clone, Debug)]
pub(super) enum TimeSource {
    /// Nothing: time does not pass.
    None,
    /// Their records, and in those of the first input how far all sources have come. It
    /// is the present once all records are read and the lag gate is open.
    Records {
        /// Whether the lag gate is open.
        gate_open: Arc<AtomicBool>,
        /// How far the sources have come.
        watermarks: Arc<Watermarks>,
    },
    /// How far the stages before have come.
    Watermarks(Arc<Watermarks>),
}
