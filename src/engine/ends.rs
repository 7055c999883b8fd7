//! How waiting ends when it can end in several ways: Aalen–Johansen.
//!
//! Invariants: the result depends on the set of observations alone, whatever their
//! order; at equal times ends come before censorings; at every time the shares of all
//! ends and the share still waiting lie in [0, 1] and add up to one, rounding apart.
//!
//! An exposure waits until a person decides, until the credential is contained
//! without one, or until an attacker is seen using it, whichever is first. To treat
//! the other ends as censorings (one minus Kaplan–Meier per end) would claim that
//! whoever was contained might still have been decided about, and overstate every
//! share. With `d_k` ends of kind `k` among `n` waiting at `t`,
//!
//! ```text
//! I_k(t) = Σ S(t⁻) · d_k / n        S(t) = ∏ (1 − Σ d_k / n)
//! ```
//!
//! (Aalen and Johansen 1978, Scand. J. Stat. 5).

use crate::event::words;
use crate::time::Span;

words! {
    /// What ended the wait of an exposure.
    End {
        /// A person decided.
        Decision = "decision",
        /// The credential was contained before any person decided.
        Containment = "containment",
        /// An attacker was seen using it before both.
        Abuse = "abuse",
    }
}

/// One value per end.
pub type ByEnd<T> = [T; End::ALL.len()];

/// Bits of a key that hold the end; all set: censored.
const END_BITS: u32 = 2;
const CENSORED: u64 = 3;
const _: () = assert!((End::ALL.len() as u64) <= CENSORED, "an end looks like a censoring");

/// Collects observations, 8 bytes each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// The time in milliseconds and, below it, the end: one sort puts times in
    /// order and ends before censorings.
    keys: Vec<u64>,
    refused: u64,
}

/// Where all that wait have come to by some time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Incidence {
    /// The share whose wait has ended so.
    pub ended: ByEnd<f64>,
    /// The share still waiting.
    pub waiting: f64,
    /// Observations that last at least as long.
    pub at_risk: u64,
}

impl Ends {
    /// Nothing observed yet.
    pub fn new() -> Ends {
        Ends::default()
    }

    /// Adds one exposure, watched for `t`, which ended so; `None`: it was still
    /// waiting when last seen. A negative time is no observation and is counted.
    pub fn record(&mut self, t: Span, end: Option<End>) {
        match u64::try_from(t.as_millis()) {
            Ok(ms) => self.keys.push(ms << END_BITS | end.map_or(CENSORED, |end| end as u64)),
            Err(_) => self.refused += 1,
        }
    }

    /// Observations left out because their time was negative.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Sorts the observations, once for any number of figures.
    pub fn estimate(mut self) -> AalenJohansen {
        self.keys.sort_unstable();
        AalenJohansen { keys: self.keys }
    }
}

/// The estimated shares over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AalenJohansen {
    keys: Vec<u64>,
}

impl AalenJohansen {
    /// The shares by each of `times`, that time included; `times` must be in
    /// order. Beyond the last observation they keep their last value. Empty
    /// without any observation.
    pub fn at(&self, times: &[Span]) -> Vec<Incidence> {
        if self.keys.is_empty() {
            return Vec::new();
        }
        let mut keys = self.keys.as_slice();
        let (mut ended, mut waiting) = ([0.0; End::ALL.len()], 1.0);
        let mut found = Vec::with_capacity(times.len());
        for time in times {
            let before = |key: u64| ((key >> END_BITS) as i64) < time.as_millis();
            let upto = |key: u64| ((key >> END_BITS) as i64) <= time.as_millis();
            let mut at_risk = None;
            while let Some(first) = keys.first().copied().filter(|key| upto(*key)) {
                if !before(first) {
                    at_risk = at_risk.or(Some(keys.len()));
                }
                let moment = first >> END_BITS;
                let count = keys.partition_point(|key| key >> END_BITS == moment);
                let (here, later) = keys.split_at(count);
                let n = keys.len() as f64;
                let mut gone = 0_u64;
                for end in End::ALL {
                    let code = *end as u64;
                    let d = here.iter().filter(|key| *key & CENSORED == code).count();
                    ended[*end as usize] += waiting * (d as f64 / n);
                    gone += d as u64;
                }
                waiting *= (n - gone as f64) / n;
                keys = later;
            }
            let at_risk = at_risk.unwrap_or(keys.len()) as u64;
            found.push(Incidence { ended, waiting, at_risk });
        }
        found
    }

    /// The longest time observed.
    pub fn last_observed(&self) -> Option<Span> {
        self.keys.last().map(|key| Span::from_millis((key >> END_BITS) as i64))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn curve(observations: &[(i64, Option<End>)]) -> AalenJohansen {
        let mut ends = Ends::new();
        observations.iter().for_each(|(ms, end)| ends.record(Span::from_millis(*ms), *end));
        ends.estimate()
    }

    #[test]
    fn worked_out_by_hand() {
        use End::{Abuse, Containment, Decision};
        // Of five: contained at 1; decided at 2, with one censored at the same time;
        // then of two one is abused at 3 and the last decided at 4.
        let observed = [
            (1, Some(Containment)),
            (2, Some(Decision)),
            (2, None),
            (3, Some(Abuse)),
            (4, Some(Decision)),
        ];
        let at = curve(&observed).at(&[0, 1, 2, 3, 4, 9].map(Span::from_millis));
        let near = |ours: &Incidence, ended: [f64; 3], waiting: f64, at_risk: u64| {
            let close = ours.ended.iter().zip(ended).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(close && (ours.waiting - waiting).abs() < 1e-12, "{ours:?}");
            assert_eq!(ours.at_risk, at_risk, "{ours:?}");
        };
        near(&at[0], [0.0, 0.0, 0.0], 1.0, 5);
        near(&at[1], [0.0, 0.2, 0.0], 0.8, 5);
        near(&at[2], [0.2, 0.2, 0.0], 0.6, 4);
        near(&at[3], [0.2, 0.2, 0.3], 0.3, 2);
        near(&at[4], [0.5, 0.2, 0.3], 0.0, 1);
        near(&at[5], [0.5, 0.2, 0.3], 0.0, 0);
    }

    #[test]
    fn nothing_observed_says_nothing_and_a_negative_time_is_counted() {
        let mut ends = Ends::new();
        ends.record(Span::from_millis(-1), Some(End::Decision));
        assert_eq!(ends.refused(), 1);
        assert_eq!(ends.estimate().at(&[Span::ZERO]), []);
        assert_eq!(curve(&[]).last_observed(), None);
    }

    proptest! {
        /// With every end taken as one the curve is Kaplan–Meier's, and shares add up.
        #[test]
        fn all_ends_together_are_kaplan_meier(
            observed in prop::collection::vec((0..60_i64, 0..4_usize), 1..80),
        ) {
            let observed: Vec<(i64, Option<End>)> =
                observed.iter().map(|(ms, end)| (*ms, End::ALL.get(*end).copied())).collect();
            let mut survival = crate::engine::survival::Survival::new();
            for (ms, end) in &observed {
                survival.record(Span::from_millis(*ms), end.is_some());
            }
            let single = crate::engine::bounds::Sample::single(survival.len() as u64);
            let survival = survival.estimate(&single);
            let times: Vec<Span> = (0..62).map(Span::from_millis).collect();
            let mut shuffled = observed.clone();
            shuffled.reverse();
            let found = curve(&observed).at(&times);
            prop_assert_eq!(&found, &curve(&shuffled).at(&times));
            for (time, share) in times.iter().zip(&found) {
                let all: f64 = share.ended.iter().sum();
                prop_assert!((all + share.waiting - 1.0).abs() < 1e-12);
                let theirs = survival.probability_by(*time).estimate.unwrap();
                prop_assert!((1.0 - share.waiting - theirs).abs() < 1e-12);
                let longer = observed.iter().filter(|(ms, _)| *ms >= time.as_millis()).count();
                prop_assert_eq!(share.at_risk, longer as u64);
            }
        }
    }
}
