//! The laws behind bounds and e-values, computed in the plainest way that is exact enough.

/// The 97.5 % quantile of the normal law.
pub(super) const Z: f64 = 1.959_963_984_540_054;
/// Effective observations from which on bounds are approximate.
pub(super) const MANY: f64 = 30.0;
/// Effective observations from which on, up to those, bounds are mid-P bounds.
const SOME: f64 = 8.0;

/// `ln Γ(x)` for `x > 0`: by Lanczos's series with `g = 7`.
fn log_gamma(x: f64) -> f64 {
    const SERIES: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // Γ(x)·Γ(1 − x) = π/sin(πx)
        let pi = std::f64::consts::PI;
        return (pi / (pi * x).sin()).ln() - log_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let t = x + 7.5;
    let sum: f64 =
        SERIES.iter().enumerate().skip(1).map(|(n, c)| c / (x + n as f64)).sum::<f64>() + SERIES[0];
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// The law of `Beta(a, b)` up to `x`: the power series
/// `I_x(a, b) = x^a·(1 − x)^b / (a·B(a, b)) · Σ Π (a + b + i)/(a + 1 + i)·x`, from the side
/// on which it converges sooner.
fn beta_law(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_series(b, a, 1.0 - x);
    }
    beta_series(a, b, x)
}

fn beta_series(a: f64, b: f64, x: f64) -> f64 {
    let log =
        a * x.ln() + b * (-x).ln_1p() - a.ln() + log_gamma(a + b) - log_gamma(a) - log_gamma(b);
    let (mut term, mut sum) = (1.0, 1.0);
    for i in 0..1_000_000 {
        term *= (a + b + f64::from(i)) / (a + 1.0 + f64::from(i)) * x;
        sum += term;
        if term < 1e-17 * sum {
            break;
        }
    }
    log.exp() * sum
}

/// Two laws of a share, or of a survival: one for the lower bound, one for the upper. With
/// `None` the lower law is the point 0, the upper one the point 1.
type Laws = [Option<(f64, f64)>; 2];

/// 95 % bounds by two laws: each bound by its own, or both by the mean of the two.
fn bounds_by(laws: Laws, effective: f64) -> (f64, f64) {
    let law = |which: usize, x: f64| match (laws[which], which) {
        (Some((a, b)), _) => beta_law(a, b, x),
        (None, 0) => 1.0,
        (None, _) => f64::from(u8::from(x >= 1.0)),
    };
    let bound = |which: usize, tail: f64| {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..100 {
            let middle = (low + high) / 2.0;
            let below = match (SOME..MANY).contains(&effective) {
                true => (law(0, middle) + law(1, middle)) / 2.0,
                false => law(which, middle),
            };
            if below < tail {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    };
    (bound(0, 0.025), bound(1, 0.975))
}

/// 95 % bounds of a share of what so many independent observations are worth: those of
/// Clopper and Pearson, with more of them mid-P bounds, with many Wilson's.
pub(super) fn share_bounds(share: f64, number: f64) -> Option<(f64, f64)> {
    if number <= 0.0 {
        return None;
    }
    let (some, rest) = (share * number, (1.0 - share) * number);
    if number < MANY {
        let low = (some > 0.0).then_some((some, rest + 1.0));
        let high = (rest > 0.0).then_some((some + 1.0, rest));
        return Some(bounds_by([low, high], number));
    }
    // Both solutions of (share − p)² = z²·p·(1 − p)/number.
    let (a, b, c) = (1.0 + Z * Z / number, 2.0 * share + Z * Z / number, share * share);
    let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
    Some((((b - root) / (2.0 * a)).max(0.0), ((b + root) / (2.0 * a)).min(1.0)))
}

/// The beta product confidence procedure for what still waits: 95 % bounds. `events` holds
/// those at risk and the events of each time at which there were any; all numbers are
/// effective ones, `effective` of them at the beginning.
pub(super) fn product_bounds(events: &[(f64, f64)], left: f64, effective: f64) -> (f64, f64) {
    let upper: Vec<(f64, f64)> = events.iter().map(|(n, d)| (n - d + 1.0, *d)).collect();
    let lower = [&upper[..], &[(left, 1.0)]].concat();
    let low = if left > 0.0 { product_law(&lower) } else { None };
    let (low, high) = bounds_by([low, product_law(&upper)], effective);
    (low.min(high), high)
}

/// The beta law with the first two moments of a product of beta variables.
fn product_law(factors: &[(f64, f64)]) -> Option<(f64, f64)> {
    if factors.is_empty() {
        return None;
    }
    let first: f64 = factors.iter().map(|(a, b)| a / (a + b)).product();
    let second: f64 =
        factors.iter().map(|(a, b)| a * (a + 1.0) / ((a + b) * (a + b + 1.0))).product();
    let variance = second - first * first;
    let size = first * (1.0 - first) / variance - 1.0;
    Some((first * size, (1.0 - first) * size))
}

/// The likelihood ratio of an odds ratio against the one allowed, where `mine` holds the
/// reviewer's acts and those that agreed, `all` everybody's.
pub(super) fn noncentral_factor(
    (n, k): (u64, u64),
    (all, agreed): (u64, u64),
    odds: f64,
    allowed: f64,
) -> f64 {
    let log_choose = |n: u64, k: u64| -> f64 {
        (0..k).map(|i| ((n - i) as f64).ln() - ((i + 1) as f64).ln()).sum()
    };
    let possible = (0..=n).filter(|x| *x <= agreed && n - x <= all - agreed);
    let log_sum = |ratio: f64| {
        let term = |x: u64| {
            log_choose(agreed, x) + log_choose(all - agreed, n - x) + x as f64 * ratio.ln()
        };
        let logs: Vec<f64> = possible.clone().map(term).collect();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        most + logs.iter().map(|log| (log - most).exp()).sum::<f64>().ln()
    };
    (k as f64 * (odds / allowed).ln() + log_sum(allowed) - log_sum(odds)).exp()
}
