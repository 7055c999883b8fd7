//! The signs that are counted, and what is allowed of each.
//!
//! Invariants: an act of review (a single decision, a batch, or all decisions in one
//! incident) is at most one observation of each signal; a case whose data do not
//! carry a signal is no observation of it.

use super::agreement::{LogFactors, Odds};
use super::evidence::Factors;
use super::peers::period_of;
use crate::config::{OversightConfig, OversightFault};
use crate::event::words;
use crate::time::Timestamp;

words! {
    /// What speaks for a hollow review, the strongest kind first.
    Signal {
        /// Wrong advice let through.
        Seeded = "seeded",
        /// Less time than reading in haste takes.
        Dwell = "dwell",
        /// Evidence not opened.
        Context = "context",
        /// Agreement with the AI, compared with that of peers in like cases.
        Agreement = "agreement",
    }
}

/// Number of signals.
pub const SIGNALS: usize = Signal::ALL.len();

/// One value per signal.
pub type BySignal<T> = [T; SIGNALS];

/// The configuration, checked, with all logarithms taken once.
#[derive(Clone, Debug)]
pub struct Rules {
    config: OversightConfig,
    fixed: BySignal<Option<Factors>>,
    odds: Odds,
    pub(super) weights: BySignal<f64>,
    pub(super) threshold: f64,
    pub(super) resolve: f64,
}

impl Rules {
    /// Checks and prepares `config`.
    ///
    /// # Errors
    /// What [`OversightConfig::validate`] finds.
    pub fn new(config: OversightConfig) -> Result<Rules, OversightFault> {
        config.validate()?;
        let agreement = &config.agreement;
        Ok(Rules {
            fixed: config
                .by_rate()
                .map(|signal| signal.map(|signal| Factors::new(signal.null, &signal.alternatives))),
            odds: Odds::new(agreement.allowed_odds, &agreement.alternatives),
            weights: config.weights(),
            threshold: config.paging_decisions,
            resolve: config.paging_decisions * config.resolve_share,
            config,
        })
    }

    /// What was configured.
    pub const fn config(&self) -> &OversightConfig {
        &self.config
    }

    /// The factors of a signal whose allowed rate is fixed; `None` of agreement, which is
    /// compared with that of peers.
    pub const fn factors(&self, signal: Signal) -> Option<&Factors> {
        self.fixed[signal as usize].as_ref()
    }

    /// The odds ratios by which agreement is compared.
    pub const fn odds(&self) -> &Odds {
        &self.odds
    }

    /// How many alternatives a signal's mixture has.
    pub fn alternatives(&self, signal: Signal) -> usize {
        self.factors(signal).map_or_else(|| self.odds.count(), Factors::count)
    }

    /// When the acts of `period` are settled: nothing that belongs to it is waited for.
    pub(super) fn settled_at(&self, period: i64) -> Timestamp {
        let length = self.config.agreement.period.as_millis();
        let end = Timestamp::from_millis(period.saturating_add(1).saturating_mul(length));
        end + self.config.delay + self.config.batch_hold
    }

    /// The period in which `at` lies.
    pub(super) fn period_of(&self, at: Timestamp) -> i64 {
        period_of(at, self.config.agreement.period)
    }
}

/// What one observation showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// Whether the sign was there.
    pub sign: bool,
    /// How often it is allowed.
    pub null: f64,
}

/// What the comparison with peers over some periods showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The reviewer's own acts.
    pub acts: u32,
    /// … that agreed with the AI.
    pub agreed: u32,
    /// The peers' acts in the same strata and periods.
    pub peer_acts: u64,
    /// … that agreed with the AI.
    pub peer_agreed: u64,
    /// The factors of all alternatives.
    pub log_factors: LogFactors,
}

impl Comparison {
    /// Whether the reviewer agreed more often than the peers.
    pub fn more_often(&self) -> bool {
        u64::from(self.agreed) * self.peer_acts > self.peer_agreed * u64::from(self.acts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_breaks_a_promise_is_refused() {
        let with = |change: fn(&mut OversightConfig)| {
            let mut config = OversightConfig::default();
            change(&mut config);
            Rules::new(config).map(|_| ()).map_err(|fault| fault.field)
        };
        assert_eq!(with(|_| {}), Ok(()));
        assert_eq!(with(|c| c.alpha = f64::NAN), Err("alpha"));
        assert_eq!(with(|c| c.paging_decisions = 1.0), Err("paging_decisions"));
        assert_eq!(with(|c| c.dwell.alternatives[0] = 0.05), Err("dwell"));
        assert_eq!(with(|c| c.dwell.alternatives.clear()), Err("dwell"));
        assert_eq!(with(|c| c.seeded.null = 0.0), Err("seeded"));
        assert_eq!(with(|c| c.context.weight = 0.5), Err("weights"));
        assert_eq!(with(|c| c.burst.factor = 1.0), Err("burst.factor"));
        assert_eq!(with(|c| c.agreement.allowed_odds = 0.9), Err("agreement"));
        assert_eq!(with(|c| c.agreement.alternatives[0] = 1.5), Err("agreement"));
        assert_eq!(with(|c| c.agreement.alternatives[0] = f64::INFINITY), Err("agreement"));
        assert_eq!(with(|c| c.agreement.peers_min = 0), Err("agreement.peers_min"));
        let chain = |c: &mut OversightConfig| {
            c.aliases = [("a", "b"), ("b", "c")].map(|(a, b)| (a.into(), b.into())).into();
        };
        assert_eq!(with(chain), Err("aliases"));
    }
}
