//! All reviews at once, as a replay has them at the end of its input.
//!
//! Invariants: the result is a function of the set of windows; per review one entry
//! of fixed size is held, per reviewer one state, for as long as it is its turn.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;

use foldhash::{HashMap, HashMapExt};

use super::certificates::{Batch, Judgement};
use super::peers::{PeerCounts, Peers, Tally, period_of};
use super::review::{Facts, Review};
use super::reviewer::{PATH_MAX, Part, Point, Reviewer, Standing, Step, Suspicion};
use super::signals::Rules;
use crate::config::Profile;
use crate::engine::alerts::Transition;
use crate::engine::windows::Window;
use crate::time::Timestamp;

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
    texts: HashMap<String, NonZeroU32>,
    windows: u32,
}

/// What came of all reviews.
#[derive(Clone, Debug, Default)]
pub struct Overseen {
    /// One per window handed in, in that order; undecided ones have an empty one.
    pub judgements: Vec<Judgement>,
    /// One per reviewer, by name.
    pub people: Vec<Person>,
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
    pub suspicion: Option<Box<Suspicion>>,
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
        Reviews { reviews: Vec::new(), texts: HashMap::new(), windows: 0 }
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
        let facts = review.facts(|text| self.number_of(text));
        let reviewer = self.number_of(&review.reviewer);
        self.reviews.push(Held { reviewer, number, facts });
    }

    /// Takes in what was collected from the windows that follow these.
    pub fn append(&mut self, later: Reviews) {
        let mut numbers = vec![NonZeroU32::MIN; later.texts.len()];
        for (text, number) in later.texts {
            if let Some(to) = numbers.get_mut(number.get() as usize - 1) {
                *to = self.number_of(&text);
            }
        }
        let renumber = |number: NonZeroU32| {
            numbers.get(number.get() as usize - 1).copied().unwrap_or(NonZeroU32::MIN)
        };
        self.reviews.extend(later.reviews.into_iter().map(|review| Held {
            reviewer: renumber(review.reviewer),
            number: self.windows + review.number,
            facts: Facts {
                batch: review.facts.batch.map(renumber),
                digest: review.facts.digest.map(renumber),
                ..review.facts
            },
        }));
        self.windows += later.windows;
    }

    /// Judges all of them.
    pub fn judge(self, rules: &Rules) -> Overseen {
        self.judge_watched(rules, &mut |_| {})
    }

    /// Judges all of them, and hands out every step of the evidence.
    pub fn judge_watched(mut self, rules: &Rules, watch: &mut dyn FnMut(&Watched<'_>)) -> Overseen {
        self.reviews.sort_unstable_by_key(|r| (r.reviewer, r.facts.decided_at, r.number));
        let all: HashMap<NonZeroU32, &str> =
            self.texts.iter().map(|(text, number)| (*number, text.as_str())).collect();
        let by_reviewer = || self.reviews.chunk_by(|a, b| a.reviewer == b.reviewer);
        let peers = peers(by_reviewer(), rules);
        let mut judgements = vec![Judgement::default(); self.windows as usize];
        let mut people = Vec::new();
        for mine in by_reviewer() {
            let Some(first) = mine.first() else { continue };
            let reviewer = all.get(&first.reviewer).copied().unwrap_or_default();
            people.push(person(reviewer, mine, rules, &peers, &mut judgements, watch));
        }
        people.sort_unstable_by(|a, b| a.reviewer.cmp(&b.reviewer));
        Overseen { judgements, people }
    }

    fn number_of(&mut self, text: &str) -> NonZeroU32 {
        if let Some(number) = self.texts.get(text) {
            return *number;
        }
        let number = NonZeroU32::MIN.saturating_add(self.texts.len() as u32);
        self.texts.insert(text.to_owned(), number);
        number
    }
}

/// What every reviewer's peers did, by period.
fn peers<'r>(by_reviewer: impl Iterator<Item = &'r [Held]>, rules: &Rules) -> Peers {
    let mut tally = Tally::default();
    let period = rules.config().peers.period;
    for mine in by_reviewer {
        let mut batches = batches(mine);
        for review in mine {
            let facts = &review.facts;
            let agreed = match facts.batch {
                None => facts.agreed.map(|agreed| (agreed, facts.stratum)),
                // The first of its cases counts for all.
                Some(batch) => batches.remove(&batch).and_then(|batch| batch.agreed),
            };
            if let Some((agreed, stratum)) = agreed {
                tally.count(period_of(facts.decided_at, period), stratum, agreed);
            }
        }
    }
    let mut peers = Peers::default();
    let published: Vec<PeerCounts> = tally.take_before(i64::MAX);
    published.iter().for_each(|counts| peers.absorb(counts));
    peers
}

fn batches(mine: &[Held]) -> BTreeMap<NonZeroU32, Batch> {
    let mut batches: BTreeMap<NonZeroU32, Batch> = BTreeMap::new();
    for Held { facts, .. } in mine {
        let Some(number) = facts.batch else { continue };
        batches
            .entry(number)
            .and_modify(|batch| batch.add(facts))
            .or_insert_with(|| Batch::new(facts));
    }
    batches
}

fn person(
    reviewer: &str,
    mine: &[Held],
    rules: &Rules,
    peers: &Peers,
    judgements: &mut [Judgement],
    watch: &mut dyn FnMut(&Watched<'_>),
) -> Person {
    let mut state = Reviewer::default();
    let mut turns = Vec::new();
    let mut cited: VecDeque<u32> = VecDeque::with_capacity(PATH_MAX + 1);
    let mut batches = batches(mine);
    let mut begun = std::collections::BTreeSet::new();
    // Truths in the order in which they count; decisions come first at the same moment.
    let mut lessons: Vec<(Timestamp, u32, usize)> = (0..)
        .zip(mine)
        .filter_map(|(at, review)| Some((review.facts.truth?.at, review.number, at)))
        .collect();
    lessons.sort_unstable();
    let mut lessons = lessons.into_iter().peekable();
    let mut took = |state: &Reviewer, number: u32, step: Option<Step>| {
        let Some(step) = step else { return };
        if cited.len() == PATH_MAX {
            cited.pop_front();
        }
        cited.push_back(number);
        watch(&Watched { reviewer, number, step: &step, state });
        if let Some(transition) = step.transition {
            let points = step.suspicion.as_ref().map_or(0, |suspicion| suspicion.path.len());
            let cited = cited.iter().skip(cited.len().saturating_sub(points)).copied().collect();
            turns.push(Turn { at: step.at, transition, suspicion: step.suspicion, cited });
        }
    };
    for review in mine {
        let facts = &review.facts;
        while let Some((_, number, at)) = lessons.next_if(|(at, _, _)| *at < facts.decided_at) {
            let step = mine[at].facts.truth.and_then(|lesson| state.learn(&lesson, rules));
            took(&state, number, step);
        }
        let part = match facts.batch.and_then(|batch| batches.get_mut(&batch).zip(Some(batch))) {
            None => Part::Single,
            Some((batch, number)) if begun.insert(number) => Part::First(batch),
            Some((batch, _)) => Part::Further(batch),
        };
        let (judgement, step) = state.decide(facts, part, rules, peers);
        took(&state, review.number, step);
        if let Some(place) = judgements.get_mut(review.number as usize) {
            *place = judgement;
        }
    }
    for (_, number, at) in lessons {
        let step = mine[at].facts.truth.and_then(|lesson| state.learn(&lesson, rules));
        took(&state, number, step);
    }
    let path = cited.into_iter().zip(state.path()).collect();
    Person { reviewer: reviewer.to_owned(), standing: state.standing(rules), turns, path }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OversightConfig;
    use crate::engine::oversight::peers::Stratum;
    use crate::engine::oversight::{HollowReason, HollowReasons};
    use crate::time::Span;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + second * 1000)
    }

    fn review(number: u32, decided: i64) -> Held {
        let facts = Facts {
            decided_at: at(decided),
            presented_at: Some(at(0)),
            opened_at: None,
            floor: Some(Span::from_secs(24)),
            batch: None,
            digest: None,
            ahead: false,
            reasons: HollowReasons::default(),
            agreed: None,
            unopened: None,
            stratum: Stratum::of(None, None),
            truth: None,
        };
        Held { reviewer: NonZeroU32::MIN, number, facts }
    }

    fn with(review: Held, change: impl FnOnce(&mut Facts)) -> Held {
        let mut changed = review;
        change(&mut changed.facts);
        changed
    }

    fn judged(reviews: &[Held]) -> Overseen {
        let all = Reviews {
            reviews: reviews.to_vec(),
            texts: HashMap::new(),
            windows: reviews.len() as u32,
        };
        all.judge(&Rules::new(OversightConfig::default()).unwrap())
    }

    fn judge(reviews: &[Held]) -> Vec<Vec<&'static str>> {
        let overseen = judged(reviews);
        let words = |j: &Judgement| j.reasons.iter().map(HollowReason::as_str).collect();
        overseen.judgements.iter().map(words).collect()
    }

    #[test]
    fn reading_takes_two_hundred_milliseconds_a_word() {
        // 120 words at 300 a minute: 24 s. One millisecond less is impossible.
        let exact = review(0, 24);
        let short = with(exact, |f| f.decided_at = at(24) + Span::from_millis(-1));
        assert_eq!(judge(&[exact]), [Vec::<&str>::new()]);
        assert_eq!(judge(&[short]), [["impossible_reading"]]);
    }

    #[test]
    fn attention_starts_at_the_latest_of_advice_look_and_previous_decision() {
        let looked = with(review(0, 100), |f| f.opened_at = Some(at(80)));
        assert_eq!(judge(&[looked]), [["impossible_reading"]]);
        let busy = [review(0, 100), review(1, 110), review(2, 200)];
        assert_eq!(judge(&busy), [vec![], vec!["impossible_reading"], vec![]]);
        // Of two decisions in the same millisecond, the second had no time at all.
        assert_eq!(judge(&[review(0, 100), review(1, 100)]), [vec![], vec!["impossible_reading"]]);
    }

    #[test]
    fn without_words_or_advice_there_is_no_certificate() {
        let wordless = with(review(0, 1), |f| f.floor = None);
        let unadvised = with(review(1, 1), |f| f.presented_at = None);
        assert_eq!(judge(&[wordless, unadvised]), [Vec::<&str>::new(), vec![]]);
    }

    #[test]
    fn a_batch_is_read_as_a_whole() {
        let batch =
            |number, decided| with(review(number, decided), |f| f.batch = NonZeroU32::new(7));
        // Two cases of 24 s each, presented at 0: 48 s suffice, 47 do not, for both.
        assert_eq!(judge(&[batch(0, 48), batch(1, 48)]), [Vec::<&str>::new(), vec![]]);
        assert_eq!(
            judge(&[batch(0, 1), batch(1, 47)]),
            [["impossible_reading"], ["impossible_reading"]]
        );
        // A decision outside shortens the time; one inside does not.
        let after_other = [review(0, 30), batch(1, 60), batch(2, 77)];
        assert_eq!(
            judge(&after_other),
            [vec![], vec!["impossible_reading"], vec!["impossible_reading"]]
        );
        // A case of unknown length shares the fate of its batch.
        let unknown = with(batch(2, 20), |f| f.floor = None);
        assert_eq!(judge(&[batch(0, 1), batch(1, 20), unknown])[2], ["impossible_reading"]);
    }

    #[test]
    fn five_equal_reasons_among_the_previous_twenty_are_a_template() {
        let reasons = |n: u32, digest| {
            with(review(n, i64::from(n)), |f| {
                (f.digest, f.floor) = (NonZeroU32::new(digest), None);
            })
        };
        let same = |n: u32| reasons(n, 1);
        let other = |n: u32| reasons(n, 100 + n);
        let six: Vec<Held> = (0..6).map(same).collect();
        let found = judge(&six);
        assert!(found[..5].iter().all(Vec::is_empty));
        assert_eq!(found[5], ["templated_rationale"]);
        // Fifteen others push nothing out of the twenty; sixteen push one out.
        for (gap, template) in [(15, true), (16, false)] {
            let mut row: Vec<Held> = (0..5).map(same).collect();
            row.extend((5..5 + gap).map(other));
            row.push(same(5 + gap));
            assert_eq!(judge(&row).last().unwrap().is_empty(), !template, "gap {gap}");
        }
    }

    #[test]
    fn collecting_in_two_parts_is_collecting_at_once() {
        let number = |n: u32| NonZeroU32::new(n).unwrap();
        let by = |n: u32, review: Held| Held { reviewer: number(n), ..review };
        let part = |texts: &[&str], reviews: &[Held], windows| Reviews {
            reviews: reviews.to_vec(),
            texts: texts.iter().zip(1..).map(|(text, n)| ((*text).to_owned(), number(n))).collect(),
            windows,
        };
        // "a" is 1 in the first part and 2 in the second; "b" the other way round.
        let mut first = part(&["a", "b"], &[review(0, 100), by(2, review(2, 50))], 3);
        let second = part(&["b", "a"], &[by(2, review(1, 110)), review(0, 60)], 2);
        first.append(second);
        let judged = first.judge(&Rules::new(OversightConfig::default()).unwrap());
        let hollow: Vec<bool> = judged.judgements.iter().map(|j| !j.reasons.is_empty()).collect();
        // b decided at 50 and 60, a at 100 and 110: the second of each was too soon.
        assert_eq!(hollow, [false, false, false, true, true]);
    }

    #[test]
    fn reviewers_do_not_share_a_clock() {
        let other = Held { reviewer: NonZeroU32::new(2).unwrap(), ..review(1, 101) };
        assert_eq!(judge(&[review(0, 100), other]), [Vec::<&str>::new(), vec![]]);
    }
}
