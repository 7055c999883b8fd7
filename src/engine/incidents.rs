//! Which windows belong to one incident.
//!
//! Invariants: the grouping depends on the set of windows alone, not on their order;
//! windows that share nothing are incidents of their own only if something tells them
//! apart: what no source states is the same for all of them, so that little data makes
//! wide bounds.
//!
//! Two windows belong to one incident if
//!
//! - their sources name the same incident; or
//! - neither names one, source, owner and place are the same, and their detections lie
//!   in a chain without a gap of [`IncidentRules::gap`] or more; or
//! - one reviewer decided them under one batch id, within [`IncidentRules::batch`] of
//!   the first decision of the batch. (A batch id that never ends is many batches.)

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;

use super::bounds::Sample;
use super::windows::Window;
use crate::time::{Span, Timestamp};

/// When windows belong to one incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncidentRules {
    /// Detections of the same source, owner and place this far apart are two incidents.
    pub gap: Span,
    /// The longest that one batch of decisions lasts.
    pub batch: Span,
}

impl Default for IncidentRules {
    fn default() -> IncidentRules {
        IncidentRules { gap: Span::from_mins(5), batch: Span::from_mins(60) }
    }
}

/// What ties one window to others, 32 bytes. Names are hashed: two that are mistaken for
/// each other widen the bounds by one observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tie {
    /// The incident, or source, owner and place. The lowest bit is set for an incident.
    group: u64,
    detected_at: Timestamp,
    /// The reviewer and the batch; 0 for none.
    batch: u64,
    decided_at: Timestamp,
}

impl Tie {
    /// What ties `window` to others.
    pub fn of(window: &Window<'_>) -> Tie {
        let place = [window.source, window.owner, window.location];
        let batch = window.decision.and_then(|d| Some((d.reviewer, d.batch_id?, d.decided_at)));
        Tie::new(window.incident, place, window.detected_at, batch)
    }

    /// From the incident if one is named, source, owner and place, the detection, and
    /// the reviewer, batch id and time of the decision if it has a batch id.
    pub fn new(
        incident: Option<&str>,
        place: [Option<&str>; 3],
        detected_at: Timestamp,
        batch: Option<(&str, &str, Timestamp)>,
    ) -> Tie {
        let group = match incident {
            Some(incident) => hash(&[Some(incident)]) | 1,
            None => hash(&place) & !1,
        };
        let (batch, decided_at) = match batch {
            Some((reviewer, batch, at)) => (hash(&[Some(reviewer), Some(batch)]) | 1, at),
            None => (0, detected_at),
        };
        Tie { group, detected_at, batch, decided_at }
    }
}

/// The same on every machine: figures must not depend on where they are computed.
fn hash(parts: &[Option<&str>]) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    for part in parts {
        match part {
            Some(text) => {
                hasher.write_u64(text.len() as u64 + 1);
                hasher.write(text.as_bytes());
            }
            None => hasher.write_u64(0),
        }
    }
    hasher.finish()
}

/// The incidents of some windows.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    /// By window, the number of a window of the same incident: the same for all of one.
    of: Vec<u32>,
}

impl Incidents {
    /// Groups windows, in any order.
    pub fn group(
        ties: impl ExactSizeIterator<Item = Tie> + Clone,
        rules: IncidentRules,
    ) -> Incidents {
        let mut sets = Sets::new(ties.len());
        let mut order: Vec<(u64, Timestamp, u32)> =
            (0_u32..).zip(ties.clone()).map(|(n, tie)| (tie.group, tie.detected_at, n)).collect();
        order.sort_unstable();
        for pair in order.windows(2) {
            let [(group, at, n), (next_group, next_at, next)] = [pair[0], pair[1]];
            let stated = group & 1 == 1;
            if group == next_group && (stated || next_at.since(at) < rules.gap) {
                sets.join(n, next);
            }
        }
        let batches = (0_u32..).zip(ties).filter(|(_, tie)| tie.batch != 0);
        order.clear();
        order.extend(batches.map(|(n, tie)| (tie.batch, tie.decided_at, n)));
        order.sort_unstable();
        for batch in order.chunk_by(|(a, ..), (b, ..)| a == b) {
            let mut first: Option<(Timestamp, u32)> = None;
            for (_, at, n) in batch {
                match first {
                    Some((since, with)) if at.since(since) <= rules.batch => sets.join(with, *n),
                    _ => first = Some((*at, *n)),
                }
            }
        }
        Incidents { of: (0..sets.0.len() as u32).map(|n| sets.root(n)).collect() }
    }

    /// The incident of a window, by the window's number in the order given. Windows of
    /// one incident have the same.
    pub fn of(&self, window: u32) -> u32 {
        self.of.get(window as usize).copied().unwrap_or(window)
    }

    /// What those windows are worth that `wanted` picks by their number.
    pub fn sample(&self, wanted: impl Fn(usize) -> bool) -> Sample {
        let mut sizes = vec![0_u32; self.of.len()];
        for (number, incident) in self.of.iter().enumerate() {
            if wanted(number) {
                sizes[*incident as usize] += 1;
            }
        }
        Sample::of_sizes(sizes.into_iter().map(u64::from))
    }
}

/// Disjoint sets of numbers, each with its smallest as root.
struct Sets(Vec<u32>);

impl Sets {
    fn new(count: usize) -> Sets {
        Sets((0..count as u32).collect())
    }

    fn root(&mut self, mut n: u32) -> u32 {
        loop {
            let parent = self.0[n as usize];
            if parent == n {
                return n;
            }
            let above = self.0[parent as usize];
            self.0[n as usize] = above;
            n = above;
        }
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + ms)
    }

    fn tie(incident: Option<&str>, owner: Option<&str>, ms: i64) -> Tie {
        Tie::new(incident, [Some("github"), owner, None], at(ms), None)
    }

    fn numbers(ties: &[Tie]) -> Vec<u32> {
        let found = Incidents::group(ties.iter().copied(), IncidentRules::default());
        (0..ties.len() as u32).map(|n| found.of(n)).collect()
    }

    const MINUTE: i64 = 60_000;

    #[test]
    fn a_named_incident_has_no_gaps_and_takes_no_others() {
        let day = 24 * 60 * MINUTE;
        let ties = [
            tie(Some("c1"), Some("a"), 0),
            tie(None, Some("a"), 1),
            tie(Some("c1"), Some("b"), day),
            tie(Some("c2"), Some("a"), 2),
        ];
        assert_eq!(numbers(&ties), [0, 1, 0, 3]);
    }

    #[test]
    fn others_chain_while_gaps_are_short() {
        let times = [0, 4 * MINUTE, 9 * MINUTE - 1, 14 * MINUTE - 1];
        let ties = times.map(|ms| tie(None, Some("a"), ms));
        assert_eq!(numbers(&ties), [0, 0, 0, 3], "a gap of five minutes is one");
        // What nobody states tells nothing apart; an owner does.
        let unstated = [tie(None, None, 0), tie(None, Some("a"), 1), tie(None, None, 2)];
        assert_eq!(numbers(&unstated), [0, 1, 0]);
    }

    #[test]
    fn one_batch_is_one_incident_as_long_as_a_batch_may_last() {
        let decided = |reviewer, batch, owner, ms| {
            Tie::new(None, [None, Some(owner), None], at(0), Some((reviewer, batch, at(ms))))
        };
        let ties = [
            decided("ann", "b", "1", 0),
            decided("ann", "b", "2", 60 * MINUTE),
            decided("ann", "b", "3", 60 * MINUTE + 1),
            decided("ben", "b", "4", 0),
            decided("ann", "c", "5", 0),
        ];
        assert_eq!(numbers(&ties), [0, 0, 2, 3, 4]);
    }

    #[test]
    fn a_million_keys_are_one_incident() {
        let ties = std::iter::repeat_n(tie(Some("c"), None, 0), 1_000_000);
        let found = Incidents::group(ties, IncidentRules::default());
        let sample = found.sample(|_| true);
        assert_eq!((sample.windows, sample.incidents, sample.effective), (1_000_000, 1, 1.0));
        assert_eq!(found.sample(|number| number < 3).windows, 3);
        assert_eq!(found.sample(|_| false), Sample::default());
        assert_eq!(Incidents::default().sample(|_| true), Sample::default());
    }

    proptest! {
        #[test]
        fn order_does_not_matter(
            (ties, shuffled) in prop::collection::vec((0..4_u8, 0..3_u8, 0..40_i64, 0..3_u8), 0..60)
                .prop_map(|rows| rows.into_iter().enumerate().collect::<Vec<_>>())
                .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        ) {
            type Numbered = (usize, (u8, u8, i64, u8));
            let made = |(_, (incident, owner, minute, batch)): &Numbered| {
                let names = ["", "x", "y", "z"];
                let named = |n: u8| Some(names[usize::from(n)]).filter(|name| !name.is_empty());
                let when = at(minute * 2 * MINUTE);
                let batch = named(*batch).map(|batch| ("ann", batch, when));
                Tie::new(named(*incident), [None, named(*owner), None], when, batch)
            };
            let of = |rows: &[Numbered]| {
                let ties: Vec<Tie> = rows.iter().map(made).collect();
                let found = numbers(&ties);
                // Which rows are together, by their first places.
                let mut together: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
                for ((place, _), incident) in rows.iter().zip(found) {
                    together[incident as usize].push(*place);
                }
                together.iter_mut().for_each(|set| set.sort_unstable());
                together.retain(|set| !set.is_empty());
                together.sort();
                together
            };
            prop_assert_eq!(of(&ties), of(&shuffled));
        }
    }
}
