//! What the live stage holds of one reviewer: the state, and what waits for its turn.
//!
//! Invariants: what waits is in order; a batch is put together once, when its first
//! decision is due and no further one is waited for; the bytes are the same in every
//! process.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::bytes::{In, Out};
use super::certificates::{Batch, Judgement};
use super::peers::Peers;
use super::review::{Facts, Lesson, Name, Review};
use super::reviewer::{PATH_MAX, Part, Reviewer, Step};
use super::said::Said;
use super::signals::{Agreement, Rules};
use crate::event::Workflow;
use crate::time::Timestamp;

/// Windows remembered per reviewer because their truth was counted.
pub(super) const TAUGHT_MAX: usize = 16;
/// Batches open at a time; a decision that was taken back leaves its batch open.
const BATCHES_MAX: usize = 8;

/// Where a step stands among all of a reviewer's: decisions before truths of the same moment.
pub(super) type Place = (Timestamp, Kind, Arc<Name>);

/// What kind of step it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Decision,
    Truth,
}

/// A step that waits.
#[derive(Debug)]
pub(super) enum Pending {
    Decision(Box<(Review<'static>, Facts)>),
    Truth(Lesson),
}

/// A batch of which some decisions are still to be judged.
#[derive(Debug)]
pub(super) struct OpenBatch {
    pub(super) number: NonZeroU32,
    pub(super) batch: Batch,
    /// How many are to come.
    pub(super) left: u32,
    /// Whether the first is judged.
    pub(super) begun: bool,
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
    pub(super) batches: Vec<OpenBatch>,
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

    /// If the next step begins a batch: puts the batch together, or says until when
    /// further decisions of it are waited for.
    pub(super) fn open_batch(&mut self, now: Timestamp, rules: &Rules) -> Option<Timestamp> {
        let (place, Pending::Decision(first)) = self.pending.front()? else { return None };
        let batch_id = first.1.batch?;
        if self.batches.iter().any(|open| open.number == batch_id) {
            return None;
        }
        let until = place.0 + rules.config().batch_hold;
        let mut batch = Batch::new(&first.1);
        let mut left = 1;
        for ((at, _, _), pending) in self.pending.iter().skip(1) {
            if *at > until {
                break;
            }
            if let Pending::Decision(further) = pending
                && further.1.batch == Some(batch_id)
            {
                batch.add(&further.1);
                left += 1;
            }
        }
        let complete = batch.decided_at + rules.config().delay;
        if complete > now {
            return Some(complete);
        }
        if self.batches.len() == BATCHES_MAX {
            self.batches.remove(0);
        }
        self.batches.push(OpenBatch { number: batch_id, batch, left, begun: false });
        None
    }

    /// Judges the next decision; also what its act adds to the peers' counts.
    pub(super) fn decide(
        &mut self,
        facts: &Facts,
        rules: &Rules,
        peers: &Peers,
    ) -> (Judgement, Option<Agreement>, Option<Step>) {
        let position = self.batches.iter().position(|open| Some(open.number) == facts.batch);
        let Some(open) = position.and_then(|at| self.batches.get_mut(at)) else {
            let act = facts.agreed.map(|agreed| (agreed, facts.stratum));
            let (judgement, step) = self.state.decide(facts, Part::Single, rules, peers);
            return (judgement, act, step);
        };
        let act = open.batch.agreed.filter(|_| !open.begun);
        let part = match std::mem::replace(&mut open.begun, true) {
            false => Part::First(&mut open.batch),
            true => Part::Further(&open.batch),
        };
        let (judgement, step) = self.state.decide(facts, part, rules, peers);
        open.left = open.left.saturating_sub(1);
        self.batches.retain(|open| open.left > 0);
        (judgement, act, step)
    }

    pub(super) fn tell(&mut self, name: Arc<Name>, step: &Step, say: &mut dyn FnMut(Said<'_>)) {
        if self.cited.len() == PATH_MAX {
            self.cited.pop_front();
        }
        self.cited.push_back(name);
        let Some(transition) = step.transition else { return };
        let suspicion = step.suspicion.as_deref();
        let points = suspicion.map_or(0, |suspicion| suspicion.path.len());
        let skipped = self.cited.len().saturating_sub(points);
        let cited: Vec<_> = self.cited.iter().skip(skipped).map(|name| name.id()).collect();
        let (reviewer, at) = (&*self.name, step.at);
        say(Said::Turned { reviewer, at, transition, suspicion, cited: &cited });
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
        out.u32(self.batches.len() as u32);
        for open in &self.batches {
            out.u32(open.number.get());
            out.u32(open.left);
            out.u8(open.begun.into());
            open.batch.write(&mut out);
        }
        out.0
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Entry> {
        let mut input = In(bytes);
        let input = &mut input;
        let mut entry = Entry { state: Box::new(Reviewer::read(input)?), ..Entry::default() };
        entry.name = input.text()?.into();
        if input.u8()? != 0 {
            let at = input.time()?;
            let kind = if input.u8()? == 0 { Kind::Decision } else { Kind::Truth };
            entry.done = Some((at, kind, Arc::new(read_name(input)?)));
        }
        for _ in 0..input.u32()? {
            entry.cited.push_back(Arc::new(read_name(input)?));
        }
        for _ in 0..input.u32()? {
            entry.taught.push_back(input.u64()?);
        }
        for _ in 0..input.u32()? {
            let (number, left) = (NonZeroU32::new(input.u32()?)?, input.u32()?);
            let begun = input.u8()? != 0;
            entry.batches.push(OpenBatch { number, batch: Batch::read(input)?, left, begun });
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

/// FNV-1a: the same in every process, which a checkpoint needs. Nothing is gained by
/// choosing texts that collide: they are only compared within one reviewer's own.
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

pub(super) fn fingerprint(text: &str) -> NonZeroU32 {
    let hash = fnv(text.bytes());
    NonZeroU32::new((hash ^ hash >> 32) as u32).unwrap_or(NonZeroU32::MIN)
}

pub(super) fn digest(name: &Name) -> u64 {
    let time = name.detected_at.as_millis().to_le_bytes();
    fnv([name.workflow as u8].into_iter().chain(time).chain(name.credential_id.bytes()))
}
