//! Bounds of a share, and of the difference of two shares.

use super::beta::{beta_cdf, beta_quantile, quantile};

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

/// The mid-P bounds (Lancaster 1961; Berry and Armitage 1995, *The Statistician* 44) of a
/// `share` of `number` observations: as Clopper and Pearson's, but half of the chance of the
/// very share seen is counted on each side. They hold the truth about as often as promised,
/// where those hold it more often. `None` where there is no observation.
pub fn mid_p(share: f64, number: f64) -> Option<Bounds> {
    if number.is_nan() || number <= 0.0 {
        return None;
    }
    let p = share.clamp(0.0, 1.0);
    let (some, rest) = (p * number, (1.0 - p) * number);
    // Where none or all were seen, one of the two laws is a single point.
    let least = |x: f64| if some > 0.0 { beta_cdf(some, rest + 1.0, x) } else { 1.0 };
    let most = |x: f64| if rest > 0.0 { beta_cdf(some + 1.0, rest, x) } else { 0.0 };
    let bound = |tail: f64| quantile(|x| f64::midpoint(least(x), most(x)), tail);
    let low = if some > 0.0 { bound(TAIL) } else { 0.0 };
    let high = if rest > 0.0 { bound(1.0 - TAIL) } else { 1.0 };
    Some(Bounds::around(p, low, high))
}

/// How bounds are computed, for shares as for survival curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// They hold the truth at least as often as promised.
    Exact,
    /// They hold it about as often as promised.
    MidP,
    /// The same, for larger numbers.
    Approximate,
}

impl Method {
    /// The one for what `number` independent observations are worth. With fewer than 30 the
    /// approximate bounds cover too little. With fewer than 8 so little is known that the
    /// guarantee is worth more than narrower bounds.
    pub fn of(number: f64) -> Method {
        match number {
            many if many >= 30.0 => Method::Approximate,
            some if some >= 8.0 => Method::MidP,
            _ => Method::Exact,
        }
    }
}

/// 95 % bounds of a `share` of what `number` independent observations are worth, by
/// [`Method::of`]: those of Clopper and Pearson, mid-P bounds, or Wilson's. `None` where
/// there is none.
pub fn share_bounds(share: f64, number: f64) -> Option<Bounds> {
    match Method::of(number) {
        Method::Exact => clopper_pearson(share, number),
        Method::MidP => mid_p(share, number),
        Method::Approximate => wilson(share, number),
    }
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
        assert_eq!(share_bounds(0.4, 7.9), clopper_pearson(0.4, 7.9));
        assert_eq!(share_bounds(0.4, 8.0), mid_p(0.4, 8.0));
        assert_eq!(share_bounds(0.4, 30.0), wilson(0.4, 30.0));
    }

    #[test]
    fn mid_p_bounds_solve_their_equation() {
        // Table I of Newcombe (1998, Stat. Med. 17:857): 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        assert!(near(mid_p(81.0 / 263.0, 263.0), 0.2544, 0.3658));
        assert!(near(mid_p(15.0 / 148.0, 148.0), 0.0601, 0.1581));
        assert!(near(mid_p(0.0, 20.0), 0.0, 0.1391));
        assert!(near(mid_p(1.0 / 29.0, 29.0), 0.0017, 0.1585));
        // All of ten: half of p to the tenth is 2.5 %.
        let all = mid_p(1.0, 10.0).unwrap();
        assert!((all.low - 0.05_f64.powf(0.1)).abs() < 1e-12 && all.high == 1.0);
    }

    /// For how many of so many what is seen, the bounds hold each true share: the chance.
    fn coverage(number: i32, truth: f64) -> f64 {
        let chance = |k: i32| {
            let ways = (0..k).fold(1.0, |c, i| c * f64::from(number - i) / f64::from(i + 1));
            ways * truth.powi(k) * (1.0 - truth).powi(number - k)
        };
        (0..=number)
            .filter(|k| {
                let bounds = share_bounds(f64::from(*k) / f64::from(number), number.into());
                let Bounds { low, high } = bounds.unwrap();
                (low..=high).contains(&truth)
            })
            .map(chance)
            .sum()
    }

    #[test]
    fn bounds_hold_the_truth_about_as_often_as_promised() {
        for number in [3, 7, 8, 12, 20, 29, 30, 60] {
            let truths = (10..=90).map(|percent| f64::from(percent) / 100.0);
            let held: Vec<f64> = truths.map(|truth| coverage(number, truth)).collect();
            let mean = held.iter().sum::<f64>() / held.len() as f64;
            let least = held.iter().copied().fold(1.0, f64::min);
            let promised = match Method::of(number.into()) {
                Method::Exact => (0.95, 0.95..1.0),
                _ => (0.91, 0.945..0.975),
            };
            assert!(least >= promised.0 && promised.1.contains(&mean), "{number}: {least} {mean}");
        }
    }

    #[test]
    fn nothing_observed_has_no_bounds_and_little_has_wide_ones() {
        for number in [0.0, -1.0, f64::NAN] {
            assert_eq!((wilson(0.5, number), clopper_pearson(0.5, number)), (None, None));
            assert_eq!((mid_p(0.5, number), share_bounds(0.5, number)), (None, None));
        }
        for number in [1e-9, 0.3, 1.0, 1e9] {
            for share in [0.0, 1e-9, 0.5, 1.0 - 1e-9, 1.0] {
                let (wilson, exact) = (wilson(share, number), clopper_pearson(share, number));
                for bounds in [wilson, exact, mid_p(share, number)] {
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
