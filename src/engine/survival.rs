//! How long reviews take when some have not happened yet: Kaplan–Meier.
//!
//! Invariants: the result depends on the set of observations alone, to the last
//! bit, whatever their order; at equal times events come before censorings;
//! `S` lies in [0, 1] and never rises; no figure is NaN or infinite: where
//! nothing can be said there is `None`.
//!
//! An undecided exposure is *right-censored*: all that is known is that its
//! review takes longer than its age. Leaving it out flatters the team.
//!
//! - `S(t) = ∏ (1 - d/n)` over the event times up to `t`, with `d` events among
//!   `n` at risk (Kaplan & Meier 1958, J. Am. Stat. Assoc. 53).
//! - `Var log S = Σ d / (n (n - d))` (Greenwood 1926).
//! - 95 % bounds on the log(-log) scale, `S^exp(±z σ / log S)` with
//!   `σ² = Var log S` (Kalbfleisch & Prentice, The Statistical Analysis of
//!   Failure Time Data): they stay within (0, 1) by themselves.
//! - Where observations are worth few independent ones, as [`Method::of`] says, and
//!   where that formula has nothing to work on (`S` is 0 or 1, or nobody is watched
//!   any more): the beta product confidence procedure, [`BetaProduct`], or its mid-P
//!   version.
//! - RMST, the restricted mean survival time, `∫₀^h S`.
//!
//! Observations of one incident are no independent ones: every number at risk and of
//! events that bounds rest on is multiplied by [`Sample::weight`], Kish's effective
//! number over the number of observations.
//!
//! Beyond the last observation `S` keeps its last value, in every figure, as in
//! the Python package lifelines. If the last observation is a censoring this is
//! an assumption, and in truth only `S ≤` that value. The bounds say so: with nobody
//! at risk the lower bound of `S` is 0.

use serde::Serialize;

use super::bounds::{BetaProduct, Bounds, Method, Sample};
use crate::time::Span;

/// The 97.5 % quantile of the normal law, for two-sided 95 % bounds.
const Z_95: f64 = 1.959_963_984_540_054;

/// How far above ½ a computed `S` still counts as ½. A product whose exact value
/// is ½ may come out a few units of 1e-16 higher and move the median to a later
/// event; without censoring no such rounding occurs.
const HALF_TOLERANCE: f64 = 1e-12;

/// Collects observations, 8 bytes each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survival {
    /// Twice the time in milliseconds, plus one if censored: one sort puts times
    /// in order and events before censorings.
    keys: Vec<u64>,
    refused: u64,
}

impl Survival {
    /// Nothing observed yet.
    pub fn new() -> Survival {
        Survival::default()
    }

    /// Nothing observed yet, with room for so many.
    pub fn with_capacity(observations: usize) -> Survival {
        Survival { keys: Vec::with_capacity(observations), refused: 0 }
    }

    /// Adds one subject, watched for `t`: `observed` if its event then came, else
    /// it was still waiting when last seen. A negative time is no observation;
    /// it is counted in [`Survival::refused`].
    pub fn record(&mut self, t: Span, observed: bool) {
        match u64::try_from(t.as_millis()) {
            Ok(ms) => self.keys.push(ms << 1 | u64::from(!observed)),
            Err(_) => self.refused += 1,
        }
    }

    /// Adds all that `other` holds.
    pub fn merge(&mut self, other: &Survival) {
        self.keys.extend_from_slice(&other.keys);
        self.refused += other.refused;
    }

    /// Observations so far.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Observations left out because their time was negative.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Sorts the observations, once for any number of figures. `sample` says what
    /// they are worth together.
    pub fn estimate(mut self, sample: &Sample) -> KaplanMeier {
        self.keys.sort_unstable();
        KaplanMeier { keys: self.keys, weight: sample.weight(), effective: sample.effective }
    }
}

/// The estimated survival curve: `S(t)`, the share still waiting after `t`.
///
/// Holds the sorted observations and nothing else; each figure is one pass over them.
#[derive(Clone, Debug, PartialEq)]
pub struct KaplanMeier {
    keys: Vec<u64>,
    /// What an observation counts for in bounds.
    weight: f64,
    /// How many independent observations there are.
    effective: f64,
}

/// A probability with its 95 % bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// The probability; `None` without any observation.
    pub estimate: Option<f64>,
    /// The lower bound; `None` without any observation.
    pub low: Option<f64>,
    /// The upper bound; `None` together with `low`.
    pub high: Option<f64>,
}

/// What happened at one observed time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The time.
    pub time: Span,
    /// Subjects neither reviewed nor censored before it.
    pub at_risk: u64,
    /// Events at it.
    pub events: u64,
    /// Censorings at it, after its events.
    pub censored: u64,
    /// `S` from this time until the next.
    pub survival: f64,
    /// `Σ d / (n (n - d))` so far, but for a last step down to zero.
    greenwood: f64,
    /// The law of `S` so far.
    product: BetaProduct,
    weight: f64,
    effective: f64,
}

impl Step {
    /// `1 - S` from this time until the next, with bounds.
    pub fn probability(&self) -> Estimate {
        let many = Method::of(self.effective) == Method::Approximate && self.left() > 0;
        let by_variance = self.greenwood().filter(|_| many);
        estimate(self.survival, by_variance.unwrap_or_else(|| self.by_product()))
    }

    /// Bounds of `1 - S` by Greenwood's variance on the log(-log) scale; `None`
    /// where `S` is 0 or 1, which leaves the formula nothing to work on.
    pub fn greenwood(&self) -> Option<Bounds> {
        // Counting keeps both ends exact: S is 1 only before the first event
        // and 0 only with nobody left.
        if self.survival == 1.0 || self.survival == 0.0 {
            return None;
        }
        let log_s = self.survival.ln();
        let reach = Z_95 * (self.greenwood / self.weight).sqrt() / -log_s;
        let one_minus_power = |exponent: f64| -(log_s * exponent).exp_m1();
        Some(Bounds { low: one_minus_power((-reach).exp()), high: one_minus_power(reach.exp()) })
    }

    /// Bounds of `1 - S` by the beta product confidence procedure.
    pub fn by_product(&self) -> Bounds {
        by_product(&self.product, self.left() as f64 * self.weight, self.effective)
    }

    /// Those at risk after this time.
    const fn left(&self) -> u64 {
        self.at_risk - self.events - self.censored
    }
}

/// Bounds of `1 - S` where `left` still wait of what was worth `effective` observations.
fn by_product(product: &BetaProduct, left: f64, effective: f64) -> Bounds {
    let waiting = match Method::of(effective) {
        Method::MidP => product.survival_mid_p(left),
        Method::Exact | Method::Approximate => product.survival(left),
    };
    Bounds { low: 1.0 - waiting.high, high: 1.0 - waiting.low }
}

/// The estimate enclosed by its bounds, whatever rounding and the mean of a few did.
fn estimate(survival: f64, bounds: Bounds) -> Estimate {
    let estimate = 1.0 - survival;
    Estimate {
        estimate: Some(estimate),
        low: Some(bounds.low.min(estimate)),
        high: Some(bounds.high.max(estimate)),
    }
}

impl KaplanMeier {
    /// The longest time observed, of an event or a censoring. Beyond it every
    /// figure rests on `S` staying where it is.
    pub fn last_observed(&self) -> Option<Span> {
        self.keys.last().map(|key| time_of(*key))
    }

    /// The distinct observed times in order, with `S` from each on.
    pub fn steps(&self) -> Steps<'_> {
        Steps {
            keys: &self.keys,
            base_survival: 1.0,
            base_at_risk: self.keys.len(),
            greenwood: 0.0,
            product: BetaProduct::new(),
            with_bounds: true,
            weight: self.weight,
            effective: self.effective,
        }
    }

    /// The same, for figures without bounds.
    fn steps_alone(&self) -> Steps<'_> {
        Steps { with_bounds: false, ..self.steps() }
    }

    /// `1 - S` before the first observed time.
    pub fn at_first(&self) -> Estimate {
        if self.keys.is_empty() {
            return Estimate::default();
        }
        let left = self.keys.len() as f64 * self.weight;
        estimate(1.0, by_product(&BetaProduct::new(), left, self.effective))
    }

    /// The probability that the event has happened by `t`, that time included:
    /// `1 - S(t)`.
    pub fn probability_by(&self, t: Span) -> Estimate {
        if self.keys.is_empty() {
            return Estimate::default();
        }
        match self.steps().take_while(|step| step.time <= t).last() {
            Some(step) => step.probability(),
            None => self.at_first(),
        }
    }

    /// The smallest `t` with `S(t) ≤ ½`; `None` if the curve stays above.
    /// An `S` above ½ by less than 1e-12 counts as ½.
    pub fn median(&self) -> Option<Span> {
        self.steps_alone().find(|step| step.survival <= 0.5 + HALF_TOLERANCE).map(|step| step.time)
    }

    /// `∫₀^horizon S` in milliseconds: the mean wait within the horizon. `None`
    /// without any observation.
    pub fn rmst(&self, horizon: Span) -> Option<f64> {
        if self.keys.is_empty() {
            return None;
        }
        let mut area = 0.0;
        let (mut from, mut survival) = (Span::ZERO, 1.0);
        for step in self.steps_alone().take_while(|step| step.time < horizon) {
            area += survival * (step.time.as_millis() - from.as_millis()) as f64;
            (from, survival) = (step.time, step.survival);
        }
        // A horizon before the start has nothing in it.
        let rest = horizon.max(from).as_millis() - from.as_millis();
        Some(area + survival * rest as f64)
    }
}

/// The steps of a curve, computed as they are asked for. See [`KaplanMeier::steps`].
#[derive(Clone, Debug)]
pub struct Steps<'a> {
    /// The observations not yet passed.
    keys: &'a [u64],
    /// `S` and the number at risk after the last censoring. Between censorings
    /// the product telescopes to (left over) / (at risk at its start), which
    /// needs one rounding instead of one per event: without censoring `S` is the
    /// exact share still waiting, correctly rounded.
    base_survival: f64,
    base_at_risk: usize,
    greenwood: f64,
    product: BetaProduct,
    /// Whether that law is wanted: it costs two logarithms a step.
    with_bounds: bool,
    weight: f64,
    effective: f64,
}

impl Iterator for Steps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let event_key = self.keys.first()? & !1;
        let run = |keys: &[u64], key| keys.iter().take_while(|k| **k == key).count();
        let at_risk = self.keys.len();
        let events = run(self.keys, event_key);
        let censored = run(&self.keys[events..], event_key | 1);
        let left = at_risk - events;

        // `base_at_risk` is at least `at_risk`, hence not zero.
        let survival = self.base_survival * (left as f64 / self.base_at_risk as f64);
        if left > 0 {
            self.greenwood += events as f64 / (at_risk as f64 * left as f64);
        }
        if self.with_bounds {
            self.product.events(at_risk as f64 * self.weight, events as f64 * self.weight);
        }
        if censored > 0 {
            self.base_survival = survival;
            self.base_at_risk = left - censored;
        }
        self.keys = &self.keys[events + censored..];
        Some(Step {
            time: time_of(event_key),
            at_risk: at_risk as u64,
            events: events as u64,
            censored: censored as u64,
            survival,
            greenwood: self.greenwood,
            product: self.product,
            weight: self.weight,
            effective: self.effective,
        })
    }
}

fn time_of(key: u64) -> Span {
    // One bit was added to a non-negative i64: half of it fits again.
    Span::from_millis((key >> 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn curve(observations: &[(i64, bool)]) -> KaplanMeier {
        let mut s = Survival::new();
        for (ms, observed) in observations {
            s.record(Span::from_millis(*ms), *observed);
        }
        let sample = Sample::single(s.len() as u64);
        s.estimate(&sample)
    }

    fn by(curve: &KaplanMeier, ms: i64) -> Estimate {
        curve.probability_by(Span::from_millis(ms))
    }

    #[test]
    fn nothing_observed_says_nothing() {
        let c = curve(&[]);
        assert_eq!(by(&c, 1), Estimate { estimate: None, low: None, high: None });
        assert_eq!(
            (c.median(), c.rmst(Span::from_mins(60)), c.last_observed()),
            (None, None, None)
        );
        assert_eq!(c.steps().count(), 0);
        assert_eq!(
            serde_json::to_string(&by(&c, 1)).unwrap(),
            r#"{"estimate":null,"low":null,"high":null}"#
        );
    }

    #[test]
    fn before_the_first_event_and_after_the_last_bounds_are_exact() {
        let c = curve(&[(10, false), (20, true), (30, true)]);
        let near = |found: Estimate, p: f64, low: f64, high: f64| {
            let off = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() > 1e-9;
            !off(found.estimate, p) && !off(found.low, low) && !off(found.high, high)
        };
        // Of three none, of two none: the upper bound p solves (1 - p)^n = 0.025.
        assert!(near(by(&c, -1), 0.0, 0.0, 1.0 - 0.025_f64.cbrt()), "{:?}", by(&c, -1));
        assert!(near(by(&c, 10), 0.0, 0.0, 1.0 - 0.025_f64.sqrt()), "{:?}", by(&c, 10));
        assert_eq!(by(&c, 19), by(&c, 10));
        assert!(near(by(&c, 20), 0.5, 1.0 - 0.975_f64.sqrt(), 1.0 - (1.0 - 0.975_f64.sqrt())));
        assert!(near(by(&c, 30), 1.0, 0.025_f64.sqrt(), 1.0), "{:?}", by(&c, 30));
        assert_eq!(by(&c, i64::MAX), by(&c, 30));
    }

    #[test]
    fn three_of_three_in_time_are_little_evidence() {
        let c = curve(&[(1, true), (2, true), (3, true)]);
        let three = by(&c, 9);
        assert_eq!((three.estimate, three.high), (Some(1.0), Some(1.0)));
        assert!((three.low.unwrap() - 0.292_401_773_821_286_6).abs() < 1e-9, "{three:?}");
    }

    #[test]
    fn an_incident_of_many_keys_is_one_observation() {
        let mut survival = Survival::new();
        (0..10_000).for_each(|_| survival.record(Span::from_millis(5), true));
        let one =
            survival.estimate(&Sample::of_sizes([10_000])).probability_by(Span::from_millis(9));
        let alone = by(&curve(&[(5, true)]), 9);
        assert_eq!(one.estimate, alone.estimate);
        assert!((one.low.unwrap() - alone.low.unwrap()).abs() < 1e-9, "{one:?} {alone:?}");
    }

    #[test]
    fn beyond_what_was_watched_the_bounds_reach_to_the_end() {
        // A hundred decided at once, a hundred last seen waiting: nobody knows of them.
        let all: Vec<_> = (0..100).flat_map(|_| [(5, true), (10, false)]).collect();
        let (at, beyond) = (by(&curve(&all), 9), by(&curve(&all), 10));
        assert_eq!((at.estimate, beyond.estimate), (Some(0.5), Some(0.5)));
        assert!(at.high.unwrap() < 0.6 && beyond.high == Some(1.0), "{at:?} {beyond:?}");
    }

    #[test]
    fn all_censored_never_comes_down() {
        let c = curve(&[(5, false), (7, false)]);
        assert_eq!(c.median(), None);
        assert_eq!(c.rmst(Span::from_millis(100)), Some(100.0));
        assert_eq!(c.last_observed(), Some(Span::from_millis(7)));
    }

    #[test]
    fn at_the_same_time_events_come_first() {
        // The one censored at 10 was still at risk for the event at 10.
        let c = curve(&[(10, false), (10, true), (20, true), (30, false)]);
        let steps: Vec<_> =
            c.steps().map(|s| (s.time.as_millis(), s.at_risk, s.events, s.censored)).collect();
        assert_eq!(steps, [(10, 4, 1, 1), (20, 2, 1, 0), (30, 1, 0, 1)]);
        let survival: Vec<_> = c.steps().map(|s| s.survival).collect();
        assert_eq!(survival, [0.75, 0.375, 0.375]);
    }

    #[test]
    fn a_half_that_rounding_hides_is_still_the_median() {
        // `gone` of `n`, `lost` censored, then down to `left` of the rest, such
        // that (n - gone)/n · left/(n - gone - lost) is exactly ½. In doubles
        // some of these products come out above it.
        let mut cases = 0;
        for (n, gone, lost) in
            (2..50_i64).flat_map(|n| (1..n).flat_map(move |g| (1..n - g).map(move |l| (n, g, l))))
        {
            let rest = n - gone - lost;
            if (n * rest) % (2 * (n - gone)) != 0 || n <= 2 * gone {
                continue;
            }
            let left = n * rest / (2 * (n - gone));
            cases += 1;
            let mut all = vec![(10, true); gone as usize];
            all.extend(vec![(15, false); lost as usize]);
            all.extend(vec![(20, true); (rest - left) as usize]);
            all.extend(vec![(30, true); left as usize]);
            let median = curve(&all).median();
            assert_eq!(median, Some(Span::from_millis(20)), "{gone} of {n}, {lost} lost");
        }
        assert!(cases > 20, "{cases}");
    }

    #[test]
    fn a_negative_time_is_counted_and_left_out() {
        let mut s = Survival::new();
        s.record(Span::from_millis(-1), true);
        s.record(Span::from_millis(0), true);
        let mut t = s.clone();
        t.merge(&s);
        assert_eq!((s.len(), s.refused(), t.len(), t.refused()), (1, 1, 2, 2));
        assert_eq!(s.estimate(&Sample::single(1)).median(), Some(Span::ZERO));
    }

    #[test]
    fn the_integral_stops_at_the_horizon() {
        let c = curve(&[(10, true), (20, false), (30, true), (40, false)]);
        let rmst = |ms| c.rmst(Span::from_millis(ms)).unwrap();
        assert_eq!(rmst(-5), 0.0);
        assert_eq!(rmst(0), 0.0);
        assert_eq!(rmst(10), 10.0);
        assert_eq!(rmst(20), 17.5);
        assert_eq!(rmst(30), 25.0);
        // Beyond the last observation S stays at 3/8.
        assert_eq!(rmst(100), 25.0 + 70.0 * 0.375);
    }

    #[test]
    fn millions_of_observations_lose_no_precision() {
        // No censoring: exact shares. Every tenth censored: against the same
        // product in extended precision (sum of logs, compensated).
        let n = 1_000_000_i64;
        let c = curve(&(0..n).map(|i| (i, true)).collect::<Vec<_>>());
        assert_eq!(by(&c, n / 4 - 1).estimate, Some(0.25));
        assert_eq!(c.median(), Some(Span::from_millis(n / 2 - 1)));

        let c = curve(&(0..n).map(|i| (i, i % 10 != 0)).collect::<Vec<_>>());
        let (mut log_s, mut carry) = (0.0_f64, 0.0_f64);
        for i in (0..n - 1).filter(|i| i % 10 != 0) {
            let y = (-1.0 / (n - i) as f64).ln_1p() - carry;
            let t = log_s + y;
            carry = (t - log_s) - y;
            log_s = t;
        }
        let got = c.steps().nth(n as usize - 2).unwrap().survival;
        assert!((got / log_s.exp() - 1.0).abs() < 1e-12, "{got} {}", log_s.exp());
    }

    fn observations() -> impl Strategy<Value = Vec<(i64, bool)>> {
        // Few distinct times for ties, many for none.
        let times = prop_oneof![0..8_i64, 0..2_000_000_i64, 0..=i64::MAX];
        prop::collection::vec((times, any::<bool>()), 1..120)
    }

    proptest! {
        #[test]
        fn order_does_not_matter_to_the_last_bit(
            (all, shuffled) in observations()
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
            horizon in any::<i64>(),
        ) {
            let (a, b) = (curve(&all), curve(&shuffled));
            let bits = |c: &KaplanMeier| {
                let figures = |e: Estimate| [e.estimate, e.low, e.high].map(|x| x.map(f64::to_bits));
                let steps: Vec<_> =
                    c.steps().map(|s| (s.time, s.survival.to_bits(), figures(s.probability()))).collect();
                (steps, c.median(), c.rmst(Span::from_millis(horizon)).map(f64::to_bits))
            };
            prop_assert_eq!(bits(&a), bits(&b));
        }

        #[test]
        fn the_curve_falls_within_its_bounds(all in observations()) {
            let c = curve(&all);
            let mut before = 1.0;
            let (mut gone, mut last) = (0, None);
            for step in c.steps() {
                prop_assert!(last < Some(step.time));
                prop_assert!((0.0..=before).contains(&step.survival));
                prop_assert_eq!(step.at_risk, all.len() as u64 - gone);
                let p = step.probability();
                let estimate = p.estimate.unwrap();
                let (low, high) = (p.low.unwrap(), p.high.unwrap());
                prop_assert!(0.0 <= low && low <= estimate && estimate <= high && high <= 1.0, "{p:?}");
                // At its own time a step is what the curve says.
                prop_assert_eq!(c.probability_by(step.time), p);
                before = step.survival;
                gone += step.events + step.censored;
                last = Some(step.time);
            }
            prop_assert_eq!(gone, all.len() as u64);
            prop_assert_eq!(last, c.last_observed());
        }

        #[test]
        fn without_censoring_it_is_the_share_still_waiting(times in prop::collection::vec(0..500_i64, 1..200)) {
            let c = curve(&times.iter().map(|t| (*t, true)).collect::<Vec<_>>());
            let n = times.len() as f64;
            for at in 0..500 {
                let waiting = times.iter().filter(|t| **t > at).count() as f64;
                prop_assert_eq!(by(&c, at).estimate, Some(1.0 - waiting / n));
            }
            let mut sorted = times.clone();
            sorted.sort_unstable();
            prop_assert_eq!(c.median(), Some(Span::from_millis(sorted[times.len().div_ceil(2) - 1])));
            // The integral of the share still waiting is the mean of min(time, horizon).
            let mean = times.iter().map(|t| (*t).min(250) as f64).sum::<f64>() / n;
            prop_assert!((c.rmst(Span::from_millis(250)).unwrap() - mean).abs() <= 1e-10);
        }
    }
}
