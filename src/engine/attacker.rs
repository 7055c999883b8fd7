//! When the attacker arrives: the other runner in the race.
//!
//! Invariants: a curve has `0 <= fastest < mean`; every probability lies in
//! [0, 1]; at every time the lower bound is at most the probability; both grow
//! with time.
//!
//! The arrival `A` after public exposure is known by two published figures, the
//! fastest seen and the mean. Two statements follow from them:
//!
//! - `F(t) = 1 - exp(-(t - fastest) / (mean - fastest))` for `t > fastest`,
//!   else 0: the exponential law shifted by `fastest`, which among all laws with
//!   that minimum and that mean has the largest entropy (Jaynes 1957), that is,
//!   adds the least to what was published;
//! - `P(A < t) >= 1 - (mean - fastest) / (t - fastest)` for `t > mean`, else 0:
//!   Markov's inequality on `A - fastest`, true whatever the law.
//!
//! With `x = (t - fastest) / (mean - fastest) > 1` the second is `1 - 1/x`, the
//! first `1 - exp(-x)`, and `exp(x) >= x`: the bound never exceeds `F`.
//!
//! How soon the very first attacker comes is the weaker of the two figures: other
//! measurements found some within a minute. So figures are told under two laws side by
//! side, the one above and the one with the same mean and a minimum of 0.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::config::{FASTEST_ATTACKER, FiguresConfig, MEAN_ATTACKER, Profiles, Targets};
use crate::event::{Workflow, words};
use crate::time::{Span, SpanError};

words! {
    /// Where a decision fell against the workflow's targets.
    Band {
        /// In time: where something leaked, before the fastest attacker.
        Ahead = "ahead",
        /// Neither in time nor late.
        Contested = "contested",
        /// Late: where something leaked, when attackers arrive on average, or after.
        Behind = "behind",
    }
}

impl Band {
    /// The band of a time to review, counted from the start of the window.
    ///
    /// The limits are the workflow's wherever the secret leaked, so that bands of
    /// different places compare; curves by location change only the probabilities.
    pub fn of(time_to_review: Span, targets: Targets) -> Band {
        if time_to_review < targets.in_time {
            Band::Ahead
        } else if time_to_review < targets.late {
            Band::Contested
        } else {
            Band::Behind
        }
    }
}

/// How likely an attacker was first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AttackerFirst {
    /// `F(t)`, under the curve's law; 1 where one was seen.
    pub low: f64,
    /// The same where the time of the exposure is known; 1 where it is not, since the
    /// credential may have been exposed for any time before its detection.
    pub high: f64,
    /// What holds under any law with the same minimum and mean; 1 where one was seen.
    pub lower_bound: f64,
}

impl AttackerFirst {
    /// An attacker was seen.
    pub const SEEN: AttackerFirst = AttackerFirst { low: 1.0, high: 1.0, lower_bound: 1.0 };

    /// The same for a credential that was exposed for at least as long.
    #[must_use]
    pub const fn at_least(self) -> AttackerFirst {
        AttackerFirst { high: 1.0, ..self }
    }
}

/// The law of the attacker's arrival after a public exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttackerCurve {
    fastest: Span,
    mean: Span,
}

impl AttackerCurve {
    /// The published figures for leaked AWS keys: fastest 9 min, mean 17 min.
    pub const DEFAULT: AttackerCurve =
        AttackerCurve { fastest: FASTEST_ATTACKER, mean: MEAN_ATTACKER };

    /// A curve from its two figures.
    ///
    /// # Errors
    /// [`CurveError::NegativeFastest`], or [`CurveError::MeanNotAfterFastest`].
    pub fn new(fastest: Span, mean: Span) -> Result<AttackerCurve, CurveError> {
        if fastest < Span::ZERO {
            Err(CurveError::NegativeFastest)
        } else if mean <= fastest {
            Err(CurveError::MeanNotAfterFastest)
        } else {
            Ok(AttackerCurve { fastest, mean })
        }
    }

    /// The law with the same mean whose fastest attackers come at once.
    pub const fn from_the_start(&self) -> AttackerCurve {
        AttackerCurve { fastest: Span::ZERO, mean: self.mean }
    }

    /// The earliest arrival.
    pub const fn fastest(&self) -> Span {
        self.fastest
    }

    /// The mean arrival.
    pub const fn mean(&self) -> Span {
        self.mean
    }

    /// `F(t)`: the probability that the attacker has come by `t` after the exposure.
    pub fn probability(&self, t: Span) -> f64 {
        if t <= self.fastest {
            return 0.0;
        }
        // exp_m1 keeps the digits of the small probabilities just after `fastest`.
        -(-(between(self.fastest, t) / between(self.fastest, self.mean))).exp_m1()
    }

    /// The least probability that the attacker has come by `t`, whatever the law.
    pub fn lower_bound(&self, t: Span) -> f64 {
        if t <= self.mean {
            return 0.0;
        }
        // 1 - (mean - fastest)/(t - fastest), without the cancellation near `mean`.
        between(self.mean, t) / between(self.fastest, t)
    }

    /// Both figures at `t` after the exposure.
    pub fn attacker_first(&self, t: Span) -> AttackerFirst {
        let come = self.probability(t);
        AttackerFirst { low: come, high: come, lower_bound: self.lower_bound(t) }
    }
}

impl Default for AttackerCurve {
    fn default() -> AttackerCurve {
        AttackerCurve::DEFAULT
    }
}

/// Milliseconds from `a` to `b`. Callers have `0 <= a <= b`, so nothing overflows.
fn between(a: Span, b: Span) -> f64 {
    (b.as_millis() - a.as_millis()) as f64
}

/// Who races for what, and how fast: one curve for everywhere, others for named places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Race {
    default: AttackerCurve,
    by_location: BTreeMap<String, AttackerCurve>,
    /// The places that attackers watch.
    public: BTreeSet<String>,
    raced: [bool; Workflow::ALL.len()],
}

impl Default for Race {
    fn default() -> Race {
        Race {
            default: AttackerCurve::DEFAULT,
            by_location: BTreeMap::new(),
            public: FiguresConfig::default().public,
            raced: raced(&Profiles::default()),
        }
    }
}

fn raced(profiles: &Profiles) -> [bool; Workflow::ALL.len()] {
    let mut raced = [false; Workflow::ALL.len()];
    Workflow::ALL
        .iter()
        .for_each(|workflow| raced[*workflow as usize] = profiles.get(*workflow).targets.raced);
    raced
}

impl Race {
    /// The curves of some settings, over the default curve.
    ///
    /// # Errors
    /// [`CurveError::Repeated`] when a place, or the default, is set twice.
    pub fn from_settings(
        settings: impl IntoIterator<Item = CurveSetting>,
    ) -> Result<Race, CurveError> {
        let mut default = None;
        let mut by_location = BTreeMap::new();
        for CurveSetting { location, curve } in settings {
            let (earlier, name) = match location {
                None => (default.replace(curve), String::from("the default")),
                Some(place) => (by_location.insert(place.clone(), curve), place),
            };
            if earlier.is_some() {
                return Err(CurveError::Repeated(name));
            }
        }
        Ok(Race { default: default.unwrap_or_default(), by_location, ..Race::default() })
    }

    /// The same curves, for the workflows that `profiles` call raced and the places that
    /// `figures` call public.
    #[must_use]
    pub fn between(self, profiles: &Profiles, figures: &FiguresConfig) -> Race {
        Race { public: figures.public.clone(), raced: raced(profiles), ..self }
    }

    /// Whether attackers race for what leaked there in this workflow.
    pub fn runs(&self, workflow: Workflow, location: Option<&str>) -> bool {
        self.raced[workflow as usize] && self.is_public(location)
    }

    /// Whether attackers watch the place. A leak whose place nobody states may lie
    /// anywhere: they do.
    pub fn is_public(&self, location: Option<&str>) -> bool {
        location.is_none_or(|place| self.public.contains(place))
    }

    /// Whether attackers race for what leaks in this workflow.
    pub const fn is_raced(&self, workflow: Workflow) -> bool {
        self.raced[workflow as usize]
    }

    /// The two laws side by side: the curve as published, and from the start. Where the
    /// place has a curve of its own, both are that one.
    pub fn laws(&self, location: Option<&str>) -> [AttackerCurve; 2] {
        match location.and_then(|place| self.by_location.get(place)) {
            Some(own) => [*own; 2],
            None => [self.default, self.default.from_the_start()],
        }
    }

    /// The curve of a leak's location; the default where that has none.
    pub fn curve(&self, location: Option<&str>) -> &AttackerCurve {
        location.and_then(|place| self.by_location.get(place)).unwrap_or(&self.default)
    }

    /// The places with a curve of their own, in order of their names.
    pub fn locations(&self) -> impl Iterator<Item = (&str, &AttackerCurve)> {
        self.by_location.iter().map(|(place, curve)| (place.as_str(), curve))
    }
}

/// One curve as an operator writes it: `9m,17m` for everywhere, `npm=1m,3m` for
/// one place; fastest first, then mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurveSetting {
    /// The place as events name it, letter case included; `None` sets the default.
    pub location: Option<String>,
    /// Its curve.
    pub curve: AttackerCurve,
}

impl FromStr for CurveSetting {
    type Err = CurveError;

    fn from_str(text: &str) -> Result<CurveSetting, CurveError> {
        // The last `=`: a place may hold one, a curve cannot.
        let (location, curve) = match text.rsplit_once('=') {
            None => (None, text),
            Some((place, curve)) => match place.trim() {
                "" => return Err(CurveError::NoLocation),
                place => (Some(place.to_owned()), curve),
            },
        };
        Ok(CurveSetting { location, curve: curve.parse()? })
    }
}

impl FromStr for AttackerCurve {
    type Err = CurveError;

    fn from_str(text: &str) -> Result<AttackerCurve, CurveError> {
        let (fastest, mean) = text.split_once(',').ok_or(CurveError::NotTwoSpans)?;
        if mean.contains(',') {
            return Err(CurveError::NotTwoSpans);
        }
        let fastest = fastest.trim().parse().map_err(CurveError::Fastest)?;
        let mean = mean.trim().parse().map_err(CurveError::Mean)?;
        AttackerCurve::new(fastest, mean)
    }
}

/// Why a text or two figures make no curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CurveError {
    /// There are not exactly two spans with a comma between them.
    NotTwoSpans,
    /// Nothing stands before the `=`.
    NoLocation,
    /// The first figure is not a span.
    Fastest(SpanError),
    /// The second figure is not a span.
    Mean(SpanError),
    /// The fastest arrival lies before the exposure.
    NegativeFastest,
    /// The mean is not later than the fastest.
    MeanNotAfterFastest,
    /// The named place was set before.
    Repeated(String),
}

impl fmt::Display for CurveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CurveError::NotTwoSpans => {
                f.write_str("expected the fastest and the mean arrival, like 9m,17m or npm=1m,3m")
            }
            CurveError::NoLocation => f.write_str("no location before the `=`"),
            CurveError::Fastest(why) => write!(f, "fastest arrival: {why}"),
            CurveError::Mean(why) => write!(f, "mean arrival: {why}"),
            CurveError::NegativeFastest => {
                f.write_str("the fastest arrival must not be before the exposure")
            }
            CurveError::MeanNotAfterFastest => {
                f.write_str("the mean arrival must be later than the fastest")
            }
            CurveError::Repeated(place) => write!(f, "the curve of {place} is set twice"),
        }
    }
}

impl std::error::Error for CurveError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Workflow;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-15 * b.abs().max(1e-300)
    }

    #[test]
    fn the_default_law_matches_figures_worked_out_elsewhere() {
        let c = AttackerCurve::default();
        assert_eq!(c.probability(Span::ZERO), 0.0);
        assert_eq!(c.probability(Span::from_millis(-1)), 0.0);
        assert_eq!(c.probability(Span::from_mins(9)), 0.0);
        // To 40 digits elsewhere: 1 ms after the fastest 1 - exp(-1/480000),
        assert!(near(c.probability(Span::from_millis(540_001)), 2.083_331_163_195_951_5e-6));
        // at the mean 1 - 1/e, at 30 min 1 - exp(-21/8).
        assert!(near(c.probability(Span::from_mins(17)), 0.632_120_558_828_557_7));
        assert!(near(c.probability(Span::from_mins(30)), 0.927_560_242_965_748_6));
    }

    #[test]
    fn the_bound_matches_the_published_examples() {
        let c = AttackerCurve::default();
        let at = |min| c.lower_bound(Span::from_mins(min));
        assert_eq!(at(17), 0.0);
        assert!(near(c.lower_bound(Span::from_millis(1_020_001)), 1.0 / 480_001.0));
        assert!(near(at(30), 13.0 / 21.0));
        assert!(near(at(60), 43.0 / 51.0));
        assert!((at(4 * 60) - 0.965).abs() < 0.001);
        assert!((at(24 * 60) - 0.994).abs() < 0.001);
    }

    #[test]
    fn a_band_starts_at_its_own_limit() {
        let targets = Targets::of(Workflow::SecretExposure);
        for (ms, band) in [
            (0, Band::Ahead),
            (539_999, Band::Ahead),
            (540_000, Band::Contested),
            (1_019_999, Band::Contested),
            (1_020_000, Band::Behind),
            (i64::MAX, Band::Behind),
        ] {
            assert_eq!(Band::of(Span::from_millis(ms), targets), band, "{ms}");
        }
    }

    #[test]
    fn a_place_takes_its_own_curve_and_any_other_the_default() {
        let race = Race::from_settings(["npm=1m,3m", " a=b = 90s , 4m", "500ms,1h"].map(|s| {
            let setting: CurveSetting = s.parse().unwrap();
            setting
        }))
        .unwrap();
        let of = |place| {
            let c = race.curve(place);
            (c.fastest().as_millis(), c.mean().as_millis())
        };
        assert_eq!(of(Some("npm")), (60_000, 180_000));
        assert_eq!(of(Some("a=b")), (90_000, 240_000));
        assert_eq!(of(Some("NPM")), (500, 3_600_000));
        assert_eq!(of(None), (500, 3_600_000));
        assert_eq!(race.locations().map(|(p, _)| p).collect::<Vec<_>>(), ["a=b", "npm"]);
        assert_eq!(*Race::default().curve(Some("npm")), AttackerCurve::DEFAULT);
    }

    #[test]
    fn two_laws_stand_side_by_side_unless_a_place_has_its_own() {
        let race = Race::from_settings(["npm=1m,3m".parse().unwrap()]).unwrap();
        let figures = |place| race.laws(place).map(|law| (law.fastest(), law.mean()));
        let minutes = |fastest, mean| (Span::from_mins(fastest), Span::from_mins(mean));
        assert_eq!(figures(None), [minutes(9, 17), minutes(0, 17)]);
        assert_eq!(figures(Some("npm")), [minutes(1, 3); 2]);
    }

    #[test]
    fn attackers_race_in_public_places_of_raced_workflows() {
        let race = Race::default();
        for (workflow, place, runs) in [
            (Workflow::SecretExposure, Some("github"), true),
            (Workflow::SecretExposure, None, true),
            (Workflow::SecretExposure, Some("internal"), false),
            (Workflow::PolicyChange, None, false),
            (Workflow::EntitlementReview, Some("github"), false),
        ] {
            assert_eq!(race.runs(workflow, place), runs, "{workflow} {place:?}");
        }
        let mut profiles = Profiles::default();
        profiles.get_mut(Workflow::PolicyChange).targets.raced = true;
        let public = std::iter::once("internal".to_owned()).collect();
        let other = race.between(&profiles, &FiguresConfig { public, ..FiguresConfig::default() });
        assert!(other.runs(Workflow::PolicyChange, Some("internal")));
        assert!(!other.runs(Workflow::PolicyChange, Some("github")));
    }

    #[test]
    fn a_wrong_curve_says_what_is_wrong() {
        let why = |text: &str| text.parse::<CurveSetting>().unwrap_err();
        for text in ["", "npm", "npm=", "npm=1m", "npm=1m,2m,3m"] {
            assert_eq!(why(text), CurveError::NotTwoSpans, "{text:?}");
        }
        assert_eq!(why(" =1m,2m"), CurveError::NoLocation);
        assert_eq!(why("npm=3m,3m"), CurveError::MeanNotAfterFastest);
        assert!(matches!(why("npm=1,3m"), CurveError::Fastest(_)));
        assert!(matches!(why("npm=1m,x"), CurveError::Mean(_)));
        assert_eq!(why("npm=1m,").to_string(), format!("mean arrival: {}", SpanError::NoNumber));
        assert_eq!(
            AttackerCurve::new(Span::from_millis(-1), Span::ZERO),
            Err(CurveError::NegativeFastest)
        );
        let twice = |s: &str| Race::from_settings([s, s].map(|s| s.parse().unwrap())).unwrap_err();
        assert_eq!(twice("npm=1m,3m"), CurveError::Repeated("npm".into()));
        assert_eq!(twice("1m,3m").to_string(), "the curve of the default is set twice");
    }

    proptest! {
        #[test]
        fn probabilities_grow_and_the_bound_stays_below(
            fastest in 0..i64::MAX / 2,
            beyond in 1..i64::MAX / 2,
            a in any::<i64>(),
            b in any::<i64>(),
            // Also times on the curve's own scale, where it bends.
            scale in 0.0..20.0f64,
        ) {
            let c = AttackerCurve::new(Span::from_millis(fastest), Span::from_millis(fastest + beyond))
                .unwrap();
            let c9 = AttackerCurve::DEFAULT;
            let near = Span::from_millis((scale * 1_020_000.0) as i64);
            let (early, late) = (Span::from_millis(a.min(b)), Span::from_millis(a.max(b)));
            prop_assert!(c.probability(early) <= c.probability(late));
            prop_assert!(c.lower_bound(early) <= c.lower_bound(late));
            prop_assert!(c9.probability(near) <= c9.probability(near + Span::from_millis(1)));
            prop_assert!(c9.lower_bound(near) <= c9.lower_bound(near + Span::from_millis(1)));
            for at in [c.attacker_first(early), c.attacker_first(late), c9.attacker_first(near)] {
                prop_assert!(0.0 <= at.lower_bound);
                prop_assert!(at.lower_bound <= at.low, "{at:?}");
                prop_assert!(at.low <= 1.0);
            }
        }
    }
}
