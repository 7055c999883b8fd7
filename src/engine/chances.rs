//! How likely attackers came first, over many windows.
//!
//! Invariants: no figure depends on the order of the windows, to the last bit; the two
//! ends of a range are what is true whatever becomes of the undecided.
//!
//! A window decided (or contained, as containment ends the race) at `t` after its start
//! was lost with `F(t)`. One that still waits at `t` has been lost with `F(t)` already,
//! and may be lost with certainty; so may one whose time of exposure is not known, or
//! contradicts the decision: it was exposed for `t` at least. These
//! are the bounds of Manski (1990, *American Economic
//! Review* 80), over the windows themselves, without any assumption on when the
//! undecided will be decided.
//!
//! Where an attacker was seen nothing is left to chance.

use serde::Serialize;

use super::attacker::{AttackerCurve, Race};
use super::windows::{State, Usable, Window};
use crate::time::{Span, Timestamp};

/// How far the race for one window has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// From the start to the first decision or containment, else to now.
    pub waited: Span,
    /// Whether that is known to be the whole race: either has come, and the time of
    /// exposure is known. Where it is not the credential was exposed for longer.
    pub over: bool,
    /// Whether an attacker was seen before the first decision or containment.
    pub seen: bool,
    /// How long the credential could be used: to its containment, else to the decision,
    /// else to now.
    pub usable: Usable,
}

impl Course {
    /// The course of the race for `window` at `as_of`; `None` where nobody races for it, and
    /// where its source took it back before anybody decided.
    pub fn of(window: &Window<'_>, race: &Race, as_of: Timestamp) -> Option<Course> {
        let withdrawn = window.state() == State::Withdrawn;
        if withdrawn || !race.runs(window.key.workflow, window.location) {
            return None;
        }
        let answered = [window.decided_at(), window.contained_at].into_iter().flatten().min();
        let waited = answered.unwrap_or(as_of).since(window.start()).non_negative();
        Some(Course {
            waited: waited.unwrap_or_default(),
            over: answered.is_some() && waited.is_some() && window.start_is_known(),
            seen: window.abused_before(answered),
            usable: window.usable(as_of),
        })
    }
}

/// Adds up chances over windows, under one law each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chances {
    windows: u64,
    low: FixedSum,
    high: FixedSum,
    expected_low: FixedSum,
    expected_high: FixedSum,
    at_least: FixedSum,
}

/// The chance that an attacker came first, over some windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ChanceFirst {
    /// Windows that attackers race for.
    pub windows: u64,
    /// Incidents that they belong to.
    pub incidents: u64,
    /// The least share of them in which an attacker came before decision and
    /// containment, whatever becomes of the undecided; `None` without windows.
    pub low: Option<f64>,
    /// The most.
    pub high: Option<f64>,
    /// The number of credentials that attackers are expected to have used before they
    /// were contained, if every leaked key is tried: at least, as credentials whose time of
    /// exposure is not known were exposed since their detection or for longer.
    pub expected_low: f64,
    /// … at most.
    pub expected_high: f64,
    /// … at least, under any law with the same fastest and mean arrival.
    pub expected_at_least: f64,
}

impl Chances {
    /// Takes in the race for one window under `law`.
    pub fn add(&mut self, course: &Course, law: &AttackerCurve) {
        let come = if course.seen { 1.0 } else { law.probability(course.waited) };
        self.windows += 1;
        self.low.add(come);
        self.high.add(if course.over { come } else { 1.0 });
        let first = course.usable.attacker_first(law);
        self.expected_low.add(first.low);
        self.expected_high.add(first.high);
        self.at_least.add(first.lower_bound);
    }

    /// Takes in all that another took in.
    pub fn merge(&mut self, other: &Chances) {
        self.windows += other.windows;
        self.low.merge(other.low);
        self.high.merge(other.high);
        self.expected_low.merge(other.expected_low);
        self.expected_high.merge(other.expected_high);
        self.at_least.merge(other.at_least);
    }

    /// What they come to; the windows belong to so many incidents.
    pub fn finish(&self, incidents: u64) -> ChanceFirst {
        let share = |sum: FixedSum| (self.windows > 0).then(|| sum.value() / self.windows as f64);
        ChanceFirst {
            windows: self.windows,
            incidents,
            low: share(self.low),
            high: share(self.high),
            expected_low: self.expected_low.value(),
            expected_high: self.expected_high.value(),
            expected_at_least: self.at_least.value(),
        }
    }
}

/// A sum of probabilities that does not depend on their order: each is rounded
/// to a multiple of 2⁻⁵³ (no more than the last bit of a double near one), and
/// integers add exactly.
#[derive(Clone, Copy, Debug, Default)]
struct FixedSum(u128);

impl FixedSum {
    const ONE: f64 = (1_u64 << 53) as f64;

    fn add(&mut self, probability: f64) {
        self.0 += (probability * FixedSum::ONE) as u128;
    }

    fn merge(&mut self, other: FixedSum) {
        self.0 += other.0;
    }

    fn value(self) -> f64 {
        self.0 as f64 / FixedSum::ONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::windows::{Decision, Key};
    use crate::event::{Action, Workflow};

    fn told(courses: &[Course], law: &AttackerCurve) -> ChanceFirst {
        let mut chances = Chances::default();
        courses.iter().for_each(|course| chances.add(course, law));
        chances.finish(courses.len() as u64)
    }

    fn near(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-12)
    }

    #[test]
    fn the_undecided_may_all_be_lost_and_may_not() {
        // Five decided after 20 minutes, five undecided for one.
        let minutes = Span::from_mins;
        let course = |length, over| {
            let usable = Usable { length, known: true, used: false };
            Course { waited: length, over, seen: false, usable }
        };
        let (decided, waiting) = (course(minutes(20), true), course(minutes(1), false));
        let both = [[decided; 5], [waiting; 5]].concat();
        let law = AttackerCurve::DEFAULT;
        let found = told(&both, &law);
        let lost = 1.0 - (-11.0_f64 / 8.0).exp();
        assert!(near(found.low, lost / 2.0) && near(found.high, lost / 2.0 + 0.5), "{found:?}");
        assert!((found.expected_low - 5.0 * lost).abs() < 1e-12);
        assert_eq!(found.expected_low, found.expected_high, "when they were exposed is known");
        // Under the law without a minimum those that wait have been lost in part.
        let found = told(&both, &law.from_the_start());
        let (at_20, at_1) = (1.0 - (-20.0_f64 / 17.0).exp(), 1.0 - (-1.0_f64 / 17.0).exp());
        assert!(near(found.low, (at_20 + at_1) / 2.0) && near(found.high, (at_20 + 1.0) / 2.0));
    }

    #[test]
    fn an_attacker_who_was_seen_came_for_certain() {
        let targets = crate::config::Profiles::default().get(Workflow::SecretExposure).targets;
        let key = Key { workflow: Workflow::SecretExposure, credential_id: "c" };
        let at = |minutes| Timestamp::from_millis(1_800_000_000_000) + Span::from_mins(minutes);
        let found = |abused, decided, contained| {
            let window = Window {
                exposed_at: Some(at(0)),
                abused_at: Some(at(abused)),
                decision: Some(Decision::of(Action::Revoke, "ann", at(decided))),
                contained_at: Some(at(contained)),
                ..Window::opened(key, targets, at(0))
            };
            let course = Course::of(&window, &Race::default(), at(60)).unwrap();
            told(&[course], &AttackerCurve::DEFAULT)
        };
        // Sooner than attackers are expected at all.
        let before = found(1, 5, 6);
        assert!(near(before.low, 1.0) && near(before.high, 1.0), "{before:?}");
        assert!(near(Some(before.expected_low), 1.0) && near(Some(before.expected_at_least), 1.0));
        // Between the decision and the containment: too late for the race, in time for the key.
        let between = found(6, 5, 8);
        assert!(near(between.low, 0.0) && near(Some(between.expected_low), 1.0), "{between:?}");
        // A key that no longer worked.
        assert!(near(Some(found(9, 5, 8).expected_high), 0.0));
    }

    #[test]
    fn a_time_of_exposure_that_is_not_known_is_width() {
        let targets = crate::config::Profiles::default().get(Workflow::SecretExposure).targets;
        let key = Key { workflow: Workflow::SecretExposure, credential_id: "c" };
        let at = |minutes| Timestamp::from_millis(1_800_000_000_000) + Span::from_mins(minutes);
        let told = |window: &Window<'_>| {
            let course = Course::of(window, &Race::default(), at(60)).unwrap();
            let found = told(&[course], &AttackerCurve::DEFAULT);
            let own = window.attacker_first(&Race::default(), at(60)).unwrap();
            assert_eq!((found.expected_low, found.expected_high), (own.low, own.high));
            (found.low, found.high, found.expected_low, found.expected_high)
        };
        let window = Window {
            decision: Some(Decision::of(Action::Revoke, "ann", at(2))),
            contained_at: Some(at(3)),
            closed_at: Some(at(3)),
            ..Window::opened(key, targets, at(0))
        };
        assert_eq!(told(&window), (Some(0.0), Some(1.0), 0.0, 1.0), "exposed for a year, maybe");
        let known = Window { exposed_at: Some(at(-1)), ..window };
        assert_eq!(told(&known), (Some(0.0), Some(0.0), 0.0, 0.0));
        let after_detection = Window { exposed_at: Some(at(1)), ..window };
        assert_eq!(told(&after_detection), (Some(0.0), Some(1.0), 0.0, 1.0));
        // Decided and contained before it was exposed, say the clocks.
        let decision = Some(Decision::of(Action::Revoke, "ann", at(-3)));
        let contained_at = Some(at(-2));
        let contradicted = Window { decision, contained_at, ..known };
        assert_eq!(told(&contradicted), (Some(0.0), Some(1.0), 0.0, 1.0));
        // Seen is certain, whenever it was exposed.
        let seen = Window { abused_at: Some(at(1)), ..window };
        assert_eq!(told(&seen), (Some(1.0), Some(1.0), 1.0, 1.0));
    }

    #[test]
    fn only_an_undecided_case_leaves_the_race_when_it_is_withdrawn() {
        let targets = crate::config::Profiles::default().get(Workflow::SecretExposure).targets;
        let key = Key { workflow: Workflow::SecretExposure, credential_id: "c" };
        let at = |minutes| Timestamp::from_millis(1_800_000_000_000) + Span::from_mins(minutes);
        let withdrawn = Window {
            withdrawn_at: Some(at(30)),
            closed_at: Some(at(30)),
            ..Window::opened(key, targets, at(0))
        };
        let course = |window: &Window<'_>| Course::of(window, &Race::default(), at(60));
        assert_eq!(course(&withdrawn), None);
        let decision = Some(Decision::of(Action::Revoke, "ann", at(20)));
        let course = course(&Window { decision, ..withdrawn }).unwrap();
        assert_eq!(
            (course.waited, course.usable.length),
            (Span::from_mins(20), Span::from_mins(20))
        );
    }

    #[test]
    fn nothing_raced_is_no_chance() {
        assert_eq!(told(&[], &AttackerCurve::DEFAULT), ChanceFirst::default());
    }
}
