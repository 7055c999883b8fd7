//! All windows of a run in one set of figures.
//!
//! Invariants: no figure depends on the order of the windows, to the last bit;
//! what cannot be said is `None`, never zero; every latency figure stands next
//! to the number of windows it leaves out.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::attacker::{Band, Race};
use super::histogram::StageHistogram;
use super::oversight::{Flags, HollowReason, Judgement, Person, Quality};
use super::survival::{Estimate, KaplanMeier, Survival};
use super::windows::{Stage, State, Window};
use crate::config::{FASTEST_ATTACKER, MEAN_ATTACKER, OversightConfig};
use crate::time::{Span, Timestamp};

/// How events fared; `read` is the sum of the next five.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EventCounts {
    /// Events decoded, and records refused or skipped.
    pub read: u64,
    /// Distinct events in use.
    pub accepted: u64,
    /// Repeats.
    pub duplicate: u64,
    /// Records refused, and events beyond a bound.
    pub rejected: u64,
    /// Events for windows that were final.
    pub late: u64,
    /// Well-formed records with nothing to measure, and events after `as_of`.
    pub skipped: u64,
    /// Accepted events that found no window.
    pub orphan: u64,
    /// Contradictions between clocks.
    pub clock_skew: u64,
}

/// The figures of one stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StageFigures {
    /// Windows that completed it.
    pub count: u64,
    /// Windows in which it has begun and may still end.
    pub censored: u64,
    /// Median of the completed ones, in milliseconds.
    pub p50_ms: Option<i64>,
    /// 90th percentile.
    pub p90_ms: Option<i64>,
    /// 99th percentile.
    pub p99_ms: Option<i64>,
    /// Longest.
    pub max_ms: Option<i64>,
}

/// Where reviews fell against the attacker window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct AttackerWindow {
    /// The fastest attackers, in milliseconds.
    pub fastest_ms: Span,
    /// Attackers on average.
    pub mean_ms: Span,
    /// Reviewed before the fastest.
    pub ahead: u64,
    /// Reviewed between the two.
    pub contested: u64,
    /// Reviewed later.
    pub behind: u64,
    /// Not reviewed.
    pub unreviewed: u64,
    /// Reviewed, at a time that contradicts the exposure.
    pub unknown: u64,
    /// Sum of the chances that an attacker came first.
    pub expected_attacker_first: f64,
}

/// Time to review with the undecided windows taken into account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SurvivalFigures {
    /// Chance of a review before the fastest attackers.
    pub reviewed_by_fastest: Estimate,
    /// Chance of a review before attackers come on average.
    pub reviewed_by_mean: Estimate,
    /// The median time to review.
    pub median_ms: Option<i64>,
    /// Mean wait within the first hour.
    pub rmst_1h_ms: Option<f64>,
    /// The longest that any window was watched: beyond it the curve is taken to
    /// stay where it is, and nothing is known.
    pub observed_up_to_ms: Option<i64>,
}

/// Decisions on seeded cases with wrong advice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Seeded {
    /// Challenged.
    pub caught: u64,
    /// Let through.
    pub missed: u64,
}

/// How the human step was done.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Oversight {
    /// Windows with a human decision.
    pub reviews: u64,
    /// … that there was something to judge by, and nothing speaks against.
    pub meaningful: u64,
    /// … with at least one sign that it was no review.
    pub hollow: u64,
    /// … that there was nothing to judge by.
    pub unassessed: u64,
    /// How often each sign was found.
    pub by_reason: ByReason,
    /// Decided as advised.
    pub agreed: u64,
    /// Decided otherwise.
    pub disagreed: u64,
    /// Decided before any advice.
    pub unadvised: u64,
    /// Decisions by an AI or by automation: counted, no reviews.
    pub nonhuman_decisions: u64,
    /// Windows in which an AI acted before a person decided.
    pub ai_acted_first: u64,
    /// Seeded cases.
    pub seeded: Seeded,
    /// The people who decide.
    pub reviewers: Reviewers,
}

/// The people who decide, as a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Reviewers {
    /// Reviewers with a decision.
    pub count: u64,
    /// The promised rate of false discoveries among those who are named.
    pub false_discovery_rate: f64,
    /// Reviewers who are named; `None` in a group so small that a count would single
    /// somebody out.
    pub flagged: Option<u64>,
    /// Reviewers whose page is on; `None` likewise.
    pub suspected: Option<u64>,
}

impl Oversight {
    fn merge(&mut self, other: &Oversight) {
        let Oversight {
            reviews,
            meaningful: _,
            hollow,
            unassessed,
            by_reason,
            agreed,
            disagreed,
            unadvised,
            nonhuman_decisions,
            ai_acted_first,
            seeded: Seeded { caught, missed },
            // Of all reviews together, when they are judged.
            reviewers: _,
        } = other;
        self.reviews += reviews;
        self.hollow += hollow;
        self.unassessed += unassessed;
        self.by_reason.0.iter_mut().zip(by_reason.0).for_each(|(to, n)| *to += n);
        self.agreed += agreed;
        self.disagreed += disagreed;
        self.unadvised += unadvised;
        self.nonhuman_decisions += nonhuman_decisions;
        self.ai_acted_first += ai_acted_first;
        self.seeded.caught += caught;
        self.seeded.missed += missed;
    }
}

/// Counts by reason, every reason present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByReason([u64; HollowReason::ALL.len()]);

impl ByReason {
    /// How often `reason` was found.
    pub const fn get(&self, reason: HollowReason) -> u64 {
        self.0[reason as usize]
    }
}

impl Serialize for ByReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(HollowReason::ALL.iter().map(|reason| (reason, self.get(*reason))))
    }
}

/// Windows by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowCounts([u64; State::ALL.len()]);

impl WindowCounts {
    /// All windows.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Windows in `state`.
    pub const fn get(&self, state: State) -> u64 {
        self.0[state as usize]
    }
}

impl Serialize for WindowCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("total", &self.total())?;
        for state in State::ALL {
            map.serialize_entry(state, &self.get(*state))?;
        }
        map.end()
    }
}

/// Figures of all stages, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StagesFigures([StageFigures; Stage::ALL.len()]);

impl StagesFigures {
    /// The figures of `stage`.
    pub const fn get(&self, stage: Stage) -> &StageFigures {
        &self.0[stage as usize]
    }
}

impl Serialize for StagesFigures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Stage::ALL.iter().map(|stage| (stage, self.get(*stage))))
    }
}

/// The summary of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The moment up to which it is told; `None` when there was no event.
    pub as_of: Option<Timestamp>,
    /// How events fared.
    pub events: EventCounts,
    /// Windows by state.
    pub windows: WindowCounts,
    /// Latencies.
    pub stages: StagesFigures,
    /// The race.
    pub attacker_window: AttackerWindow,
    /// Time to review, open windows included.
    pub survival: SurvivalOf,
    /// The human step.
    pub oversight: Oversight,
    /// The headline: effective reviews among the windows that should have one,
    /// because they are decided, or undecided and as old as the fastest attacker.
    pub effective_review_rate: Rate,
}

/// A share of a count; told as the share alone, `null` of nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
}

impl Rate {
    /// The share, from 0 to 1.
    pub fn share(self) -> Option<f64> {
        (self.of > 0).then(|| self.count as f64 / self.of as f64)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.share().serialize(serializer)
    }
}

/// Survival figures by stage; one stage has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SurvivalOf {
    /// Start to first human decision.
    pub time_to_review: SurvivalFigures,
}

/// Takes in windows and gives the summary.
#[derive(Debug, Default)]
pub struct Tally {
    windows: WindowCounts,
    stages: [(StageHistogram, u64); Stage::ALL.len()],
    bands: [u64; Band::ALL.len()],
    unreviewed: u64,
    unknown: u64,
    expected: FixedSum,
    survival: Survival,
    oversight: Oversight,
    skew_faults: u64,
    effective: Rate,
}

impl Tally {
    /// Nothing taken in yet.
    pub fn new() -> Tally {
        Tally::default()
    }

    /// Takes in one window as it stands at `as_of`.
    pub fn add(&mut self, window: &Window<'_>, race: &Race, as_of: Timestamp) {
        self.windows.0[window.state() as usize] += 1;
        self.skew_faults += window.skew_faults();
        for (stage, (histogram, censored)) in Stage::ALL.iter().zip(&mut self.stages) {
            match window.duration(*stage) {
                Some(duration) => histogram.record(duration),
                None => *censored += u64::from(window.censored(*stage)),
            }
        }
        if let Some(first) = window.attacker_first(race, as_of) {
            self.expected.add(first.probability);
        }
        let age = as_of.since(window.start());
        match (window.decision, window.duration(Stage::TimeToReview)) {
            (None, _) => {
                self.unreviewed += 1;
                self.effective.of += u64::from(age >= window.targets.in_time);
                self.survival.record(age, false);
            }
            (Some(_), None) => {
                self.unknown += 1;
                self.effective.of += 1;
            }
            (Some(_), Some(time_to_review)) => {
                self.bands[Band::of(time_to_review, window.targets) as usize] += 1;
                self.effective.of += 1;
                self.survival.record(time_to_review, true);
            }
        }
        self.add_oversight(window);
    }

    /// Takes in the judgement of a window, whenever it is known. Every window
    /// that is added needs one.
    pub fn judged(&mut self, judgement: &Judgement) {
        if !judgement.reviewed {
            return;
        }
        self.effective.count += u64::from(judgement.effective());
        self.oversight.hollow += u64::from(!judgement.reasons.is_empty());
        let unassessed = judgement.quality() == Some(Quality::Unassessed);
        self.oversight.unassessed += u64::from(unassessed);
        for reason in judgement.reasons.iter() {
            self.oversight.by_reason.0[reason as usize] += 1;
        }
    }

    /// Takes in what came of the reviewers, once all reviews are judged.
    pub fn reviewers(&mut self, people: &[Person], flags: &Flags, config: &OversightConfig) {
        let told = people.len() as u64 >= u64::from(config.small_group);
        let firing = people.iter().filter(|person| person.standing.firing.is_some()).count();
        self.oversight.reviewers = Reviewers {
            count: people.len() as u64,
            false_discovery_rate: config.alpha,
            flagged: flags.told(config.small_group),
            suspected: told.then_some(firing as u64),
        };
    }

    fn add_oversight(&mut self, window: &Window<'_>) {
        let oversight = &mut self.oversight;
        oversight.ai_acted_first += u64::from(window.ai_acted_first_at.is_some());
        oversight.nonhuman_decisions += window.nonhuman_decisions;
        if window.decision.is_none() {
            return;
        }
        oversight.reviews += 1;
        oversight.unadvised += u64::from(window.advice.is_none());
        match window.agreed() {
            Some(true) => oversight.agreed += 1,
            Some(false) => oversight.disagreed += 1,
            None => {}
        }
        match window.seeded_case_caught() {
            Some(true) => oversight.seeded.caught += 1,
            Some(false) => oversight.seeded.missed += 1,
            None => {}
        }
    }

    /// Takes in all that another tally took in.
    pub fn merge(&mut self, other: &Tally) {
        let add =
            |to: &mut [u64], from: &[u64]| to.iter_mut().zip(from).for_each(|(to, n)| *to += n);
        add(&mut self.windows.0, &other.windows.0);
        add(&mut self.bands, &other.bands);
        for ((histogram, censored), (more, further)) in self.stages.iter_mut().zip(&other.stages) {
            histogram.merge(more);
            *censored += further;
        }
        self.unreviewed += other.unreviewed;
        self.unknown += other.unknown;
        self.expected.0 += other.expected.0;
        self.survival.merge(&other.survival);
        self.oversight.merge(&other.oversight);
        self.skew_faults += other.skew_faults;
        self.effective.count += other.effective.count;
        self.effective.of += other.effective.of;
    }

    /// The histogram of `stage`.
    pub fn histogram(&self, stage: Stage) -> &StageHistogram {
        &self.stages[stage as usize].0
    }

    /// The figures; `events` as counted by whoever read them.
    pub fn summary(&self, as_of: Option<Timestamp>, events: EventCounts) -> Summary {
        let stages = self.stages.each_ref().map(|(histogram, censored)| {
            let ms = |span: Option<Span>| span.map(Span::as_millis);
            StageFigures {
                count: histogram.count(),
                censored: *censored,
                p50_ms: ms(histogram.p50()),
                p90_ms: ms(histogram.p90()),
                p99_ms: ms(histogram.p99()),
                max_ms: ms(histogram.max()),
            }
        });
        let [ahead, contested, behind] = self.bands;
        Summary {
            as_of,
            events: EventCounts { clock_skew: self.skew_faults, ..events },
            windows: self.windows,
            stages: StagesFigures(stages),
            attacker_window: AttackerWindow {
                fastest_ms: FASTEST_ATTACKER,
                mean_ms: MEAN_ATTACKER,
                ahead,
                contested,
                behind,
                unreviewed: self.unreviewed,
                unknown: self.unknown,
                expected_attacker_first: self.expected.value(),
            },
            survival: SurvivalOf {
                time_to_review: survival_figures(&self.survival.clone().estimate()),
            },
            oversight: Oversight {
                meaningful: self.oversight.reviews
                    - self.oversight.hollow
                    - self.oversight.unassessed,
                ..self.oversight.clone()
            },
            effective_review_rate: self.effective,
        }
    }
}

fn survival_figures(curve: &KaplanMeier) -> SurvivalFigures {
    SurvivalFigures {
        reviewed_by_fastest: curve.probability_by(FASTEST_ATTACKER),
        reviewed_by_mean: curve.probability_by(MEAN_ATTACKER),
        median_ms: curve.median().map(Span::as_millis),
        rmst_1h_ms: curve.rmst(Span::from_mins(60)),
        observed_up_to_ms: curve.last_observed().map(Span::as_millis),
    }
}

/// A sum of probabilities that does not depend on their order: each is rounded
/// to a multiple of 2⁻⁵³ (no more than the last bit of a double near one), and
/// integers add exactly.
#[derive(Clone, Copy, Debug, Default)]
struct FixedSum(u128);

impl FixedSum {
    const ONE: f64 = (1_u64 << 53) as f64;

    fn add(&mut self, probability: f64) {
        self.0 += (probability * FixedSum::ONE) as u128;
    }

    fn value(self) -> f64 {
        self.0 as f64 / FixedSum::ONE
    }
}
