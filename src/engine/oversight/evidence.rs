//! Sequential evidence of one signal: what speaks against "no more often than allowed".
//!
//! Invariants: the report is held as a logarithm and never cut off, so ten million
//! decisions neither overflow nor vanish; the paging statistic cannot vanish, and is
//! held at [`PAGE_MAX`], far above any threshold, which only ever lowers it; no
//! operation gives NaN; the report process is a nonnegative supermartingale from 1 and
//! the paging process grows by at most one per step on average, whenever the chance of
//! a sign, given all that went before, is at most the allowed rate.
//!
//! Sources. The factor `L_q(x) = (q/p0)^x ((1−q)/(1−p0))^(1−x)` is the likelihood
//! ratio of Wald (1945). The mean of its products over several `q` is a mixture
//! e-process, for which `P(ever ≥ 1/α) ≤ α` (Ville 1939). The recursion
//! `M ← L·(M + 1)` is that of Shiryaev (1963) and Roberts (1966); as an e-detector
//! (Shin, Ramdas, Rinaldo 2022) it has a mean run length to a false alarm of at
//! least its threshold.

use super::agreement::LogFactors;
use crate::config::ALTERNATIVES_MAX;

/// Where the paging statistic of one alternative is held. A threshold is a number of
/// decisions, and nobody makes that many.
pub(super) const PAGE_MAX: f64 = 1e100;

/// A signal's factors under one allowed rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factors {
    null: f64,
    count: usize,
    /// `None` where the alternative is not above the allowed rate: `L_q` is then no
    /// fair bet, and none is made.
    bets: [Option<Bet>; ALTERNATIVES_MAX],
}

/// The factors of one alternative: of the sign's absence and of the sign.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bet {
    factors: [f64; 2],
    logs: [f64; 2],
}

impl Factors {
    /// The factors of `alternatives`, of which the first four count, under `null`;
    /// all rates lie between 0 and 1, as the configuration ensures.
    pub fn new(null: f64, alternatives: &[f64]) -> Factors {
        let mut bets = [None; ALTERNATIVES_MAX];
        for (bet, q) in bets.iter_mut().zip(alternatives) {
            // `ln_1p` keeps what `1 − q` would round away next to one.
            *bet = (null > 0.0 && null < *q && *q < 1.0).then(|| Bet {
                factors: [(1.0 - q) / (1.0 - null), q / null],
                logs: [(-q).ln_1p() - (-null).ln_1p(), (q / null).ln()],
            });
        }
        Factors { null, count: alternatives.len().clamp(1, ALTERNATIVES_MAX), bets }
    }

    /// The allowed rate.
    pub const fn null(&self) -> f64 {
        self.null
    }

    /// Whether any alternative is left to bet on.
    pub fn says_something(&self) -> bool {
        self.bets.iter().any(Option::is_some)
    }

    /// How many alternatives the mixture has.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The logarithm of the factor of each alternative for one observation.
    pub fn logs(&self, sign: bool) -> impl Iterator<Item = Option<f64>> {
        let bets = self.bets.iter().take(self.count);
        bets.map(move |bet| bet.map(|bet| bet.logs[usize::from(sign)]))
    }
}

/// The evidence of one signal about one reviewer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The product of all factors since the start, by alternative.
    pub(super) report: [f64; ALTERNATIVES_MAX],
    /// The Shiryaev–Roberts statistic, by alternative.
    pub(super) page: [f64; ALTERNATIVES_MAX],
    /// Observations.
    pub(super) steps: u32,
    /// … that showed the sign.
    pub(super) ones: u32,
}

impl Default for Evidence {
    fn default() -> Evidence {
        Evidence {
            report: [0.0; ALTERNATIVES_MAX],
            page: [0.0; ALTERNATIVES_MAX],
            steps: 0,
            ones: 0,
        }
    }
}

impl Evidence {
    /// Takes in one observation.
    pub fn step(&mut self, factors: &Factors, sign: bool) {
        // Nobody makes four thousand million decisions.
        self.steps = self.steps.saturating_add(1);
        self.ones = self.ones.saturating_add(u32::from(sign));
        let held = self.report.iter_mut().zip(&mut self.page);
        for (bet, (report, page)) in factors.bets.iter().zip(held) {
            let Some(bet) = bet else { continue };
            *report += bet.logs[usize::from(sign)];
            *page = (bet.factors[usize::from(sign)] * (*page + 1.0)).min(PAGE_MAX);
        }
    }

    /// Takes in `acts` of which `agreed` were decided as advised, whose comparison with
    /// peers gave the factors with these logarithms.
    ///
    /// The paging statistic grows by at most one an act on average: `M ← E·(M + n)`.
    pub fn compare(&mut self, factors: &LogFactors, acts: u32, agreed: u32) {
        self.steps = self.steps.saturating_add(acts);
        self.ones = self.ones.saturating_add(agreed);
        for ((log, report), page) in factors.iter().zip(&mut self.report).zip(&mut self.page) {
            *report += log;
            *page = (log.exp() * (*page + f64::from(acts))).min(PAGE_MAX);
        }
    }

    /// Observations so far.
    pub const fn steps(&self) -> u64 {
        self.steps as u64
    }

    /// Observations so far that showed the sign.
    pub const fn ones(&self) -> u64 {
        self.ones as u64
    }

    /// The logarithm of the e-value: the evidence since the start, now.
    pub fn log_report(&self, alternatives: usize) -> f64 {
        log_mean_exp(&self.report[..alternatives.clamp(1, ALTERNATIVES_MAX)])
    }

    /// The paging statistic, 0 before the first step.
    pub fn page(&self, alternatives: usize) -> f64 {
        let all = &self.page[..alternatives.clamp(1, ALTERNATIVES_MAX)];
        all.iter().sum::<f64>() / all.len() as f64
    }

    /// Lowers the paging statistic to a share of itself.
    pub(super) fn lower_page(&mut self, share: f64) {
        self.page.iter_mut().for_each(|page| *page *= share);
    }
}

/// `ln` of the mean of `e^x`, without overflow; minus infinity if all are.
fn log_mean_exp(logs: &[f64]) -> f64 {
    let greatest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if greatest == f64::NEG_INFINITY {
        return greatest;
    }
    let sum: f64 = logs.iter().map(|log| (log - greatest).exp()).sum();
    greatest + (sum / logs.len() as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_observation_is_one_likelihood_ratio() {
        let factors = Factors::new(0.2, &[0.6]);
        let mut evidence = Evidence::default();
        evidence.step(&factors, true);
        assert!((evidence.log_report(1) - 3.0_f64.ln()).abs() < 1e-12);
        // M = 3·(0 + 1), then ½·(3 + 1).
        assert!((evidence.page(1) - 3.0).abs() < 1e-12);
        evidence.step(&factors, false);
        assert!((evidence.log_report(1) - 1.5_f64.ln()).abs() < 1e-12);
        assert!((evidence.page(1) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_comparison_counts_for_all_of_its_acts() {
        let mut evidence = Evidence::default();
        let log = 3.0_f64.ln();
        evidence.compare(&[log, 0.0, 0.0, 0.0], 10, 9);
        assert_eq!((evidence.steps(), evidence.ones()), (10, 9));
        assert!((evidence.log_report(1) - log).abs() < 1e-12);
        // M = 3·(0 + 10), then 1·(30 + 5).
        assert!((evidence.page(1) - 30.0).abs() < 1e-12);
        evidence.compare(&[0.0; 4], 5, 5);
        assert!((evidence.page(1) - 35.0).abs() < 1e-12);
        evidence.compare(&[1e4, f64::MAX, -1e9, 0.0], 5, 5);
        assert!(evidence.page.iter().all(|page| page.is_finite()));
        evidence.compare(&[0.0; 4], 1, 1);
        assert!(evidence.page(4).is_finite());
    }

    #[test]
    fn an_alternative_that_is_allowed_is_not_bet_on() {
        let factors = Factors::new(0.97, &[0.95, 0.98]);
        let mut evidence = Evidence::default();
        for _ in 0..1000 {
            evidence.step(&factors, false);
        }
        assert_eq!(evidence.report[0], 0.0);
        assert_eq!(evidence.page[0], 0.0);
        assert!(!Factors::new(0.99, &[0.95]).says_something());
        assert!(!Factors::new(1.0, &[0.95]).says_something());
    }

    #[test]
    fn ten_million_decisions_neither_overflow_nor_vanish() {
        let factors = Factors::new(0.2, &[0.4, 0.6, 0.8, 0.95]);
        for sign in [true, false] {
            let mut evidence = Evidence::default();
            for _ in 0..10_000_000 {
                evidence.step(&factors, sign);
            }
            let (report, page) = (evidence.log_report(4), evidence.page(4));
            assert!(report.is_finite() && page.is_finite() && page > 0.0, "{report} {page}");
            assert_eq!(report > 1e6, sign, "{report}");
            // Good work is not held against the future: the page starts near zero again.
            assert!(page > if sign { 1e99 } else { 0.1 }, "{page}");
        }
    }
}
