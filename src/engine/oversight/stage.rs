//! The second stage as a run of its own: reviews and time in, judgements and pages out.
//!
//! It keeps the contract of the engine: [`Stage::handle`] takes a review in and says
//! nothing, [`Stage::advance`] takes the time in and says what follows,
//! [`Stage::next_deadline`] tells when there is something to do.
//!
//! Invariants: a reviewer's acts are judged in the order of (last decision,
//! `exposure_id`), each known truth counts once, and both wait for the configured
//! delay, so what is emitted does not depend on the order of arrival as long as nothing
//! arrives later than that; what does is counted and changes nothing; the result is
//! that of a replay ([`super::Reviews`]) of the same windows. All reviewers are in one
//! stage: agreement is compared with that of peers, and a list of flagged reviewers
//! keeps its rate of false discoveries among everybody.
//!
//! One bound sets it apart from a replay: of the windows whose truth was counted the last
//! sixteen of each reviewer are remembered, so a truth that is corrected after sixteen
//! others counts again.

use std::cmp::Reverse;
use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use super::bytes::VERSION;
use super::emitted::{Change, Emitted, Receipt};
use super::entry::{Case, Entry, Kind, Next, Pending, Place, TAUGHT_MAX, digest};
use super::peers::{PeerCounts, Totals};
use super::review::{Name, Review};
use super::reviewer::{Point, Standing};
use super::signals::Rules;
use crate::engine::windows::ExposureId;
use crate::time::{Span, Timestamp};

/// What has changed since it was last handed out.
#[derive(Debug, Default)]
struct Unsaved {
    reviewers: Vec<u32>,
    settled: Vec<Arc<Name>>,
    periods: BTreeSet<i64>,
}

/// What waits of a window.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// Whose decision it is.
    reviewer: u32,
    /// When each kind of step stands, if it is still to be taken.
    at: [Option<Timestamp>; 2],
}

/// Periods before the one that was settled last whose totals are kept.
const PERIODS_KEPT: i64 = 3;

/// Where steps that are taken are noted.
struct Taken<'t> {
    waiting: &'t mut HashMap<Arc<Name>, Waiting>,
    unsaved: &'t mut Option<Unsaved>,
}

impl Taken<'_> {
    /// The step at `place` waits no longer.
    fn take(&mut self, (_, kind, name): &Place) {
        let MapEntry::Occupied(mut waiting) = self.waiting.entry(Arc::clone(name)) else { return };
        let waits = &mut waiting.get_mut().at;
        if let Some(waits) = waits.get_mut(*kind as usize) {
            *waits = None;
        }
        if *waits == [None; 2] {
            waiting.remove();
            if let Some(unsaved) = self.unsaved {
                unsaved.settled.push(Arc::clone(name));
            }
        }
    }
}

/// The reviews of many reviewers.
#[derive(Debug)]
pub struct Stage {
    rules: Rules,
    entries: Vec<Entry>,
    index: HashMap<Arc<str>, u32>,
    waiting: HashMap<Arc<Name>, Waiting>,
    /// When reviewers are due; an entry that is not the reviewer's own `due` is stale.
    queue: BinaryHeap<Reverse<(Timestamp, u32)>>,
    totals: Totals,
    /// The latest period that takes nothing in any more.
    settled: Option<i64>,
    /// `None` where nobody asks.
    unsaved: Option<Unsaved>,
}

impl Stage {
    /// The version of the states that [`Stage::changes`] hands out: their first byte.
    pub const VERSION: u8 = VERSION;

    /// No reviews yet.
    pub fn new(rules: Rules) -> Stage {
        Stage {
            rules,
            entries: Vec::new(),
            index: HashMap::new(),
            waiting: HashMap::new(),
            queue: BinaryHeap::new(),
            totals: Totals::default(),
            settled: None,
            unsaved: None,
        }
    }

    /// Notes from now on what [`Stage::changes`] hands out.
    #[must_use]
    pub fn noting_changes(self) -> Stage {
        Stage { unsaved: Some(Unsaved::default()), ..self }
    }

    /// The rules in force.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Reviewers known.
    pub fn reviewers(&self) -> usize {
        self.entries.len()
    }

    /// Where every reviewer stands, by name.
    pub fn standings(&self) -> BTreeMap<&str, Standing> {
        let entries = self.entries.iter();
        entries.map(|entry| (&*entry.name, entry.state.standing(&self.rules))).collect()
    }

    /// The latest steps of a reviewer, each with its window; none of one not known.
    pub fn path(&self, reviewer: &str) -> Vec<(ExposureId<'_>, Point)> {
        let entry = self.index.get(reviewer).and_then(|number| self.entries.get(*number as usize));
        let Some(entry) = entry else { return Vec::new() };
        entry.cited.iter().map(|name| name.id()).zip(entry.state.path()).collect()
    }

    /// Takes in a review, or a further revision of one.
    pub fn handle(&mut self, review: Review<'_>) -> Receipt {
        self.handle_renamed(review, &[])
    }

    /// The same for a window that had the names `former` before. What was judged or counted under
    /// one of them is not judged or counted again.
    pub fn handle_renamed(&mut self, review: Review<'_>, former: &[ExposureId<'_>]) -> Receipt {
        let name = Arc::new(Name::from(review.exposure_id()));
        let former: Vec<Arc<Name>> = former.iter().map(|it| Arc::new(Name::from(*it))).collect();
        former.iter().for_each(|former| self.forget(former));
        // The last word on a window is the one that counts, whatever its revision: a
        // late detection takes events away from an older window.
        self.forget(&name);
        let known = self.index.contains_key(&*review.reviewer);
        if !known && self.entries.len() >= self.rules.config().reviewers_max {
            return Receipt::Refused;
        }
        let number = self.number_of(&review.reviewer);
        let Some(entry) = self.entries.get_mut(number as usize) else { return Receipt::Refused };
        if entry.rename(&former, &name)
            && let Some(unsaved) = &mut self.unsaved
            && !std::mem::replace(&mut entry.unsaved, true)
        {
            unsaved.reviewers.push(number);
        }
        let facts = review.facts();
        let mut waits = [None; 2];
        let fresh = |entry: &Entry, (at, kind, name): &Place| {
            let mut names = [name].into_iter().chain(&former);
            names.all(|name| entry.done.as_ref() < Some(&(*at, *kind, Arc::clone(name))))
        };
        if let Some(lesson) = facts.truth {
            let place = (lesson.at, Kind::Truth, name.clone());
            if fresh(entry, &place) && !entry.taught.contains(&digest(&name)) {
                waits[1] = Some(lesson.at);
                entry.hold(place, Pending::Truth(lesson));
            }
        }
        let place = (review.decided_at, Kind::Decision, name.clone());
        if fresh(entry, &place) {
            waits[0] = Some(review.decided_at);
            let decision = Pending::Decision(Box::new((review.into_owned(), facts)));
            entry.hold(place, decision);
        }
        let receipt = match waits {
            [None, None] => return Receipt::Behind,
            [None, Some(_)] => Receipt::Learning,
            [Some(_), _] => Receipt::Held,
        };
        self.waiting.insert(name, Waiting { reviewer: number, at: waits });
        self.schedule(number, None);
        receipt
    }

    /// Takes back what waits of a window: a late arrival gave it another name or
    /// another reviewer.
    pub fn retract(&mut self, exposure: ExposureId<'_>) {
        self.forget(&Name::from(exposure));
    }

    fn forget(&mut self, name: &Name) {
        let Some((name, waiting)) = self.waiting.remove_entry(name) else { return };
        let (number, [decided, learned]) = (waiting.reviewer, waiting.at);
        if let Some(unsaved) = &mut self.unsaved {
            unsaved.settled.push(Arc::clone(&name));
        }
        if let Some(entry) = self.entries.get_mut(number as usize) {
            for (at, kind) in [(decided, Kind::Decision), (learned, Kind::Truth)] {
                let place = at.map(|at| (at, kind, Arc::clone(&name)));
                if let Some(held) = place.and_then(|place| entry.position(&place).ok()) {
                    entry.pending.remove(held);
                }
            }
            self.schedule(number, None);
        }
    }

    fn number_of(&mut self, reviewer: &str) -> u32 {
        if let Some(number) = self.index.get(reviewer) {
            return *number;
        }
        let number = self.entries.len() as u32;
        let name: Arc<str> = reviewer.into();
        self.entries.push(Entry { name: Arc::clone(&name), ..Entry::default() });
        self.index.insert(name, number);
        number
    }

    /// Sets when the reviewer's next step is due, no earlier than `wait`.
    fn schedule(&mut self, number: u32, wait: Option<Timestamp>) {
        let Some(entry) = self.entries.get_mut(number as usize) else { return };
        let delay = self.rules.config().delay;
        let first = entry.next_at(&self.rules).map(|at| at + delay);
        let due = first.map(|first| wait.map_or(first, |wait| first.max(wait)));
        if due != entry.due {
            entry.due = due;
            self.queue.extend(due.map(|due| Reverse((due, number))));
        }
        // The first in the queue is always somebody's own.
        while let Some(Reverse((due, number))) = self.queue.peek()
            && self.entries.get(*number as usize).is_none_or(|entry| entry.due != Some(*due))
        {
            self.queue.pop();
        }
    }

    /// The next time at which [`Stage::advance`] has something to do.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.queue.peek().map(|Reverse((due, _))| *due)
    }

    /// Judges all that is due at `now`, and says what follows.
    pub fn advance(&mut self, now: Timestamp, emit: &mut dyn FnMut(Emitted<'_>)) {
        let _ = self.advance_some(now, usize::MAX, emit);
    }

    /// As [`Stage::advance`], in at most `most` steps; whether that was all.
    #[must_use]
    pub fn advance_some(
        &mut self,
        now: Timestamp,
        most: usize,
        emit: &mut dyn FnMut(Emitted<'_>),
    ) -> bool {
        let mut left = most;
        while let Some(Reverse((due, number))) = self.queue.peek().copied()
            && due <= now
        {
            if left == 0 {
                return false;
            }
            left -= 1;
            self.settle_before(due);
            let wait = self.step(number, now, emit);
            self.schedule(number, wait);
        }
        self.settle_before(now);
        true
    }

    /// Closes the periods of which everything that was waited for was judged by `now`. Time
    /// alone closes none: as long as nobody's acts are known of a period or of a later one, acts
    /// in it are late for nothing. So a new store judges the past as a replay does.
    fn settle_before(&mut self, now: Timestamp) {
        let config = self.rules.config();
        let waited = config.delay.as_millis().saturating_mul(2);
        let waited = waited.saturating_add(config.batch_hold.as_millis());
        let over = self.rules.period_of(now + Span::from_millis(waited.saturating_neg())) - 1;
        if let Some(latest) = self.totals.latest(over)
            && self.settled < Some(latest)
        {
            self.settled = Some(latest);
            self.totals.settle(latest);
            if let Some(unsaved) = &mut self.unsaved {
                unsaved.periods.insert(latest);
            }
            // A reviewer may still wait for a batch before taking the period in.
            self.totals.forget_before(latest.saturating_sub(PERIODS_KEPT));
        }
    }

    /// Takes the reviewer's next step, or says until when it has to wait.
    fn step(
        &mut self,
        number: u32,
        now: Timestamp,
        emit: &mut dyn FnMut(Emitted<'_>),
    ) -> Option<Timestamp> {
        let Stage { rules, entries, waiting, totals, settled, unsaved, .. } = self;
        let entry = entries.get_mut(number as usize)?;
        let next = entry.next(now, rules);
        let mut taken = Taken { waiting, unsaved };
        match next {
            Next::Nothing => return None,
            Next::Wait(until) => return Some(until),
            Next::Moved(names, due) => {
                for name in names {
                    if let Some(waiting) = taken.waiting.get_mut(&name) {
                        waiting.at[Kind::Decision as usize] = Some(due);
                    }
                }
                return None;
            }
            Next::Settle(period, at) => {
                let step = entry.state.settle(period, totals, rules);
                if let Some(latest) = entry.latest.clone() {
                    entry.took_step(Arc::clone(&latest), step, emit);
                    entry.done = Some((at, Kind::Settlement, latest));
                }
            }
            Next::Learn(place, lesson) => {
                taken.take(&place);
                if entry.taught.len() == TAUGHT_MAX {
                    entry.taught.pop_front();
                }
                entry.taught.push_back(digest(&place.2));
                let learnt = entry.state.learn(&lesson, rules);
                if learnt.is_some() && lesson.seeded && lesson.wrong {
                    let (workflow, caught) = (place.2.workflow, lesson.challenged);
                    emit(Emitted::Planted { workflow, caught });
                }
                entry.took_step(Arc::clone(&place.2), learnt.flatten(), emit);
                entry.done = Some(place);
            }
            Next::Decide(first, others) => {
                let cases = || std::iter::once(&first).chain(&others);
                cases().for_each(|(place, _)| taken.take(place));
                let facts = cases().map(|(_, case)| &case.1);
                let mut reviews = cases().map(|(_, case)| &case.0);
                let decision = entry.state.decide(facts, rules, *settled, |judgement| {
                    if let Some(review) = reviews.next() {
                        emit(Emitted::Judged { review, judgement: &judgement });
                    }
                });
                if let Some((act, (_, case))) =
                    decision.act.and_then(|act| Some((act, cases().nth(act.first)?)))
                {
                    emit(Emitted::Act { review: &case.0, quality: act.quality });
                }
                if let Some((act, first)) = decision.entered.counted {
                    totals.count(&act, first);
                    if let Some(unsaved) = taken.unsaved {
                        unsaved.periods.insert(act.period);
                    }
                }
                let (place, _): (Place, Case) = others.into_iter().last().unwrap_or(first);
                entry.latest = Some(Arc::clone(&place.2));
                entry.took_step(Arc::clone(&place.2), decision.step, emit);
                entry.done = Some(place);
            }
        }
        if entry.pending.is_empty() {
            // Most reviewers have nothing waiting most of the time.
            entry.pending = VecDeque::new();
        }
        if let Some(unsaved) = unsaved
            && !std::mem::replace(&mut entry.unsaved, true)
        {
            unsaved.reviewers.push(number);
        }
        None
    }

    /// Hands out what has changed since the last call, if it is noted. Reviews that
    /// wait are not among it: who hands them in keeps them until they are settled.
    pub fn changes(&mut self, each: &mut dyn FnMut(Change<'_>)) {
        let Some(unsaved) = &mut self.unsaved else { return };
        let Unsaved { reviewers, settled, periods } = std::mem::take(unsaved);
        for number in reviewers {
            let Some(entry) = self.entries.get_mut(number as usize) else { continue };
            entry.unsaved = false;
            each(Change::Reviewer { name: &entry.name, state: &entry.to_bytes() });
        }
        // What was taken back may have been handed in again since.
        for name in settled.iter().filter(|name| !self.waiting.contains_key(*name)) {
            each(Change::Settled(name.id()));
        }
        for counts in periods.iter().filter_map(|period| self.totals.of(*period)) {
            each(Change::Period(counts));
        }
    }

    /// Has [`Stage::changes`], if changes are noted, hand out up to `most` reviewers again, those
    /// from number `from` on, and with the first of them all periods. Returns the number to go on
    /// with; `None`: there are no more.
    pub fn rewrite(&mut self, from: usize, most: usize) -> Option<usize> {
        let unsaved = self.unsaved.as_mut()?;
        if from == 0 {
            unsaved.periods.extend(self.totals.periods());
        }
        for (number, entry) in self.entries.iter_mut().enumerate().skip(from).take(most) {
            if !std::mem::replace(&mut entry.unsaved, true) {
                // Reviewers have a bound that fits.
                unsaved.reviewers.push(number as u32);
            }
        }
        Some(from + most).filter(|next| *next < self.entries.len())
    }

    /// Brings back the acts of a period, in place of what was brought back before. What was settled
    /// stays so: an act in it that waits, or that comes before time passes, is late.
    pub fn count(&mut self, counts: &PeerCounts) {
        if counts.settled {
            self.settled = self.settled.max(Some(counts.period));
        }
        self.totals.set(counts);
    }

    /// What is held of a reviewer, for a checkpoint; `None` for one not known.
    pub fn checkpoint(&self, reviewer: &str) -> Option<Vec<u8>> {
        let entry = self.entries.get(*self.index.get(reviewer)? as usize)?;
        Some(entry.to_bytes())
    }

    /// The reviewer whose state these bytes are, if they are one.
    pub fn reviewer_of(checkpoint: &[u8]) -> Option<Arc<str>> {
        Entry::read(checkpoint).map(|entry| entry.name)
    }

    /// Brings back what [`Stage::checkpoint`] gave. Reviews that waited are not in it:
    /// they are to be handed in again, and what was judged of them does not count twice.
    /// Says whether it could be read.
    #[must_use]
    pub fn restore(&mut self, bytes: &[u8]) -> bool {
        let Some(entry) = Entry::read(bytes) else { return false };
        let number = self.number_of(&entry.name);
        if let Some(place) = self.entries.get_mut(number as usize) {
            let pending = std::mem::take(&mut place.pending);
            let due = place.due;
            let (name, unsaved) = (Arc::clone(&place.name), place.unsaved);
            *place = Entry { name, pending, due, unsaved, ..entry };
        }
        true
    }
}
