//! Shares of counts, with what chance leaves open.
//!
//! Invariants: nothing is divided by nothing: a share of no cases is `None`; bounds
//! enclose the share and lie in [0, 1].
//!
//! Bounds are those of Wilson (1927); for the difference of two shares, those that
//! Newcombe (1998, Stat. Med. 17, method 10) makes of them.

use serde::Serialize;

use crate::engine::oversight::wilson;

/// A share of a count, with Wilson's 95 % bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Share {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The share; `None` of nothing.
    pub share: Option<f64>,
    /// Its lower 95 % bound.
    pub low: Option<f64>,
    /// Its upper 95 % bound.
    pub high: Option<f64>,
}

impl Share {
    /// So many of so many.
    pub fn of(count: u64, of: u64) -> Share {
        let bounds = wilson(count, of);
        Share {
            count,
            of,
            share: (of > 0).then(|| count as f64 / of as f64),
            low: bounds.map(|(low, _)| low),
            high: bounds.map(|(_, high)| high),
        }
    }

    /// What is left of the whole.
    pub fn rest(self) -> Share {
        Share::of(self.of - self.count, self.of)
    }

    fn known(self) -> Option<[f64; 3]> {
        Some([self.share?, self.low?, self.high?])
    }
}

/// By how much one share is larger than another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The difference.
    pub estimate: f64,
    /// Its lower 95 % bound.
    pub low: f64,
    /// Its upper 95 % bound.
    pub high: f64,
}

impl Difference {
    /// `now` less `before`; `None` where either is a share of nothing.
    pub fn between(now: Share, before: Share) -> Option<Difference> {
        let ([p, p_low, p_high], [q, q_low, q_high]) = now.known().zip(before.known())?;
        let estimate = p - q;
        Some(Difference {
            estimate,
            low: estimate - (p - p_low).hypot(q_high - q),
            high: estimate + (p_high - p).hypot(q - q_low),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_that_of_the_published_examples() {
        // Newcombe 1998, table II, method 10: 56/70 less 48/80, 9/10 less 3/10, 10/10 less 0/20.
        for (a, b, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((10, 10), (0, 20), 0.6791, 1.0),
        ] {
            let found = Difference::between(Share::of(a.0, a.1), Share::of(b.0, b.1)).unwrap();
            assert!((found.low - low).abs() < 5e-5, "{found:?}");
            assert!((found.high - high).abs() < 5e-5, "{found:?}");
        }
    }

    #[test]
    fn nothing_of_nothing_is_no_share() {
        assert_eq!(Share::of(0, 0), Share::default());
        assert_eq!(Difference::between(Share::of(1, 2), Share::of(0, 0)), None);
        assert_eq!(Share::of(1, 3).rest(), Share::of(2, 3));
    }
}
