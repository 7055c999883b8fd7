//! What the stages of a process share.

use std::sync::Arc;

use crate::config::{Limits, OversightConfig, Profiles};
use crate::engine::attacker::Race;
use crate::formats::Identity;
use crate::formats::maps::Maps;
use crate::metrics::{Metrics, Pipeline};
use crate::records::People;
use crate::runtime::clock::{self, Clock};
use crate::runtime::reviewer_alerts::ReviewerAlerts;
use crate::runtime::standings::PartitionStandings;
use crate::runtime::unjoined::UnjoinedNames;
use crate::settings::{PeopleShown, Settings};
use crate::time::Span;

/// The rules that stages go by, and the figures that they move.
#[derive(Debug)]
pub struct Context {
    /// Names for secrets and pseudonyms for people.
    pub identity: Identity,
    /// Bounds of a record.
    pub limits: Limits,
    /// The sources that are described in jq.
    pub maps: Arc<Maps>,
    /// How far the clocks of sources may be apart.
    pub skew_tolerance: Span,
    /// Deadlines and expectations by workflow.
    pub profiles: Profiles,
    /// The attackers' curves.
    pub race: Race,
    /// The rules by which reviews are judged.
    pub oversight: OversightConfig,
    /// How reviewers are shown.
    pub people: PeopleShown,
    /// The present.
    pub clock: Clock,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The counters of the pipeline itself.
    pub pipeline: Pipeline,
    /// The windows that wait.
    pub standings: Arc<PartitionStandings>,
    /// The names that did not join.
    pub unjoined: Arc<UnjoinedNames>,
    /// The alerts about reviewers, as far as this process judges.
    pub reviewer_alerts: Arc<ReviewerAlerts>,
}

impl Context {
    /// What the stages of a live run share, by its settings. Nothing of it is in the metrics
    /// yet.
    ///
    /// # Errors
    /// When metrics of the same names are registered already.
    pub fn new(
        settings: &Settings,
        identity: Identity,
        metrics: Metrics,
    ) -> Result<Context, prometheus::Error> {
        let pipeline = Pipeline::register(&metrics, clock::now())?;
        pipeline.configured(&settings.effective().to_toml().unwrap_or_default());
        Ok(Context {
            identity,
            limits: settings.limits,
            maps: settings.maps(),
            skew_tolerance: settings.engine().skew_tolerance,
            profiles: settings.profiles,
            race: settings.race.clone(),
            oversight: settings.oversight.clone(),
            people: settings.people.show,
            clock: Clock::Real(clock::now),
            pipeline,
            metrics: Arc::new(metrics),
            standings: Arc::default(),
            unjoined: Arc::default(),
            reviewer_alerts: Arc::default(),
        })
    }

    /// How reviewers appear in the values of records.
    pub(super) fn people(&self) -> People {
        match self.people {
            PeopleShown::Names => People::names(self.identity.clone()),
            PeopleShown::Pseudonyms => People::pseudonyms(self.identity.clone()),
        }
    }
}
