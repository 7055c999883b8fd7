//! What is written about reviewers: pages, and findings with their evidence.
//!
//! Invariants: reviewers stand in the order of the name they are shown by, which
//! says nothing about the name that is not shown; a finding holds the rules it
//! rests on, so that it can be computed again from the ledger.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde::ser::Serializer;

use super::people::People;
use crate::config::{AgreementConfig, OversightConfig, Profiles};
use crate::engine::alerts::{Alert, Transition, Urgency};
use crate::engine::oversight::{
    BySignal, Flags, Overseen, Person, Point, Rules, Sight, Signal, Standing, Suspicion, by_word,
};
use crate::event::Workflow;
use crate::metrics::Metrics;
use crate::time::{Span, Timestamp};

/// What a page rests on.
pub(crate) const SUSPECTED: &str = "rubber_stamp_suspected";
/// A reviewer who is named.
pub(crate) const FLAGGED: &str = "reviewer_flagged";

/// A reviewer's page begins or ends, as a line or a record.
#[derive(Clone, Debug, Serialize)]
pub struct ReviewerAlert<'a> {
    alert: Alert,
    severity: Urgency,
    state: Transition,
    at: Timestamp,
    reviewer: &'a str,
}

impl<'a> ReviewerAlert<'a> {
    /// The page of `reviewer` begins or ends at `at`.
    pub fn new(reviewer: &'a str, state: Transition, at: Timestamp) -> ReviewerAlert<'a> {
        let alert = Alert::RubberStampSuspected;
        ReviewerAlert { alert, severity: alert.urgency(), state, at, reviewer }
    }
}

/// A finding about a reviewer, as a line or a record.
#[derive(Clone, Debug, Serialize)]
pub struct ReviewerFinding<'f> {
    finding: &'static str,
    at: Timestamp,
    exposure_id: Option<&'f str>,
    workflow: Option<Workflow>,
    reviewer: &'f str,
    evidence: Evidence<'f>,
}

#[derive(Clone, Debug, Serialize)]
struct Evidence<'e> {
    since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistic: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log10_e_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log10_threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reviewers: Option<usize>,
    signals: Vec<SignalLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sight: Option<Sight>,
    path: Vec<Step>,
    rules: &'e RulesShown,
}

#[derive(Clone, Debug, Serialize)]
struct SignalLine {
    signal: Signal,
    observed: u64,
    signs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistic: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log10_e_value: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
struct Step {
    at: Timestamp,
    exposure_id: String,
    #[serde(serialize_with = "by_signal")]
    signs: BySignal<Option<bool>>,
    statistic: f64,
}

fn by_signal<S: Serializer>(
    signs: &BySignal<Option<bool>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(by_word(signs))
}

/// The rules that a finding rests on.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
pub struct RulesShown {
    pub(crate) alpha: f64,
    pub(crate) paging_decisions: f64,
    pub(crate) resolve_share: f64,
    pub(crate) all_truths: bool,
    pub(crate) skew_tolerance_ms: i64,
    pub(crate) delay_ms: i64,
    pub(crate) batch_hold_ms: i64,
    pub(crate) expect_opening: Vec<Workflow>,
    /// The signals with an allowed rate.
    pub(crate) signals: Vec<SignalRules>,
    pub(crate) agreement: AgreementRules,
}

/// The rules of agreement.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
pub struct AgreementRules {
    pub(crate) allowed_odds: f64,
    pub(crate) alternatives: Vec<f64>,
    pub(crate) weight: f64,
    pub(crate) peers_min: u32,
    pub(crate) peer_acts_min: u64,
    pub(crate) period_ms: i64,
}

/// The rules of one signal.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
pub struct SignalRules {
    pub(crate) signal: Signal,
    pub(crate) null: f64,
    pub(crate) alternatives: Vec<f64>,
    pub(crate) weight: f64,
}

impl RulesShown {
    /// Those of a configuration.
    pub fn new(config: &OversightConfig, profiles: &Profiles) -> RulesShown {
        let agreement = &config.agreement;
        let expects = |workflow: &Workflow| profiles.get(*workflow).expects_opening;
        RulesShown {
            alpha: config.alpha,
            paging_decisions: config.paging_decisions,
            resolve_share: config.resolve_share,
            all_truths: config.all_truths,
            skew_tolerance_ms: config.skew_tolerance.as_millis(),
            delay_ms: config.delay.as_millis(),
            batch_hold_ms: config.batch_hold.as_millis(),
            expect_opening: Workflow::ALL.iter().copied().filter(expects).collect(),
            signals: Signal::ALL
                .iter()
                .zip(config.by_rate())
                .filter_map(|(signal, rules)| Some((signal, rules?)))
                .map(|(signal, rules)| SignalRules {
                    signal: *signal,
                    null: rules.null,
                    alternatives: rules.alternatives.clone(),
                    weight: rules.weight,
                })
                .collect(),
            agreement: AgreementRules {
                allowed_odds: agreement.allowed_odds,
                alternatives: agreement.alternatives.clone(),
                weight: agreement.weight,
                peers_min: agreement.peers_min,
                peer_acts_min: agreement.peer_acts_min,
                period_ms: agreement.period.as_millis(),
            },
        }
    }

    /// The configuration that has them; what a finding does not rest on is as by default.
    pub(crate) fn config(&self) -> OversightConfig {
        let mut config = OversightConfig {
            alpha: self.alpha,
            paging_decisions: self.paging_decisions,
            resolve_share: self.resolve_share,
            all_truths: self.all_truths,
            skew_tolerance: Span::from_millis(self.skew_tolerance_ms),
            delay: Span::from_millis(self.delay_ms),
            batch_hold: Span::from_millis(self.batch_hold_ms),
            agreement: AgreementConfig {
                allowed_odds: self.agreement.allowed_odds,
                alternatives: self.agreement.alternatives.clone(),
                weight: self.agreement.weight,
                peers_min: self.agreement.peers_min,
                peer_acts_min: self.agreement.peer_acts_min,
                period: Span::from_millis(self.agreement.period_ms),
            },
            ..OversightConfig::default()
        };
        for rules in &self.signals {
            let signal = match rules.signal {
                Signal::Seeded => &mut config.seeded,
                Signal::Dwell => &mut config.dwell,
                Signal::Context => &mut config.context,
                // It has rules of its own.
                Signal::Agreement => continue,
            };
            signal.null = rules.null;
            signal.alternatives.clone_from(&rules.alternatives);
            signal.weight = rules.weight;
        }
        config
    }
}

/// What is told of all reviewers.
pub(super) struct Reviewers<'r> {
    pub(super) overseen: &'r Overseen,
    pub(super) flags: &'r Flags,
    pub(super) rules: &'r Rules,
    pub(super) profiles: &'r Profiles,
    pub(super) as_of: Timestamp,
}

impl Reviewers<'_> {
    /// The numbers of the windows that findings will cite.
    pub(super) fn cited(&self) -> BTreeMap<u32, String> {
        let turns = |person: &Person| {
            person.turns.iter().flat_map(|turn| turn.cited.clone()).collect::<Vec<_>>()
        };
        let flagged = |person: &Person| self.flags.includes(&person.standing);
        let people = || self.overseen.people.iter();
        let paths = people().filter(|p| flagged(p)).flat_map(|p| p.path.iter().map(|(n, _)| *n));
        people().flat_map(turns).chain(paths).map(|number| (number, String::new())).collect()
    }

    /// Writes all pages and findings about reviewers.
    pub(super) fn write(
        &self,
        cited: &BTreeMap<u32, String>,
        people: &mut People,
        metrics: &Metrics,
        alerts: &mut dyn Write,
        findings: &mut dyn Write,
    ) -> io::Result<()> {
        let shown: BTreeMap<String, &Person> = self
            .overseen
            .people
            .iter()
            .map(|person| (people.show(&person.reviewer).to_owned(), person))
            .collect();
        let rules = RulesShown::new(self.rules.config(), self.profiles);
        let name = |number: &u32| cited.get(number).cloned().unwrap_or_default();
        for (reviewer, person) in shown {
            for turn in &person.turns {
                metrics.alert(Alert::RubberStampSuspected, turn.transition);
                super::line(alerts, &ReviewerAlert::new(&reviewer, turn.transition, turn.at))?;
                if let Some(suspicion) = turn.suspicion.as_deref() {
                    let path = turn.cited.iter().map(name);
                    let found =
                        ReviewerFinding::suspected(&reviewer, turn.at, suspicion, path, &rules);
                    super::line(findings, &found)?;
                }
            }
            if self.flags.includes(&person.standing) {
                let flagged = Flagged { flags: self.flags, standing: &person.standing };
                let path = person.path.iter().map(|(number, point)| (name(number), *point));
                let found = ReviewerFinding::flagged(&reviewer, self.as_of, flagged, path, &rules);
                super::line(findings, &found)?;
            }
        }
        Ok(())
    }
}

/// That a reviewer is named.
#[derive(Clone, Copy, Debug)]
pub struct Flagged<'f> {
    /// Who is named, and from what on.
    pub flags: &'f Flags,
    /// Where the reviewer stands.
    pub standing: &'f Standing,
}

impl<'f> ReviewerFinding<'f> {
    /// What one about a reviewer who is named is called.
    pub const FLAGGED: &'static str = FLAGGED;

    /// What it is called.
    pub const fn name(&self) -> &'static str {
        self.finding
    }

    /// A page begins, on this evidence; `cited` are the windows of its path.
    pub fn suspected(
        reviewer: &'f str,
        at: Timestamp,
        suspicion: &Suspicion,
        cited: impl Iterator<Item = String>,
        rules: &'f RulesShown,
    ) -> ReviewerFinding<'f> {
        let signals = Signal::ALL.iter().map(|signal| {
            let (observed, signs) = suspicion.counts[*signal as usize];
            SignalLine {
                signal: *signal,
                observed: observed.into(),
                signs: signs.into(),
                statistic: Some(suspicion.pages[*signal as usize]),
                log10_e_value: None,
            }
        });
        let path = cited.zip(&suspicion.path).map(|(name, point)| Step::new(name, point));
        let evidence = Evidence {
            since: Some(suspicion.since),
            statistic: Some(suspicion.statistic),
            threshold: Some(rules.paging_decisions),
            log10_e_value: None,
            log10_threshold: None,
            reviewers: None,
            signals: signals.filter(|signal| signal.observed > 0).collect(),
            sight: None,
            path: path.collect(),
            rules,
        };
        ReviewerFinding::new(SUSPECTED, at, reviewer, evidence)
    }

    /// A reviewer is named; `path` are the latest steps with their windows.
    pub fn flagged(
        reviewer: &'f str,
        at: Timestamp,
        Flagged { flags, standing }: Flagged<'_>,
        path: impl Iterator<Item = (String, Point)>,
        rules: &'f RulesShown,
    ) -> ReviewerFinding<'f> {
        let signals = Signal::ALL.iter().map(|signal| {
            let evidence = &standing.signals[*signal as usize];
            SignalLine {
                signal: *signal,
                observed: evidence.steps,
                signs: evidence.signs,
                statistic: None,
                log10_e_value: Some(log10(evidence.log_e)),
            }
        });
        let evidence = Evidence {
            since: standing.first_at,
            statistic: None,
            threshold: None,
            log10_e_value: Some(log10(standing.log_e)),
            log10_threshold: Some(log10(flags.log_threshold())),
            reviewers: Some(flags.reviewers),
            signals: signals.filter(|signal| signal.observed > 0).collect(),
            sight: Some(standing.sight),
            path: path.map(|(name, point)| Step::new(name, &point)).collect(),
            rules,
        };
        ReviewerFinding::new(FLAGGED, at, reviewer, evidence)
    }

    fn new(
        finding: &'static str,
        at: Timestamp,
        reviewer: &'f str,
        evidence: Evidence<'f>,
    ) -> ReviewerFinding<'f> {
        ReviewerFinding { finding, at, exposure_id: None, workflow: None, reviewer, evidence }
    }
}

impl Step {
    fn new(exposure_id: String, point: &Point) -> Step {
        Step { at: point.at, exposure_id, signs: point.signs, statistic: point.statistic }
    }
}

fn log10(natural: f64) -> f64 {
    natural / std::f64::consts::LN_10
}
