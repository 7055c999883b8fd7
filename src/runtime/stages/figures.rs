//! Figures that a runtime holds until what they count is durable.

use std::sync::Arc;

use super::context::Context;
use super::pending::Pending;

/// The figures of some records. Dropped without a call of [`Figures::apply`], they count for
/// nothing.
#[must_use]
pub struct Figures {
    pub(super) pending: Pending,
    pub(super) context: Arc<Context>,
}

impl Figures {
    /// What they count is durable: the counters move.
    pub fn apply(mut self) {
        self.pending.apply(&self.context.metrics, &self.context.pipeline);
    }
}
