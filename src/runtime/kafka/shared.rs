//! What all workers of a process share.

use std::sync::Arc;

use super::client::auth::Tokens;
use crate::formats::Identity;
use crate::metrics::{Metrics, Pipeline};
use crate::runtime::clock::{self, Clock};
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
    ) -> Result<Shared, prometheus::Error> {
        let stages = Context {
            identity,
            limits: settings.limits,
            profiles: settings.profiles,
            race: settings.race.clone(),
            oversight: settings.oversight.clone(),
            people: settings.people.show,
            clock: Clock::Real(clock::now),
            pipeline: Pipeline::register(&metrics, clock::now())?,
            metrics: Arc::new(metrics),
            standings: Arc::default(),
            reviewer_alerts: Arc::default(),
        };
        Ok(Shared { settings, stages: Arc::new(stages), health: Arc::default(), tokens })
    }
}
