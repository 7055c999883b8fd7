//! The rules that a finding about a reviewer rests on.
//!
//! Invariant: they are part of the finding, so that it can be computed again from
//! the ledger.

use serde::{Deserialize, Serialize};

use crate::config::{OversightConfig, Profiles};
use crate::engine::oversight::Signal;
use crate::event::Workflow;
use crate::time::Span;

/// The rules that a finding rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RulesShown {
    pub(crate) alpha: f64,
    pub(crate) paging_decisions: f64,
    pub(crate) resolve_share: f64,
    pub(crate) peers_margin: f64,
    pub(crate) peers_acts_min: u64,
    pub(crate) peers_period_ms: i64,
    pub(crate) seeded_only: bool,
    pub(crate) expect_opening: Vec<Workflow>,
    pub(crate) signals: Vec<SignalRules>,
}

/// The rules of one signal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalRules {
    pub(crate) signal: Signal,
    pub(crate) null: f64,
    pub(crate) alternatives: Vec<f64>,
    pub(crate) weight: f64,
}

impl RulesShown {
    /// Those of a configuration.
    pub fn new(config: &OversightConfig, profiles: &Profiles) -> RulesShown {
        let signals = [&config.seeded, &config.dwell, &config.context, &config.agreement];
        let expects = |workflow: &Workflow| profiles.get(*workflow).expects_opening;
        RulesShown {
            alpha: config.alpha,
            paging_decisions: config.paging_decisions,
            resolve_share: config.resolve_share,
            peers_margin: config.peers.margin,
            peers_acts_min: config.peers.acts_min,
            peers_period_ms: config.peers.period.as_millis(),
            seeded_only: config.seeded_only,
            expect_opening: Workflow::ALL.iter().copied().filter(expects).collect(),
            signals: Signal::ALL
                .iter()
                .zip(signals)
                .map(|(signal, rules)| SignalRules {
                    signal: *signal,
                    null: rules.null,
                    alternatives: rules.alternatives.clone(),
                    weight: rules.weight,
                })
                .collect(),
        }
    }

    /// The configuration that has them; what a finding does not rest on is as by default.
    pub(crate) fn config(&self) -> OversightConfig {
        let mut config = OversightConfig {
            alpha: self.alpha,
            paging_decisions: self.paging_decisions,
            resolve_share: self.resolve_share,
            seeded_only: self.seeded_only,
            ..OversightConfig::default()
        };
        config.peers.margin = self.peers_margin;
        config.peers.acts_min = self.peers_acts_min;
        config.peers.period = Span::from_millis(self.peers_period_ms);
        for rules in &self.signals {
            let signal = match rules.signal {
                Signal::Seeded => &mut config.seeded,
                Signal::Dwell => &mut config.dwell,
                Signal::Context => &mut config.context,
                Signal::Agreement => &mut config.agreement,
            };
            signal.null = rules.null;
            signal.alternatives.clone_from(&rules.alternatives);
            signal.weight = rules.weight;
        }
        config
    }
}
