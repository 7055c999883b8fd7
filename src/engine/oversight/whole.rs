//! All reviews at once, as a replay has them at the end of its input.
//!
//! Invariants: the result is a function of the set of windows; per review one entry
//! of fixed size is held, per reviewer one state, for as long as it is its turn.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::ops::Range;

use foldhash::{HashMap, HashMapExt};

use super::acts::Compares;
use super::batch;
use super::certificates::{Judgement, Quality};
use super::peers::Totals;
use super::review::{Facts, Lesson, Review};
use super::reviewer::{AlertEvidence, PATH_MAX, Point, Reviewer, Standing, Step};
use super::signals::Rules;
use crate::config::Profile;
use crate::engine::alerts::Transition;
use crate::engine::windows::Window;
use crate::time::{Span, Timestamp};

/// One review, by the numbers of its reviewer and of its window.
#[derive(Clone, Copy, Debug)]
struct Held {
    reviewer: NonZeroU32,
    number: u32,
    facts: Facts,
}

/// Collects decisions and judges them per reviewer.
#[derive(Debug, Default)]
pub struct Reviews {
    reviews: Vec<Held>,
    reviewers: HashMap<String, NonZeroU32>,
    windows: u32,
}

/// What came of all reviews.
#[derive(Clone, Debug, Default)]
pub struct Overseen {
    /// One per window handed in, in that order; undecided ones have an empty one.
    pub judgements: Vec<Judgement>,
    /// One per reviewer, by name.
    pub people: Vec<Person>,
    /// Cases with a known answer, by who decided them and as they counted: of one incident
    /// or batch the first.
    pub answered: Vec<Answered>,
    /// Acts, by the windows of their first decisions.
    pub acts: Vec<JudgedAct>,
}

/// An act of review: the decisions of one incident, of one batch or about one text of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgedAct {
    /// The number of the window of the first decision.
    pub number: u32,
    /// Whether it was a review.
    pub quality: Quality,
}

/// A decided case whose right answer is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The window's number.
    pub number: u32,
    /// Whether the AI was wrong.
    pub wrong: bool,
    /// Whether the reviewer challenged it.
    pub challenged: bool,
    /// Whether the case was planted.
    pub seeded: bool,
}

/// What came of one reviewer's reviews.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who.
    pub reviewer: String,
    /// Where the reviewer stands at the end.
    pub standing: Standing,
    /// Pages that began and ended, in order.
    pub turns: Vec<Turn>,
    /// The latest steps, with the numbers of their windows.
    pub path: Vec<(u32, Point)>,
}

/// A page that begins or ends.
#[derive(Clone, Debug)]
pub struct Turn {
    /// When.
    pub at: Timestamp,
    /// Begins or ends.
    pub transition: Transition,
    /// What it rests on, if it begins.
    pub evidence: Option<Box<AlertEvidence>>,
    /// The numbers of the windows that it cites, as many as its path has points.
    pub cited: Vec<u32>,
}

/// One step as it is taken, for who wants to see the arithmetic.
#[derive(Debug)]
pub struct Watched<'w> {
    /// Whose.
    pub reviewer: &'w str,
    /// The window's number.
    pub number: u32,
    /// The step.
    pub step: &'w Step,
    /// The state after it.
    pub state: &'w Reviewer,
}

impl Reviews {
    /// No reviews yet.
    pub fn new() -> Reviews {
        Reviews { reviews: Vec::new(), reviewers: HashMap::new(), windows: 0 }
    }

    /// No reviews yet, with room for so many.
    pub fn with_capacity(reviews: usize) -> Reviews {
        Reviews { reviews: Vec::with_capacity(reviews), ..Reviews::new() }
    }

    /// Takes in the next window; windows come in the order of their `exposure_id`.
    pub fn push(&mut self, window: &Window<'_>, profile: &Profile, rules: &Rules) {
        self.add(Review::of(window, profile, rules.config()).as_ref());
    }

    /// Takes in the review of the next window, if it is decided.
    pub fn add(&mut self, review: Option<&Review<'_>>) {
        let number = self.windows;
        self.windows += 1;
        let Some(review) = review else { return };
        let facts = review.facts();
        let reviewer = self.number_of(&review.reviewer);
        self.reviews.push(Held { reviewer, number, facts });
    }

    /// Takes in what was collected from the windows that follow these.
    pub fn append(&mut self, later: Reviews) {
        let mut numbers = vec![NonZeroU32::MIN; later.reviewers.len()];
        for (reviewer, number) in later.reviewers {
            if let Some(to) = numbers.get_mut(number.get() as usize - 1) {
                *to = self.number_of(&reviewer);
            }
        }
        let renumber = |number: NonZeroU32| {
            numbers.get(number.get() as usize - 1).copied().unwrap_or(NonZeroU32::MIN)
        };
        self.reviews.extend(later.reviews.into_iter().map(|review| Held {
            reviewer: renumber(review.reviewer),
            number: self.windows + review.number,
            facts: review.facts,
        }));
        self.windows += later.windows;
    }

    /// Judges all of them.
    pub fn judge(self, rules: &Rules) -> Overseen {
        self.judge_watched(rules, &mut |_| {})
    }

    /// Judges all of them, and hands out every step of the evidence.
    pub fn judge_watched(mut self, rules: &Rules, watch: &mut dyn FnMut(&Watched<'_>)) -> Overseen {
        // A review is large, so it is moved once, when its place is known.
        self.reviews.sort_by_cached_key(|r| (r.reviewer, r.facts.decided_at, r.number));
        let names: HashMap<NonZeroU32, &str> =
            self.reviewers.iter().map(|(name, number)| (*number, name.as_str())).collect();
        let mut acts = Vec::with_capacity(self.reviews.len());
        let mut everybody = Vec::new();
        for mine in self.reviews.chunk_by_mut(|a, b| a.reviewer == b.reviewer) {
            let from = acts.len();
            gather(mine, rules.config().batch_hold, &mut acts);
            everybody.push((mine, from..acts.len()));
        }
        let mut totals = Totals::default();
        for (mine, own) in &everybody {
            count(mine, &acts[own.clone()], rules, &mut totals);
        }
        let mut judgements = vec![Judgement::default(); self.windows as usize];
        let (mut people, mut answered) = (Vec::new(), Vec::new());
        let mut acts_judged = Vec::with_capacity(acts.len());
        for (mine, own) in &everybody {
            let Some(first) = mine.first() else { continue };
            let reviewer = names.get(&first.reviewer).copied().unwrap_or_default();
            let all = All { rules, totals: &totals };
            let mine = Mine { reviewer, reviews: mine, acts: &acts[own.clone()] };
            let found = Found { answered: &mut answered, acts: &mut acts_judged };
            people.push(all.person(&mine, &mut judgements, found, watch));
        }
        people.sort_unstable_by(|a, b| a.reviewer.cmp(&b.reviewer));
        Overseen { judgements, people, answered, acts: acts_judged }
    }

    fn number_of(&mut self, reviewer: &str) -> NonZeroU32 {
        if let Some(number) = self.reviewers.get(reviewer) {
            return *number;
        }
        let number = NonZeroU32::MIN.saturating_add(self.reviewers.len() as u32);
        self.reviewers.insert(reviewer.to_owned(), number);
        number
    }
}

/// Decisions that are one act: their places among the reviewer's, next to each other.
#[derive(Clone, Debug)]
struct Act {
    cases: Range<usize>,
    /// The last decision.
    due: Timestamp,
    /// The window that comes first by name.
    first: u32,
}

/// Puts the cases of each batch next to each other, and all acts in the order in which
/// they are judged: by the last decision, then by the window.
fn gather(mine: &mut [Held], hold: Span, acts: &mut Vec<Act>) {
    if mine.iter().any(|held| held.facts.batch.is_some()) {
        let places = places(mine, hold);
        let mut order: Vec<_> = places.into_iter().zip(mine.iter().copied()).collect();
        order.sort_unstable_by_key(|(place, held)| (*place, held.number));
        let from = acts.len();
        for (at, (to, ((due, first), held))) in mine.iter_mut().zip(order).enumerate() {
            *to = held;
            match acts.get_mut(from..).and_then(<[Act]>::last_mut) {
                Some(act) if act.first == first => act.cases.end = at + 1,
                _ => acts.push(Act { cases: at..at + 1, due, first }),
            }
        }
        return;
    }
    acts.extend(mine.iter().enumerate().map(|(at, held)| Act {
        cases: at..at + 1,
        due: held.facts.decided_at,
        first: held.number,
    }));
}

/// For each case the last decision and the first window of the act that it belongs to.
fn places(mine: &[Held], hold: Span) -> Vec<(Timestamp, u32)> {
    let mut places: Vec<(Timestamp, u32)> = Vec::new();
    let mut of = Vec::with_capacity(mine.len());
    let mut open: BTreeMap<NonZeroU32, (usize, batch::Extent)> = BTreeMap::new();
    for Held { facts, number, .. } in mine {
        let at = facts.decided_at;
        let alone = (places.len(), batch::Extent { first: at, last: at });
        let mut act = alone.0;
        if let Some(batch) = facts.batch {
            let known = open.entry(batch).or_insert(alone);
            if known.1.reaches(at, hold) {
                known.1.last = at;
            } else {
                *known = alone;
            }
            act = known.0;
        }
        match places.get_mut(act) {
            Some((due, first)) => (*due, *first) = (at, (*first).min(*number)),
            None => places.push((at, *number)),
        }
        of.push(act);
    }
    of.into_iter().filter_map(|act| places.get(act).copied()).collect()
}

/// Adds what of a reviewer's acts is compared to everybody's totals.
fn count(mine: &[Held], acts: &[Act], rules: &Rules, totals: &mut Totals) {
    let mut compares = Compares::default();
    for Act { cases, due, .. } in acts {
        while let Some(period) = compares.own.earliest()
            && rules.settled_at(period) < *due
        {
            drop(compares.own.take(period));
        }
        let facts = mine[cases.clone()].iter().map(|held| &held.facts);
        if let Some((act, first)) = compares.enter(facts.clone(), rules, None).counted {
            totals.count(&act, first);
        }
        for case in facts {
            compares.take_in(case);
        }
    }
}

/// What all reviewers are judged by.
struct All<'a> {
    rules: &'a Rules,
    totals: &'a Totals,
}

/// One reviewer's reviews.
struct Mine<'m> {
    reviewer: &'m str,
    reviews: &'m [Held],
    acts: &'m [Act],
}

/// One reviewer's state on its way through the reviews, and what came of them so far.
struct Course<'c> {
    reviewer: &'c str,
    state: Reviewer,
    turns: Vec<Turn>,
    /// The windows of the latest steps.
    cited: VecDeque<u32>,
    /// The window of the latest decision.
    latest: u32,
    found: Found<'c>,
    watch: &'c mut dyn FnMut(&Watched<'_>),
}

/// Where what is found of single acts goes.
struct Found<'f> {
    answered: &'f mut Vec<Answered>,
    acts: &'f mut Vec<JudgedAct>,
}

impl All<'_> {
    fn person(
        &self,
        mine: &Mine<'_>,
        judgements: &mut [Judgement],
        found: Found<'_>,
        watch: &mut dyn FnMut(&Watched<'_>),
    ) -> Person {
        let mut course = Course {
            reviewer: mine.reviewer,
            state: Reviewer::default(),
            turns: Vec::new(),
            cited: VecDeque::with_capacity(PATH_MAX + 1),
            latest: 0,
            found,
            watch,
        };
        let mut lessons: Vec<(u32, Lesson)> =
            mine.reviews.iter().filter_map(|held| Some((held.number, held.facts.truth?))).collect();
        // In the order in which they count.
        lessons.sort_unstable_by_key(|(number, lesson)| (lesson.at, *number));
        let mut lessons = lessons.into_iter().peekable();
        for Act { cases, due, .. } in mine.acts {
            while let Some((number, lesson)) = lessons.next_if(|(_, lesson)| lesson.at < *due) {
                self.learn(&mut course, number, &lesson);
            }
            self.settle(&mut course, Some(*due));
            let held = &mine.reviews[cases.clone()];
            let mut numbers = held.iter().map(|held| held.number);
            let facts = held.iter().map(|held| &held.facts);
            let decision = course.state.decide(facts, self.rules, None, |judgement| {
                let place = numbers.next().and_then(|n| judgements.get_mut(n as usize));
                if let Some(place) = place {
                    *place = judgement;
                }
            });
            let act = decision.act.and_then(|act| Some((act.quality, held.get(act.first)?.number)));
            course.found.acts.extend(act.map(|(quality, number)| JudgedAct { number, quality }));
            course.latest = held.last().map_or(0, |held| held.number);
            course.took(course.latest, decision.step);
        }
        for (number, lesson) in lessons {
            self.learn(&mut course, number, &lesson);
        }
        self.settle(&mut course, None);
        let Course { state, turns, cited, .. } = course;
        let path = cited.into_iter().zip(state.path()).collect();
        let standing = state.standing(self.rules);
        Person { reviewer: mine.reviewer.to_owned(), standing, turns, path }
    }

    fn learn(&self, course: &mut Course<'_>, number: u32, lesson: &Lesson) {
        self.settle(course, Some(lesson.at));
        let Some(step) = course.state.learn(lesson, self.rules) else { return };
        let Lesson { wrong, challenged, seeded, .. } = *lesson;
        course.found.answered.push(Answered { number, wrong, challenged, seeded });
        course.took(number, step);
    }

    /// Settles what is settled before `now`, or everything.
    fn settle(&self, course: &mut Course<'_>, now: Option<Timestamp>) {
        while let Some((period, at)) = course.state.next_settlement(self.rules)
            && now.is_none_or(|now| at < now)
        {
            let step = course.state.settle(period, self.totals, self.rules);
            course.took(course.latest, step);
        }
    }
}

impl Course<'_> {
    fn took(&mut self, number: u32, step: Option<Step>) {
        let Some(step) = step else { return };
        if self.cited.len() == PATH_MAX {
            self.cited.pop_front();
        }
        self.cited.push_back(number);
        let Course { reviewer, state, watch, .. } = self;
        watch(&Watched { reviewer, number, step: &step, state });
        if let Some(transition) = step.transition {
            let points = step.evidence.as_ref().map_or(0, |evidence| evidence.path.len());
            let skipped = self.cited.len().saturating_sub(points);
            let cited = self.cited.iter().skip(skipped).copied().collect();
            self.turns.push(Turn { at: step.at, transition, evidence: step.evidence, cited });
        }
    }
}
