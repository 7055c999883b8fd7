//! Does one reviewer agree with the AI more often than peers do in like cases?
//!
//! Null hypothesis: given who decided how many cases of a stratum in a period, and how
//! many of all were decided as advised, it is chance which of them were the reviewer's;
//! or the reviewer's odds of agreeing are at most [`Odds::allowed`] times those of the
//! peers. Nothing is assumed of how often the AI is right, or of how that changes from
//! period to period and from stratum to stratum.
//!
//! Under an odds ratio `ψ` the number `k` of the reviewer's `n` acts that agreed, among `K`
//! of `N` in all, has Fisher's noncentral hypergeometric law, proportional to
//! `C(K, k)·C(N−K, n−k)·ψ^k` (Fisher 1935). The factor of an alternative `ψ1` against the
//! allowed `ψ0` is the likelihood ratio
//!
//! ```text
//! (ψ1/ψ0)^k · S(ψ0)/S(ψ1)      S(ψ) = Σ_x C(K, x)·C(N−K, n−x)·ψ^x
//! ```
//!
//! Its mean is 1 at `ψ0` and less below it, because the laws have a monotone likelihood
//! ratio. Factors of several strata and periods multiply, as given what went before each
//! has a mean of at most 1; the mean over several `ψ1` is an e-value (Turner, Ly and
//! Grünwald 2024; Turner and Grünwald 2023).
//!
//! Invariants: no factor is NaN; where all agree, or none, or there are no peers, it is 1.

use crate::config::ALTERNATIVES_MAX;

/// Logarithms of the factors of all alternatives.
pub type LogFactors = [f64; ALTERNATIVES_MAX];

/// Acts of review in one stratum and one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The reviewer's own.
    pub acts: u64,
    /// … that agreed with the AI.
    pub agreed: u64,
    /// Everybody's, the reviewer's own included.
    pub all_acts: u64,
    /// … that agreed with the AI.
    pub all_agreed: u64,
}

/// The odds ratios that are allowed and looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odds {
    allowed: f64,
    log_allowed: f64,
    /// In order, as many as there are.
    log_alternatives: [Option<f64>; ALTERNATIVES_MAX],
}

impl Odds {
    /// Ratios of the reviewer's odds of agreeing to those of the peers; the first four
    /// alternatives count. All are positive and finite, as the configuration ensures.
    pub fn new(allowed: f64, alternatives: &[f64]) -> Odds {
        let mut log_alternatives = [None; ALTERNATIVES_MAX];
        for (log, ratio) in log_alternatives.iter_mut().zip(alternatives) {
            *log = Some(ratio.ln());
        }
        Odds { allowed, log_allowed: allowed.ln(), log_alternatives }
    }

    /// The ratio that is allowed.
    pub const fn allowed(&self) -> f64 {
        self.allowed
    }

    /// How many alternatives there are.
    pub fn count(&self) -> usize {
        self.log_alternatives.iter().flatten().count().max(1)
    }

    /// The factors of one table; 0 for those of alternatives that there are not.
    ///
    /// The time it takes grows with the number of values that `k` can have: at most the
    /// smallest of the reviewer's acts, the peers', those that agreed and those that did not.
    pub fn log_factors(&self, table: &Table) -> LogFactors {
        let mut factors = [0.0; ALTERNATIVES_MAX];
        let Some(terms) = Terms::new(table) else { return factors };
        let mut sums = [Sum::default(); ALTERNATIVES_MAX];
        let mut allowed = Sum::default();
        terms.each(|x, log| {
            allowed.add(log + x * self.log_allowed);
            for (sum, ratio) in sums.iter_mut().zip(self.log_alternatives) {
                sum.add(log + x * ratio.unwrap_or(self.log_allowed));
            }
        });
        let agreed = table.agreed.saturating_sub(terms.least) as f64;
        for ((factor, sum), ratio) in factors.iter_mut().zip(&sums).zip(self.log_alternatives) {
            let Some(ratio) = ratio else { continue };
            *factor = agreed * (ratio - self.log_allowed) + allowed.log() - sum.log();
        }
        factors
    }
}

/// The logarithms of `C(K, x)·C(N−K, n−x)` for every `x` there can be, relative to the first.
struct Terms {
    least: u64,
    most: u64,
    acts: u64,
    all_agreed: u64,
    all_disagreed: u64,
}

impl Terms {
    /// `None` where the table contradicts itself or `k` can have one value only.
    fn new(table: &Table) -> Option<Terms> {
        let Table { acts, agreed, all_acts, all_agreed } = *table;
        let all_disagreed = all_acts.checked_sub(all_agreed)?;
        let (least, most) = (acts.saturating_sub(all_disagreed), acts.min(all_agreed));
        let possible = acts <= all_acts && least <= agreed && agreed <= most;
        let terms = Terms { least, most, acts, all_agreed, all_disagreed };
        (possible && least < most).then_some(terms)
    }

    /// Hands out `x`, counted from the least, and the logarithm.
    fn each(&self, mut take: impl FnMut(f64, f64)) {
        let mut log = 0.0;
        for x in self.least..=self.most {
            take((x - self.least) as f64, log);
            // All differences are positive below `most`.
            let up = (self.all_agreed - x) as f64 * (self.acts - x) as f64;
            let down = (x + 1) as f64 * (self.all_disagreed + x + 1 - self.acts) as f64;
            log += (up / down).ln();
        }
    }
}

/// `ln Σ e^x` as its terms come.
#[derive(Clone, Copy, Debug)]
struct Sum {
    greatest: f64,
    /// Relative to the greatest.
    rest: f64,
}

impl Default for Sum {
    fn default() -> Sum {
        Sum { greatest: f64::NEG_INFINITY, rest: 0.0 }
    }
}

impl Sum {
    fn add(&mut self, log: f64) {
        if log > self.greatest {
            self.rest = self.rest * (self.greatest - log).exp() + 1.0;
            self.greatest = log;
        } else {
            self.rest += (log - self.greatest).exp();
        }
    }

    fn log(&self) -> f64 {
        self.greatest + self.rest.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(acts: u64, agreed: u64, all_acts: u64, all_agreed: u64) -> Table {
        Table { acts, agreed, all_acts, all_agreed }
    }

    #[test]
    fn a_table_of_four_is_worked_out_by_hand() {
        // Of 4 acts 2 agreed, 2 are the reviewer's: x = 0, 1, 2 in 1, 4, 1 ways.
        let odds = Odds::new(1.0, &[3.0]);
        let factor = |agreed| odds.log_factors(&table(2, agreed, 4, 2))[0].exp();
        // S(1) = 6, S(3) = 1 + 12 + 9.
        for (agreed, expected) in [(0, 6.0 / 22.0), (1, 18.0 / 22.0), (2, 54.0 / 22.0)] {
            assert!((factor(agreed) - expected).abs() < 1e-14, "{agreed}");
        }
    }

    #[test]
    fn where_nothing_can_be_compared_nothing_is_said() {
        let odds = Odds::new(2.0, &[4.0, 8.0, 32.0, 128.0]);
        for nothing in [
            table(0, 0, 0, 0),
            table(5, 5, 5, 5),
            table(5, 3, 5, 3),
            table(0, 0, 90, 80),
            table(40, 40, 100, 100),
            table(40, 0, 100, 0),
            // Contradictions.
            table(5, 6, 100, 50),
            table(5, 5, 100, 3),
            table(5, 5, 3, 3),
            table(1, 1, 1, 2),
            table(u64::MAX, u64::MAX, u64::MAX, u64::MAX),
        ] {
            assert_eq!(odds.log_factors(&nothing), [0.0; 4], "{nothing:?}");
        }
    }

    #[test]
    fn no_factor_gains_on_average_up_to_the_allowed_odds() {
        let odds = Odds::new(2.0, &[4.0, 8.0, 32.0, 128.0]);
        let choose = |n: u64, k: u64| (0..k).fold(1.0, |c, i| c * (n - i) as f64 / (i + 1) as f64);
        for (acts, all_acts, all_agreed) in [(1, 30, 29), (20, 60, 50), (7, 9, 3), (40, 90, 88)] {
            for truth in [0.25_f64, 1.0, 1.7, 2.0] {
                let least = acts - acts.min(all_acts - all_agreed);
                let ways = |k: u64| {
                    choose(all_agreed, k)
                        * choose(all_acts - all_agreed, acts - k)
                        * truth.powi(k as i32)
                };
                let range = least..=acts.min(all_agreed);
                let all: f64 = range.clone().map(ways).sum();
                for at in 0..4 {
                    let factor =
                        |k| odds.log_factors(&table(acts, k, all_acts, all_agreed))[at].exp();
                    let mean: f64 = range.clone().map(|k| ways(k) / all * factor(k)).sum();
                    assert!(mean <= 1.0 + 1e-12, "{truth}: {mean}");
                    assert!(truth < 2.0 || (mean - 1.0).abs() < 1e-12, "{mean}");
                }
            }
        }
    }

    #[test]
    fn a_million_acts_give_a_number() {
        let odds = Odds::new(2.0, &[4.0, 128.0]);
        for agreed in [900_000, 950_000, 999_999] {
            let logs = odds.log_factors(&table(1_000_000, agreed, 4_000_000, 3_800_000));
            assert!(logs.iter().all(|log| log.is_finite()), "{logs:?}");
        }
    }
}
