//! Moments of which only the long gaps between them matter.
//!
//! Invariant: what [`Moments::gaps`] gives is exact, though of each hour only the
//! first and the last moment are held: what lies between those is no long gap.

use foldhash::HashMap;

use crate::time::{Span, Timestamp};

/// Shorter gaps are none.
pub(super) const GAP_MIN: Span = Span::from_mins(60);

/// Collects moments.
#[derive(Debug, Default)]
pub(super) struct Moments {
    count: u64,
    /// The first and the last moment of each hour since the epoch.
    hours: HashMap<i64, (Timestamp, Timestamp)>,
}

impl Moments {
    pub(super) fn add(&mut self, at: Timestamp) {
        self.count += 1;
        let hour = at.as_millis().div_euclid(GAP_MIN.as_millis());
        let (first, last) = self.hours.entry(hour).or_insert((at, at));
        (*first, *last) = ((*first).min(at), (*last).max(at));
    }

    /// How many there are.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The stretches of [`GAP_MIN`] or more in which there is none, from `from` to `end`, each from
    /// one moment to the next, in order. No moment may lie outside.
    pub(super) fn gaps(&self, from: Timestamp, end: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let mut hours: Vec<(Timestamp, Timestamp)> = self.hours.values().copied().collect();
        hours.sort_unstable();
        let begins = std::iter::once(from).chain(hours.iter().map(|(_, last)| *last));
        let ends = hours.iter().map(|(first, _)| *first).chain([end]);
        begins.zip(ends).filter(|(from, to)| to.since(*from) >= GAP_MIN).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEGIN_MS: i64 = 1_800_000_000_000;

    proptest! {
        #[test]
        fn gaps_are_those_between_all_moments(
            // Hours and the milliseconds beside them are where it could go wrong.
            at in prop::collection::vec((0..40_i64, prop_oneof![-2..2_i64, 0..3_600_000_i64]), 0..60),
        ) {
            let hour = GAP_MIN.as_millis();
            let (from, end) = (BEGIN_MS, BEGIN_MS + 43 * hour);
            let mut all: Vec<i64> = at.iter().map(|(n, ms)| BEGIN_MS + (n + 1) * hour + ms).collect();
            let mut moments = Moments::default();
            all.iter().for_each(|ms| moments.add(Timestamp::from_millis(*ms)));
            prop_assert_eq!(moments.count(), all.len() as u64);
            all.extend([from, end]);
            all.sort_unstable();
            let naive: Vec<(i64, i64)> =
                all.windows(2).map(|two| (two[0], two[1])).filter(|(a, b)| b - a >= hour).collect();
            let gaps = moments.gaps(Timestamp::from_millis(from), Timestamp::from_millis(end));
            let told: Vec<_> = gaps.iter().map(|(a, b)| (a.as_millis(), b.as_millis())).collect();
            prop_assert_eq!(told, naive);
        }
    }
}
