//! Haste: decisions that follow each other faster than the reviewer's own pace.
//!
//! Invariants: the pace is learned from gaps before the present one; a pause is no
//! gap and begins the statistic anew. People are not Poisson, so this is a figure
//! to look at: it takes no part in what is combined, paged or promised.
//!
//! For gaps `Δ` at the usual rate `λ0` the factor of a rate `ρ` times as high is
//! `ρ·exp(−(ρ−1)·λ0·Δ)`, the likelihood ratio of two exponential laws.

use crate::config::BurstConfig;
use crate::time::{Span, Timestamp};

/// The pace of one reviewer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burst {
    /// Gaps seen.
    pub(super) gaps: u32,
    /// Their sum in milliseconds.
    pub(super) sum_ms: u64,
    /// The logarithm of the Shiryaev–Roberts statistic.
    pub(super) log: f64,
}

impl Default for Burst {
    fn default() -> Burst {
        Burst { gaps: 0, sum_ms: 0, log: f64::NEG_INFINITY }
    }
}

impl Burst {
    /// Takes in the act at `at`, which followed one at `previous`.
    pub fn step(&mut self, previous: Option<Timestamp>, at: Timestamp, rules: &BurstConfig) {
        let Some(gap) = previous.and_then(|previous| at.since(previous).non_negative()) else {
            return;
        };
        if gap > rules.pause {
            self.log = f64::NEG_INFINITY;
            return;
        }
        let gap_ms = gap.as_millis() as f64;
        if let Some(usual) = self.usual_gap_ms(rules) {
            let factor = rules.factor.ln() - (rules.factor - 1.0) * gap_ms / usual;
            let one_more = if self.log > 0.0 {
                self.log + (-self.log).exp().ln_1p()
            } else {
                self.log.exp().ln_1p()
            };
            self.log = factor + one_more;
        }
        self.gaps = self.gaps.saturating_add(1);
        self.sum_ms = self.sum_ms.saturating_add(gap.as_millis().unsigned_abs());
    }

    /// The mean gap within a stretch of work, once enough are known.
    fn usual_gap_ms(&self, rules: &BurstConfig) -> Option<f64> {
        let known = self.gaps >= rules.gaps_min && self.sum_ms > 0;
        known.then(|| self.sum_ms as f64 / f64::from(self.gaps))
    }

    /// The same as a length of time.
    pub fn usual_gap(&self, rules: &BurstConfig) -> Option<Span> {
        self.usual_gap_ms(rules).map(|ms| Span::from_millis(ms as i64))
    }

    /// The logarithm of the statistic; minus infinity while there is nothing to say.
    pub const fn log(&self) -> f64 {
        self.log
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OversightConfig;

    fn after(gaps_s: &[i64]) -> Burst {
        let rules = OversightConfig::default().burst;
        let (mut burst, mut at) = (Burst::default(), Timestamp::MIN);
        for gap in gaps_s {
            let next = at + Span::from_secs(*gap);
            burst.step(Some(at), next, &rules);
            at = next;
        }
        burst
    }

    #[test]
    fn nothing_is_said_before_the_pace_is_known() {
        assert_eq!(after(&[60; 50]).log(), f64::NEG_INFINITY);
        assert_eq!(after(&[0; 1000]).log(), f64::NEG_INFINITY, "no pace at all");
        // One gap at the usual pace: 4·e^−3.
        assert!((after(&[60; 51]).log() - (4.0_f64.ln() - 3.0)).abs() < 1e-12);
    }

    #[test]
    fn haste_raises_it_and_a_pause_ends_it() {
        let mut gaps = vec![60; 60];
        gaps.extend([2; 10]);
        assert!(after(&gaps).log() > 1000_f64.ln());
        gaps.push(3600);
        assert_eq!(after(&gaps).log(), f64::NEG_INFINITY);
    }
}
