//! What the live stage holds of one reviewer: the state, and what waits for its turn.
//!
//! Invariants: what waits is in order; a batch waits at its last decision, once no further
//! one can come; the bytes are the same in every process.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::batch::Extent;
use super::bytes::{In, Out};
use super::emitted::Emitted;
use super::hash::Hash;
use super::review::{Facts, Lesson, Name, Review};
use super::reviewer::{PATH_MAX, Reviewer, Step};
use super::signals::Rules;
use crate::event::Workflow;
use crate::time::Timestamp;

/// Windows remembered per reviewer because their truth was counted.
pub(super) const TAUGHT_MAX: usize = 16;

/// Where a step stands among all of a reviewer's: at the same moment decisions come first,
/// then truths, then periods that are settled.
pub(super) type Place = (Timestamp, Kind, Arc<Name>);

/// What kind of step it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Decision,
    Truth,
    Settlement,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Decision, Kind::Truth, Kind::Settlement];
}

/// A decision that waits.
pub(super) type Case = Box<(Review<'static>, Facts)>;

/// A step that waits.
#[derive(Debug)]
pub(super) enum Pending {
    Decision(Case),
    Truth(Lesson),
}

/// What a reviewer's next step is.
#[derive(Debug)]
pub(super) enum Next {
    Nothing,
    /// It cannot be taken before this time.
    Wait(Timestamp),
    /// These windows of a batch now wait for this time, its last decision.
    Moved(Vec<Arc<Name>>, Timestamp),
    /// A period is settled, at this time.
    Settle(i64, Timestamp),
    Learn(Place, Lesson),
    /// An act: its first case and the others.
    Decide((Place, Case), Vec<(Place, Case)>),
}

/// One reviewer.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    /// Apart, so that the list of reviewers can grow without copying it.
    pub(super) state: Box<Reviewer>,
    /// The windows of the latest steps, as many as the state's path has points.
    pub(super) cited: VecDeque<Arc<Name>>,
    /// The last step taken.
    pub(super) done: Option<Place>,
    /// Digests of the windows whose truth was counted.
    pub(super) taught: VecDeque<u64>,
    /// The window of the latest decision.
    pub(super) latest: Option<Arc<Name>>,
    /// What waits, in order. New ones come near the end as a rule.
    pub(super) pending: VecDeque<(Place, Pending)>,
    pub(super) due: Option<Timestamp>,
    /// Whether its state is noted as changed.
    pub(super) unsaved: bool,
}

impl Entry {
    /// Where `place` stands among what waits, or where it would.
    pub(super) fn position(&self, place: &Place) -> Result<usize, usize> {
        match self.pending.back() {
            Some((last, _)) if last < place => Err(self.pending.len()),
            _ => self.pending.binary_search_by(|(other, _)| other.cmp(place)),
        }
    }

    pub(super) fn hold(&mut self, place: Place, pending: Pending) {
        match self.position(&place) {
            Ok(at) => self.pending[at].1 = pending,
            Err(at) => self.pending.insert(at, (place, pending)),
        }
    }

    /// The window `name` had the names `former` before: what is remembered of them is of it.
    /// Says whether there was anything.
    pub(super) fn rename(&mut self, former: &[Arc<Name>], name: &Arc<Name>) -> bool {
        let mut renamed = false;
        // `done` stays: it is a place in the order in which steps were taken.
        let cited = self.cited.iter_mut().chain(&mut self.latest);
        for cited in cited.filter(|cited| former.contains(cited)) {
            *cited = Arc::clone(name);
            renamed = true;
        }
        for former in former.iter().map(|name| digest(name)) {
            for taught in self.taught.iter_mut().filter(|taught| **taught == former) {
                *taught = digest(name);
                renamed = true;
            }
        }
        renamed
    }

    /// When the next step stands, whatever it is.
    pub(super) fn next_at(&self, rules: &Rules) -> Option<Timestamp> {
        let first = self.pending.front().map(|((at, _, _), _)| *at);
        let settled = self.state.next_settlement(rules).map(|(_, at)| at);
        first.into_iter().chain(settled).min()
    }

    /// Takes out the next step, if it is time.
    pub(super) fn next(&mut self, now: Timestamp, rules: &Rules) -> Next {
        let front = self.pending.front().map(|((at, _, _), _)| *at);
        if let Some((period, at)) = self.state.next_settlement(rules)
            && front.is_none_or(|front| at < front)
        {
            let due = at + rules.config().delay;
            return if due > now { Next::Wait(due) } else { Next::Settle(period, at) };
        }
        if let Some((_, Pending::Decision(case))) = self.pending.front()
            && let Some(batch) = case.1.batch
        {
            return self.next_batch(batch, now, rules);
        }
        match self.pending.pop_front() {
            None => Next::Nothing,
            Some((place, Pending::Decision(case))) => Next::Decide((place, case), Vec::new()),
            Some((place, Pending::Truth(lesson))) => Next::Learn(place, lesson),
        }
    }

    /// The same where the next step is a decision of `batch`: waits until the batch is
    /// complete, then moves all of it to its last decision.
    fn next_batch(&mut self, batch: NonZeroU32, now: Timestamp, rules: &Rules) -> Next {
        let config = rules.config();
        let own = |pending: &Pending| match pending {
            Pending::Decision(case) if case.1.batch == Some(batch) => Some(case.1.decided_at),
            _ => None,
        };
        let mut times: Vec<Timestamp> =
            self.pending.iter().filter_map(|(_, pending)| own(pending)).collect();
        times.sort_unstable();
        let Some(first) = times.first().copied() else { return Next::Nothing };
        let mut extent = Extent { first, last: first };
        for at in times.into_iter().filter(|at| *at > first) {
            if !extent.reaches(at, config.batch_hold) {
                break;
            }
            extent.last = at;
        }
        let complete = extent.complete_at(config.batch_hold, config.delay);
        if complete > now {
            return Next::Wait(complete);
        }
        let due = extent.last;
        let belongs = |pending: &Pending| own(pending).is_some_and(|at| at <= due);
        let misplaced = |(place, pending): &(Place, Pending)| place.0 != due && belongs(pending);
        if self.pending.iter().any(misplaced) {
            let mut moved = Vec::new();
            for (place, pending) in &mut self.pending {
                if belongs(pending) {
                    place.0 = due;
                    moved.push(Arc::clone(&place.2));
                }
            }
            self.pending.make_contiguous().sort_by(|(a, _), (b, _)| a.cmp(b));
            return Next::Moved(moved, due);
        }
        let mut cases = Vec::new();
        let mut others = VecDeque::with_capacity(self.pending.len());
        for (place, pending) in self.pending.drain(..) {
            match pending {
                Pending::Decision(case) if case.1.batch == Some(batch) && place.0 == due => {
                    cases.push((place, case));
                }
                other => others.push_back((place, other)),
            }
        }
        self.pending = others;
        let mut cases = cases.into_iter();
        match cases.next() {
            Some(first) => Next::Decide(first, cases.collect()),
            None => Next::Nothing,
        }
    }

    /// Takes in a step, if there was one, and emits the alert that begins or ends with it.
    pub(super) fn took_step(
        &mut self,
        name: Arc<Name>,
        step: Option<Step>,
        emit: &mut dyn FnMut(Emitted<'_>),
    ) {
        let Some(step) = step else { return };
        if self.cited.len() == PATH_MAX {
            self.cited.pop_front();
        }
        self.cited.push_back(name);
        let Some(transition) = step.transition else { return };
        let evidence = step.evidence.as_deref();
        let points = evidence.map_or(0, |evidence| evidence.path.len());
        let skipped = self.cited.len().saturating_sub(points);
        let cited: Vec<_> = self.cited.iter().skip(skipped).map(|name| name.id()).collect();
        let (reviewer, at) = (&*self.name, step.at);
        emit(Emitted::Alert { reviewer, at, transition, evidence, cited: &cited });
    }

    /// The state as bytes, without what waits.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Out::default();
        self.state.write(&mut out);
        out.text(&self.name);
        out.u8(self.done.is_some().into());
        if let Some((at, kind, name)) = &self.done {
            out.time(*at);
            out.u8(*kind as u8);
            write_name(&mut out, name);
        }
        out.u32(self.cited.len() as u32);
        self.cited.iter().for_each(|name| write_name(&mut out, name));
        out.u32(self.taught.len() as u32);
        self.taught.iter().for_each(|digest| out.u64(*digest));
        out.u8(self.latest.is_some().into());
        self.latest.iter().for_each(|name| write_name(&mut out, name));
        out.0
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Entry> {
        let mut input = In(bytes);
        let input = &mut input;
        let mut entry = Entry { state: Box::new(Reviewer::read(input)?), ..Entry::default() };
        entry.name = input.text()?.into();
        if input.u8()? != 0 {
            let at = input.time()?;
            let kind = *Kind::ALL.get(usize::from(input.u8()?))?;
            entry.done = Some((at, kind, Arc::new(read_name(input)?)));
        }
        for _ in 0..input.u32()? {
            entry.cited.push_back(Arc::new(read_name(input)?));
        }
        for _ in 0..input.u32()? {
            entry.taught.push_back(input.u64()?);
        }
        if input.u8()? != 0 {
            entry.latest = Some(Arc::new(read_name(input)?));
        }
        input.0.is_empty().then_some(entry)
    }
}

fn write_name(out: &mut Out, name: &Name) {
    out.u8(name.workflow as u8);
    out.text(&name.credential_id);
    out.time(name.detected_at);
}

fn read_name(input: &mut In<'_>) -> Option<Name> {
    Some(Name {
        workflow: *Workflow::ALL.get(usize::from(input.u8()?))?,
        credential_id: input.text()?.into(),
        detected_at: input.time()?,
    })
}

pub(super) fn digest(name: &Name) -> u64 {
    let hash = Hash::new().byte(name.workflow as u8);
    let hash = hash.bytes(&name.detected_at.as_millis().to_le_bytes());
    hash.bytes(name.credential_id.as_bytes()).long()
}
