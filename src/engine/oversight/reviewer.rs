//! Everything that is held of one reviewer.
//!
//! Invariants: a bounded size, whatever the number of reviews; acts come in the order of
//! their last decision, each known truth once, at the later of its becoming known and the
//! decision, and each period once, when it is settled; the same steps give the same bits.

use super::acts::{Compares, Entered};
use super::advice::{Recent, TRUTHS_MAX};
use super::agreement::LogFactors;
use super::burst::Burst;
use super::certificates::{Judgement, Quality};
use super::combine::weighted;
use super::detection::{Sight, Trials};
use super::evidence::{Evidence, Factors};
use super::hollow::HollowReason;
use super::memory::{Acts, Reasons};
use super::peers::Totals;
use super::review::{Facts, Lesson};
use super::schedule::{Job, Pace, Schedule};
use super::signals::{BySignal, Comparison, Observed, Rules, SIGNALS, Signal};
use super::texts::Texts;
use crate::engine::alerts::Transition;
use crate::time::{Span, Timestamp};

/// A stretch of evidence begins where the statistic was last below this share of what
/// ends a page.
const RISE_SHARE: f64 = 0.1;

/// The latest steps that a reviewer alert cites.
pub const PATH_MAX: usize = 5;

/// The state of one reviewer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reviewer {
    pub(super) schedule: Schedule,
    pub(super) reasons: Reasons,
    pub(super) texts: Texts,
    pub(super) compares: Compares,
    /// Incidents and batches of which a truth was taken in.
    pub(super) taught: Acts,
    /// Advice of which a truth was taken in.
    pub(super) taught_advice: Recent<TRUTHS_MAX>,
    pub(super) waiting: Waiting,
    pub(super) alone: u64,
    /// The latest decision.
    pub(super) previous: Option<Timestamp>,
    pub(super) signals: BySignal<Evidence>,
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

/// Comparisons with peers that wait until there are enough acts to compare with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Waiting {
    pub(super) acts: u32,
    pub(super) agreed: u32,
    pub(super) peer_acts: u64,
    pub(super) peer_agreed: u64,
    pub(super) log_factors: LogFactors,
}

/// What one step of the evidence came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// What was observed, and how often it is allowed.
    pub observed: BySignal<Option<Observed>>,
    /// What the comparison with peers showed.
    pub comparison: Option<Comparison>,
    /// Each signal's paging statistic, before it is held at the threshold.
    pub pages: BySignal<f64>,
    /// The combined one, likewise.
    pub statistic: f64,
    /// Whether the page begins or ends with it.
    pub transition: Option<Transition>,
    /// The alert about the reviewer, if its page begins here.
    pub evidence: Option<Box<AlertEvidence>>,
}

/// An alert about a reviewer: the evidence that its page rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertEvidence {
    /// The estimated beginning: the first step after the combined statistic last was low.
    pub since: Timestamp,
    /// Observations and signs since then; of agreement, acts compared with peers and
    /// those that agreed.
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
    /// … that showed the sign; of agreement, acts that agreed.
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
    /// Acts that agreed or disagreed with the AI where too few peers decided like cases.
    pub alone: u64,
    /// The logarithm of the combined e-value.
    pub log_e: f64,
    /// Since when a page is on.
    pub firing: Option<Timestamp>,
    /// The logarithm of the burst statistic: to look at, not promised.
    pub log_burst: f64,
    /// Right and wrong advice told apart.
    pub sight: Sight,
}

impl Standing {
    /// Whether agreement says anything at all: the reviewer's acts could be compared with
    /// those of peers in like cases.
    pub fn can_be_compared(&self) -> bool {
        self.signals[Signal::Agreement as usize].steps > 0
    }
}

/// What an act came to.
pub(super) struct Decision {
    /// What everybody's totals take in.
    pub(super) entered: Entered,
    pub(super) step: Option<Step>,
    /// Of a new act.
    pub(super) act: Option<ActFound>,
}

/// How an act was judged by the decisions that came with its first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ActFound {
    /// The place of the first decision among them.
    pub(super) first: usize,
    /// Hollow if one of them is, else unassessed if all of them are.
    pub(super) quality: Quality,
}

impl Reviewer {
    /// Judges the cases of the next act, in order, and takes in what it shows. Periods up
    /// to `settled` take nothing in any more.
    pub(super) fn decide<'f>(
        &mut self,
        cases: impl Iterator<Item = &'f Facts> + Clone,
        rules: &Rules,
        settled: Option<i64>,
        mut judged: impl FnMut(Judgement),
    ) -> Decision {
        let entered = self.compares.enter(cases.clone(), rules, settled);
        let due = cases.clone().map(|case| case.decided_at).max().unwrap_or_default();
        let (mut hasty, mut unopened) = (None, None);
        let mut digest = None;
        let mut quality = None;
        for case in cases.clone() {
            let mut judgement = picture(case);
            judgement
                .reasons
                .insert_if(HollowReason::TemplatedRationale, self.reasons.templated(case.digest));
            digest = digest.or(case.digest);
            let read = self.compares.take_in(case);
            if let Some(job) = self.job(case, due, read) {
                let found = self.schedule.take(&job, rules.config().skew_tolerance);
                judgement.certificate = found[Pace::Possible as usize];
                hasty = Some(hasty == Some(true) || found[Pace::Hasty as usize].is_some());
            }
            judgement
                .reasons
                .insert_if(HollowReason::ImpossibleReading, judgement.certificate.is_some());
            if let Some(case_unopened) = case.unopened {
                unopened = Some(unopened.unwrap_or(true) && case_unopened);
            }
            self.decisions += 1;
            self.first_at = self.first_at.or(Some(case.decided_at));
            quality = worse(quality, judgement.quality());
            judged(judgement);
        }
        let previous = self.previous.replace(due);
        if !entered.new {
            // The act was taken in with its first part.
            return Decision { entered, step: None, act: None };
        }
        self.reasons.push(digest);
        self.burst.step(previous, due, &rules.config().burst);
        let mut seen = [None; SIGNALS];
        for (signal, sign) in [(Signal::Dwell, hasty), (Signal::Context, unopened)] {
            seen[signal as usize] = sign.zip(rules.factors(signal));
        }
        let first = cases.enumerate().min_by_key(|(_, case)| case.decided_at);
        let act = first.zip(quality).map(|((first, _), quality)| ActFound { first, quality });
        Decision { entered, step: self.step(due, seen, None, rules), act }
    }

    /// What has to be read for an approval: nothing of what was read before. `read` says that
    /// the same advice was decided about before.
    fn job(&mut self, case: &Facts, due: Timestamp, read: bool) -> Option<Job> {
        let (release, clock) = case.release?;
        let read = self.texts.read_again(case.texts.into_iter().flatten()) || read;
        let floor_ms = case.floor_ms.filter(|_| case.approved && !case.repeated && !read)?;
        Some(Job { release, due, floor_ms, clock })
    }

    /// Takes in a truth that is now known of a decision, and returns the step of the evidence
    /// that follows from it, if one does. Of one incident, batch or text about a ticket the first
    /// truth counts; `None` for any other.
    pub(super) fn learn(&mut self, lesson: &Lesson, rules: &Rules) -> Option<Option<Step>> {
        let hold = rules.config().batch_hold;
        let mut enter = |group| self.taught.enter(group, lesson.decided_at, hold);
        let known = lesson.group.is_some_and(|group| !enter(group));
        let heard = lesson.advice.is_some_and(|advice| advice.enter(&mut self.taught_advice));
        if known || heard {
            return None;
        }
        self.trials.add(lesson.wrong, lesson.challenged);
        let counts = lesson.wrong && (lesson.seeded || rules.config().all_truths);
        let mut seen = [None; SIGNALS];
        let factors = rules.factors(Signal::Seeded).filter(|_| counts);
        seen[Signal::Seeded as usize] = factors.map(|factors| (!lesson.challenged, factors));
        Some(self.step(lesson.at, seen, None, rules))
    }

    /// The earliest period with acts that are not compared yet, and when it is settled.
    pub(super) fn next_settlement(&self, rules: &Rules) -> Option<(i64, Timestamp)> {
        let period = self.compares.own.earliest()?;
        Some((period, rules.settled_at(period)))
    }

    /// Compares the acts of a period with those of peers, now that it is settled.
    pub(super) fn settle(&mut self, period: i64, totals: &Totals, rules: &Rules) -> Option<Step> {
        let config = &rules.config().agreement;
        for own in self.compares.own.take(period) {
            let (table, peers) = own.beside(totals.get(period, own.stratum));
            if peers < config.peers_min {
                self.alone += u64::from(own.acts);
                continue;
            }
            let waiting = &mut self.waiting;
            waiting.acts = waiting.acts.saturating_add(own.acts.into());
            waiting.agreed = waiting.agreed.saturating_add(own.agreed.into());
            waiting.peer_acts += table.all_acts.saturating_sub(table.acts);
            waiting.peer_agreed += table.all_agreed.saturating_sub(table.agreed);
            let factors = rules.odds().log_factors(&table);
            waiting.log_factors.iter_mut().zip(factors).for_each(|(sum, log)| *sum += log);
        }
        if self.waiting.acts == 0 || self.waiting.peer_acts < config.peer_acts_min {
            return None;
        }
        let Waiting { acts, agreed, peer_acts, peer_agreed, log_factors } =
            std::mem::take(&mut self.waiting);
        let comparison = Comparison { acts, agreed, peer_acts, peer_agreed, log_factors };
        self.step(rules.settled_at(period), [None; SIGNALS], Some(comparison), rules)
    }

    fn step(
        &mut self,
        at: Timestamp,
        seen: BySignal<Option<(bool, &Factors)>>,
        comparison: Option<Comparison>,
        rules: &Rules,
    ) -> Option<Step> {
        if seen.iter().all(Option::is_none) && comparison.is_none() {
            return None;
        }
        // A truth may count later than a decision that was judged before it.
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
        if let Some(Comparison { acts, agreed, log_factors, .. }) = comparison {
            self.signals[Signal::Agreement as usize].compare(&log_factors, acts, agreed);
            let (all, some) = &mut rise.counts[Signal::Agreement as usize];
            *all = all.saturating_add(acts);
            *some = some.saturating_add(agreed);
        }
        let rise = *rise;
        let pages = self.pages(rules);
        let parts = pages.iter().zip(&rules.weights);
        let statistic: f64 = parts.map(|(page, weight)| weight * page).sum();
        let mut signs = observed.map(|observed| observed.map(|observed| observed.sign));
        signs[Signal::Agreement as usize] = comparison.map(|comparison| comparison.more_often());
        self.path.push(Point { at, signs, statistic });
        let begins = self.firing.is_none() && statistic >= rules.threshold;
        let evidence = begins.then(|| {
            Box::new(AlertEvidence {
                since: rise.since,
                counts: rise.counts,
                pages,
                statistic,
                path: self.path.latest(rise.steps as usize),
            })
        });
        let transition = self.turn(at, begins, statistic, rules);
        Some(Step { at, observed, comparison, pages, statistic, transition, evidence })
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
        if statistic < rules.resolve * RISE_SHARE {
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
        let allowed = rules.factors(Signal::Dwell).map_or(1.0, Factors::null);
        Standing {
            decisions: self.decisions,
            first_at: self.first_at,
            last_at: self.last_at,
            signals: std::array::from_fn(signal),
            alone: self.alone,
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

/// One sign makes an act hollow, and one decision that can be judged makes it assessed.
fn worse(a: Option<Quality>, b: Option<Quality>) -> Option<Quality> {
    use Quality::{Hollow, Meaningful};
    match (a, b) {
        (Some(Hollow), _) | (_, Some(Hollow)) => Some(Hollow),
        (Some(Meaningful), _) | (_, Some(Meaningful)) => Some(Meaningful),
        _ => a.or(b),
    }
}

/// The figures of one case from which nothing follows.
fn picture(case: &Facts) -> Judgement {
    let released = case.release.map(|(released_at, _)| released_at);
    let figures = released.zip(case.floor_ms).and_then(|(released_at, floor_ms)| {
        // At 300 words a minute instead of 1,000.
        let usual = Span::from_millis(i64::from(floor_ms) * 10 / 3);
        // Clocks that contradict each other say nothing.
        Some((case.decided_at.since(released_at).non_negative()?, usual))
    });
    let (attention, usual) = figures.unzip();
    Judgement {
        reviewed: true,
        ahead: case.ahead,
        reasons: case.reasons,
        assessed: case.assessed,
        certificate: None,
        attention,
        usual,
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
