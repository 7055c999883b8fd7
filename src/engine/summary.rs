//! All windows of a run in one set of figures.
//!
//! Invariants: no figure depends on the order of the windows, to the last bit;
//! what cannot be said is `None`, never zero; every latency figure stands next
//! to the number of windows it leaves out.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::attacker::{AttackerCurve, Band, Race};
use super::bounds::Sample;
use super::by_workflow::{Bands, WorkflowFigures, WorkflowsFigures};
use super::chances::{ChanceFirst, Chances, Course};
use super::effective::{Due, EffectiveRate, Outcomes};
use super::histogram::StageHistogram;
use super::incidents::{IncidentRules, Incidents, Tie};
use super::oversight::{Flags, HollowReason, Judgement, Person, Quality};
use super::waits::{Between, Reviewed, Wait, Waits};
use super::windows::{Stage, State, Window};
use crate::config::{FiguresConfig, OversightConfig, Profiles};
use crate::event::Workflow;
use crate::time::{Span, Timestamp};

/// What figures over windows are computed by.
#[derive(Clone, Copy, Debug)]
pub struct FigureRules<'r> {
    /// The attackers' curves, and whom they race.
    pub race: &'r Race,
    /// Targets by workflow.
    pub profiles: &'r Profiles,
    /// Incidents, and public places.
    pub figures: &'r FiguresConfig,
}

impl FigureRules<'_> {
    /// When windows belong to one incident.
    pub const fn incidents(&self) -> IncidentRules {
        IncidentRules { gap: self.figures.incident_gap, batch: self.figures.batch_hold }
    }
}

/// How events fared; `read` is the sum of the next six.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EventCounts {
    /// Events decoded, one for each credential that they are about, and records refused or
    /// skipped.
    pub read: u64,
    /// Distinct events in use.
    pub accepted: u64,
    /// Repeats.
    pub duplicate: u64,
    /// Records refused, and events beyond a bound.
    pub rejected: u64,
    /// Records of known sources that the program does not read.
    pub unsupported: u64,
    /// Events for windows that were final.
    pub late: u64,
    /// Well-formed records with nothing to measure, and events after `as_of`.
    pub skipped: u64,
    /// Links between names, and events of names that only stand for others.
    pub linked: u64,
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

/// Where the reviews of raced workflows fell against the attacker window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct AttackerWindow {
    /// The fastest attackers, in milliseconds.
    pub fastest_ms: Span,
    /// Attackers on average.
    pub mean_ms: Span,
    /// Where the reviews fell.
    #[serde(flatten)]
    pub bands: Bands,
    /// The chance that an attacker came first, with the fastest attackers as published.
    pub attacker_first: ChanceFirst,
    /// … with the same mean, and the fastest attackers at once.
    pub attacker_first_from_the_start: ChanceFirst,
}

/// Time to review with the undecided windows taken into account, of the windows that attackers
/// race for. Each figure is a range: see [`super::waits`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SurvivalFigures {
    /// Chance of a review before the fastest attackers.
    pub reviewed_by_fastest: Reviewed,
    /// Chance of a review before attackers come on average.
    pub reviewed_by_mean: Reviewed,
    /// The median time to review.
    pub median_ms: Between<Option<i64>>,
    /// Mean wait within the first hour.
    pub rmst_1h_ms: Between<Option<f64>>,
    /// The longest that any window was watched: beyond it the curve is taken to
    /// stay where it is, and nothing is known.
    pub observed_up_to_ms: Option<i64>,
    /// Windows whose time of exposure is not known, or contradicts the decision: they make
    /// the figures wide.
    pub unknown_exposure: u64,
    /// The windows that it is of, and the incidents they belong to.
    pub sample: Sample,
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
    /// … with nothing to judge them by.
    pub unassessed: u64,
    /// … not judged yet.
    pub unjudged: u64,
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
    /// Reviewers whose agreement was compared with nobody's, because too few peers decided
    /// like cases. That is no finding. `None` where a number would single somebody out.
    pub cannot_be_compared: Option<u64>,
}

impl Oversight {
    fn merge(&mut self, other: &Oversight) {
        let Oversight {
            reviews,
            meaningful,
            hollow,
            unassessed,
            unjudged,
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
        self.meaningful += meaningful;
        self.hollow += hollow;
        self.unassessed += unassessed;
        self.unjudged += unjudged;
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
    /// Windows in which clocks contradict each other.
    pub clock_skew_windows: u64,
    /// Latencies.
    pub stages: StagesFigures,
    /// The race.
    pub attacker_window: AttackerWindow,
    /// Time to review in raced workflows, open windows included.
    pub survival: SurvivalOf,
    /// The human step.
    pub oversight: Oversight,
    /// The headline: effective reviews among the windows of raced workflows that are
    /// old enough to have one.
    pub effective_review_rate: EffectiveRate,
    /// Targets and rates of each workflow.
    pub workflows: WorkflowsFigures,
}

/// Survival figures by stage; one stage has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SurvivalOf {
    /// Start to first human decision.
    pub time_to_review: SurvivalFigures,
}

/// What is kept of each window until its decision is judged and incidents are known.
#[derive(Clone, Copy, Debug)]
struct Seen {
    tie: Tie,
    due: Due,
    workflow: Workflow,
    /// Whether it is in the survival curve.
    watched: bool,
    /// Whether it is in the chances of the attackers.
    raced: bool,
}

/// Takes in windows and gives the summary.
#[derive(Debug, Default)]
pub struct Tally {
    windows: WindowCounts,
    stages: [(StageHistogram, u64); Stage::ALL.len()],
    workflows: [Counts; Workflow::ALL.len()],
    chances: [Chances; 2],
    waits: Waits,
    oversight: Oversight,
    skew_faults: u64,
    skewed: u64,
    seen: Vec<Seen>,
}

/// Counts of one workflow.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    windows: u64,
    bands: Bands,
    outcomes: Outcomes,
}

impl Counts {
    fn merge(&mut self, other: &Counts) {
        self.windows += other.windows;
        self.bands += other.bands;
        self.outcomes.merge(&other.outcomes);
    }
}

impl Tally {
    /// Nothing taken in yet.
    pub fn new() -> Tally {
        Tally::default()
    }

    /// Nothing taken in yet, with room for so many windows. Lists that have their room need not
    /// grow, so they are not copied. The kernel gives memory only for room that is used.
    pub fn with_capacity(windows: usize) -> Tally {
        let (waits, seen) = (Waits::with_capacity(windows), Vec::with_capacity(windows));
        Tally { waits, seen, ..Tally::default() }
    }

    /// Takes in one window as it stands at `as_of`.
    pub fn add(&mut self, window: &Window<'_>, rules: &FigureRules<'_>, as_of: Timestamp) {
        self.windows.0[window.state() as usize] += 1;
        self.skew_faults += window.skew_faults();
        self.skewed += u64::from(window.clock_skew());
        for (stage, (histogram, censored)) in Stage::ALL.iter().zip(&mut self.stages) {
            match window.duration(*stage) {
                Some(duration) => histogram.record(duration),
                None => *censored += u64::from(window.censored(*stage)),
            }
        }
        let workflow = window.key.workflow;
        let course = Course::of(window, rules.race, as_of);
        if let Some(course) = &course {
            for (chances, law) in self.chances.iter_mut().zip(rules.race.laws(window.location)) {
                chances.add(course, &law);
            }
        }
        let counts = &mut self.workflows[workflow as usize];
        counts.windows += 1;
        let bands = &mut counts.bands;
        let band = match (window.decision, window.band()) {
            (None, _) if window.withdrawn_at.is_some() => &mut bands.withdrawn,
            (None, _) => &mut bands.unreviewed,
            (Some(_), None) => &mut bands.unknown,
            (Some(_), Some(Band::Ahead)) => &mut bands.ahead,
            (Some(_), Some(Band::Contested)) => &mut bands.contested,
            (Some(_), Some(Band::Behind)) => &mut bands.behind,
        };
        *band += 1;
        let wait = Wait::of(window, rules.race, as_of);
        if let Some(wait) = wait {
            self.waits.add(wait);
        }
        let due = Due::of(window, window.targets, as_of);
        let (watched, raced) = (wait.is_some(), course.is_some());
        self.seen.push(Seen { tie: Tie::of(window), due, workflow, watched, raced });
        self.add_oversight(window);
    }

    /// Takes in the judgements of all windows added, in that order; `None` while a
    /// decision has not been judged. Of a window that was not decided it says nothing.
    pub fn judged<'j>(&mut self, judgements: impl IntoIterator<Item = Option<&'j Judgement>>) {
        for (seen, judgement) in self.seen.iter().zip(judgements) {
            let reviewed = judgement.is_none_or(|judgement| judgement.reviewed);
            let quality = judgement.and_then(Judgement::quality);
            if let Some(outcome) = seen.due.outcome(quality) {
                self.workflows[seen.workflow as usize].outcomes.add(outcome);
            }
            if !reviewed {
                continue;
            }
            *match quality {
                Some(Quality::Meaningful) => &mut self.oversight.meaningful,
                Some(Quality::Hollow) => &mut self.oversight.hollow,
                Some(Quality::Unassessed) => &mut self.oversight.unassessed,
                None => &mut self.oversight.unjudged,
            } += 1;
            for reason in judgement.iter().flat_map(|judgement| judgement.reasons.iter()) {
                self.oversight.by_reason.0[reason as usize] += 1;
            }
        }
    }

    /// Takes in what came of the reviewers, once all reviews are judged.
    pub fn reviewers(&mut self, people: &[Person], flags: &Flags, config: &OversightConfig) {
        let told = people.len() as u64 >= u64::from(config.small_group);
        let alone = people.iter().filter(|person| !person.standing.can_be_compared()).count();
        let firing = people.iter().filter(|person| person.standing.firing.is_some()).count();
        self.oversight.reviewers = Reviewers {
            count: people.len() as u64,
            false_discovery_rate: config.alpha,
            flagged: flags.told(config.small_group),
            suspected: told.then_some(firing as u64),
            cannot_be_compared: (told || alone == people.len()).then_some(alone as u64),
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

    /// The same as if it had been merged into an empty one. Recording and merging leave different
    /// bounds in a histogram. Once even the first tally is merged, a written file is the same for
    /// any number of threads.
    #[must_use]
    pub fn as_merged(mut self) -> Tally {
        for (histogram, _) in &mut self.stages {
            let recorded = std::mem::take(histogram);
            histogram.merge(&recorded);
        }
        self
    }

    /// Takes in all that another tally took in, before either is judged.
    pub fn merge(&mut self, other: &Tally) {
        self.windows.0.iter_mut().zip(other.windows.0).for_each(|(to, n)| *to += n);
        for ((histogram, censored), (more, further)) in self.stages.iter_mut().zip(&other.stages) {
            histogram.merge(more);
            *censored += further;
        }
        self.workflows.iter_mut().zip(&other.workflows).for_each(|(to, from)| to.merge(from));
        self.chances.iter_mut().zip(&other.chances).for_each(|(to, from)| to.merge(from));
        self.waits.merge(&other.waits);
        self.oversight.merge(&other.oversight);
        self.skew_faults += other.skew_faults;
        self.skewed += other.skewed;
        self.seen.extend_from_slice(&other.seen);
    }

    /// The histogram of `stage`.
    pub fn histogram(&self, stage: Stage) -> &StageHistogram {
        &self.stages[stage as usize].0
    }

    /// The figures; `events` as counted by whoever read them.
    pub fn summary(
        &self,
        rules: &FigureRules<'_>,
        as_of: Option<Timestamp>,
        events: EventCounts,
    ) -> Summary {
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
        let incidents = Incidents::group(self.seen.iter().map(|seen| seen.tie), rules.incidents());
        let due = |seen: &Seen| !matches!(seen.due, Due::NotYet | Due::Withdrawn);
        let sample = |wanted: &dyn Fn(&Seen) -> bool| {
            incidents.sample(|number| self.seen.get(number).is_some_and(wanted))
        };
        let (mut workflows, mut raced) = (WorkflowsFigures::default(), Counts::default());
        for workflow in Workflow::ALL.iter().copied() {
            let counts = &self.workflows[workflow as usize];
            let (profile, of_race) = (rules.profiles.get(workflow), rules.race.is_raced(workflow));
            if of_race {
                raced.merge(counts);
            }
            if counts.windows == 0 {
                continue;
            }
            let own = sample(&|seen| due(seen) && seen.workflow == workflow);
            workflows.0[workflow as usize] = WorkflowFigures {
                raced: of_race,
                in_time_ms: profile.targets.in_time,
                late_ms: profile.targets.late,
                windows: counts.windows,
                bands: counts.bands,
                effective_review_rate: EffectiveRate::of(counts.outcomes, own),
            };
        }
        let of_race = sample(&|seen| due(seen) && rules.race.is_raced(seen.workflow));
        let watched = sample(&|seen| seen.watched);
        let law = *rules.race.curve(None);
        let races = sample(&|seen| seen.raced);
        let [published, from_the_start] =
            self.chances.each_ref().map(|chances| chances.finish(races.incidents));
        Summary {
            as_of,
            events: EventCounts { clock_skew: self.skew_faults, ..events },
            windows: self.windows,
            clock_skew_windows: self.skewed,
            stages: StagesFigures(stages),
            attacker_window: AttackerWindow {
                fastest_ms: law.fastest(),
                mean_ms: law.mean(),
                bands: raced.bands,
                attacker_first: published,
                attacker_first_from_the_start: from_the_start,
            },
            survival: SurvivalOf { time_to_review: SurvivalFigures::of(&self.waits, watched, law) },
            oversight: self.oversight.clone(),
            effective_review_rate: EffectiveRate::of(raced.outcomes, of_race),
            workflows,
        }
    }
}

impl SurvivalFigures {
    fn of(waits: &Waits, sample: Sample, law: AttackerCurve) -> SurvivalFigures {
        let curves = waits.estimate(&sample);
        let ms = |span: Option<Span>| span.map(Span::as_millis);
        SurvivalFigures {
            reviewed_by_fastest: curves.reviewed_by(law.fastest()),
            reviewed_by_mean: curves.reviewed_by(law.mean()),
            median_ms: curves.median().map(ms),
            rmst_1h_ms: curves.rmst(Span::from_mins(60)),
            observed_up_to_ms: ms(curves.early.last_observed()),
            unknown_exposure: waits.unknown(),
            sample,
        }
    }
}
