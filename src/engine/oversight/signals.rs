//! The signs that are counted, and what is allowed of each.
//!
//! Invariants: an act of review (a single decision, or a batch, which is decided
//! by one act) is at most one observation of each signal; a case whose data do not
//! carry a signal is no observation of it.

use super::evidence::Factors;
use super::peers::{Counts, Stratum};
use crate::config::{OversightConfig, OversightFault, SignalConfig};
use crate::event::words;

words! {
    /// What speaks for a hollow review, the strongest kind first.
    Signal {
        /// Wrong advice let through.
        Seeded = "seeded",
        /// Less time than reading takes.
        Dwell = "dwell",
        /// Evidence not opened.
        Context = "context",
        /// Agreement with the AI, more often than peers in like cases.
        Agreement = "agreement",
    }
}

/// Number of signals.
pub const SIGNALS: usize = Signal::ALL.len();

/// One value per signal.
pub type BySignal<T> = [T; SIGNALS];

/// The finest step in which the allowed rate of agreement is told apart.
const AGREEMENT_STEPS: u32 = 1_000;

/// The configuration, checked, with all logarithms taken once.
#[derive(Clone, Debug)]
pub struct Rules {
    config: OversightConfig,
    fixed: BySignal<Factors>,
    /// By allowed rate in thousandths.
    agreement: Vec<Factors>,
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
        let factors = |signal: &SignalConfig| Factors::new(signal.null, &signal.alternatives);
        let fixed = [&config.seeded, &config.dwell, &config.context, &config.agreement];
        let steps = 0..=AGREEMENT_STEPS;
        Ok(Rules {
            fixed: fixed.map(factors),
            agreement: steps
                .map(|step| {
                    let null = f64::from(step) / f64::from(AGREEMENT_STEPS);
                    Factors::new(null, &config.agreement.alternatives)
                })
                .collect(),
            weights: fixed.map(|signal| signal.weight),
            threshold: config.paging_decisions,
            resolve: config.paging_decisions * config.resolve_share,
            config,
        })
    }

    /// What was configured.
    pub const fn config(&self) -> &OversightConfig {
        &self.config
    }

    /// The factors of a signal whose allowed rate is fixed.
    pub const fn factors(&self, signal: Signal) -> &Factors {
        &self.fixed[signal as usize]
    }

    /// How many alternatives a signal's mixture has.
    pub const fn alternatives(&self, signal: Signal) -> usize {
        self.factors(signal).count()
    }

    /// The factors of agreement where `peers` agreed so often: their rate and the
    /// margin, rounded up to a thousandth, and never less than configured.
    pub fn agreement(&self, peers: Counts) -> &Factors {
        let least = self.config.agreement.null;
        let rate = peers.rate().filter(|_| peers.acts >= self.config.peers.acts_min);
        let null = rate.map_or(least, |rate| (rate + self.config.peers.margin).max(least));
        // A rate that is a whole thousandth but for rounding stays what it is.
        let step = (null * f64::from(AGREEMENT_STEPS) - 1e-9).ceil() as usize;
        self.agreement.get(step).unwrap_or(&self.agreement[AGREEMENT_STEPS as usize])
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

/// Agreement of one act, and with which cases it is compared.
pub(super) type Agreement = (bool, Stratum);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_raise_what_is_allowed_and_never_lower_it() {
        let rules = Rules::new(OversightConfig::default()).unwrap();
        let null = |agreed, acts| rules.agreement(Counts { agreed, acts }).null();
        assert_eq!(null(0, 0), 0.9);
        assert_eq!(null(49, 49), 0.9, "too few to say anything");
        assert_eq!(null(50, 100), 0.9);
        assert_eq!(null(93, 100), 0.95);
        // 2/3 + 0.02 is far below; 0.9301 + 0.02 is rounded up.
        assert_eq!(null(9_301, 10_000), 0.951);
        assert!(!rules.agreement(Counts { agreed: 990, acts: 1000 }).says_something());
    }

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
        let chain = |c: &mut OversightConfig| {
            c.aliases = [("a", "b"), ("b", "c")].map(|(a, b)| (a.into(), b.into())).into();
        };
        assert_eq!(with(chain), Err("aliases"));
    }
}
