//! How often nominal 95 % bounds hold the truth, by simulation.
//!
//! ```sh
//! cargo run --release --example bounds_coverage            # 4,000 samples a cell
//! cargo run --release --example bounds_coverage -- 20000
//! ```
//!
//! Each sample has a hundred incidents (and, to show the limits, twenty). The time to
//! review of a window is log-normal; windows of one incident share part of it. Every
//! incident is last seen up to two hours after it began, so that many windows are
//! undecided. Compared with the truth are the share decided of windows that were seen
//! for 9 minutes, and the Kaplan–Meier curve at 9 and 17 minutes. "Unclustered" is
//! what the same bounds would be if each window were an observation of its own. The
//! trend is what the report says of two samples between which nothing changed.

#![expect(clippy::print_stdout, reason = "what it is for")]

use shutterlag::engine::bounds::{Bounds, Sample, clopper_pearson, difference, share_bounds};
use shutterlag::engine::survival::{Estimate, Survival};
use shutterlag::time::Span;

/// The splitmix64 generator (Steele, Lea and Flood 2014): the table is the same on
/// every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Between 0 and 1, never either.
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Of the standard normal law (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// A kind of organisation.
struct Kind {
    name: &'static str,
    /// Windows of the next incident.
    size: fn(&mut Dice) -> u64,
    /// The share of the variance of log times that windows of one incident have in common.
    shared: f64,
}

const KINDS: [Kind; 5] = [
    Kind { name: "single", size: |_| 1, shared: 0.0 },
    Kind { name: "mild, half shared", size: mild, shared: 0.5 },
    Kind { name: "mild, one fate", size: mild, shared: 0.95 },
    Kind { name: "commits, mostly shared", size: commit, shared: 0.8 },
    Kind { name: "commits, one fate", size: commit, shared: 1.0 },
];

/// One window, in a quarter of incidents one more, in a quarter of those one more, …
fn mild(dice: &mut Dice) -> u64 {
    let mut size = 1;
    while dice.uniform() < 0.25 {
        size += 1;
    }
    size
}

/// Two hundred windows in one incident of a hundred, one in all others.
fn commit(dice: &mut Dice) -> u64 {
    if dice.uniform() < 0.01 { 200 } else { 1 }
}

const MINUTE_MS: f64 = 60_000.0;
const TIMES: [f64; 2] = [9.0, 17.0];

/// The figures of one sample.
struct Figures {
    share: (f64, Bounds),
    share_exact: (f64, Bounds),
    share_unclustered: Bounds,
    curve: [Estimate; 2],
    curve_unclustered: [Estimate; 2],
}

fn sample(kind: &Kind, incidents: u64, median: f64, dice: &mut Dice) -> Figures {
    let mut survival = Survival::new();
    let (mut sizes, mut due, mut decided) = (Vec::new(), Vec::new(), 0_u64);
    for _ in 0..incidents {
        let size = (kind.size)(dice);
        sizes.push(size);
        let (common, seen) = (dice.normal(), dice.uniform() * 120.0);
        if seen >= TIMES[0] {
            due.push(size);
        }
        for _ in 0..size {
            let own = if kind.shared < 1.0 { dice.normal() } else { 0.0 };
            let log = kind.shared.sqrt() * common + (1.0 - kind.shared).sqrt() * own;
            let taken = median * log.exp();
            let ms = (taken.min(seen) * MINUTE_MS) as i64;
            survival.record(Span::from_millis(ms), taken <= seen);
            decided += u64::from(seen >= TIMES[0] && taken < TIMES[0]);
        }
    }
    let (all, due) = (Sample::of_sizes(sizes), Sample::of_sizes(due));
    let share = decided as f64 / due.windows.max(1) as f64;
    let whole = |bounds: Option<Bounds>| bounds.unwrap_or(Bounds::ALL);
    let at = |sample: &Sample| {
        let curve = survival.clone().estimate(sample);
        TIMES.map(|minutes| {
            curve.probability_by(Span::from_millis((minutes * MINUTE_MS) as i64 - 1))
        })
    };
    Figures {
        share: (share, whole(share_bounds(share, due.effective))),
        share_exact: (share, whole(clopper_pearson(share, due.effective))),
        share_unclustered: whole(share_bounds(share, due.windows as f64)),
        curve: at(&all),
        curve_unclustered: at(&Sample::single(all.windows)),
    }
}

/// The chance that a log-normal time with this median has come by `minutes`.
fn truth(median: f64, minutes: f64) -> f64 {
    // The normal law's distribution function, by its continued fraction's cousin:
    // Simpson's rule is exact enough for a table in percent.
    let z = (minutes / median).ln();
    let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let (steps, from) = (2_000, -9.0);
    let width = (z - from) / f64::from(steps);
    let inner = (1..steps).map(|n| {
        let weight = if n % 2 == 1 { 4.0 } else { 2.0 };
        weight * density(from + f64::from(n) * width)
    });
    (density(from) + density(z) + inner.sum::<f64>()) * width / 3.0
}

fn main() {
    let samples: u32 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(4_000);
    println!("{samples} samples a cell, seed 1; coverage and false trends in percent\n");
    println!(
        "| incidents | truth | share | unclustered | curve, 9 min | curve, 17 min | unclustered | false trend |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for incidents in [100, 20] {
        for kind in &KINDS {
            // Shares by 9 minutes of about 20, 50 and 80 %.
            for median in [21.0, 9.0, 3.9] {
                row(kind, incidents, median, samples);
            }
        }
    }
}

fn row(kind: &Kind, incidents: u64, median: f64, samples: u32) {
    let mut dice = Dice(1);
    let truths = TIMES.map(|minutes| truth(median, minutes));
    let (mut share, mut share_alone, mut false_trend) = (0, 0, 0);
    let (mut curve, mut curve_alone) = ([0; 2], 0);
    let mut before: Option<(f64, Bounds)> = None;
    let holds = |bounds: Bounds, truth: f64| u32::from(bounds.low <= truth && truth <= bounds.high);
    let within = |estimate: &Estimate, truth: f64| match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => holds(Bounds { low, high }, truth),
        _ => 0,
    };
    for _ in 0..samples {
        let figures = sample(kind, incidents, median, &mut dice);
        share += holds(figures.share.1, truths[0]);
        share_alone += holds(figures.share_unclustered, truths[0]);
        for (covered, (estimate, truth)) in curve.iter_mut().zip(figures.curve.iter().zip(truths)) {
            *covered += within(estimate, truth);
        }
        curve_alone += within(&figures.curve_unclustered[0], truths[0]);
        if let Some(before) = before {
            let change = difference(figures.share_exact, before);
            false_trend += u32::from(change.low > 0.0 || change.high < 0.0);
        }
        before = Some(figures.share_exact);
    }
    let percent = |count: u32| format!("{:.1}", f64::from(count) / f64::from(samples) * 100.0);
    println!(
        "| {incidents}, {} | {:.0} %, {:.0} % | {} | {} | {} | {} | {} | {} |",
        kind.name,
        truths[0] * 100.0,
        truths[1] * 100.0,
        percent(share),
        percent(share_alone),
        percent(curve[0]),
        percent(curve[1]),
        percent(curve_alone),
        percent(false_trend)
    );
}
