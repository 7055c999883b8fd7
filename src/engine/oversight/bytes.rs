//! A reviewer's state as bytes, as a checkpoint holds it.
//!
//! Invariants: what is read back equals what was written to the last bit; reading
//! never panics, whatever the bytes, and refuses another version.

use std::num::NonZeroU32;

use super::burst::Burst;
use super::certificates::{Batch, History, TEMPLATE_REVIEWS};
use super::detection::Trials;
use super::peers::Stratum;
use super::reviewer::{Path, Point, Reviewer, Rise};
use super::signals::{BySignal, SIGNALS};
use crate::time::{Span, Timestamp};

/// The first byte; to be raised with every change of the layout.
pub(super) const VERSION: u8 = 2;

/// Writes little-endian numbers.
#[derive(Debug, Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    pub(super) fn u8(&mut self, n: u8) {
        self.0.push(n);
    }

    fn u16(&mut self, n: u16) {
        self.0.extend(n.to_le_bytes());
    }

    pub(super) fn u32(&mut self, n: u32) {
        self.0.extend(n.to_le_bytes());
    }

    pub(super) fn u64(&mut self, n: u64) {
        self.0.extend(n.to_le_bytes());
    }

    fn f64(&mut self, x: f64) {
        self.u64(x.to_bits());
    }

    pub(super) fn time(&mut self, time: Timestamp) {
        self.0.extend(time.as_millis().to_le_bytes());
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Out, T)) {
        self.u8(value.is_some().into());
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.u32(text.len() as u32);
        self.0.extend(text.as_bytes());
    }
}

/// Reads what [`Out`] wrote.
#[derive(Debug)]
pub(super) struct In<'b>(pub(super) &'b [u8]);

impl<'b> In<'b> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take().map(|[n]| n)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    /// A number: a statistic is never NaN.
    fn f64(&mut self) -> Option<f64> {
        self.u64().map(f64::from_bits).filter(|x| !x.is_nan())
    }

    fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        self.i64().map(Timestamp::from_millis)
    }

    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.u8()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    pub(super) fn text(&mut self) -> Option<&'b str> {
        let length = self.u32()? as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

/// Reads as many values as `into` has places.
fn fill<T>(into: &mut [T], mut read: impl FnMut() -> Option<T>) -> Option<()> {
    for place in into {
        *place = read()?;
    }
    Some(())
}

impl Reviewer {
    /// The state as bytes, beginning with a version.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Out(Vec::with_capacity(1_400));
        self.write(&mut out);
        out.0
    }

    /// The state that [`Reviewer::to_bytes`] wrote; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Reviewer> {
        let mut input = In(bytes);
        Reviewer::read(&mut input).filter(|_| input.0.is_empty())
    }

    pub(super) fn write(&self, out: &mut Out) {
        let Reviewer {
            history: History { previous, digests, next },
            signals,
            own,
            trials: Trials { signals: wrong, hits, others, false_alarms },
            burst: Burst { gaps, sum_ms, log },
            decisions,
            first_at,
            last_at,
            firing,
            rise,
            path,
        } = self;
        out.u8(VERSION);
        out.option(*previous, Out::time);
        digests.iter().for_each(|digest| out.u32(digest.map_or(0, NonZeroU32::get)));
        out.u8(*next);
        for evidence in signals {
            evidence.report.iter().chain(&evidence.page).for_each(|log| out.f64(*log));
            out.u32(evidence.steps);
            out.u32(evidence.ones);
        }
        out.0.extend(own.period.to_le_bytes());
        own.settled.iter().for_each(|(agreed, acts)| {
            out.u32(*agreed);
            out.u32(*acts);
        });
        own.recent.as_flattened().iter().for_each(|(agreed, acts)| {
            out.u16(*agreed);
            out.u16(*acts);
        });
        [wrong, hits, others, false_alarms].into_iter().for_each(|n| out.u32(*n));
        out.u32(*gaps);
        out.u64(*sum_ms);
        out.f64(*log);
        out.u64(*decisions);
        [first_at, last_at, firing].into_iter().for_each(|time| out.option(*time, Out::time));
        out.option(*rise, |out, rise| {
            out.time(rise.since);
            out.u32(rise.steps);
            rise.counts.iter().for_each(|(steps, signs)| {
                out.u32(*steps);
                out.u32(*signs);
            });
        });
        out.u8(path.next);
        for point in &path.points {
            out.option(*point, |out, point| {
                out.time(point.at);
                out.u16(packed(&point.signs));
                out.f64(point.statistic);
            });
        }
    }

    pub(super) fn read(input: &mut In<'_>) -> Option<Reviewer> {
        let mut state = Reviewer::default();
        input.u8().filter(|version| *version == VERSION)?;
        state.history.previous = input.option(In::time)?;
        fill(&mut state.history.digests, || input.u32().map(NonZeroU32::new))?;
        state.history.next = input.u8().filter(|next| usize::from(*next) < TEMPLATE_REVIEWS)?;
        for evidence in &mut state.signals {
            fill(&mut evidence.report, || input.f64())?;
            fill(&mut evidence.page, || input.f64())?;
            evidence.steps = input.u32()?;
            evidence.ones = input.u32()?;
        }
        state.own.period = input.i64()?;
        fill(&mut state.own.settled, || Some((input.u32()?, input.u32()?)))?;
        fill(state.own.recent.as_flattened_mut(), || Some((input.u16()?, input.u16()?)))?;
        let trials = &mut state.trials;
        for count in
            [&mut trials.signals, &mut trials.hits, &mut trials.others, &mut trials.false_alarms]
        {
            *count = input.u32()?;
        }
        state.burst = Burst { gaps: input.u32()?, sum_ms: input.u64()?, log: input.f64()? };
        state.decisions = input.u64()?;
        state.first_at = input.option(In::time)?;
        state.last_at = input.option(In::time)?;
        state.firing = input.option(In::time)?;
        state.rise = input.option(|input| {
            let mut rise =
                Rise { since: input.time()?, steps: input.u32()?, counts: Default::default() };
            fill(&mut rise.counts, || Some((input.u32()?, input.u32()?)))?;
            Some(rise)
        })?;
        let mut path = Path { next: input.u8()?, ..Path::default() };
        if usize::from(path.next) >= path.points.len() {
            return None;
        }
        fill(&mut path.points, || {
            input.option(|input| {
                let (at, signs) = (input.time()?, unpacked(input.u16()?));
                Some(Point { at, signs, statistic: input.f64()? })
            })
        })?;
        state.path = path;
        Some(state)
    }
}

impl Batch {
    pub(super) fn write(&self, out: &mut Out) {
        out.option(self.floor, |out, floor| out.time(Timestamp::from_millis(floor.as_millis())));
        out.option(self.presented_at, Out::time);
        out.option(self.previous, Out::time);
        out.time(self.decided_at);
        out.option(self.agreed, |out, (agreed, stratum)| {
            out.u8(agreed.into());
            out.u8(stratum.index() as u8);
        });
        out.option(self.unopened, |out, unopened| out.u8(unopened.into()));
    }

    pub(super) fn read(input: &mut In<'_>) -> Option<Batch> {
        Some(Batch {
            floor: input.option(|input| input.i64().map(Span::from_millis))?,
            presented_at: input.option(In::time)?,
            previous: input.option(In::time)?,
            decided_at: input.time()?,
            agreed: input
                .option(|input| Some((input.u8()? != 0, Stratum::from_index(input.u8()?)?)))?,
            unopened: input.option(|input| Some(input.u8()? != 0))?,
        })
    }
}

// Two bits a signal.
const _: () = assert!(2 * SIGNALS <= u16::BITS as usize);

/// Two bits a signal: whether observed, whether the sign was there.
fn packed(signs: &BySignal<Option<bool>>) -> u16 {
    let bits = signs.iter().map(|sign| match sign {
        None => 0,
        Some(false) => 1,
        Some(true) => 3,
    });
    bits.enumerate().fold(0, |all, (at, bits)| all | bits << (2 * at))
}

fn unpacked(bits: u16) -> BySignal<Option<bool>> {
    let mut signs = [None; SIGNALS];
    for (at, sign) in signs.iter_mut().enumerate() {
        let bits = bits >> (2 * at);
        *sign = (bits & 1 != 0).then_some(bits & 2 != 0);
    }
    signs
}
