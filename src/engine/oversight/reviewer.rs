//! Everything that is held of one reviewer.
//!
//! Invariants: a fixed size, whatever the number of reviews; reviews come in the
//! order of (`decided_at`, `exposure_id`) and each known truth once, at the later of
//! its becoming known and the decision; the same steps give the same bits.

use super::burst::Burst;
use super::certificates::{Batch, History, Judgement};
use super::combine::weighted;
use super::detection::{Sight, Trials};
use super::evidence::{Evidence, Factors};
use super::hollow::HollowReason;
use super::peers::{OwnCounts, Peers, period_of};
use super::review::{Facts, Lesson};
use super::signals::{Agreement, BySignal, Observed, Rules, SIGNALS, Signal};
use crate::engine::alerts::Transition;
use crate::time::Timestamp;

/// The latest steps that a suspicion cites.
pub const PATH_MAX: usize = 5;

/// The state of one reviewer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reviewer {
    pub(super) history: History,
    pub(super) signals: BySignal<Evidence>,
    pub(super) own: OwnCounts,
    pub(super) trials: Trials,
    pub(super) burst: Burst,
    pub(super) decisions: u64,
    pub(super) first_at: Option<Timestamp>,
    pub(super) last_at: Option<Timestamp>,
    /// Since when the page is on.
    pub(super) firing: Option<Timestamp>,
    pub(super) rise: Option<Rise>,
    pub(super) path: Path,
}

/// The stretch since the evidence last was at nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rise {
    pub(super) since: Timestamp,
    /// Steps since then.
    pub(super) steps: u32,
    /// Observations and signs since then.
    pub(super) counts: BySignal<(u32, u32)>,
}

/// The latest steps, the next to be replaced at `next`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Path {
    pub(super) points: [Option<Point>; PATH_MAX],
    pub(super) next: u8,
}

/// One step of the evidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// What each signal showed, if it was observed.
    pub signs: BySignal<Option<bool>>,
    /// The combined paging statistic after it.
    pub statistic: f64,
}

/// Which part of an act a review is.
#[derive(Debug)]
pub(super) enum Part<'b> {
    /// All of it.
    Single,
    /// The first case of a batch, of which all cases are known.
    First(&'b mut Batch),
    /// A further case of it.
    Further(&'b Batch),
}

/// What one step of the evidence came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// What was observed, and how often it is allowed.
    pub observed: BySignal<Option<Observed>>,
    /// Each signal's paging statistic, before it is held at the threshold.
    pub pages: BySignal<f64>,
    /// The combined one, likewise.
    pub statistic: f64,
    /// Whether the page begins or ends with it.
    pub transition: Option<Transition>,
    /// With a page that begins: what it rests on.
    pub suspicion: Option<Box<Suspicion>>,
}

/// What a page rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspicion {
    /// The estimated beginning: the first step after the combined statistic last was below one.
    pub since: Timestamp,
    /// Observations and signs since then.
    pub counts: BySignal<(u32, u32)>,
    /// Each signal's paging statistic.
    pub pages: BySignal<f64>,
    /// The combined one.
    pub statistic: f64,
    /// The latest steps since then, oldest first.
    pub path: Vec<Point>,
}

/// The evidence of one signal since the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignalStanding {
    /// Observations.
    pub steps: u64,
    /// … that showed the sign.
    pub signs: u64,
    /// The logarithm of the e-value.
    pub log_e: f64,
}

/// Where a reviewer stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Decisions judged.
    pub decisions: u64,
    /// The first of them.
    pub first_at: Option<Timestamp>,
    /// The latest step.
    pub last_at: Option<Timestamp>,
    /// Each signal's evidence.
    pub signals: BySignal<SignalStanding>,
    /// The logarithm of the combined e-value.
    pub log_e: f64,
    /// Since when a page is on.
    pub firing: Option<Timestamp>,
    /// The logarithm of the burst statistic: to look at, not promised.
    pub log_burst: f64,
    /// Right and wrong advice told apart.
    pub sight: Sight,
}

impl Default for Reviewer {
    fn default() -> Reviewer {
        Reviewer {
            history: History::default(),
            signals: [Evidence::default(); SIGNALS],
            own: OwnCounts::default(),
            trials: Trials::default(),
            burst: Burst::default(),
            decisions: 0,
            first_at: None,
            last_at: None,
            firing: None,
            rise: None,
            path: Path::default(),
        }
    }
}

impl Reviewer {
    /// Judges the next review and takes in what it shows.
    pub(super) fn decide(
        &mut self,
        facts: &Facts,
        mut part: Part<'_>,
        rules: &Rules,
        peers: &Peers,
    ) -> (Judgement, Option<Step>) {
        if let Part::First(batch) = &mut part {
            batch.previous = self.history.previous;
        }
        let reading = match &part {
            Part::Single => self.history.reading(facts),
            Part::First(batch) => batch.reading(),
            Part::Further(batch) => batch.reading(),
        };
        let impossible = reading.map(|(attention, floor)| attention < floor);
        let mut reasons = facts.reasons;
        reasons.insert_if(HollowReason::TemplatedRationale, self.history.templated(facts));
        reasons.insert_if(HollowReason::ImpossibleReading, impossible == Some(true));
        let (attention, floor) = reading.unzip();
        let judgement = Judgement { reviewed: true, ahead: facts.ahead, reasons, attention, floor };
        let previous = self.history.previous;
        self.history.push(facts);
        self.decisions += 1;
        self.first_at = self.first_at.or(Some(facts.decided_at));
        let (at, agreed, unopened) = match &part {
            Part::Single => {
                let agreed = facts.agreed.map(|agreed| (agreed, facts.stratum));
                (facts.decided_at, agreed, facts.unopened)
            }
            Part::First(batch) => (batch.decided_at, batch.agreed, batch.unopened),
            // The act was taken in with its first case.
            Part::Further(_) => return (judgement, None),
        };
        self.burst.step(previous, facts.decided_at, &rules.config().burst);
        let mut seen = [None; SIGNALS];
        seen[Signal::Dwell as usize] = impossible.map(|sign| (sign, rules.factors(Signal::Dwell)));
        seen[Signal::Context as usize] =
            unopened.map(|sign| (sign, rules.factors(Signal::Context)));
        seen[Signal::Agreement as usize] =
            agreed.and_then(|agreed| self.agreement(agreed, facts.decided_at, rules, peers));
        (judgement, self.step(at, seen, rules))
    }

    /// Takes in a truth that is now known of a decision.
    pub(super) fn learn(&mut self, lesson: &Lesson, rules: &Rules) -> Option<Step> {
        self.trials.add(lesson.wrong, lesson.challenged);
        let counts = lesson.wrong && (lesson.seeded || !rules.config().seeded_only);
        let mut seen = [None; SIGNALS];
        seen[Signal::Seeded as usize] =
            counts.then(|| (!lesson.challenged, rules.factors(Signal::Seeded)));
        self.step(lesson.at, seen, rules)
    }

    fn agreement<'r>(
        &mut self,
        (agreed, stratum): Agreement,
        at: Timestamp,
        rules: &'r Rules,
        peers: &Peers,
    ) -> Option<(bool, &'r Factors)> {
        let period = period_of(at, rules.config().peers.period);
        let own = self.own.before(period, stratum);
        self.own.count(stratum, agreed);
        let factors = rules.agreement(peers.before(period, stratum, own));
        // Where peers nearly always agree, agreement says nothing.
        factors.says_something().then_some((agreed, factors))
    }

    fn step(
        &mut self,
        at: Timestamp,
        seen: BySignal<Option<(bool, &Factors)>>,
        rules: &Rules,
    ) -> Option<Step> {
        if seen.iter().all(Option::is_none) {
            return None;
        }
        // A batch lasts to its last case, a single decision may fall within it.
        let at = self.last_at.map_or(at, |last| last.max(at));
        self.last_at = Some(at);
        let begin = Rise { since: at, steps: 0, counts: Default::default() };
        let rise = self.rise.get_or_insert(begin);
        rise.steps = rise.steps.saturating_add(1);
        let mut observed = [None; SIGNALS];
        for (number, seen) in seen.into_iter().enumerate() {
            let Some((sign, factors)) = seen else { continue };
            let evidence = &mut self.signals[number];
            evidence.step(factors, sign);
            let (steps, signs) = &mut rise.counts[number];
            *steps = steps.saturating_add(1);
            *signs = signs.saturating_add(u32::from(sign));
            observed[number] = Some(Observed { sign, null: factors.null() });
        }
        let rise = *rise;
        let pages = self.pages(rules);
        let parts = pages.iter().zip(&rules.weights);
        let statistic: f64 = parts.map(|(page, weight)| weight * page).sum();
        let signs = observed.map(|observed| observed.map(|observed| observed.sign));
        self.path.push(Point { at, signs, statistic });
        let begins = self.firing.is_none() && statistic >= rules.threshold;
        let suspicion = begins.then(|| {
            Box::new(Suspicion {
                since: rise.since,
                counts: rise.counts,
                pages,
                statistic,
                path: self.path.latest(rise.steps as usize),
            })
        });
        let transition = self.turn(at, begins, statistic, rules);
        Some(Step { at, observed, pages, statistic, transition, suspicion })
    }

    /// Begins and ends the page, and keeps the statistic within reach of both.
    fn turn(
        &mut self,
        at: Timestamp,
        begins: bool,
        statistic: f64,
        rules: &Rules,
    ) -> Option<Transition> {
        if statistic > rules.threshold {
            // Held at the threshold, so that good work later need not outweigh all
            // that came before. Lowering it keeps the promise.
            self.lower_pages(rules.threshold / statistic);
        }
        if begins {
            self.firing = Some(at);
            return Some(Transition::Firing);
        }
        if self.firing.is_some() && statistic <= rules.resolve {
            self.firing = None;
            self.rise = None;
            self.lower_pages(0.0);
            return Some(Transition::Resolved);
        }
        if statistic < 1.0 {
            self.rise = None;
        }
        None
    }

    fn lower_pages(&mut self, share: f64) {
        self.signals.iter_mut().for_each(|evidence| evidence.lower_page(share));
    }

    /// The logarithm of one signal's e-value.
    pub fn log_report(&self, signal: Signal, rules: &Rules) -> f64 {
        self.signals[signal as usize].log_report(rules.alternatives(signal))
    }

    /// Each signal's paging statistic.
    pub fn pages(&self, rules: &Rules) -> BySignal<f64> {
        let mut pages = [0.0; SIGNALS];
        for ((page, evidence), signal) in pages.iter_mut().zip(&self.signals).zip(Signal::ALL) {
            *page = evidence.page(rules.alternatives(*signal));
        }
        pages
    }

    /// Where the reviewer stands.
    pub fn standing(&self, rules: &Rules) -> Standing {
        let mut logs = [0.0; SIGNALS];
        for (log, signal) in logs.iter_mut().zip(Signal::ALL) {
            *log = self.log_report(*signal, rules);
        }
        let signal = |number: usize| SignalStanding {
            steps: self.signals[number].steps(),
            signs: self.signals[number].ones(),
            log_e: logs[number],
        };
        let dwell = &self.signals[Signal::Dwell as usize];
        let allowed = rules.factors(Signal::Dwell).null();
        Standing {
            decisions: self.decisions,
            first_at: self.first_at,
            last_at: self.last_at,
            signals: std::array::from_fn(signal),
            log_e: weighted(&logs, &rules.weights),
            firing: self.firing,
            log_burst: self.burst.log(),
            sight: self.trials.sight(dwell.ones() as f64 > allowed * dwell.steps() as f64),
        }
    }

    /// The latest steps, oldest first.
    pub fn path(&self) -> impl Iterator<Item = Point> {
        self.path.in_order()
    }
}

impl Path {
    fn push(&mut self, point: Point) {
        if let Some(place) = self.points.get_mut(usize::from(self.next)) {
            *place = Some(point);
        }
        self.next = (self.next + 1) % PATH_MAX as u8;
    }

    /// At most so many, oldest first.
    fn latest(&self, count: usize) -> Vec<Point> {
        let all: Vec<Point> = self.in_order().collect();
        all.iter().skip(all.len().saturating_sub(count)).copied().collect()
    }

    fn in_order(&self) -> impl Iterator<Item = Point> {
        let (newer, older) = self.points.split_at(usize::from(self.next).min(PATH_MAX));
        older.iter().chain(newer).copied().flatten()
    }
}
