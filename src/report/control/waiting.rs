//! How long exposures wait for a person, and how likely an attacker is first.
//!
//! Invariants: the undecided are in every figure; a figure for a time beyond what
//! was watched says so by [`TimeToReview::observed_up_to_ms`]; what censoring or an
//! unknown time of exposure leaves open is an interval, never a point.

use serde::Serialize;

use super::Case;
use crate::engine::attacker::{AttackerCurve, Race};
use crate::engine::bounds::Sizes;
use crate::engine::chances::{ChanceFirst, Chances, Course};
use crate::engine::survival::{Estimate, KaplanMeier, Survival};
use crate::engine::waits::{Between, Curves, Reviewed, Wait};
use crate::time::{Span, Timestamp};

/// How far the drawn curve reaches, and how fine it is.
const DRAWN: Span = Span::from_mins(60);
const DRAWN_EVERY_MS: i64 = 15_000;

/// Moments that are told in numbers, beside those of the attackers.
const TOLD: [Span; 4] = [
    Span::from_mins(60),
    Span::from_mins(4 * 60),
    Span::from_mins(24 * 60),
    Span::from_mins(7 * 24 * 60),
];

/// Moments at which the number at risk is told, beside those of the attackers.
const AT_RISK: [Span; 5] =
    [Span::ZERO, Span::from_mins(5), Span::from_mins(30), Span::from_mins(45), Span::from_mins(60)];
/// Moments of the picture are as far apart as their labels need.
const APART: Span = Span::from_mins(3);

/// `moments` and those at which the fastest attackers and the mean one come, in order. What
/// comes at once is no moment to tell a figure at.
pub(super) fn with_attackers(law: &AttackerCurve, moments: &[Span]) -> Vec<Span> {
    let own = [law.fastest(), law.mean()].into_iter().filter(|at| *at > Span::ZERO);
    let mut all: Vec<Span> = own.chain(moments.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The moments along the picture: the attackers', and others that leave room for them.
fn along(law: &AttackerCurve) -> Vec<Span> {
    let own = [law.fastest(), law.mean()];
    let near = |at: Span, own: &Span| (at.as_millis() - own.as_millis()).abs() < APART.as_millis();
    let others = AT_RISK.into_iter();
    let others = others.filter(|at| *at == Span::ZERO || !own.iter().any(|own| near(*at, own)));
    let all = with_attackers(law, &others.collect::<Vec<_>>());
    all.into_iter().filter(|at| *at <= DRAWN).collect()
}

/// The time to a human decision, the undecided counted in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TimeToReview {
    /// Exposures that the curve is of: those that attackers race for.
    pub windows: u64,
    /// Incidents that they belong to.
    pub incidents: u64,
    /// What they are worth as independent observations.
    pub effective: f64,
    /// … decided.
    pub decided: u64,
    /// … undecided when last seen.
    pub undecided: u64,
    /// Exposures whose time is not known, or contradicts the decision: they make the figures
    /// wide.
    pub unknown_exposure: u64,
    /// Undecided exposures left out, because they end before they begin.
    pub left_out: u64,
    /// The chance of a decision by some moments.
    pub reviewed_by: Vec<ReviewedBy>,
    /// The median; an end is `None` while over half are undecided.
    pub median_ms: Between<Option<i64>>,
    /// The median of the decided alone, from the detection where the exposure is not known.
    pub decided_median_ms: Option<i64>,
    /// The mean wait within the first hour.
    pub rmst_1h_ms: Between<Option<f64>>,
    /// The longest that any exposure was watched. Beyond it the curve is taken to
    /// stay level, which is an assumption.
    pub observed_up_to_ms: Option<i64>,
    /// Exposures waiting, just before some moments.
    pub at_risk: Vec<AtRisk>,
    /// The curve of the first hour.
    pub curve: Vec<Point>,
}

impl TimeToReview {
    /// The chance of a decision by `moment`; nothing known where it is none of those told.
    pub fn decided_by(&self, moment: Span) -> Reviewed {
        let told = self.reviewed_by.iter().find(|by| by.t_ms == moment);
        told.map(|by| by.chance).unwrap_or_default()
    }
}

impl AttackerFirst {
    /// When the fastest attackers and the mean one come, under the first law.
    pub fn arrivals(&self) -> (Span, Span) {
        self.laws.first().map_or((Span::ZERO, Span::ZERO), |law| (law.fastest_ms, law.mean_ms))
    }

    /// The first moment of the attackers that a review can come before: the fastest, or
    /// the mean where the fastest come at once.
    pub fn first_arrival(&self) -> (Span, &'static str) {
        match self.arrivals() {
            (Span::ZERO, mean) => (mean, "attackers come on average"),
            (fastest, _) => (fastest, "the fastest attackers"),
        }
    }
}

/// The chance of a decision by a moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReviewedBy {
    /// The moment, from the start of the exposure.
    pub t_ms: Span,
    /// The chance, with 95 % bounds.
    #[serde(flatten)]
    pub chance: Reviewed,
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
    /// The share still waiting for a decision, at least.
    pub low: f64,
    /// … at most.
    pub high: f64,
    /// The lower 95 % bound of `low`.
    pub low_bound: Option<f64>,
    /// The upper 95 % bound of `high`.
    pub high_bound: Option<f64>,
    /// The chance that an attacker has come, with the fastest as published.
    pub attacker: f64,
    /// … with the same mean, and the fastest at once.
    pub attacker_from_the_start: f64,
}

/// Who comes first, in public places of workflows that attackers race for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttackerFirst {
    /// All exposures, with the fastest attackers as published, and with the fastest at
    /// once. In places with a curve of their own both are that one.
    pub laws: Vec<ByCurve>,
    /// The same by place of exposure, where a place has a curve of its own.
    pub by_place: Vec<ByCurve>,
    /// Exposures of such workflows in places that attackers do not watch.
    pub not_public: u64,
    /// Exposures in which an attacker was seen using the credential.
    pub abuse_seen: u64,
    /// … before any person had decided and before containment.
    pub abuse_seen_first: u64,
}

/// The race under one curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ByCurve {
    /// The place of exposure; `None`: all of them.
    pub location: Option<String>,
    /// The earliest arrival.
    pub fastest_ms: Span,
    /// The mean arrival.
    pub mean_ms: Span,
    /// The chance that an attacker came first.
    #[serde(flatten)]
    pub first: ChanceFirst,
}

/// A place with a curve of its own.
#[derive(Debug)]
struct Place {
    name: String,
    law: AttackerCurve,
    chances: Chances,
    raced: Sizes,
}

/// Collects the waits of all exposures.
#[derive(Debug)]
pub(super) struct Waits {
    all: crate::engine::waits::Waits,
    decided_alone: Survival,
    sizes: Sizes,
    decided: u64,
    left_out: u64,
    laws: [Chances; 2],
    raced: Sizes,
    by_place: Vec<Place>,
    not_public: u64,
    abuse_seen: u64,
    abuse_seen_first: u64,
}

impl Waits {
    pub(super) fn new(race: &Race) -> Waits {
        let places = race.locations().map(|(name, law)| Place {
            name: name.to_owned(),
            law: *law,
            chances: Chances::default(),
            raced: Sizes::new(),
        });
        Waits {
            all: crate::engine::waits::Waits::new(),
            decided_alone: Survival::new(),
            sizes: Sizes::new(),
            decided: 0,
            left_out: 0,
            laws: Default::default(),
            raced: Sizes::new(),
            by_place: places.collect(),
            not_public: 0,
            abuse_seen: 0,
            abuse_seen_first: 0,
        }
    }

    pub(super) fn add(&mut self, case: &Case<'_>, race: &Race, as_of: Timestamp) {
        let window = &case.window;
        if let Some(abused) = window.abused_at {
            self.abuse_seen += 1;
            let end = [window.decided_at(), window.contained_at];
            self.abuse_seen_first += u64::from(end.into_iter().flatten().all(|end| abused < end));
        }
        if !race.is_raced(window.key.workflow) {
            return;
        }
        self.not_public += u64::from(!race.is_public(window.location));
        if let Some(course) = Course::of(window, race, as_of) {
            self.raced.add(case.incident);
            for (chances, law) in self.laws.iter_mut().zip(race.laws(window.location)) {
                chances.add(&course, &law);
            }
            let own = |place: &&mut Place| Some(place.name.as_str()) == window.location;
            if let Some(place) = self.by_place.iter_mut().find(own) {
                place.chances.add(&course, &place.law);
                place.raced.add(case.incident);
            }
        }
        let Some(wait) = Wait::of(window, race, as_of) else {
            self.left_out += u64::from(race.runs(window.key.workflow, window.location));
            return;
        };
        self.decided += u64::from(wait.decided);
        self.all.add(wait);
        if wait.decided {
            self.decided_alone.record(wait.length, true);
        }
        self.sizes.add(case.incident);
    }

    pub(super) fn finish(self, race: &Race) -> (TimeToReview, AttackerFirst) {
        let sample = self.sizes.sample();
        let windows = sample.windows;
        let curves = self.all.estimate(&sample);
        // The sample makes bounds, which are not asked for here.
        let decided_alone = self.decided_alone.estimate(&sample);
        let told =
            |location: Option<String>, law: AttackerCurve, chances: &Chances, raced| ByCurve {
                location,
                fastest_ms: law.fastest(),
                mean_ms: law.mean(),
                first: chances.finish(raced),
            };
        let incidents = self.raced.sample().incidents;
        let law = race.curve(None);
        let (told_at, along) = (with_attackers(law, &TOLD), along(law));
        let laws = race.laws(None).into_iter().zip(&self.laws);
        let first = AttackerFirst {
            laws: laws.map(|(law, chances)| told(None, law, chances, incidents)).collect(),
            by_place: self
                .by_place
                .into_iter()
                .map(|place| {
                    let incidents = place.raced.sample().incidents;
                    told(Some(place.name), place.law, &place.chances, incidents)
                })
                .collect(),
            not_public: self.not_public,
            abuse_seen: self.abuse_seen,
            abuse_seen_first: self.abuse_seen_first,
        };
        let review = TimeToReview {
            windows,
            incidents: sample.incidents,
            effective: sample.effective,
            decided: self.decided,
            undecided: windows - self.decided,
            unknown_exposure: self.all.unknown(),
            left_out: self.left_out,
            reviewed_by: between(&curves, &told_at)
                .zip(&told_at)
                .map(|((_, chance), t_ms)| ReviewedBy { t_ms: *t_ms, chance })
                .collect(),
            median_ms: curves.median().map(|median| median.map(Span::as_millis)),
            decided_median_ms: decided_alone.median().map(Span::as_millis),
            rmst_1h_ms: curves.rmst(Span::from_mins(60)),
            observed_up_to_ms: curves.early.last_observed().map(Span::as_millis),
            at_risk: points(&curves.early, &along)
                .zip(&along)
                .map(|((windows, _), t_ms)| AtRisk { t_ms: *t_ms, windows })
                .collect(),
            curve: drawn(&curves, race),
        };
        (review, first)
    }
}

/// At each of `times`, in order: how many were watched at least as long, and the
/// chance of a decision by then.
fn points<'c>(
    curve: &'c KaplanMeier,
    times: &'c [Span],
) -> impl Iterator<Item = (u64, Estimate)> + 'c {
    let mut steps = curve.steps().peekable();
    let mut chance = curve.at_first();
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

/// The same, between the two curves; at risk by the early one.
fn between<'c>(
    curves: &'c Curves,
    times: &'c [Span],
) -> impl Iterator<Item = (u64, Reviewed)> + 'c {
    let early = points(&curves.early, times);
    early.zip(points(curves.late(), times)).map(|((at_risk, high), (_, low))| {
        let reviewed = Reviewed {
            low: low.estimate,
            high: high.estimate,
            low_bound: low.low,
            high_bound: high.high,
        };
        (at_risk, reviewed)
    })
}

fn drawn(curves: &Curves, race: &Race) -> Vec<Point> {
    let [published, from_the_start] = race.laws(None);
    if curves.early.last_observed().is_none() {
        return Vec::new();
    }
    let every =
        (0..=DRAWN.as_millis() / DRAWN_EVERY_MS).map(|n| Span::from_millis(n * DRAWN_EVERY_MS));
    let times: Vec<Span> = every.collect();
    let told = between(curves, &times).zip(&times);
    told.map(|((_, chance), t_ms)| Point {
        t_ms: *t_ms,
        low: 1.0 - chance.high.unwrap_or(0.0),
        high: 1.0 - chance.low.unwrap_or(0.0),
        low_bound: chance.high_bound.map(|bound| 1.0 - bound),
        high_bound: chance.low_bound.map(|bound| 1.0 - bound),
        attacker: published.probability(*t_ms),
        attacker_from_the_start: from_the_start.probability(*t_ms),
    })
    .collect()
}
