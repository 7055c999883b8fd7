//! What all workers of a process share.

use std::sync::Arc;

use super::client::auth::Tokens;
use crate::formats::Identity;
use crate::metrics::Metrics;
use crate::runtime::health::Health;
use crate::runtime::stages::Context;
use crate::settings::Settings;

/// What all workers of a process share.
#[derive(Debug)]
pub struct Shared {
    /// The configuration.
    pub settings: Settings,
    /// What the stages need of it, and the figures that they move.
    pub stages: Arc<Context>,
    /// How the workers are.
    pub health: Arc<Health>,
    /// What clients log in with where brokers ask for tokens.
    pub tokens: Tokens,
    /// How many partitions our topic of events had at the start. It decides where an event goes,
    /// whatever somebody does to the topic meanwhile.
    pub partitions: usize,
}

impl Shared {
    /// What the workers of a process need that has nothing in its metrics yet.
    ///
    /// # Errors
    /// When metrics of the same names are registered already.
    pub fn new(
        settings: Settings,
        identity: Identity,
        metrics: Metrics,
        tokens: Tokens,
        partitions: usize,
    ) -> Result<Shared, prometheus::Error> {
        let stages = Context::new(&settings, identity, metrics)?;
        let (stages, health) = (Arc::new(stages), Arc::default());
        Ok(Shared { settings, stages, health, tokens, partitions })
    }
}
