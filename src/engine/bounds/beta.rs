//! The beta law: its distribution function and its quantiles.
//!
//! Invariants: for `a, b > 0` both functions are within 1e-9 of the exact value,
//! for parameters from 1e-3 to 1e7; the quantile lies in [0, 1].

/// Continued fraction of the incomplete beta function: steps before it gives up. The
/// number needed grows with the square root of the larger parameter.
const STEPS_MAX: u32 = 200_000;
/// Relative change at which the continued fraction has converged.
const CONVERGED: f64 = 1e-15;
/// Stands in for zero in a denominator (Lentz's method).
const TINY: f64 = 1e-300;

/// The probability that a value of the beta law with parameters `a` and `b` is at
/// most `x`: the regularised incomplete beta function, by its continued fraction
/// (Abramowitz and Stegun 26.5.8, evaluated by Lentz's method).
pub fn beta_cdf(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast on this side of the mean only.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - lower(b, a, 1.0 - x);
    }
    lower(a, b, x)
}

fn lower(a: f64, b: f64, x: f64) -> f64 {
    let log_front = a * x.ln() + b * (-x).ln_1p() - log_beta(a, b) - a.ln();
    (log_front.exp() * fraction(a, b, x)).clamp(0.0, 1.0)
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let floor = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / floor(1.0 - (a + b) * x / (a + 1.0));
    let mut product = d;
    for step in 1..=STEPS_MAX {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / floor(1.0 + even * d);
        c = floor(1.0 + even / c);
        product *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / floor(1.0 + odd * d);
        c = floor(1.0 + odd / c);
        let change = d * c;
        product *= change;
        if (change - 1.0).abs() < CONVERGED {
            break;
        }
    }
    product
}

/// The value below which a share `p` of the beta law lies.
pub fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    quantile(|x| beta_cdf(a, b, x), p)
}

/// The value below which a share `p` of a law on [0, 1] lies, by its distribution
/// function. By bisection: the function is monotone, and 53 halvings leave nothing of a
/// double to tell apart near one.
pub(super) fn quantile(cdf: impl Fn(f64) -> f64, p: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..60 {
        let middle = low.midpoint(high);
        if cdf(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    low.midpoint(high)
}

/// `ln B(a, b)`. For two large parameters the three logarithms nearly cancel, so
/// Stirling's series is put together before it is evaluated.
fn log_beta(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if large < 10.0 {
        return log_gamma(small) + log_gamma(large) - log_gamma(small + large);
    }
    let sum = small + large;
    let rest = correction(large) - correction(sum);
    if small < 10.0 {
        // ln Γ(large) − ln Γ(sum), the leading terms together.
        let tail = (large - 0.5) * (-small / sum).ln_1p() - small * sum.ln() + small;
        return log_gamma(small) + tail + rest;
    }
    let half_log_two_pi = 0.918_938_533_204_672_8;
    (small - 0.5) * (small / sum).ln() + large * (-small / sum).ln_1p() - 0.5 * large.ln()
        + half_log_two_pi
        + correction(small)
        + rest
}

/// `ln Γ(x)` for `x > 0`: shifted up to where Stirling's series is exact to a double.
fn log_gamma(x: f64) -> f64 {
    let (mut at, mut product) = (x, 1.0);
    while at < 10.0 {
        product *= at;
        at += 1.0;
    }
    let half_log_two_pi = 0.918_938_533_204_672_8;
    (at - 0.5) * at.ln() - at + half_log_two_pi + correction(at) - product.ln()
}

/// What Stirling's formula for `ln Γ(x)` leaves out (Abramowitz and Stegun 6.1.41),
/// for `x ≥ 10`.
fn correction(x: f64) -> f64 {
    let square = 1.0 / (x * x);
    let series = 1.0 / 12.0
        - square
            * (1.0 / 360.0
                - square
                    * (1.0 / 1260.0
                        - square
                            * (1.0 / 1680.0
                                - square * (1.0 / 1188.0 - square * 691.0 / 360_360.0))));
    series / x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_parameters_are_polynomials() {
        // I_x(a, b) is the chance of at least a successes in a + b − 1 trials.
        let choose =
            |n: i32, k: i32| (0..k).fold(1.0, |c, i| c * f64::from(n - i) / f64::from(i + 1));
        for a in 1..12 {
            for b in 1..12 {
                for x in [0.001, 0.1, 0.37, 0.5, 0.8, 0.999_f64] {
                    let n = a + b - 1;
                    let exact: f64 =
                        (a..=n).map(|k| choose(n, k) * x.powi(k) * (1.0 - x).powi(n - k)).sum();
                    let ours = beta_cdf(a.into(), b.into(), x);
                    assert!((ours - exact).abs() < 1e-13, "{a} {b} {x}: {ours} {exact}");
                }
            }
        }
    }

    #[test]
    fn the_two_sides_meet_and_quantiles_go_back() {
        for a in [0.001, 0.3, 1.0, 7.5, 20.0, 900.0, 1e6] {
            for b in [0.001, 0.6, 1.0, 9.0, 31.0, 4e4, 1e7] {
                for p in [0.025, 0.3, 0.5, 0.975] {
                    let x = beta_quantile(a, b, p);
                    assert!((0.0..=1.0).contains(&x));
                    // Where the law has nearly all of its weight at an end, the quantile
                    // is that end to a double, and nothing goes back.
                    if !(1e-6..=1.0 - 1e-6).contains(&x) {
                        continue;
                    }
                    let both = beta_cdf(a, b, x) + beta_cdf(b, a, 1.0 - x);
                    assert!((both - 1.0).abs() < 1e-9, "{a} {b} {x}: {both}");
                    let back = beta_cdf(a, b, x);
                    assert!((back - p).abs() < 1e-8, "{a} {b} {p}: {back}");
                }
            }
        }
        assert_eq!((beta_quantile(2.0, 3.0, 0.0), beta_quantile(2.0, 3.0, 1.0)), (0.0, 1.0));
        assert_eq!((beta_cdf(2.0, 3.0, -1.0), beta_cdf(2.0, 3.0, 2.0)), (0.0, 1.0));
    }
}
