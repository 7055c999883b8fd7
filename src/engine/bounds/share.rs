//! Bounds of a share, and of the difference of two shares.

use super::beta::beta_quantile;

/// The 97.5 % quantile of the normal law, for two-sided 95 % bounds.
const Z: f64 = 1.959_963_984_540_054;

/// The chance that is left out on each side.
pub(super) const TAIL: f64 = 0.025;

/// Two-sided 95 % bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The lower one.
    pub low: f64,
    /// The upper one.
    pub high: f64,
}

impl Bounds {
    /// Nothing is known: the whole scale.
    pub const ALL: Bounds = Bounds { low: 0.0, high: 1.0 };

    /// Both in [0, 1] and around `share`, whatever rounding did.
    fn around(share: f64, low: f64, high: f64) -> Bounds {
        Bounds { low: low.min(share).max(0.0), high: high.max(share).min(1.0) }
    }
}

/// Wilson's bounds (1927) of a `share` of `number` observations, which need not be
/// whole; `None` where there is none.
pub fn wilson(share: f64, number: f64) -> Option<Bounds> {
    if number.is_nan() || number <= 0.0 {
        return None;
    }
    let (n, p) = (number, share.clamp(0.0, 1.0));
    let scale = 1.0 / (1.0 + Z * Z / n);
    let middle = scale * (p + Z * Z / (2.0 * n));
    let half = scale * Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    // At the ends of the scale the bound is the end, rounding apart.
    let low = if p == 0.0 { 0.0 } else { middle - half };
    let high = if p == 1.0 { 1.0 } else { middle + half };
    Some(Bounds::around(p, low, high))
}

/// The bounds of Clopper and Pearson (1934) of a `share` of `number` observations.
/// For numbers that are not whole the binomial law's tails are those of the beta law
/// (Korn and Graubard 1998); `None` where there is no observation.
pub fn clopper_pearson(share: f64, number: f64) -> Option<Bounds> {
    if number.is_nan() || number <= 0.0 {
        return None;
    }
    let p = share.clamp(0.0, 1.0);
    let (some, rest) = (p * number, (1.0 - p) * number);
    let low = if some > 0.0 { beta_quantile(some, rest + 1.0, TAIL) } else { 0.0 };
    let high = if rest > 0.0 { beta_quantile(some + 1.0, rest, 1.0 - TAIL) } else { 1.0 };
    Some(Bounds::around(p, low, high))
}

/// Independent observations below which the exact bounds take the place of the
/// approximate ones, for shares as for survival curves. With fewer the approximate
/// ones cover too little; with more the exact ones cover more than they promise.
pub const EXACT_BELOW: f64 = 30.0;

/// 95 % bounds of a `share` of what `number` independent observations are worth:
/// Wilson's, or below [`EXACT_BELOW`] those of Clopper and Pearson. `None` where
/// there is none.
pub fn share_bounds(share: f64, number: f64) -> Option<Bounds> {
    if number < EXACT_BELOW { clopper_pearson(share, number) } else { wilson(share, number) }
}

/// 95 % bounds of the difference `now − before` of two shares, from their own bounds
/// (Newcombe 1998, Stat. Med. 17, method 10). Each is a share and its bounds.
pub fn difference(now: (f64, Bounds), before: (f64, Bounds)) -> Bounds {
    let ((p, p_bounds), (q, q_bounds)) = (now, before);
    let estimate = p - q;
    let low = estimate - (p - p_bounds.low).hypot(q_bounds.high - q);
    let high = estimate + (p_bounds.high - p).hypot(q - q_bounds.low);
    Bounds { low: low.max(-1.0), high: high.min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(bounds: Option<Bounds>, low: f64, high: f64) -> bool {
        bounds.is_some_and(|b| (b.low - low).abs() < 5e-5 && (b.high - high).abs() < 5e-5)
    }

    #[test]
    fn bounds_are_those_of_the_published_examples() {
        // Newcombe (1998, Stat. Med. 17:857), table I: 81 of 263 and 0 of 20.
        assert!(near(wilson(81.0 / 263.0, 263.0), 0.2553, 0.3662));
        assert!(near(wilson(0.0, 20.0), 0.0, 0.1611));
        assert!(near(clopper_pearson(81.0 / 263.0, 263.0), 0.2527, 0.3676));
        assert!(near(clopper_pearson(0.0, 20.0), 0.0, 0.1684));
        // All of three: the lower bound is the cube root of 0.025.
        assert!(near(clopper_pearson(1.0, 3.0), 0.2924, 1.0));
        assert!(near(share_bounds(1.0, 3.0), 0.2924, 1.0));
        assert_eq!(share_bounds(0.4, 30.0), wilson(0.4, 30.0));
    }

    #[test]
    fn nothing_observed_has_no_bounds_and_little_has_wide_ones() {
        for number in [0.0, -1.0, f64::NAN] {
            assert_eq!((wilson(0.5, number), clopper_pearson(0.5, number)), (None, None));
            assert_eq!(share_bounds(0.5, number), None);
        }
        for number in [1e-9, 0.3, 1.0, 1e9] {
            for share in [0.0, 1e-9, 0.5, 1.0 - 1e-9, 1.0] {
                for bounds in [wilson(share, number), clopper_pearson(share, number)] {
                    let Bounds { low, high } = bounds.unwrap();
                    assert!(
                        0.0 <= low && low <= share && share <= high && high <= 1.0,
                        "{bounds:?}"
                    );
                }
            }
        }
        let one = clopper_pearson(1.0, 1.0).unwrap();
        assert!((one.low - 0.025).abs() < 1e-12 && one.high == 1.0);
    }

    #[test]
    fn the_difference_is_that_of_the_published_examples() {
        // Newcombe 1998, table II, method 10: 56/70 less 48/80, 9/10 less 3/10, 10/10 less 0/20.
        for (a, b, low, high) in [
            ((56.0, 70.0), (48.0, 80.0), 0.0524, 0.3339),
            ((9.0, 10.0), (3.0, 10.0), 0.1705, 0.8090),
            ((10.0, 10.0), (0.0, 20.0), 0.6791, 1.0),
        ] {
            let share = |(x, n): (f64, f64)| (x / n, wilson(x / n, n).unwrap());
            assert!(near(Some(difference(share(a), share(b))), low, high));
        }
    }
}
