//! What is asked of a ledger: the period, the slice, the rules.
//!
//! Invariants: a window is of a period by its `detected_at` alone, from the
//! beginning on and before the end; the previous period is of the same length to
//! the millisecond and ends where this one begins; what is asked stands in the
//! report whole, so that it can be asked again.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::{FiguresConfig, OversightConfig, Profiles, Targets};
use crate::engine::attacker::{AttackerCurve, CurveError, CurveSetting, Race};
use crate::engine::identity::{NameOrder, NameOrderError};
use crate::engine::summary::FigureRules;
use crate::event::{Severity, Workflow};
use crate::records::RulesShown;
use crate::time::{Span, TimeError, Timestamp};

/// A date or a time as it was given, and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The moment.
    pub at: Timestamp,
    /// As given: a date, which means its beginning in UTC, or an RFC 3339 time.
    pub given: String,
}

impl std::str::FromStr for Edge {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Edge, TimeError> {
        Ok(Edge { at: Timestamp::parse_moment(text)?, given: text.to_owned() })
    }
}

impl Edge {
    /// The offset from UTC as written; a date has that of UTC.
    fn offset(&self) -> &str {
        let text = self.given.as_str();
        match text.get(19..).and_then(|rest| rest.find(['+', '-'])) {
            Some(at) => text.get(19 + at..).unwrap_or("Z"),
            None => "Z",
        }
    }
}

/// One curve of the attackers' arrival.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curve {
    /// The place; `None`: every other one.
    pub location: Option<String>,
    /// The earliest arrival.
    pub fastest_ms: i64,
    /// The mean arrival.
    pub mean_ms: i64,
}

/// What a workflow promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Which.
    pub workflow: Workflow,
    /// A review that takes less is in time.
    pub in_time_ms: i64,
    /// A review that takes as long is late.
    pub late_ms: i64,
    /// Whether attackers race for what leaks in it.
    pub raced: bool,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The beginning; `None`: that of the ledger, and then there is no previous period.
    pub from: Option<Edge>,
    /// The end; `None`: that of the ledger.
    pub to: Option<Edge>,
    /// The moment up to which undecided windows are known to be undecided; `None`:
    /// the ledger's own.
    pub as_of: Option<Timestamp>,
    /// Whom the report is about, as its first page says.
    pub organisation: Option<String>,
    /// Who prepared it.
    pub prepared_by: Option<String>,
    /// Only these workflows; all when empty.
    pub workflows: Vec<Workflow>,
    /// Only these severities; all when empty.
    pub severities: Vec<Severity>,
    /// Only these owners; all when empty.
    pub teams: Vec<String>,
    /// The attackers' curves.
    pub attackers: Vec<Curve>,
    /// When a review is in time and when late, by workflow. A ledger states its own, and
    /// these take their place (`by_targets`).
    pub targets: Vec<Target>,
    /// Which of a credential's names is shown, as the configuration has it.
    pub names: Vec<String>,
    /// The places that attackers watch.
    pub public: Vec<String>,
    /// Detections of one source, owner and place with a shorter gap are one incident.
    pub incident_gap_ms: i64,
    /// The longest that decisions under one batch id are one act.
    pub batch_hold_ms: i64,
    /// With fewer reviewers nothing is told by which one could be singled out.
    pub small_group: u32,
    /// Whether records that cannot be read are left out, and said so.
    pub allow_damage: bool,
    /// Whether reviewers are shown as the ledger shows them, by name if it does.
    pub reviewer_names: bool,
    /// The rules by which reviewers are judged.
    pub(crate) rules: RulesShown,
}

/// Why a question cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionError {
    /// The period ends before it begins, or at once.
    Backwards,
    /// A moment is not an acceptable time for the previous period to begin at.
    TooEarly,
    /// `as_of` lies before what the ledger tells of.
    AsOfBefore(Timestamp),
    /// A curve is none.
    Curve(CurveError),
    /// A rule is none.
    Rules(crate::config::OversightFault),
    /// The order of names is none.
    Names(NameOrderError),
    /// The ledger shows people by name.
    Named,
}

impl fmt::Display for QuestionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QuestionError::Backwards => {
                f.write_str("the period must end after it begins: --from is its first moment, --to the first after it")
            }
            QuestionError::TooEarly => {
                f.write_str("the period is so long that the one before it begins before the year 2000; give a later --from")
            }
            QuestionError::AsOfBefore(latest) => write!(
                f,
                "--as-of lies before {latest}, of which the ledger tells: a ledger cannot be told as of an earlier \
                 moment; replay the events with that --as-of instead"
            ),
            QuestionError::Curve(why) => write!(f, "attackers' curve: {why}"),
            QuestionError::Rules(fault) => fault.fmt(f),
            QuestionError::Names(why) => write!(f, "names: {why}"),
            QuestionError::Named => f.write_str(
                "the ledger shows reviewers by name: set SHUTTERLAG_IDENTITY_KEY to have pseudonyms in the report, \
                 or give --reviewer-names to have the names",
            ),
        }
    }
}

impl std::error::Error for QuestionError {}

impl Question {
    /// A question about the whole ledger, under the default rules.
    pub fn new() -> Question {
        Question {
            from: None,
            to: None,
            as_of: None,
            organisation: None,
            prepared_by: None,
            workflows: Vec::new(),
            severities: Vec::new(),
            teams: Vec::new(),
            attackers: Vec::new(),
            targets: targets(&Profiles::default()),
            names: NameOrder::default().words(),
            public: FiguresConfig::default().public.into_iter().collect(),
            incident_gap_ms: FiguresConfig::default().incident_gap.as_millis(),
            batch_hold_ms: FiguresConfig::default().batch_hold.as_millis(),
            small_group: OversightConfig::default().small_group,
            allow_damage: false,
            reviewer_names: false,
            rules: RulesShown::new(&OversightConfig::default(), &Profiles::default()),
        }
    }

    /// Sets the rules by which reviewers are judged.
    pub fn set_rules(&mut self, oversight: &OversightConfig, profiles: &Profiles) {
        self.small_group = oversight.small_group;
        self.rules = RulesShown::new(oversight, profiles);
        self.targets = targets(profiles);
    }

    /// Sets what figures about exposures rest on.
    pub fn set_figures(&mut self, figures: &FiguresConfig) {
        self.public = figures.public.iter().cloned().collect();
        self.incident_gap_ms = figures.incident_gap.as_millis();
        self.batch_hold_ms = figures.batch_hold.as_millis();
    }

    /// The same question where a ledger states these targets, in the order of time: the
    /// last ones of a workflow count. A workflow without a window keeps those asked for.
    #[must_use]
    pub(crate) fn by_targets(
        &self,
        stated: impl IntoIterator<Item = (Workflow, Targets)>,
    ) -> Question {
        let mut question = self.clone();
        for (workflow, targets) in stated {
            let Targets { in_time, late, raced } = targets;
            let (in_time_ms, late_ms) = (in_time.as_millis(), late.as_millis());
            let target = Target { workflow, in_time_ms, late_ms, raced };
            match question.targets.iter_mut().find(|of| of.workflow == workflow) {
                Some(of) => *of = target,
                None => question.targets.push(target),
            }
        }
        question
    }

    /// What figures about exposures rest on.
    ///
    /// # Errors
    /// A curve that is none, or set twice.
    pub(crate) fn measures(&self) -> Result<Measures, QuestionError> {
        let mut profiles = Profiles::default();
        for target in &self.targets {
            let profile = profiles.get_mut(target.workflow);
            profile.targets = Targets {
                in_time: Span::from_millis(target.in_time_ms),
                late: Span::from_millis(target.late_ms),
                raced: target.raced,
            };
        }
        let figures = FiguresConfig {
            incident_gap: Span::from_millis(self.incident_gap_ms),
            batch_hold: Span::from_millis(self.batch_hold_ms),
            public: self.public.iter().cloned().collect(),
        };
        Ok(Measures { race: self.curves()?.between(&profiles, &figures), profiles, figures })
    }

    /// Sets the attackers' curves.
    pub fn set_race(&mut self, race: &Race) {
        let curve = |location: Option<&str>, curve: &AttackerCurve| Curve {
            location: location.map(str::to_owned),
            fastest_ms: curve.fastest().as_millis(),
            mean_ms: curve.mean().as_millis(),
        };
        self.attackers = vec![curve(None, race.curve(None))];
        self.attackers.extend(race.locations().map(|(place, own)| curve(Some(place), own)));
    }

    /// The attackers' curves.
    ///
    /// # Errors
    /// A curve that is none, or set twice.
    pub fn race(&self) -> Result<Race, QuestionError> {
        Ok(self.measures()?.race)
    }

    fn curves(&self) -> Result<Race, QuestionError> {
        let settings: Result<Vec<CurveSetting>, CurveError> = self
            .attackers
            .iter()
            .map(|curve| {
                let fastest = Span::from_millis(curve.fastest_ms);
                let mean = Span::from_millis(curve.mean_ms);
                let own = AttackerCurve::new(fastest, mean)?;
                Ok(CurveSetting { location: curve.location.clone(), curve: own })
            })
            .collect();
        settings.and_then(Race::from_settings).map_err(QuestionError::Curve)
    }

    /// Which of a credential's names is shown.
    ///
    /// # Errors
    /// An order that is none.
    pub(crate) fn name_order(&self) -> Result<NameOrder, QuestionError> {
        NameOrder::parse(&self.names).map_err(QuestionError::Names)
    }

    /// The rules by which reviewers are judged.
    pub(crate) fn oversight(&self) -> OversightConfig {
        OversightConfig { small_group: self.small_group, ..self.rules.config() }
    }

    /// Whether the workflow's tools report that a case was opened.
    pub(crate) fn expects_opening(&self, workflow: Workflow) -> bool {
        self.rules.expect_opening.contains(&workflow)
    }

    /// Whether a window of this kind is asked about, whenever it was detected.
    pub(crate) fn wants(
        &self,
        workflow: Workflow,
        severity: Option<Severity>,
        owner: Option<&str>,
    ) -> bool {
        let workflow = self.workflows.is_empty() || self.workflows.contains(&workflow);
        let severity = self.severities.is_empty()
            || severity.is_some_and(|severity| self.severities.contains(&severity));
        let team = self.teams.is_empty()
            || owner.is_some_and(|owner| self.teams.iter().any(|team| team == owner));
        workflow && severity && team
    }

    /// The period over a ledger that reaches from `first`, its earliest detection, to
    /// `latest`, the latest moment it tells of.
    ///
    /// # Errors
    /// A period that is none.
    pub(crate) fn period(
        &self,
        first: Option<Timestamp>,
        as_of: Option<Timestamp>,
    ) -> Result<Option<Period>, QuestionError> {
        let tick = Span::from_millis(1);
        let from = self.from.as_ref().map(|edge| edge.at).or(first);
        let to = self.to.as_ref().map(|edge| edge.at).or(as_of.map(|as_of| as_of + tick));
        let Some((from, to)) = from.zip(to) else { return Ok(None) };
        if to <= from {
            let asked = self.from.is_some() && self.to.is_some();
            // Half of a period that lies outside the ledger is an empty one.
            return if asked { Err(QuestionError::Backwards) } else { Ok(None) };
        }
        let length = to.since(from);
        let before = Timestamp::from_millis(from.as_millis() - length.as_millis());
        if self.from.is_some() && before < Timestamp::MIN {
            return Err(QuestionError::TooEarly);
        }
        let offsets = [&self.from, &self.to].map(|edge| edge.as_ref().map_or("Z", Edge::offset));
        Ok(Some(Period {
            from,
            to,
            length_ms: length,
            previous_from: self.from.is_some().then_some(before),
            offsets_differ: offsets[0] != offsets[1],
        }))
    }
}

/// What figures about exposures rest on.
#[derive(Clone, Debug)]
pub(crate) struct Measures {
    pub(crate) race: Race,
    profiles: Profiles,
    figures: FiguresConfig,
}

impl Measures {
    pub(crate) const fn rules(&self) -> FigureRules<'_> {
        FigureRules { race: &self.race, profiles: &self.profiles, figures: &self.figures }
    }
}

fn targets(profiles: &Profiles) -> Vec<Target> {
    let target = |workflow: &Workflow| {
        let profile = profiles.get(*workflow);
        Target {
            workflow: *workflow,
            in_time_ms: profile.targets.in_time.as_millis(),
            late_ms: profile.targets.late.as_millis(),
            raced: profile.targets.raced,
        }
    };
    Workflow::ALL.iter().map(target).collect()
}

impl Default for Question {
    fn default() -> Question {
        Question::new()
    }
}

/// The period that a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// Its length.
    pub length_ms: Span,
    /// Where the previous one begins, which ends at `from`; `None` where no
    /// beginning was asked for.
    pub previous_from: Option<Timestamp>,
    /// Whether beginning and end were given with different offsets from UTC, as
    /// across a change of the clocks: the length is that of elapsed time.
    pub offsets_differ: bool,
}

impl Period {
    /// Whether a window detected then is of the period.
    pub fn holds(&self, detected_at: Timestamp) -> bool {
        self.from <= detected_at && detected_at < self.to
    }

    /// Whether it is of the previous one.
    pub fn previous_holds(&self, detected_at: Timestamp) -> bool {
        self.previous_from.is_some_and(|from| from <= detected_at && detected_at < self.from)
    }
}
