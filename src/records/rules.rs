//! The rules that a finding about a reviewer rests on.
//!
//! Invariant: they are part of the finding, so that it can be computed again from
//! the ledger.

use serde::{Deserialize, Serialize};

use crate::config::{AgreementConfig, OversightConfig, Profiles};
use crate::engine::oversight::Signal;
use crate::event::Workflow;
use crate::time::Span;

/// The rules that a finding rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RulesShown {
    pub(crate) alpha: f64,
    pub(crate) paging_decisions: f64,
    pub(crate) resolve_share: f64,
    pub(crate) all_truths: bool,
    pub(crate) skew_tolerance_ms: i64,
    pub(crate) delay_ms: i64,
    pub(crate) batch_hold_ms: i64,
    pub(crate) expect_opening: Vec<Workflow>,
    /// The signals with an allowed rate.
    pub(crate) signals: Vec<SignalRules>,
    pub(crate) agreement: AgreementRules,
}

/// The rules of agreement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AgreementRules {
    pub(crate) allowed_odds: f64,
    pub(crate) alternatives: Vec<f64>,
    pub(crate) weight: f64,
    pub(crate) peers_min: u32,
    pub(crate) peer_acts_min: u64,
    pub(crate) period_ms: i64,
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
        let agreement = &config.agreement;
        let expects = |workflow: &Workflow| profiles.get(*workflow).expects_opening;
        RulesShown {
            alpha: config.alpha,
            paging_decisions: config.paging_decisions,
            resolve_share: config.resolve_share,
            all_truths: config.all_truths,
            skew_tolerance_ms: config.skew_tolerance.as_millis(),
            delay_ms: config.delay.as_millis(),
            batch_hold_ms: config.batch_hold.as_millis(),
            expect_opening: Workflow::ALL.iter().copied().filter(expects).collect(),
            signals: Signal::ALL
                .iter()
                .zip(config.by_rate())
                .filter_map(|(signal, rules)| Some((signal, rules?)))
                .map(|(signal, rules)| SignalRules {
                    signal: *signal,
                    null: rules.null,
                    alternatives: rules.alternatives.clone(),
                    weight: rules.weight,
                })
                .collect(),
            agreement: AgreementRules {
                allowed_odds: agreement.allowed_odds,
                alternatives: agreement.alternatives.clone(),
                weight: agreement.weight,
                peers_min: agreement.peers_min,
                peer_acts_min: agreement.peer_acts_min,
                period_ms: agreement.period.as_millis(),
            },
        }
    }

    /// The configuration that has them; what a finding does not rest on is as by default.
    pub(crate) fn config(&self) -> OversightConfig {
        let mut config = OversightConfig {
            alpha: self.alpha,
            paging_decisions: self.paging_decisions,
            resolve_share: self.resolve_share,
            all_truths: self.all_truths,
            skew_tolerance: Span::from_millis(self.skew_tolerance_ms),
            delay: Span::from_millis(self.delay_ms),
            batch_hold: Span::from_millis(self.batch_hold_ms),
            agreement: AgreementConfig {
                allowed_odds: self.agreement.allowed_odds,
                alternatives: self.agreement.alternatives.clone(),
                weight: self.agreement.weight,
                peers_min: self.agreement.peers_min,
                peer_acts_min: self.agreement.peer_acts_min,
                period: Span::from_millis(self.agreement.period_ms),
            },
            ..OversightConfig::default()
        };
        for rules in &self.signals {
            let signal = match rules.signal {
                Signal::Seeded => &mut config.seeded,
                Signal::Dwell => &mut config.dwell,
                Signal::Context => &mut config.context,
                // It has rules of its own.
                Signal::Agreement => continue,
            };
            signal.null = rules.null;
            signal.alternatives.clone_from(&rules.alternatives);
            signal.weight = rules.weight;
        }
        config
    }
}
