//! Simulated reviewers, the rules that others use, and the tests under proof.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use shutterlag::engine::oversight::{
    BySignal, Evidence, Factors, Rules, SIGNALS, Signal, e_bh, weighted,
};

/// How often a reviewer shows each sign.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) agreement: f64,
    pub(crate) dwell: f64,
    pub(crate) context: f64,
    pub(crate) seeded: f64,
    /// Share of decisions that are followed by a planted case with wrong advice.
    pub(crate) planted: f64,
    /// Mean seconds of a decision.
    pub(crate) seconds: f64,
}

impl Rates {
    /// Well within what is allowed.
    pub(crate) const HONEST: Rates = Rates {
        agreement: 0.88,
        dwell: 0.03,
        context: 0.03,
        seeded: 0.15,
        planted: 0.03,
        seconds: 60.0,
    };
    /// Exactly what is allowed.
    pub(crate) const AT_THE_LIMIT: Rates = Rates {
        agreement: 0.90,
        dwell: 0.10,
        context: 0.10,
        seeded: 0.20,
        planted: 1.0,
        seconds: 60.0,
    };
}

/// The rates of agreement that are looked for, where what is allowed is fixed.
const AGREEMENT: [f64; 4] = [0.95, 0.98, 0.995, 0.999];

/// One reviewer under test.
pub(crate) struct Trial<'r> {
    dice: Pcg64Mcg,
    rules: &'r Rules,
    agreement: Factors,
    signals: BySignal<Evidence>,
    weights: BySignal<f64>,
    threshold: f64,
    agreed: Vec<bool>,
    agreements: usize,
    seconds: Vec<f64>,
}

impl<'r> Trial<'r> {
    pub(crate) fn new(seed: u64, rules: &'r Rules) -> Trial<'r> {
        let config = rules.config();
        Trial {
            dice: Pcg64Mcg::seed_from_u64(seed),
            rules,
            agreement: Factors::new(0.90, &AGREEMENT),
            signals: [Evidence::default(); SIGNALS],
            weights: config.weights(),
            threshold: config.paging_decisions.ln(),
            agreed: Vec::new(),
            agreements: 0,
            seconds: Vec::new(),
        }
    }

    /// With another allowed rate of agreement, as peers in a stratum would set it.
    pub(crate) fn allowing(mut self, null: f64) -> Trial<'r> {
        self.agreement = Factors::new(null, &AGREEMENT);
        self
    }

    pub(crate) fn step(&mut self, rates: &Rates) {
        let seen = [
            (Signal::Dwell, rates.dwell),
            (Signal::Context, rates.context),
            (Signal::Agreement, rates.agreement),
            (Signal::Seeded, rates.seeded),
        ];
        for (signal, rate) in seen {
            let sign = self.dice.random::<f64>() < rate;
            if signal == Signal::Seeded && self.dice.random::<f64>() >= rates.planted {
                continue;
            }
            let factors = self.rules.factors(signal).unwrap_or(&self.agreement);
            self.signals[signal as usize].step(factors, sign);
            if signal == Signal::Agreement {
                self.agreed.push(sign);
                self.agreements += usize::from(sign);
            }
        }
        // Log-normal around the mean, as reading times are.
        let normal = (0..12).map(|_| self.dice.random::<f64>()).sum::<f64>() - 6.0;
        self.seconds.push(rates.seconds * (0.5 * normal).exp());
    }

    pub(crate) fn log_report(&self, signal: Signal) -> f64 {
        self.signals[signal as usize].log_report(self.rules.alternatives(signal))
    }

    pub(crate) fn log_page_of(&self, signal: Signal) -> f64 {
        self.signals[signal as usize].page(self.rules.alternatives(signal)).ln()
    }

    pub(crate) fn log_page(&self) -> f64 {
        let mut logs = [0.0; SIGNALS];
        Signal::ALL.iter().for_each(|signal| logs[*signal as usize] = self.log_page_of(*signal));
        weighted(&logs, &self.weights)
    }

    pub(crate) fn log_combined(&self) -> f64 {
        let mut logs = [0.0; SIGNALS];
        Signal::ALL.iter().for_each(|signal| logs[*signal as usize] = self.log_report(*signal));
        weighted(&logs, &self.weights)
    }

    pub(crate) fn pages(&self) -> bool {
        self.log_page() >= self.threshold
    }

    pub(crate) fn restart_if_paged(&mut self) {
        if self.pages() {
            self.signals = [Evidence::default(); SIGNALS];
        }
    }

    /// Whether a fixed rule flags after the latest decision.
    pub(crate) fn flagged_by(&self, rule: Rule) -> bool {
        let all = self.agreed.len();
        let last = |n: usize| &self.agreed[all.saturating_sub(n)..];
        let count = |of: &[bool]| of.iter().filter(|agreed| **agreed).count();
        match rule {
            Rule::NinetyOfAll => all >= 10 && self.agreements * 10 >= all * 9,
            Rule::NinetyFiveOfHundred => all >= 100 && count(last(100)) >= 95,
            Rule::NoneOfFifty => all >= 50 && count(last(50)) == 50,
        }
    }

    /// A rule in use: the median of the last twenty under five seconds.
    pub(crate) fn median_under_5s(&self) -> bool {
        let last = &self.seconds[self.seconds.len().saturating_sub(20)..];
        last.len() == 20 && median(last.to_vec()) < 5.0
    }
}

/// Rules with fixed thresholds, as they are in use.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    NinetyOfAll,
    NinetyFiveOfHundred,
    NoneOfFifty,
}

impl Rule {
    pub(crate) const ALL: [Rule; 3] =
        [Rule::NinetyOfAll, Rule::NinetyFiveOfHundred, Rule::NoneOfFifty];

    pub(crate) fn heads() -> String {
        "≥ 90 % of all, n ≥ 10 | ≥ 95 of the last 100 | no rejection in 50".to_owned()
    }
}

/// When each test first spoke.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome([Option<u32>; 8]);

impl Outcome {
    pub(crate) fn note(&mut self, test: usize, decision: u32, speaks: bool) {
        if speaks && self.0[test].is_none() {
            self.0[test] = Some(decision);
        }
    }

    pub(crate) fn delay(&self, test: usize) -> f64 {
        self.0[test].map_or(f64::INFINITY, f64::from)
    }
}

/// What [`round`] compares.
pub(crate) fn lists() -> [&'static str; 5] {
    [
        "**e-BH, combined**",
        "**e-BH, agreement**",
        "≥ 90 % of all, n ≥ 10",
        "≥ 95 of the last 100",
        "no rejection in 50",
    ]
}

/// The share of false discoveries and of the bad found, by list.
pub(crate) fn round(seed: u64, rules: &Rules, honest: &Rates, bad: &Rates) -> [(f64, f64); 5] {
    const ALL: u64 = 200;
    const BAD: u64 = 20;
    let (mut combined, mut agreement) = (Vec::new(), Vec::new());
    let mut flagged = [const { Vec::new() }; 5];
    for reviewer in 0..ALL {
        let mut trial = Trial::new(seed * ALL + reviewer, rules);
        let mut ever = [false; Rule::ALL.len()];
        for _ in 0..200 {
            trial.step(if reviewer < BAD { bad } else { honest });
            for (ever, rule) in ever.iter_mut().zip(Rule::ALL) {
                *ever = *ever || trial.flagged_by(rule);
            }
        }
        combined.push(trial.log_combined());
        agreement.push(trial.log_report(Signal::Agreement));
        (2..).zip(ever).for_each(|(at, ever): (usize, bool)| flagged[at].push(ever));
    }
    let alpha = rules.config().alpha;
    for (at, logs) in [combined, agreement].iter().enumerate() {
        let found = e_bh(logs, alpha);
        flagged[at] = logs.iter().map(|log| found.includes(*log)).collect();
    }
    flagged.map(|flagged| {
        let (bad, honest) = flagged.split_at(BAD as usize);
        let count = |of: &[bool]| of.iter().filter(|flagged| **flagged).count() as f64;
        let (right, wrong) = (count(bad), count(honest));
        (wrong / (right + wrong).max(1.0), right / BAD as f64)
    })
}

/// The upper 99 % bound of a rate (Wilson).
pub(crate) fn upper_99(some: u64, all: u64) -> f64 {
    let z = 2.326_347_874_040_841;
    let (n, p) = (all as f64, some as f64 / all as f64);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    (p + z * z / (2.0 * n) + half) / (1.0 + z * z / n)
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One result for each of `count` seeds, in their order, on all cores.
pub(crate) fn parallel<T: Send>(count: u64, each: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let each = &each;
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                let seeds = count * part / threads..count * (part + 1) / threads;
                scope.spawn(move || seeds.map(each).collect::<Vec<T>>())
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}
