//! Findings about a reviewer: that a page begins, or that the reviewer is named.
//!
//! Invariant: a finding holds the rules it rests on, so that it can be computed
//! again from the ledger.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::rules::RulesShown;
use crate::engine::oversight::{AlertEvidence, Flags, Point, Sight, Signal, Standing, by_word};
use crate::time::Timestamp;

/// What a finding about a reviewer rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReviewerEvidence<'e> {
    /// When what it is about began: estimated for a page, the first decision for a name.
    pub since: Option<Timestamp>,
    /// The combined statistic of a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistic: Option<f64>,
    /// What the statistic had to reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The combined e-value, as a logarithm to base 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log10_e_value: Option<f64>,
    /// What the e-value had to reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log10_threshold: Option<f64>,
    /// Reviewers with a decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewers: Option<usize>,
    /// The signals that were observed.
    pub signals: Vec<SignalEvidence>,
    /// How well the reviewer tells right advice from wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sight: Option<Sight>,
    /// The latest steps, oldest first.
    pub path: Vec<PathStep>,
    /// The rules.
    pub rules: Cow<'e, RulesShown>,
}

/// What one signal came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalEvidence {
    /// Which.
    pub signal: Signal,
    /// How often it could be observed.
    pub observed: u64,
    /// How often the sign was there.
    pub signs: u64,
    /// Its paging statistic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistic: Option<f64>,
    /// Its e-value as a logarithm to base 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log10_e_value: Option<f64>,
}

/// One decision on the way to the finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathStep {
    /// When.
    pub at: Timestamp,
    /// The window, as text.
    pub exposure_id: String,
    /// Which signs were there, of those that could be observed.
    pub signs: BTreeMap<Signal, bool>,
    /// The combined statistic after it.
    pub statistic: f64,
}

impl PathStep {
    fn new(exposure_id: String, point: &Point) -> PathStep {
        let signs = by_word(&point.signs).collect();
        PathStep { at: point.at, exposure_id, signs, statistic: point.statistic }
    }
}

/// That a reviewer is named.
#[derive(Clone, Copy, Debug)]
pub struct Flagged<'f> {
    /// Who is named, and from which evidence on.
    pub flags: &'f Flags,
    /// Where the reviewer stands.
    pub standing: &'f Standing,
}

impl Finding {
    /// What the finding is called that a page rests on.
    pub const SUSPECTED: &'static str = "rubber_stamp_suspected";
    /// What the finding about a reviewer who is named is called.
    pub const FLAGGED: &'static str = "reviewer_flagged";
}

impl<'f> Finding<Cow<'f, str>, ReviewerEvidence<'f>> {
    /// A page begins, on this evidence; `cited` are the windows of its path.
    pub fn suspected(
        reviewer: &'f str,
        at: Timestamp,
        evidence: &AlertEvidence,
        cited: impl Iterator<Item = String>,
        rules: &'f RulesShown,
    ) -> Self {
        let signals = Signal::ALL.iter().map(|signal| {
            let (observed, signs) = evidence.counts[*signal as usize];
            SignalEvidence {
                signal: *signal,
                observed: observed.into(),
                signs: signs.into(),
                statistic: Some(evidence.pages[*signal as usize]),
                log10_e_value: None,
            }
        });
        let path = cited.zip(&evidence.path).map(|(name, point)| PathStep::new(name, point));
        let evidence = ReviewerEvidence {
            since: Some(evidence.since),
            statistic: Some(evidence.statistic),
            threshold: Some(rules.paging_decisions),
            log10_e_value: None,
            log10_threshold: None,
            reviewers: None,
            signals: signals.filter(|signal| signal.observed > 0).collect(),
            sight: None,
            path: path.collect(),
            rules: Cow::Borrowed(rules),
        };
        Finding::of_reviewer(Finding::SUSPECTED, at, reviewer, evidence)
    }

    /// A reviewer is named; `path` are the latest steps with their windows.
    pub fn flagged(
        reviewer: &'f str,
        at: Timestamp,
        Flagged { flags, standing }: Flagged<'_>,
        path: impl Iterator<Item = (String, Point)>,
        rules: &'f RulesShown,
    ) -> Self {
        let signals = Signal::ALL.iter().map(|signal| {
            let evidence = &standing.signals[*signal as usize];
            SignalEvidence {
                signal: *signal,
                observed: evidence.steps,
                signs: evidence.signs,
                statistic: None,
                log10_e_value: Some(log10(evidence.log_e)),
            }
        });
        let evidence = ReviewerEvidence {
            since: standing.first_at,
            statistic: None,
            threshold: None,
            log10_e_value: Some(log10(standing.log_e)),
            log10_threshold: Some(log10(flags.log_threshold())),
            reviewers: Some(flags.reviewers),
            signals: signals.filter(|signal| signal.observed > 0).collect(),
            sight: Some(standing.sight),
            path: path.map(|(name, point)| PathStep::new(name, &point)).collect(),
            rules: Cow::Borrowed(rules),
        };
        Finding::of_reviewer(Finding::FLAGGED, at, reviewer, evidence)
    }

    fn of_reviewer(
        finding: &'static str,
        at: Timestamp,
        reviewer: &'f str,
        evidence: ReviewerEvidence<'f>,
    ) -> Self {
        let reviewer = Some(reviewer.into());
        Finding {
            finding: finding.into(),
            at,
            exposure_id: None,
            workflow: None,
            reviewer,
            evidence,
        }
    }
}

fn log10(natural: f64) -> f64 {
    natural / std::f64::consts::LN_10
}
