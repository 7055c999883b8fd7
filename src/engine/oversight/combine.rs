//! Evidence put together: several signals of one reviewer, and many reviewers.
//!
//! Invariants: logarithms in, logarithms out; no result depends on the order of the
//! reviewers; what the mean of e-values promises holds under any dependence.
//!
//! Sources. The weighted arithmetic mean of e-values is an e-value (Vovk and Wang
//! 2021). e-BH controls the false discovery rate under any dependence (Wang and
//! Ramdas 2022). It takes present e-values: their running maxima are none, and a
//! paging statistic, which has a run length, has no false discovery rate at all.

use super::signals::BySignal;

/// `ln Σ w·e^l`; minus infinity when nothing has weight.
pub fn weighted(logs: &BySignal<f64>, weights: &BySignal<f64>) -> f64 {
    let parts = || logs.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
    let greatest = parts().map(|(log, _)| *log).fold(f64::NEG_INFINITY, f64::max);
    if greatest == f64::NEG_INFINITY {
        return greatest;
    }
    let sum: f64 = parts().map(|(log, weight)| weight * (log - greatest).exp()).sum();
    greatest + sum.ln()
}

/// What e-BH came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discoveries {
    /// How many are flagged.
    pub count: usize,
    /// The logarithm that an e-value had to reach; infinite when none did.
    pub log_threshold: f64,
}

impl Discoveries {
    /// Whether an e-value with this logarithm is among them.
    pub fn includes(&self, log_e: f64) -> bool {
        log_e >= self.log_threshold
    }
}

/// e-BH over all reviewers: `k* = max{k : e_(k) ≥ K/(k·α)}` are flagged, with a
/// false discovery rate of at most `alpha`.
pub fn e_bh(log_e: &[f64], alpha: f64) -> Discoveries {
    let mut sorted = log_e.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let all = sorted.len() as f64;
    let needed = |k: usize| (all / (k as f64 * alpha)).ln();
    let found = sorted.iter().enumerate().rev().find(|(at, log)| **log >= needed(at + 1));
    found.map_or(Discoveries { count: 0, log_threshold: f64::INFINITY }, |(at, _)| Discoveries {
        count: at + 1,
        log_threshold: needed(at + 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_e_values_is_weighted() {
        let logs = [8.0_f64.ln(), 0.0, 0.0, 2.0_f64.ln()];
        let mean: f64 = weighted(&logs, &[0.25, 0.25, 0.25, 0.25]);
        assert!((mean - 3.0_f64.ln()).abs() < 1e-12);
        let none = [f64::NEG_INFINITY; 4];
        assert_eq!(weighted(&none, &[0.25; 4]), f64::NEG_INFINITY);
        // No weight, no part: not even an infinite one.
        let wild = [f64::INFINITY, 0.0, 0.0, 0.0];
        assert!(weighted(&wild, &[0.0, 0.5, 0.25, 0.25]).abs() < 1e-12);
        let far = weighted(&[1e7, -1e7, 0.0, 0.0], &[0.25; 4]);
        assert!((far - (1e7 + 0.25_f64.ln())).abs() < 1e-6);
    }

    #[test]
    fn e_bh_flags_the_most_that_it_may() {
        let logs = |e: &[f64]| e.iter().map(|e| e.ln()).collect::<Vec<_>>();
        // K/α = 80; the second would need 40, the third 26.7.
        let found = e_bh(&logs(&[90.0, 30.0, 28.0, 1.0]), 0.05);
        assert_eq!(found.count, 3);
        assert!(found.includes(28.0_f64.ln()) && !found.includes(1.0_f64.ln()));
        assert_eq!(e_bh(&logs(&[79.0, 1.0, 1.0, 1.0]), 0.05).count, 0);
        assert_eq!(e_bh(&[], 0.05).count, 0);
    }
}
