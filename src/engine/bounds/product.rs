//! The beta product confidence procedure: bounds of a survival curve.
//!
//! Invariants: without censoring the bounds are those of Clopper and Pearson for the
//! share still waiting; there are bounds at every time, also before the first event
//! and after the last; numbers need not be whole.
//!
//! Fay, Brittain and Proschan (2013, *Biostatistics* 14): the survival after an event
//! is distributed like a product of beta variables, one for each time at which events
//! were seen, whatever the law of the times. With `d` events among `n` at risk a
//! factor is `Beta(n − d + 1, d)`; the lower bound has one more, `Beta(n, 1)` with `n`
//! those at risk just after. The law of the product is taken as the beta law with the
//! same mean and variance, as the authors propose. That is exact without censoring and
//! close otherwise: within 0.02 for 25 observations that are mostly censored.

use super::beta::{beta_cdf, beta_quantile, quantile};
use super::share::{Bounds, TAIL};

/// The product so far, by its first two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BetaProduct {
    /// `ln E[W]`.
    log_mean: f64,
    /// `ln (E[W²] / E[W]²)`: kept as it is, as for many observations it is tiny.
    log_spread: f64,
}

impl BetaProduct {
    /// Before the first event.
    pub fn new() -> BetaProduct {
        BetaProduct::default()
    }

    /// Takes in `events` among `at_risk`.
    pub fn events(&mut self, at_risk: f64, events: f64) {
        if events > 0.0 {
            self.factor((at_risk - events).max(0.0) + 1.0, events);
        }
    }

    /// 95 % bounds of the survival from here until the next event, with `at_risk`
    /// still waiting. Never `None`: with nobody at risk the lower bound is 0.
    pub fn survival(&self, at_risk: f64) -> Bounds {
        let high = self.quantile(1.0 - TAIL);
        let low = if at_risk > 0.0 {
            let mut lower = *self;
            lower.factor(at_risk, 1.0);
            lower.quantile(TAIL)
        } else {
            0.0
        };
        Bounds { low: low.min(high), high }
    }

    /// The same by the mid-P version (Fay and Brittain 2016, *Stat. Med.* 35), which is to
    /// [`BetaProduct::survival`] what mid-P bounds are to those of Clopper and Pearson: each
    /// bound is of the mean of both laws.
    pub fn survival_mid_p(&self, at_risk: f64) -> Bounds {
        let mut lower = *self;
        if at_risk > 0.0 {
            lower.factor(at_risk, 1.0);
        }
        // With nobody at risk the survival may be 0.
        let least = |x: f64| if at_risk > 0.0 { lower.cdf(x) } else { 1.0 };
        let bound = |tail: f64| quantile(|x| f64::midpoint(least(x), self.cdf(x)), tail);
        let low = if at_risk > 0.0 { bound(TAIL) } else { 0.0 };
        // Before the first event the upper law is the point 1.
        let high = if self.parameters() == Law::One { 1.0 } else { bound(1.0 - TAIL) };
        Bounds { low: low.min(high), high }
    }

    fn factor(&mut self, a: f64, b: f64) {
        self.log_mean += (-b / (a + b)).ln_1p();
        self.log_spread += (b / (a * (a + b + 1.0))).ln_1p();
    }

    fn quantile(&self, p: f64) -> f64 {
        match self.parameters() {
            Law::One => 1.0,
            Law::Zero => 0.0,
            Law::Beta(a, b) => beta_quantile(a, b, p),
        }
    }

    /// The chance that the survival is at most `x`, below 1.
    fn cdf(&self, x: f64) -> f64 {
        match self.parameters() {
            Law::One => 0.0,
            Law::Zero => 1.0,
            Law::Beta(a, b) => beta_cdf(a, b, x),
        }
    }

    fn parameters(&self) -> Law {
        let mean = self.log_mean.exp();
        let spread = self.log_spread.exp_m1();
        if spread <= 0.0 {
            return Law::One;
        }
        let a = (-self.log_mean.exp_m1() - mean * spread) / spread;
        let b = a * -self.log_mean.exp_m1() / mean;
        if a.is_finite() && b.is_finite() && a > 0.0 && b > 0.0 {
            Law::Beta(a, b)
        } else {
            Law::Zero
        }
    }
}

/// The law of a product.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Law {
    /// No factor yet: it is 1.
    One,
    /// A mean that is zero to a double, after very many events.
    Zero,
    /// With these parameters.
    Beta(f64, f64),
}

#[cfg(test)]
mod tests {
    use super::super::share::{clopper_pearson, mid_p};
    use super::*;

    #[test]
    fn without_censoring_the_bounds_are_those_of_a_share() {
        // Also with numbers that are not whole, and events at one time.
        for (n, events) in
            [(3.0, vec![1.0, 1.0]), (20.0, vec![1.0, 4.0, 2.0]), (2.23, vec![0.7, 0.3, 0.9])]
        {
            let (mut product, mut left) = (BetaProduct::new(), n);
            for d in events {
                product.events(left, d);
                left -= d;
                let exact = clopper_pearson(left / n, n).unwrap();
                let ours = product.survival(left);
                assert!((ours.low - exact.low).abs() < 1e-9, "{ours:?} {exact:?}");
                assert!((ours.high - exact.high).abs() < 1e-9, "{ours:?} {exact:?}");
                let (ours, mid) = (product.survival_mid_p(left), mid_p(left / n, n).unwrap());
                assert!((ours.low - mid.low).abs() < 1e-9, "{ours:?} {mid:?}");
                assert!((ours.high - mid.high).abs() < 1e-9, "{ours:?} {mid:?}");
            }
        }
    }

    #[test]
    fn there_are_bounds_before_the_first_event_and_after_the_last() {
        let none = BetaProduct::new().survival(3.0);
        assert!((none.low - 0.025_f64.cbrt()).abs() < 1e-12 && none.high == 1.0);
        assert_eq!(BetaProduct::new().survival(0.0), Bounds::ALL);
        assert_eq!(BetaProduct::new().survival_mid_p(0.0), Bounds::ALL);
        let none = BetaProduct::new().survival_mid_p(10.0);
        assert!((none.low - 0.05_f64.powf(0.1)).abs() < 1e-12 && none.high == 1.0);
        let mut all = BetaProduct::new();
        all.events(3.0, 3.0);
        let gone = all.survival(0.0);
        assert!(gone.low == 0.0 && (gone.high - (1.0 - 0.025_f64.cbrt())).abs() < 1e-9, "{gone:?}");
        let gone = all.survival_mid_p(0.0);
        assert!(gone.low == 0.0 && (gone.high - (1.0 - 0.05_f64.cbrt())).abs() < 1e-9, "{gone:?}");
    }

    #[test]
    fn a_million_events_lose_nothing() {
        let (mut product, n) = (BetaProduct::new(), 1_000_000);
        (0..n / 2).for_each(|gone| product.events(f64::from(n - gone), 1.0));
        let (ours, exact) =
            (product.survival(f64::from(n / 2)), clopper_pearson(0.5, f64::from(n)).unwrap());
        assert!((ours.low - exact.low).abs() < 1e-8 && (ours.high - exact.high).abs() < 1e-8);
        (n / 2..n).for_each(|gone| product.events(f64::from(n - gone), 1.0));
        assert_eq!(product.survival(0.0).low, 0.0);
        assert!(product.survival(0.0).high < 1e-5);
    }
}
