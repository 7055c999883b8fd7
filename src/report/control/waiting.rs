//! How long exposures wait for a person, and how likely an attacker is first.
//!
//! Invariants: the undecided are in every figure; a figure for a time beyond what
//! was watched says so by [`TimeToReview::observed_up_to_ms`]; what censoring
//! leaves open is an interval, never a point.

use serde::Serialize;

use crate::config::{FASTEST_ATTACKER, MEAN_ATTACKER};
use crate::engine::attacker::{AttackerCurve, Race};
use crate::engine::survival::{Estimate, KaplanMeier, Survival};
use crate::engine::windows::{Stage, Window};
use crate::time::{Span, Timestamp};

/// How far the drawn curve reaches, and how fine it is.
const DRAWN: Span = Span::from_mins(60);
const DRAWN_EVERY_MS: i64 = 15_000;

/// The moments that are told in numbers.
const TOLD: [Span; 6] = [
    FASTEST_ATTACKER,
    MEAN_ATTACKER,
    Span::from_mins(60),
    Span::from_mins(4 * 60),
    Span::from_mins(24 * 60),
    Span::from_mins(7 * 24 * 60),
];

/// The moments at which the number at risk is told.
const AT_RISK: [Span; 7] = [
    Span::ZERO,
    Span::from_mins(5),
    FASTEST_ATTACKER,
    MEAN_ATTACKER,
    Span::from_mins(30),
    Span::from_mins(45),
    Span::from_mins(60),
];

/// The time to a human decision, the undecided counted in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TimeToReview {
    /// Exposures that the curve is of.
    pub windows: u64,
    /// … decided.
    pub decided: u64,
    /// … undecided when last seen.
    pub undecided: u64,
    /// Exposures left out, because their times contradict each other.
    pub left_out: u64,
    /// The chance of a decision by some moments.
    pub reviewed_by: Vec<ReviewedBy>,
    /// The median; `None` while over half are undecided.
    pub median_ms: Option<i64>,
    /// The mean wait within the first hour.
    pub rmst_1h_ms: Option<f64>,
    /// The longest that any exposure was watched. Beyond it the curve is taken to
    /// stay level, which is an assumption.
    pub observed_up_to_ms: Option<i64>,
    /// Exposures waiting, just before some moments.
    pub at_risk: Vec<AtRisk>,
    /// The curve of the first hour.
    pub curve: Vec<Point>,
}

/// The chance of a decision by a moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReviewedBy {
    /// The moment, from the start of the exposure.
    pub t_ms: Span,
    /// The chance, with 95 % bounds.
    #[serde(flatten)]
    pub chance: Estimate,
}

/// Exposures waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AtRisk {
    /// The moment.
    pub t_ms: Span,
    /// How many were watched that long without a decision before it.
    pub windows: u64,
}

/// One point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The moment.
    pub t_ms: Span,
    /// The share still waiting for a decision.
    pub waiting: f64,
    /// Its lower 95 % bound.
    pub low: Option<f64>,
    /// Its upper 95 % bound.
    pub high: Option<f64>,
    /// The chance that an attacker has come, by the curve of everywhere.
    pub attacker: f64,
}

/// Who comes first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttackerFirst {
    /// The least chance that an attacker comes before the decision, whatever
    /// becomes of the undecided.
    pub low: Option<f64>,
    /// The most.
    pub high: Option<f64>,
    /// The same by the curve that holds where they were exposed.
    pub by_curve: Vec<ByCurve>,
    /// The expected number of exposures in which an attacker was first, up to
    /// containment, else decision, else now.
    pub expected: f64,
    /// … at least, under any law with the same fastest and mean arrival.
    pub expected_at_least: f64,
    /// Exposures in which an attacker was seen using the credential.
    pub abuse_seen: u64,
    /// … before any person had decided and before containment.
    pub abuse_seen_first: u64,
}

/// The race under one curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ByCurve {
    /// The place of exposure; `None`: every place without a curve of its own.
    pub location: Option<String>,
    /// The earliest arrival.
    pub fastest_ms: Span,
    /// The mean arrival.
    pub mean_ms: Span,
    /// Exposures.
    pub windows: u64,
    /// The least chance that an attacker comes before the decision.
    pub low: Option<f64>,
    /// The most.
    pub high: Option<f64>,
}

/// Collects the waits of all exposures.
#[derive(Debug)]
pub(super) struct Waits {
    all: Survival,
    decided: u64,
    left_out: u64,
    /// By curve: that of everywhere first, then by place.
    strata: Vec<(Option<String>, AttackerCurve, Survival)>,
    expected: f64,
    at_least: f64,
    abuse_seen: u64,
    abuse_seen_first: u64,
}

impl Waits {
    pub(super) fn new(race: &Race) -> Waits {
        let everywhere = std::iter::once((None, *race.curve(None), Survival::new()));
        let places = race.locations();
        let places = places.map(|(at, curve)| (Some(at.to_owned()), *curve, Survival::new()));
        Waits {
            all: Survival::new(),
            decided: 0,
            left_out: 0,
            strata: everywhere.chain(places).collect(),
            expected: 0.0,
            at_least: 0.0,
            abuse_seen: 0,
            abuse_seen_first: 0,
        }
    }

    pub(super) fn add(&mut self, window: &Window<'_>, race: &Race, as_of: Timestamp) {
        if let Some(first) = window.attacker_first(race, as_of) {
            self.expected += first.probability;
            self.at_least += first.lower_bound;
        }
        if let Some(abused) = window.abused_at {
            self.abuse_seen += 1;
            let end = [window.decided_at(), window.contained_at];
            self.abuse_seen_first += u64::from(end.into_iter().flatten().all(|end| abused < end));
        }
        let wait = match window.decision {
            Some(_) => window.duration(Stage::TimeToReview),
            None => as_of.since(window.start()).non_negative(),
        };
        let Some(wait) = wait else {
            self.left_out += 1;
            return;
        };
        let decided = window.decision.is_some();
        self.decided += u64::from(decided);
        self.all.record(wait, decided);
        let own = |(place, _, _): &(Option<String>, _, _)| place.as_deref() == window.location;
        let at = self.strata.iter().skip(1).position(own).map_or(0, |at| at + 1);
        if let Some((_, _, waits)) = self.strata.get_mut(at) {
            waits.record(wait, decided);
        }
    }

    pub(super) fn finish(self, race: &Race) -> (TimeToReview, AttackerFirst) {
        let windows = self.all.len() as u64;
        let curve = self.all.estimate();
        let by_curve: Vec<ByCurve> = self
            .strata
            .into_iter()
            .map(|(place, law, waits)| by_curve(place, &law, waits))
            .collect();
        let together = |bound: fn(&ByCurve) -> Option<f64>| {
            let parts = by_curve.iter().filter_map(|part| Some(bound(part)? * part.windows as f64));
            (windows > 0).then(|| parts.sum::<f64>() / windows as f64)
        };
        let first = AttackerFirst {
            low: together(|part| part.low),
            high: together(|part| part.high),
            expected: self.expected,
            expected_at_least: self.at_least,
            abuse_seen: self.abuse_seen,
            abuse_seen_first: self.abuse_seen_first,
            by_curve,
        };
        let review = TimeToReview {
            windows,
            decided: self.decided,
            undecided: windows - self.decided,
            left_out: self.left_out,
            reviewed_by: points(&curve, &TOLD)
                .zip(TOLD)
                .map(|((_, chance), t_ms)| ReviewedBy { t_ms, chance })
                .collect(),
            median_ms: curve.median().map(Span::as_millis),
            rmst_1h_ms: curve.rmst(Span::from_mins(60)),
            observed_up_to_ms: curve.last_observed().map(Span::as_millis),
            at_risk: points(&curve, &AT_RISK)
                .zip(AT_RISK)
                .map(|((windows, _), t_ms)| AtRisk { t_ms, windows })
                .collect(),
            curve: drawn(&curve, race.curve(None)),
        };
        (review, first)
    }
}

fn by_curve(location: Option<String>, law: &AttackerCurve, waits: Survival) -> ByCurve {
    let windows = waits.len() as u64;
    let bounds = attacker_first(&waits.estimate(), law);
    ByCurve {
        location,
        fastest_ms: law.fastest(),
        mean_ms: law.mean(),
        windows,
        low: bounds.map(|(low, _)| low),
        high: bounds.map(|(_, high)| high),
    }
}

/// What censoring leaves of the chance that the attacker comes before the
/// decision: those decided at `r` are lost with `F(r)`; of those still waiting at
/// the end of observation `τ` at least `F(τ)` are lost, and at most all. Attackers
/// and reviewers are taken not to wait for each other.
fn attacker_first(curve: &KaplanMeier, law: &AttackerCurve) -> Option<(f64, f64)> {
    let (mut lost, mut waiting, mut last) = (0.0, 1.0, None);
    for step in curve.steps() {
        lost += law.probability(step.time) * (waiting - step.survival);
        waiting = step.survival;
        last = Some(step.time);
    }
    last.map(|last| (lost + waiting * law.probability(last), lost + waiting))
}

/// At each of `times`, in order: how many were watched at least as long, and the
/// chance of a decision by then.
fn points<'c>(
    curve: &'c KaplanMeier,
    times: &'c [Span],
) -> impl Iterator<Item = (u64, Estimate)> + 'c {
    let mut steps = curve.steps().peekable();
    let none = Estimate { estimate: steps.peek().map(|_| 0.0), low: None, high: None };
    let mut chance = none;
    let mut after = steps.peek().map_or(0, |step| step.at_risk);
    times.iter().map(move |time| {
        let mut at_risk = None;
        while let Some(step) = steps.next_if(|step| step.time <= *time) {
            if step.time == *time {
                at_risk = Some(step.at_risk);
            }
            after = step.at_risk - step.events - step.censored;
            chance = step.probability();
        }
        (at_risk.unwrap_or(after), chance)
    })
}

fn drawn(curve: &KaplanMeier, law: &AttackerCurve) -> Vec<Point> {
    if curve.last_observed().is_none() {
        return Vec::new();
    }
    let every =
        (0..=DRAWN.as_millis() / DRAWN_EVERY_MS).map(|n| Span::from_millis(n * DRAWN_EVERY_MS));
    let times: Vec<Span> = every.collect();
    let told = points(curve, &times).zip(&times);
    told.map(|((_, chance), t_ms)| Point {
        t_ms: *t_ms,
        waiting: 1.0 - chance.estimate.unwrap_or(0.0),
        low: chance.high.map(|high| 1.0 - high),
        high: chance.low.map(|low| 1.0 - low),
        attacker: law.probability(*t_ms),
    })
    .collect()
}
