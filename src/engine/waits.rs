//! How long windows wait for a person, in the places where attackers race for them.
//!
//! Invariants: the undecided are in every figure; what is not known is width, between two
//! curves; the result depends on the set of windows alone, whatever their order.
//!
//! A window whose time of exposure is not known was exposed at its detection or before. So its
//! review took at least as long as from the detection on, and it may have taken for ever. The
//! two ends are what is true of all windows whatever becomes known (the bounds of Manski 1990):
//!
//! - the *early* curve takes each such window as exposed at its detection;
//! - the *late* curve takes none of them as decided within any time.
//!
//! A decision before its exposure contradicts it: it is taken as made at once by the early
//! curve, and as never made by the late one.

use serde::Serialize;

use super::attacker::Race;
use super::bounds::Sample;
use super::survival::{KaplanMeier, Survival};
use super::windows::{Stage, Window};
use crate::time::{Span, Timestamp};

/// How long one window waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// From the start to the decision, else to the withdrawal, else to now.
    pub length: Span,
    /// Whether a decision ended it.
    pub decided: bool,
    /// Whether that is the whole wait: the time of the exposure is known, and does not
    /// contradict the decision. Where it is not, the wait was at least as long.
    pub known: bool,
}

impl Wait {
    /// The wait of `window` at `as_of`; `None` where no attacker races for it, and where an
    /// undecided window has not begun to wait, say its times.
    pub fn of(window: &Window<'_>, race: &Race, as_of: Timestamp) -> Option<Wait> {
        if !race.runs(window.key.workflow, window.location) {
            return None;
        }
        let known = window.start_is_known();
        if window.decision.is_some() {
            let length = window.duration(Stage::TimeToReview);
            let known = known && length.is_some();
            return Some(Wait { length: length.unwrap_or_default(), decided: true, known });
        }
        // A withdrawal ends the wait without a review that might have come.
        let end = window.withdrawn_at.unwrap_or(as_of);
        let length = end.since(window.start()).non_negative()?;
        Some(Wait { length, decided: false, known })
    }
}

/// Collects waits, 8 bytes each.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    known: Survival,
    unknown: Survival,
}

/// Longer than any window is watched.
const FOR_EVER: Span = Span::from_millis(i64::MAX);

impl Waits {
    /// Nothing yet.
    pub fn new() -> Waits {
        Waits::default()
    }

    /// Nothing yet, with room for so many.
    pub fn with_capacity(waits: usize) -> Waits {
        let room = || Survival::with_capacity(waits);
        Waits { known: room(), unknown: room() }
    }

    /// Takes in one.
    pub fn add(&mut self, wait: Wait) {
        let of = if wait.known { &mut self.known } else { &mut self.unknown };
        of.record(wait.length, wait.decided);
    }

    /// Takes in all that another took in.
    pub fn merge(&mut self, other: &Waits) {
        self.known.merge(&other.known);
        self.unknown.merge(&other.unknown);
    }

    /// How many are of windows whose time of exposure is not known.
    pub fn unknown(&self) -> u64 {
        self.unknown.len() as u64
    }

    /// The curves; `sample` says what the windows are worth.
    pub fn estimate(&self, sample: &Sample) -> Curves {
        let mut early = self.known.clone();
        early.merge(&self.unknown);
        let early = early.estimate(sample);
        let late = (!self.unknown.is_empty()).then(|| {
            let mut late = self.known.clone();
            (0..self.unknown.len()).for_each(|_| late.record(FOR_EVER, false));
            late.estimate(sample)
        });
        Curves { early, late }
    }
}

/// The two curves between which the wait lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    /// Each window as exposed at its detection where its time of exposure is not known.
    pub early: KaplanMeier,
    /// None of those as decided. `None`: there are none, and it is the early one.
    late: Option<KaplanMeier>,
}

/// The chance of a review by some time, as wide as what is not known makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Reviewed {
    /// The chance if nothing of unknown exposure was decided by then; `None` without windows.
    pub low: Option<f64>,
    /// The chance if all of that was exposed at its detection.
    pub high: Option<f64>,
    /// The lower 95 % bound of `low`.
    pub low_bound: Option<f64>,
    /// The upper 95 % bound of `high`.
    pub high_bound: Option<f64>,
}

/// A figure that lies between two ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Between<T> {
    /// The least.
    pub low: T,
    /// The most.
    pub high: T,
}

impl<T> Between<T> {
    /// The same of both ends.
    pub fn map<U>(self, of: impl Fn(T) -> U) -> Between<U> {
        Between { low: of(self.low), high: of(self.high) }
    }
}

impl Curves {
    /// The curve that takes no window of unknown exposure as decided.
    pub fn late(&self) -> &KaplanMeier {
        self.late.as_ref().unwrap_or(&self.early)
    }

    /// The chance of a review by `t`, that time included.
    pub fn reviewed_by(&self, t: Span) -> Reviewed {
        let high = self.early.probability_by(t);
        let low = self.late.as_ref().map_or(high, |late| late.probability_by(t));
        Reviewed {
            low: low.estimate,
            high: high.estimate,
            low_bound: low.low,
            high_bound: high.high,
        }
    }

    /// The median; an end is `None` where over half have waited for longer than was watched.
    pub fn median(&self) -> Between<Option<Span>> {
        let low = self.early.median();
        Between { low, high: self.late.as_ref().map_or(low, KaplanMeier::median) }
    }

    /// The mean wait within the horizon, in milliseconds; `None` without any window.
    pub fn rmst(&self, horizon: Span) -> Between<Option<f64>> {
        let low = self.early.rmst(horizon);
        Between { low, high: self.late.as_ref().map_or(low, |late| late.rmst(horizon)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Targets;
    use crate::engine::windows::{Decision, Key};
    use crate::event::{Action, Workflow};

    const KEY: Key<'_> = Key { workflow: Workflow::SecretExposure, credential_id: "c" };

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000) + Span::from_mins(minutes)
    }

    /// Detected at 0, decided after so many minutes.
    fn window(exposed: Option<i64>, decided: Option<i64>) -> Window<'static> {
        Window {
            exposed_at: exposed.map(at),
            decision: decided.map(|after| Decision::of(Action::Revoke, "ann", at(after))),
            ..Window::opened(KEY, Targets::of(Workflow::SecretExposure), at(0))
        }
    }

    fn curves(windows: &[Window<'_>]) -> Curves {
        let mut waits = Waits::new();
        let all = windows.iter().filter_map(|it| Wait::of(it, &Race::default(), at(60)));
        all.for_each(|wait| waits.add(wait));
        waits.estimate(&Sample::single(windows.len() as u64))
    }

    fn reviewed(windows: &[Window<'_>], minutes: i64) -> (Option<f64>, Option<f64>) {
        let found = curves(windows).reviewed_by(Span::from_mins(minutes));
        assert!(found.low_bound <= found.low && found.high <= found.high_bound, "{found:?}");
        (found.low, found.high)
    }

    #[test]
    fn a_time_of_exposure_that_is_not_known_is_never_good_news() {
        let quick = [window(None, Some(2)), window(None, Some(3)), window(None, Some(4))];
        assert_eq!(reviewed(&quick, 9), (Some(0.0), Some(1.0)));
        let found = curves(&quick);
        assert_eq!(found.median(), Between { low: Some(Span::from_mins(3)), high: None });
        let hour = Span::from_mins(60);
        let three_minutes = Some(180_000.0);
        assert_eq!(found.rmst(hour), Between { low: three_minutes, high: Some(3_600_000.0) });
    }

    #[test]
    fn what_is_known_is_one_number() {
        let all = [window(Some(-1), Some(2)), window(Some(0), None), window(Some(-8), Some(30))];
        let found = curves(&all);
        assert_eq!(found.early, *found.late());
        assert_eq!(reviewed(&all, 9), (Some(1.0 - 2.0 / 3.0), Some(1.0 - 2.0 / 3.0)));
    }

    #[test]
    fn the_range_holds_whatever_the_exposure_was() {
        let of = |exposed| {
            [window(exposed, Some(2)), window(Some(-3), Some(1)), window(Some(0), Some(20))]
        };
        for minutes in 0..60 {
            let (low, high) = reviewed(&of(None), minutes);
            for exposed in 0..60 {
                let truth = reviewed(&of(Some(-exposed)), minutes);
                assert!(low <= truth.0 && truth.1 <= high, "{exposed}, {minutes}: {truth:?}");
            }
        }
    }

    #[test]
    fn a_contradiction_is_not_known() {
        // Exposed after the detection, and decided before the exposure.
        for contradicted in [window(Some(1), Some(2)), window(Some(-3), Some(-5))] {
            assert_eq!(reviewed(&[contradicted], 9), (Some(0.0), Some(1.0)));
        }
    }

    #[test]
    fn nobody_waits_where_no_attacker_races() {
        let of = |location, workflow| {
            let key = Key { workflow, ..KEY };
            let window = Window { location, key, ..window(Some(0), Some(2)) };
            Wait::of(&window, &Race::default(), at(60)).is_some()
        };
        assert!(of(None, Workflow::SecretExposure), "it may lie anywhere");
        assert!(!of(Some("an internal place"), Workflow::SecretExposure));
        assert!(!of(None, Workflow::PolicyChange));
    }
}
