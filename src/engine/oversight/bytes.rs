//! A reviewer's state as bytes, as a checkpoint holds it.
//!
//! Invariants: what is read back equals what was written to the last bit; reading
//! never panics, whatever the bytes, and refuses another version.

use std::num::NonZeroU32;

use super::acts::Compares;
use super::advice::{ADVICE_MAX, REVISED_MAX, Recent, Revised, TRUTHS_MAX};
use super::burst::Burst;
use super::detection::Trials;
use super::memory::{ACTS_MAX, Acts, Group, Reasons, Seen, TEMPLATE_ACTS};
use super::peers::{OWN_MAX, Own, OwnCounts, Stratum};
use super::reviewer::{Path, Point, Reviewer, Rise, Waiting};
use super::schedule::{INTERVALS_MAX, PACES, Release, Schedule};
use super::signals::{BySignal, SIGNALS};
use super::texts::{GROUPS_MAX, GroupTexts, PAST_MAX, TEXTS_MAX, Texts};
use crate::time::Timestamp;

/// The first byte; to be raised with every change of the layout.
pub(super) const VERSION: u8 = 6;

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

    fn i64(&mut self, n: i64) {
        self.0.extend(n.to_le_bytes());
    }

    pub(super) fn time(&mut self, time: Timestamp) {
        self.i64(time.as_millis());
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Out, T)) {
        self.u8(value.is_some().into());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// The number of values and the values; there are far fewer than a number can hold.
    fn row<T>(
        &mut self,
        values: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Out, T),
    ) {
        self.u16(values.len() as u16);
        values.for_each(|value| write(self, value));
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

    fn number(&mut self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.u32()?)
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

/// Reads a row of at most `most` values, as [`Out::row`] wrote it.
fn row<T>(
    input: &mut In<'_>,
    most: usize,
    mut read: impl FnMut(&mut In<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let count = usize::from(input.u16()?);
    (count <= most).then_some(())?;
    (0..count).map(|_| read(input)).collect()
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
            schedule,
            reasons,
            texts: Texts { groups, read, past, forgotten },
            compares: Compares { acts, heard, own },
            taught,
            taught_advice,
            waiting,
            alone,
            previous,
            signals,
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
        out.row(schedule.releases.iter(), |out, release| {
            let Release { at, left_ms, total_ms, longest_ms, clock, cases } = release;
            out.time(*at);
            left_ms.iter().for_each(|left| out.u32(*left));
            [total_ms, longest_ms, clock, cases].into_iter().for_each(|n| out.u32(*n));
        });
        out.row(reasons.0.iter(), |out, digest| out.u32(digest.map_or(0, NonZeroU32::get)));
        for acts in [acts, taught] {
            out.row(acts.0.iter(), |out, seen| {
                out.u32(seen.group.get());
                out.time(seen.since);
            });
        }
        out.row(groups.iter(), |out, reading| {
            out.u8(matches!(reading.group, Group::Incident(_)).into());
            out.u32(reading.group.number().get());
            [reading.presented, reading.forgotten].into_iter().for_each(|time| out.time(time));
        });
        out.row(read.iter(), |out, (group, text)| {
            [group, text].into_iter().for_each(|number| out.u32(number.get()));
        });
        out.row(past.iter(), |out, number| out.u32(number.get()));
        out.time(*forgotten);
        for advice in [&heard.judged.0, &taught_advice.0] {
            out.row(advice.iter(), |out, number| out.u32(number.get()));
        }
        out.row(heard.revised.iter(), |out, revised| {
            out.u32(revised.first.get());
            out.u32(revised.decided_s);
        });
        out.row(own.0.iter(), |out, own| {
            out.i64(own.period);
            out.u32(own.stratum.number());
            out.u16(own.acts);
            out.u16(own.agreed);
        });
        out.u32(waiting.acts);
        out.u32(waiting.agreed);
        out.u64(waiting.peer_acts);
        out.u64(waiting.peer_agreed);
        waiting.log_factors.iter().for_each(|log| out.f64(*log));
        out.u64(*alone);
        out.option(*previous, Out::time);
        for evidence in signals {
            evidence.report.iter().chain(&evidence.page).for_each(|log| out.f64(*log));
            out.u32(evidence.steps);
            out.u32(evidence.ones);
        }
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
        state.schedule = Schedule { releases: row(input, INTERVALS_MAX, read_release)? };
        let digest = |input: &mut In<'_>| input.u32().map(NonZeroU32::new);
        state.reasons = Reasons(row(input, TEMPLATE_ACTS, digest)?);
        for acts in [&mut state.compares.acts, &mut state.taught] {
            *acts = Acts(row(input, ACTS_MAX, read_seen)?.into());
        }
        state.texts = Texts {
            groups: row(input, GROUPS_MAX, read_reading)?.into(),
            read: row(input, TEXTS_MAX, |input| Some((input.number()?, input.number()?)))?.into(),
            past: row(input, PAST_MAX, |input| input.number())?.into(),
            forgotten: input.time()?,
        };
        state.compares.heard.judged = Recent(row(input, ADVICE_MAX, |input| input.number())?);
        state.taught_advice = Recent(row(input, TRUTHS_MAX, |input| input.number())?);
        state.compares.heard.revised = row(input, REVISED_MAX, read_revised)?;
        state.compares.own = OwnCounts(row(input, OWN_MAX, read_own)?);
        let mut waiting = Waiting {
            acts: input.u32()?,
            agreed: input.u32()?,
            peer_acts: input.u64()?,
            peer_agreed: input.u64()?,
            ..Waiting::default()
        };
        fill(&mut waiting.log_factors, || input.f64())?;
        state.waiting = waiting;
        state.alone = input.u64()?;
        state.previous = input.option(In::time)?;
        for evidence in &mut state.signals {
            fill(&mut evidence.report, || input.f64())?;
            fill(&mut evidence.page, || input.f64())?;
            evidence.steps = input.u32()?;
            evidence.ones = input.u32()?;
        }
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

fn read_release(input: &mut In<'_>) -> Option<Release> {
    let at = input.time()?;
    let mut left_ms = [0; PACES.len()];
    fill(&mut left_ms, || input.u32())?;
    let (total_ms, longest_ms) = (input.u32()?, input.u32()?);
    Some(Release { at, left_ms, total_ms, longest_ms, clock: input.u32()?, cases: input.u32()? })
}

fn read_seen(input: &mut In<'_>) -> Option<Seen> {
    Some(Seen { group: input.number()?, since: input.time()? })
}

fn read_reading(input: &mut In<'_>) -> Option<GroupTexts> {
    let kind = if input.u8()? == 0 { Group::Batch } else { Group::Incident };
    let group = kind(input.number()?);
    Some(GroupTexts { group, presented: input.time()?, forgotten: input.time()? })
}

fn read_revised(input: &mut In<'_>) -> Option<Revised> {
    Some(Revised { first: input.number()?, decided_s: input.u32()? })
}

fn read_own(input: &mut In<'_>) -> Option<Own> {
    let (period, stratum) = (input.i64()?, Stratum::from_number(input.u32()?));
    Some(Own { period, stratum, acts: input.u16()?, agreed: input.u16()? })
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

#[cfg(test)]
mod tests {
    use super::super::advice::Heard;
    use super::*;
    use crate::time::Span;

    /// A reviewer of whom everything is held that can be.
    fn full() -> Reviewer {
        let number = |n: usize| NonZeroU32::MIN.saturating_add(n as u32);
        let at = |n: usize| Timestamp::from_millis(1_800_000_000_000) + Span::from_secs(n as i64);
        let seen = |n| Seen { group: number(n), since: at(n) };
        let reading = |n| GroupTexts {
            group: if n % 2 == 0 { Group::Incident } else { Group::Batch }(number(n)),
            presented: at(n),
            forgotten: Timestamp::MIN,
        };
        let revised = |n: usize| Revised { first: number(n), decided_s: n as u32 };
        let release = |n| Release {
            at: at(n),
            left_ms: [1, 2],
            total_ms: 3,
            longest_ms: 4,
            clock: 5,
            cases: 6,
        };
        let own = |n| Own {
            period: n as i64,
            stratum: Stratum::from_number(n as u32),
            acts: 2,
            agreed: 1,
        };
        let point =
            Point { at: at(1), signs: [Some(true), None, Some(false), None], statistic: 2.5 };
        let mut state = Reviewer {
            schedule: Schedule { releases: (0..INTERVALS_MAX).map(release).collect() },
            reasons: Reasons((0..TEMPLATE_ACTS).map(|n| NonZeroU32::new(n as u32)).collect()),
            texts: Texts {
                groups: (0..GROUPS_MAX).map(reading).collect(),
                read: (0..TEXTS_MAX).map(|n| (number(n), number(n + 1))).collect(),
                past: (0..PAST_MAX).map(number).collect(),
                forgotten: at(9),
            },
            compares: Compares {
                acts: Acts((0..ACTS_MAX).map(seen).collect()),
                heard: Heard {
                    judged: Recent((0..ADVICE_MAX).map(number).collect()),
                    revised: (0..REVISED_MAX).map(revised).collect(),
                },
                own: OwnCounts((0..OWN_MAX).map(own).collect()),
            },
            taught_advice: Recent((0..TRUTHS_MAX).map(number).collect()),
            taught: Acts((0..ACTS_MAX).map(seen).collect()),
            alone: 7,
            previous: Some(at(2)),
            decisions: 8,
            first_at: Some(at(3)),
            last_at: Some(at(4)),
            firing: Some(at(5)),
            rise: Some(Rise { since: at(6), steps: 9, counts: [(3, 2); SIGNALS] }),
            ..Reviewer::default()
        };
        state.waiting.log_factors = [0.25; 4];
        state.path.points = [Some(point); crate::engine::oversight::PATH_MAX];
        state
    }

    #[test]
    fn a_full_state_comes_back_and_stays_small() {
        let state = full();
        let bytes = state.to_bytes();
        assert_eq!(Reviewer::from_bytes(&bytes), Some(state.clone()));
        assert!(bytes.len() <= 3_600, "{}", bytes.len());
        // As it is held. Rows grow to the next power of two, or to just what they need.
        let rows = (INTERVALS_MAX + 1) * size_of::<Release>()
            + OWN_MAX * size_of::<Own>()
            + TEMPLATE_ACTS * size_of::<Option<NonZeroU32>>()
            + 2 * ACTS_MAX * size_of::<Seen>()
            + GROUPS_MAX * size_of::<GroupTexts>()
            + TEXTS_MAX * size_of::<(NonZeroU32, NonZeroU32)>()
            + (PAST_MAX + ADVICE_MAX + TRUTHS_MAX) * size_of::<NonZeroU32>()
            + REVISED_MAX * size_of::<Revised>();
        let held = size_of::<Reviewer>() + rows;
        assert!(held <= 4_096, "{held}");
    }

    #[test]
    fn more_than_can_be_held_is_refused() {
        let mut state = full();
        state.schedule.releases.push(state.schedule.releases[0]);
        assert_eq!(Reviewer::from_bytes(&state.to_bytes()), None);
        let mut bytes = full().to_bytes();
        bytes[0] = VERSION - 1;
        assert_eq!(Reviewer::from_bytes(&bytes), None);
    }
}
