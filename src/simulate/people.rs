//! Everybody who reviews, their shifts and their queues.
//!
//! Invariants: a case goes to one reviewer and is worked on within that reviewer's
//! shifts, one case after the other; at most [`BATCH_MAX`] cases wait in a batch.

use std::collections::BTreeSet;

use crate::time::{Span, Timestamp};

use super::case::Case;
use super::dice::{Dice, Stream};
use super::options::Options;
use super::reviewer::{Behaviour, Reviewer, Tally};
use super::week::{HOUR_MS, hour_of_week};
use crate::event::Workflow;

/// Most cases that are put off to be decided together.
pub(super) const BATCH_MAX: i64 = 16;
/// A queue longer than this takes no more cases: they are never decided.
const BACKLOG_MAX: Span = Span::from_mins(48 * 60);
const SHIFT_HOURS: usize = 8;

/// The behaviours of twelve people; fewer people have the first ones of the list.
const BEHAVIOURS: [Behaviour; 12] = [
    Behaviour::Diligent,
    Behaviour::RubberStamping,
    Behaviour::Hurried,
    Behaviour::Drifting,
    Behaviour::Overloaded,
    Behaviour::Diligent,
    Behaviour::Diligent,
    Behaviour::Diligent,
    Behaviour::Diligent,
    Behaviour::Hurried,
    Behaviour::Diligent,
    Behaviour::Diligent,
];

/// First hours of shifts: most work in the day, some watch evenings and nights.
const SHIFTS: [u8; 10] = [8, 9, 16, 0, 8, 10, 16, 9, 7, 0];

/// Cases put off by one reviewer.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) due: Timestamp,
    pub(super) size: usize,
    pub(super) cases: Vec<Case>,
}

pub(super) struct People {
    reviewers: Vec<Reviewer>,
    batches: Vec<Option<Batch>>,
    /// When put-off cases are due, and whose they are.
    due: BTreeSet<(Timestamp, usize)>,
    /// Who is at work in each hour of the week. Overloaded people are listed several times, so
    /// that they get more cases.
    roster: Vec<Vec<usize>>,
}

impl People {
    pub(super) fn new(options: &Options) -> People {
        let mut dice = Dice::new(options.seed, Stream::People);
        let count = options.reviewers as usize;
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, dice.below(last as u64 + 1) as usize);
        }
        let mut reviewers: Vec<Reviewer> = (1..=count).map(|n| newcomer(n, &mut dice)).collect();
        for (place, &who) in order.iter().enumerate() {
            let reviewer = &mut reviewers[who];
            reviewer.behaviour = BEHAVIOURS[place % BEHAVIOURS.len()];
            reviewer.shift_from = SHIFTS[place % SHIFTS.len()];
            reviewer.weekends = place % 5 < 2;
            let juniors = |people: usize| (people as f64 * options.juniors) as usize;
            reviewer.junior = juniors(place + 1) > juniors(place);
            reviewer.free_at = options.start;
            if reviewer.behaviour == Behaviour::Drifting {
                reviewer.change_after = Some(120 + dice.below(180));
            }
        }
        let mut roster = vec![Vec::new(); 7 * 24];
        for (hour, present) in roster.iter_mut().enumerate() {
            for (who, reviewer) in reviewers.iter().enumerate() {
                if works(reviewer, hour) {
                    let times = if reviewer.behaviour == Behaviour::Overloaded { 3 } else { 1 };
                    present.extend(std::iter::repeat_n(who, times));
                }
            }
        }
        let batches = reviewers.iter().map(|_| None).collect();
        People { reviewers, batches, due: BTreeSet::new(), roster }
    }

    pub(super) fn get(&self, who: usize) -> &Reviewer {
        &self.reviewers[who]
    }

    pub(super) fn get_mut(&mut self, who: usize) -> &mut Reviewer {
        &mut self.reviewers[who]
    }

    pub(super) fn all(&self) -> &[Reviewer] {
        &self.reviewers
    }

    /// Who takes a case that arrives at `time`: of two people at work, the one who is free
    /// sooner; if nobody is at work, somebody of the next shift.
    pub(super) fn assign(&self, time: Timestamp, dice: &mut Dice) -> usize {
        let from = hour_of_week(time);
        let present = (0..self.roster.len())
            .map(|ahead| &self.roster[(from + ahead) % self.roster.len()])
            .find(|present| !present.is_empty());
        let Some(present) = present else {
            return dice.below(self.reviewers.len() as u64) as usize;
        };
        let (first, second) = (*dice.pick(present), *dice.pick(present));
        let overloaded = self.reviewers[first].behaviour == Behaviour::Overloaded;
        if overloaded || self.reviewers[first].free_at <= self.reviewers[second].free_at {
            first
        } else {
            second
        }
    }

    /// The same, and a specialist of `workflow` if one of a few people asked is one.
    pub(super) fn assign_special(
        &self,
        time: Timestamp,
        workflow: Workflow,
        dice: &mut Dice,
    ) -> usize {
        let special = |who: &usize| who % Workflow::ALL.len() == workflow as usize;
        let asked = (0..8).map(|_| self.assign(time, dice)).find(special);
        asked.unwrap_or_else(|| self.assign(time, dice))
    }

    /// Who takes up a case that somebody handed on: not a junior, if anybody else is asked.
    pub(super) fn assign_senior(&self, time: Timestamp, dice: &mut Dice) -> usize {
        let senior = |who: &usize| !self.reviewers[*who].junior;
        let asked = (0..8).map(|_| self.assign(time, dice)).find(senior);
        asked.unwrap_or_else(|| self.assign(time, dice))
    }

    /// Whether `who` can still take a case at `time`.
    pub(super) fn accepts(&self, who: usize, time: Timestamp) -> bool {
        self.reviewers[who].free_at.since(time) <= BACKLOG_MAX
    }

    /// The first time from `time` on when `who` is free and at work. People finish for up to an
    /// hour after the end of their shift.
    pub(super) fn available(&self, who: usize, time: Timestamp, dice: &mut Dice) -> Timestamp {
        let reviewer = &self.reviewers[who];
        let ready = time.max(reviewer.free_at);
        let hours = self.roster.len();
        let hour = hour_of_week(ready);
        if works(reviewer, hour) || works(reviewer, (hour + hours - 1) % hours) {
            return ready;
        }
        let ahead = (1..hours).find(|ahead| works(reviewer, (hour + ahead) % hours)).unwrap_or(0);
        let begun = ready.as_millis().div_euclid(HOUR_MS) + ahead as i64;
        let settling_in = dice.span(Span::ZERO, Span::from_mins(20));
        (Timestamp::from_millis(begun * HOUR_MS) + settling_in).max(ready)
    }

    /// How many cases are put off.
    pub(super) fn waiting(&self) -> usize {
        self.batches.iter().flatten().map(|batch| batch.cases.len()).sum()
    }

    /// When the next batch must be decided.
    pub(super) fn batch_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Puts a case off; true when the batch is complete.
    pub(super) fn put_off(
        &mut self,
        who: usize,
        case: Case,
        now: Timestamp,
        dice: &mut Dice,
    ) -> bool {
        let due = &mut self.due;
        let batch = self.batches[who].get_or_insert_with(|| {
            let at = now + dice.span(Span::from_mins(20), Span::from_mins(90));
            due.insert((at, who));
            let size = dice.between(4, BATCH_MAX) as usize;
            Batch { due: at, size, cases: Vec::with_capacity(size) }
        });
        batch.cases.push(case);
        batch.cases.len() >= batch.size
    }

    /// The batch of `who`, to be decided.
    pub(super) fn take_batch(&mut self, who: usize) -> Option<Batch> {
        let batch = self.batches[who].take()?;
        self.due.remove(&(batch.due, who));
        Some(batch)
    }

    /// The batch that is due first, with its reviewer.
    pub(super) fn take_due(&mut self) -> Option<(usize, Batch)> {
        let who = self.due.first()?.1;
        self.take_batch(who).map(|batch| (who, batch))
    }

    /// Whatever still waits at the end.
    pub(super) fn take_any(&mut self) -> Option<Batch> {
        self.take_due().map(|(_, batch)| batch)
    }
}

fn newcomer(number: usize, dice: &mut Dice) -> Reviewer {
    Reviewer {
        name: format!("reviewer-{number:03}"),
        behaviour: Behaviour::Diligent,
        shift_from: 0,
        weekends: false,
        junior: false,
        free_at: Timestamp::MIN,
        // Long enough to be a text and not a code.
        stock_reasons: (super::case::digest(dice), 8 + dice.below(6) as u32),
        change_after: None,
        changed_at: None,
        tally: Tally::default(),
    }
}

/// Whether the hour of the week lies in the reviewer's shifts, none of which
/// passes midnight.
fn works(reviewer: &Reviewer, hour_of_week: usize) -> bool {
    let (day, hour) = (hour_of_week / 24, hour_of_week % 24);
    let from = usize::from(reviewer.shift_from);
    (from..from + SHIFT_HOURS).contains(&hour) && (day < 5 || reviewer.weekends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_week_begins_on_monday() {
        assert_eq!(hour_of_week(Options::START), 0);
        assert_eq!(hour_of_week(Timestamp::from_millis(0)), 3 * 24);
    }

    #[test]
    fn every_behaviour_is_there_and_everybody_begins_within_a_shift() {
        let people = People::new(&Options::DEFAULT);
        for behaviour in Behaviour::ALL {
            assert!(people.all().iter().any(|reviewer| reviewer.behaviour == *behaviour));
        }
        let mut dice = Dice::new(1, Stream::Cases);
        for who in 0..people.all().len() {
            // No shift ended within the hour before.
            let from = Options::START + Span::from_mins(150);
            let at = people.available(who, from, &mut dice);
            assert!(at >= from);
            assert!(works(people.get(who), hour_of_week(at)));
        }
    }

    #[test]
    fn one_person_gets_everything() {
        let people = People::new(&Options { reviewers: 1, ..Options::DEFAULT });
        let mut dice = Dice::new(1, Stream::Cases);
        for hour in 0..200 {
            let time = Options::START + Span::from_mins(hour * 60);
            assert_eq!(people.assign(time, &mut dice), 0);
        }
    }
}
