//! Seeded randomness that gives the same numbers on every machine.
//!
//! Invariants: every operation is exactly specified. Integers and the basic operations of
//! IEEE 754 are; the logarithm and the exponential of a platform's mathematics library are
//! not, so both come from the crate `libm`, which computes them by those operations. The
//! [`Stream`]s of one seed are independent: drawing more from one changes no other.

use rand::Rng;
use rand_pcg::Pcg64Dxsm;

use crate::time::Span;

/// What a generator is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stream {
    /// Who works here.
    People = 1,
    /// When exposures come to light.
    Arrivals = 2,
    /// What happens in each window.
    Cases = 3,
    /// How the events reach us.
    Delivery = 4,
    /// What the malformed lines look like.
    Garbage = 5,
}

/// A generator of one stream.
#[derive(Clone, Debug)]
pub(super) struct Dice(Pcg64Dxsm);

/// A bijection of 64-bit numbers that leaves no visible pattern (the finaliser
/// of SplitMix64). Distinct inputs give distinct outputs.
pub(super) const fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Dice {
    pub(super) fn new(seed: u64, stream: Stream) -> Dice {
        // Seeds are small numbers: spread them over the whole state first.
        let state = (u128::from(scramble(seed)) << 64) | u128::from(scramble(!seed));
        Dice(Pcg64Dxsm::new(state, stream as u128))
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A whole number below `n`; its bias, `n / 2^64`, is far below anything visible.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// A whole number of `low..high`; `low` when the range is empty.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high.saturating_sub(low).max(0).unsigned_abs()) as i64
    }

    /// A span of `low..high` in whole milliseconds.
    pub(super) fn span(&mut self, low: Span, high: Span) -> Span {
        Span::from_millis(self.between(low.as_millis(), high.as_millis()))
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        ((self.bits() >> 11) as f64) * EPSILON < p
    }

    /// One of `items`, which must not be empty.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// One of `items`, each as likely as its weight; the weights must not all be 0.
    pub(super) fn weighted<'a, T>(&mut self, items: &'a [(u32, T)]) -> &'a T {
        let total: u64 = items.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut left = self.below(total);
        for (weight, item) in items {
            if left < u64::from(*weight) {
                return item;
            }
            left -= u64::from(*weight);
        }
        &items[items.len() - 1].1
    }

    /// An exponentially distributed span; never more than 37 times its mean,
    /// since a 53-bit uniform number has no smaller value.
    pub(super) fn exponential(&mut self, mean: Span) -> Span {
        let uniform = ((self.bits() >> 11) + 1) as f64 * EPSILON;
        Span::from_millis((mean.as_millis() as f64 * -libm::log(uniform)) as i64)
    }

    /// About log-normal: `median · e^(spread · z)`, where z is a sum of four
    /// uniform numbers scaled to variance 1, so that |z| < 3.47.
    pub(super) fn lognormal(&mut self, median: f64, spread: f64) -> f64 {
        let bits = self.bits();
        let sum: u64 = (0..4).map(|quarter| (bits >> (16 * quarter)) & 0xffff).sum();
        const SQRT_3: f64 = 1.732_050_807_568_877_2;
        let z = (sum as f64 / 65_536.0 - 2.0) * SQRT_3;
        median * libm::exp(spread * z)
    }

    /// [`Dice::lognormal`] of a span.
    pub(super) fn lognormal_span(&mut self, median: Span, spread: f64) -> Span {
        Span::from_millis(self.lognormal(median.as_millis() as f64, spread) as i64)
    }
}

/// 2⁻⁵³: the step of a 53-bit uniform number.
const EPSILON: f64 = 1.0 / (1_u64 << 53) as f64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_shares_are_those_asked_for() {
        let mut dice = Dice::new(7, Stream::Cases);
        let n = 200_000;
        let mean = Span::from_mins(8);
        let total: i64 = (0..n).map(|_| dice.exponential(mean).as_millis()).sum();
        assert!((total as f64 / n as f64 / 480_000.0 - 1.0).abs() < 0.01);
        let hits = (0..n).filter(|_| dice.chance(0.3)).count();
        assert!((hits as f64 / n as f64 - 0.3).abs() < 0.005);
        let below = (0..n).filter(|_| dice.lognormal(100.0, 0.5) < 100.0).count();
        assert!((below as f64 / n as f64 - 0.5).abs() < 0.005, "100 is the median");
        let heavy = (0..n).filter(|_| *dice.weighted(&[(1, 'a'), (3, 'b')]) == 'b').count();
        assert!((heavy as f64 / n as f64 - 0.75).abs() < 0.005);
        assert!((0..n).all(|_| (5..9).contains(&dice.between(5, 9))));
        assert_eq!(dice.between(5, 5), 5);
    }

    #[test]
    fn streams_and_seeds_differ() {
        let first = |seed, stream| Dice::new(seed, stream).bits();
        assert_eq!(first(1, Stream::Cases), first(1, Stream::Cases));
        assert_ne!(first(1, Stream::Cases), first(1, Stream::Delivery));
        assert_ne!(first(1, Stream::Cases), first(2, Stream::Cases));
    }
}
