//! Could one person have read everything that they approved?
//!
//! Every approved case is a job: it may be read from its release on, has to be read by
//! its due time, and takes at least its floor. One person reads one case at a time, may
//! stop and go on later, and may do so in any order. Then all jobs can be read if and
//! only if no interval `[a, b]` contains jobs (released at `a` or later, due at `b` or
//! earlier) whose floors add up to more than `b − a` (Dertouzos 1974; Baruah, Rosier and
//! Howell 1990, the demand bound). Such an interval is the certificate.
//!
//! # Which decision is named
//! A certificate says that some case of an interval was not read, not which one. The
//! decision that completes it is named, and for the unread case the longest floor of the
//! interval is taken off what remains to be read. So each further decision is named only
//! if one more case must have been left unread.
//!
//! Invariants:
//! - whoever read everything is never named;
//! - the number of named decisions is at most the number of cases that were left unread,
//!   whichever those were: see *Proof*;
//! - the size is bounded by [`INTERVALS_MAX`]; what is forgotten or merged only ever
//!   lowers the demand;
//! - jobs come in the order of their due times.
//!
//! # Proof
//! Let `U` be the unread cases. Match the named decisions to different members of `U`, one
//! by one. Suppose a decision is named for the interval that begins at `a`, and all members
//! of `U` released at `a` or later are matched already. The member matched to a decision
//! is no longer than the floor taken off for it. That floor was taken off the newest
//! releases first: either all of it lies at `a` or later, or nothing was left to be read
//! there. So at least as much as the floors of all those members has been taken off at `a`
//! or later. What is left is then at most what was read, and that fits the interval: no
//! decision would be named. Hence some member is not matched. It is released at `a` or
//! later, so it is no longer than the longest floor there, which is taken off now.

use super::memory::make_room;
use crate::time::{Span, Timestamp};

/// Release times that are told apart; the demand of further ones moves to an earlier one.
pub const INTERVALS_MAX: usize = 24;

/// With this much time to spare an interval is forgotten.
const FORGET_MS: i64 = 60 * 60_000;

/// How fast somebody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Faster than anybody can: 1,000 words a minute (Rayner et al. 2016).
    Possible,
    /// Twice as fast as most people do: 600 words a minute (Brysbaert 2019: 175 to 300).
    Hasty,
}

/// All paces, the faster first.
pub const PACES: [Pace; 2] = [Pace::Possible, Pace::Hasty];

impl Pace {
    /// The time that a text takes at this pace which takes `floor_ms` at the faster one.
    const fn scaled(self, floor_ms: u32) -> u32 {
        match self {
            Pace::Possible => floor_ms,
            Pace::Hasty => (floor_ms as u64 * 5 / 3) as u32,
        }
    }
}

/// A case that was approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// From when on it could be read.
    pub release: Timestamp,
    /// By when it was decided.
    pub due: Timestamp,
    /// Milliseconds that it takes at [`Pace::Possible`]; at most 20 days count.
    pub floor_ms: u32,
    /// Whose clock both times are by; 0 where they are by different clocks.
    pub clock: u32,
}

/// An interval that was too short for the cases within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Where the interval begins: the earliest release of its cases.
    pub from: Timestamp,
    /// Where it ends: the decision that is named.
    pub to: Timestamp,
    /// The cases within it, those that count as unread included.
    pub cases: u32,
    /// What reading all of them takes.
    pub needed: Span,
    /// What was taken off for cases that count as unread already.
    pub unread: Span,
    /// The length of the interval and the tolerance between different clocks.
    pub available: Span,
}

/// What can still be held against one reviewer's reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// In the order of their releases.
    pub(super) releases: Vec<Release>,
}

/// The cases released at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Release {
    pub(super) at: Timestamp,
    /// What is left to be read, by pace.
    pub(super) left_ms: [u32; PACES.len()],
    /// What all of it took, at the faster pace.
    pub(super) total_ms: u32,
    /// The longest case, at the faster pace.
    pub(super) longest_ms: u32,
    /// The clock of all of its cases; 0 for several.
    pub(super) clock: u32,
    pub(super) cases: u32,
}

/// The longest floor that counts, so that no sum of a few overflows: 20 days.
const FLOOR_MAX_MS: u32 = 20 * 86_400_000;

impl Schedule {
    /// Takes in the next case, and says by pace whether it completes a certificate.
    /// `tolerance` is how far different clocks may be apart.
    ///
    /// A case that was due before it was released has contradicting times: it is left out.
    pub fn take(&mut self, job: &Job, tolerance: Span) -> [Option<Certificate>; PACES.len()] {
        self.take_within(job, tolerance, INTERVALS_MAX)
    }

    fn take_within(
        &mut self,
        job: &Job,
        tolerance: Span,
        bound: usize,
    ) -> [Option<Certificate>; PACES.len()] {
        let mut found = [None; PACES.len()];
        if job.floor_ms == 0 || job.due < job.release {
            return found;
        }
        let at = self.insert(job);
        for (pace, found) in PACES.into_iter().zip(&mut found) {
            if let Some((certificate, longest)) = self.overfull(at, job.due, pace, tolerance) {
                *found = Some(certificate);
                self.take_off(longest, pace);
            }
        }
        self.drop_dominated();
        self.drop_idle(job.due);
        self.keep_within(bound);
        found
    }

    /// Where the job now stands.
    fn insert(&mut self, job: &Job) -> usize {
        let floor_ms = job.floor_ms.min(FLOOR_MAX_MS);
        let release = Release {
            at: job.release,
            left_ms: PACES.map(|pace| pace.scaled(floor_ms)),
            total_ms: floor_ms,
            longest_ms: floor_ms,
            clock: job.clock,
            cases: 1,
        };
        let at = self.releases.partition_point(|other| other.at < job.release);
        match self.releases.get_mut(at) {
            Some(same) if same.at == job.release => same.absorb(&release),
            _ => {
                make_room(&mut self.releases, INTERVALS_MAX + 1);
                self.releases.insert(at, release);
            }
        }
        at
    }

    /// The shortest interval that ends at `due`, holds the release at `at`, and is too
    /// short for what is left to be read; also its longest case at this pace.
    fn overfull(
        &self,
        at: usize,
        due: Timestamp,
        pace: Pace,
        tolerance: Span,
    ) -> Option<(Certificate, u32)> {
        let (mut left, mut total, mut cases, mut longest) = (0_i64, 0_i64, 0_u32, 0_u32);
        let mut clock = None;
        for (number, release) in self.releases.iter().enumerate().rev() {
            left += i64::from(release.left_ms[pace as usize]);
            total += i64::from(pace.scaled(release.total_ms));
            longest = longest.max(release.longest_ms);
            cases = cases.saturating_add(release.cases);
            clock = match clock {
                None => Some(release.clock),
                same if same == Some(release.clock) => same,
                _ => Some(0),
            };
            let length = due.since(release.at).as_millis();
            let slack = if clock == Some(0) { tolerance.as_millis() } else { 0 };
            if number <= at && left > length.saturating_add(slack) {
                let certificate = Certificate {
                    from: release.at,
                    to: due,
                    cases,
                    needed: Span::from_millis(total),
                    unread: Span::from_millis(total.saturating_sub(left)),
                    available: Span::from_millis(length.saturating_add(slack)),
                };
                return Some((certificate, pace.scaled(longest)));
            }
        }
        None
    }

    /// Takes an unread case off what is left to be read, the newest releases first.
    fn take_off(&mut self, mut unread_ms: u32, pace: Pace) {
        for release in self.releases.iter_mut().rev() {
            let left = &mut release.left_ms[pace as usize];
            let taken = unread_ms.min(*left);
            *left -= taken;
            unread_ms -= taken;
        }
    }

    /// Merges the releases that lie closest together until there are at most `bound`.
    fn keep_within(&mut self, bound: usize) {
        while self.releases.len() > bound {
            let gap = |pair: &[Release]| match pair {
                [a, b] => b.at.since(a.at),
                _ => Span::from_millis(i64::MAX),
            };
            let pairs = self.releases.windows(2).enumerate();
            let Some((at, _)) = pairs.min_by_key(|(_, pair)| gap(pair)) else { return };
            self.merge(at);
        }
    }

    /// An interval that begins at a release is no use where the one that begins at the
    /// release before it is at least as full: whatever comes adds to both.
    fn drop_dominated(&mut self) {
        for at in (0..self.releases.len().saturating_sub(1)).rev() {
            let [a, b] = [self.releases[at], self.releases[at + 1]];
            let left_ms = i64::from(a.left_ms.into_iter().min().unwrap_or_default());
            if a.clock == b.clock && left_ms >= b.at.since(a.at).as_millis() {
                self.merge(at);
            }
        }
    }

    /// Drops the oldest intervals, which have hours to spare.
    fn drop_idle(&mut self, now: Timestamp) {
        let mut left = 0;
        let mut idle = 0;
        for (number, release) in self.releases.iter().enumerate().rev() {
            left += i64::from(release.left_ms.into_iter().max().unwrap_or_default());
            if now.since(release.at).as_millis() - left > FORGET_MS {
                idle = number + 1;
                break;
            }
        }
        self.releases.drain(..idle);
    }

    /// Merges the release after `at` into it: its cases count as released earlier.
    fn merge(&mut self, at: usize) {
        let later = self.releases.remove(at + 1);
        self.releases[at].absorb(&later);
    }
}

impl Release {
    /// Takes in cases that were released no earlier.
    fn absorb(&mut self, later: &Release) {
        for (left, more) in self.left_ms.iter_mut().zip(later.left_ms) {
            *left = left.saturating_add(more);
        }
        self.total_ms = self.total_ms.saturating_add(later.total_ms);
        self.longest_ms = self.longest_ms.max(later.longest_ms);
        self.cases = self.cases.saturating_add(later.cases);
        if self.clock != later.clock {
            self.clock = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::RngExt;
    use rand_pcg::Pcg64Mcg;
    use rand_pcg::rand_core::SeedableRng;

    use super::*;

    /// Release, due time and floor.
    type Plain = (i64, i64, i64);

    /// Whether some way to spend each unit of time on one case reads all of them: every
    /// way is tried.
    fn readable(jobs: &[Plain]) -> bool {
        fn from(
            now: i64,
            left: &mut Vec<i64>,
            jobs: &[Plain],
            dead: &mut HashSet<(i64, Vec<i64>)>,
        ) -> bool {
            if left.iter().all(|left| *left == 0) {
                return true;
            }
            let missed = |(job, left): (&Plain, &i64)| *left > 0 && job.1 <= now;
            if jobs.iter().zip(&*left).any(missed) || dead.contains(&(now, left.clone())) {
                return false;
            }
            for at in 0..jobs.len() {
                if left[at] > 0 && jobs[at].0 <= now {
                    left[at] -= 1;
                    let done = from(now + 1, left, jobs, dead);
                    left[at] += 1;
                    if done {
                        return true;
                    }
                }
            }
            let idle = from(now + 1, left, jobs, dead);
            if !idle {
                dead.insert((now, left.clone()));
            }
            idle
        }
        let mut left: Vec<i64> = jobs.iter().map(|job| job.2).collect();
        from(jobs.iter().map(|job| job.0).min().unwrap_or(0), &mut left, jobs, &mut HashSet::new())
    }

    /// The fewest cases that must have been left unread.
    fn unread(jobs: &[Plain]) -> usize {
        let mut sets: Vec<u32> = (0..1 << jobs.len()).collect();
        sets.sort_by_key(|set| set.count_ones());
        let kept = |set: u32| -> Vec<Plain> {
            let bits = (0..jobs.len()).filter(|at| set >> at & 1 == 0);
            bits.map(|at| jobs[at]).collect()
        };
        let least = sets.into_iter().find(|set| readable(&kept(*set))).unwrap();
        least.count_ones() as usize
    }

    fn job((release, due, floor): Plain, clock: u32) -> Job {
        Job {
            release: Timestamp::from_millis(release),
            due: Timestamp::from_millis(due),
            floor_ms: floor as u32,
            clock,
        }
    }

    fn named(jobs: &[(Plain, u32)], tolerance: i64, bound: usize) -> [usize; 2] {
        let mut schedule = Schedule::default();
        let mut named = [0; 2];
        for (plain, clock) in jobs {
            let tolerance = Span::from_millis(tolerance);
            let found = schedule.take_within(&job(*plain, *clock), tolerance, bound);
            assert!(schedule.releases.len() <= bound);
            named.iter_mut().zip(found).for_each(|(n, found)| *n += usize::from(found.is_some()));
        }
        named
    }

    fn random(dice: &mut Pcg64Mcg, most: usize, last: i64) -> Vec<Plain> {
        let mut jobs: Vec<Plain> = (0..dice.random_range(1..=most))
            .map(|_| {
                let due = dice.random_range(1..=last);
                let release = if dice.random_bool(0.3) { 0 } else { dice.random_range(0..=due) };
                (release, due, dice.random_range(1..=4))
            })
            .collect();
        jobs.sort_by_key(|job| job.1);
        jobs
    }

    /// The same cases at the slower pace.
    fn hasty(jobs: &[Plain]) -> Vec<Plain> {
        jobs.iter().map(|(r, d, f)| (*r, *d, f * 5 / 3)).collect()
    }

    #[test]
    fn somebody_is_named_if_and_only_if_no_schedule_exists() {
        let seed = 0x0005_ced1;
        let mut dice = Pcg64Mcg::seed_from_u64(seed);
        let (mut infeasible, mut exact) = (0, 0);
        for round in 0..800 {
            let jobs = random(&mut dice, 6, 14);
            let one_clock: Vec<_> = jobs.iter().map(|job| (*job, 7)).collect();
            let named = named(&one_clock, 0, INTERVALS_MAX);
            for (named, jobs) in named.into_iter().zip([jobs.clone(), hasty(&jobs)]) {
                let unread = unread(&jobs);
                assert_eq!(named > 0, unread > 0, "seed {seed:#x}, round {round}: {jobs:?}");
                assert!(
                    named <= unread,
                    "seed {seed:#x}, round {round}: {named} of {unread}: {jobs:?}"
                );
                infeasible += usize::from(unread > 0);
                exact += usize::from(unread > 0 && named == unread);
            }
        }
        // Most schedules name as many cases as must have been unread.
        let most = infeasible > 300 && exact * 10 > infeasible * 9;
        assert!(most, "seed {seed:#x}: {exact} of {infeasible}");
    }

    #[test]
    fn no_bound_names_more_than_were_unread() {
        let seed = 0x0b0_0d5;
        let mut dice = Pcg64Mcg::seed_from_u64(seed);
        let mut infeasible = 0;
        for round in 0..800 {
            let jobs = random(&mut dice, 7, 16);
            let clocks: Vec<_> = jobs.iter().map(|job| (*job, dice.random_range(1..=2))).collect();
            let bound = dice.random_range(1..=3);
            let [named, _] = named(&clocks, 0, bound);
            let unread = unread(&jobs);
            assert!(
                named <= unread,
                "seed {seed:#x}, round {round}, bound {bound}: {named} of {unread}: {jobs:?}"
            );
            infeasible += unread;
        }
        assert!(infeasible > 100, "seed {seed:#x}: {infeasible}");
    }

    /// Some times are by one clock, some by another that is off by an unknown constant.
    #[test]
    fn clocks_that_differ_within_the_tolerance_name_nobody() {
        let seed = 0x000c_10c5;
        let mut dice = Pcg64Mcg::seed_from_u64(seed);
        let mut found = 0;
        for round in 0..500 {
            let tolerance = dice.random_range(0..=3);
            let jobs: Vec<(Plain, u32)> = random(&mut dice, 6, 14)
                .into_iter()
                .map(|job| (job, dice.random_range(0..=2)))
                .collect();
            let [named, _] = named(&jobs, tolerance, INTERVALS_MAX);
            // Clock 1 is right; times by clock 2, and due times of mixed cases, are off.
            let seen = |off: i64| -> Vec<Plain> {
                let shift = |((r, d, f), clock): &(Plain, u32)| match clock {
                    0 => (*r, d + off, *f),
                    1 => (*r, *d, *f),
                    _ => (r + off, d + off, *f),
                };
                jobs.iter().map(shift).collect()
            };
            let least = (-tolerance..=tolerance).map(|off| unread(&seen(off))).min().unwrap();
            assert!(
                named <= least,
                "seed {seed:#x}, round {round}, {tolerance}: {named} of {least}: {jobs:?}"
            );
            found += named;
        }
        assert!(found > 100, "seed {seed:#x}: {found}");
    }

    const SECOND: i64 = 1_000;

    /// 120 words: 7.2 s at 1,000 words a minute.
    fn stamps(count: i64, release: impl Fn(i64) -> i64) -> usize {
        let jobs: Vec<(Plain, u32)> =
            (1..=count).map(|n| ((release(n), n * 2 * SECOND, 7_200), 7)).collect();
        named(&jobs, 0, INTERVALS_MAX)[0]
    }

    #[test]
    fn stamps_are_counted_and_not_only_noticed() {
        // Each presented 2 s before it is approved.
        assert_eq!(stamps(60, |n| (n - 1) * 2 * SECOND), 60);
        // All presented at the beginning: at most 120 s / 7.2 s = 16 were read.
        assert_eq!(stamps(60, |_| 0), 44);
        // All presented a day before: they may have been read then.
        assert_eq!(stamps(60, |n| n - 86_400 * SECOND), 0);
    }

    #[test]
    fn a_certificate_adds_up() {
        let mut schedule = Schedule::default();
        let take =
            |schedule: &mut Schedule, due| schedule.take(&job((0, due, 10), 7), Span::ZERO)[0];
        assert_eq!(take(&mut schedule, 10), None);
        let ms = |ms| Span::from_millis(ms);
        let first = take(&mut schedule, 12).unwrap();
        let at = Timestamp::from_millis;
        assert_eq!((first.from, first.to, first.cases), (at(0), at(12), 2));
        assert_eq!((first.needed, first.unread, first.available), (ms(20), ms(0), ms(12)));
        let second = take(&mut schedule, 13).unwrap();
        assert_eq!((second.needed, second.unread, second.cases), (ms(30), ms(10), 3));
        assert_eq!(take(&mut schedule, 20), None, "two were read, as far as anybody can say");
    }

    #[test]
    fn contradicting_or_extreme_times_say_nothing() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.take(&job((10, 9, 5), 7), Span::ZERO), [None; 2]);
        let far =
            Job { release: Timestamp::MIN, due: Timestamp::MAX, floor_ms: u32::MAX, clock: 0 };
        for _ in 0..100 {
            assert_eq!(schedule.take(&far, Span::from_mins(2)), [None; 2]);
        }
    }

    #[test]
    fn a_working_life_is_held_in_a_few_releases() {
        let seed = 0x11fe;
        let mut dice = Pcg64Mcg::seed_from_u64(seed);
        let mut schedule = Schedule::default();
        let mut now = 0;
        for _ in 0..200_000 {
            // Read at 700 words a minute, one after the other.
            let words = dice.random_range(20..400_i64);
            let begun = now + dice.random_range(0..60_000);
            now = begun + words * 60_000 / 700;
            let found = schedule.take(&job((begun, now, words * 60), 7), Span::ZERO);
            assert_eq!(found[0], None, "seed {seed:#x}");
            assert!(schedule.releases.len() <= INTERVALS_MAX);
        }
    }
}
