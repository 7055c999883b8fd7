//! Which decisions were reviews, and which bear a certificate that they were not.
//!
//! Invariants: the verdict on a decision is the ledger's; what this report finds
//! again is told beside it, never put in its place; a decision that has not been
//! judged is neither meaningful nor hollow; among few reviewers nobody is named.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::Context;
use super::named::Named;
use super::share::Share;
use crate::engine::bounds::Sizes;
use crate::engine::oversight::{HollowReason, HollowReasons, Quality};
use crate::event::{Evidence, Severity};
use crate::time::{Span, Timestamp};

/// An hour of the clock.
const HOUR_MS: i64 = 3_600_000;

/// Certificates told one by one.
const CERTIFICATES_MAX: usize = 100;

/// Decisions and what speaks against them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reviews {
    /// Human decisions.
    pub decisions: u64,
    /// … not judged yet.
    pub unjudged: u64,
    /// Without a sign of not having been a review, of those judged.
    pub meaningful: Share,
    /// With nothing to judge them by, of those judged.
    pub unassessed: Share,
    /// With one or more.
    pub hollow: Share,
    /// By sign; a decision may have several.
    pub by_reason: Vec<ByReason>,
    /// Decided as advised.
    pub agreed: u64,
    /// Decided otherwise.
    pub disagreed: u64,
    /// Decided before any advice.
    pub unadvised: u64,
    /// What was opened before the decisions.
    pub evidence: EvidenceOpened,
    /// Decisions in each hour in which a reviewer decided anything, on average over reviewers
    /// and hours of the clock in UTC; `None` without a decision.
    pub per_reviewer_hour: Option<f64>,
    /// Decisions whose reading time this report finds impossible again, or finds
    /// impossible where the ledger does not.
    pub reading: Found,
    /// The certificates, those of the highest severity first, then the latest.
    pub certificates: Vec<Certificate>,
    /// Certificates beyond those listed.
    pub certificates_not_listed: u64,
}

/// What the deciding people are known to have opened before they decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct EvidenceOpened {
    /// The underlying evidence.
    pub raw: u64,
    /// The AI's text only.
    pub summary: u64,
    /// Nothing tells.
    pub unknown: u64,
    /// The share decided with the raw evidence opened, if it never was where nothing tells.
    pub low: Option<f64>,
    /// … if it always was.
    pub high: Option<f64>,
}

/// How often a sign was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ByReason {
    /// The sign.
    pub reason: HollowReason,
    /// How often, of the decisions judged.
    #[serde(flatten)]
    pub share: Share,
}

/// Impossible readings, recorded and found again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Recorded, and found again from the times in the ledger.
    pub confirmed: u64,
    /// Recorded only: the ledger may not reach back far enough to show why.
    pub recorded_only: u64,
    /// Found only: the record says otherwise.
    pub found_only: u64,
}

/// A decision with a sign of not having been a review.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Certificate {
    /// The exposure.
    #[serde(flatten)]
    pub named: Named,
    /// Its severity.
    pub severity: Option<Severity>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Who decided, by pseudonym; `None` among few reviewers.
    pub reviewer: Option<String>,
    /// The signs.
    pub reasons: HollowReasons,
    /// With an impossible reading: the length of the interval that was too short.
    pub available_ms: Option<Span>,
    /// … and what reading all that was approved within it takes at the least.
    pub needed_ms: Option<Span>,
}

/// Collects decisions.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    decisions: u64,
    unjudged: u64,
    meaningful: u64,
    unassessed: u64,
    judged: Sizes,
    hollow: u64,
    by_reason: [u64; HollowReason::ALL.len()],
    agreed: u64,
    disagreed: u64,
    unadvised: u64,
    raw: u64,
    summary: u64,
    /// Reviewers by number, and the hours in which each decided.
    reviewers: HashMap<String, u32>,
    hours: HashSet<(u32, i64)>,
    /// Places of judged decisions.
    judged_at: Vec<u32>,
    /// Places of hollow ones.
    hollow_at: Vec<u32>,
}

impl Decisions {
    pub(super) fn add(&mut self, case: &super::Case<'_>) {
        let window = &case.window;
        let Some(decision) = &window.decision else { return };
        self.decisions += 1;
        match decision.evidence {
            Some(Evidence::Raw) => self.raw += 1,
            Some(Evidence::Summary) => self.summary += 1,
            None => {}
        }
        let known = self.reviewers.get(decision.reviewer).copied();
        let reviewer = known.unwrap_or_else(|| {
            let number = u32::try_from(self.reviewers.len()).unwrap_or(u32::MAX);
            self.reviewers.insert(decision.reviewer.to_owned(), number);
            number
        });
        self.hours.insert((reviewer, decision.decided_at.as_millis().div_euclid(HOUR_MS)));
        self.unadvised += u64::from(window.advice.is_none());
        match window.agreed() {
            Some(true) => self.agreed += 1,
            Some(false) => self.disagreed += 1,
            None => {}
        }
        let Some(judgement) = &case.judgement else {
            self.unjudged += 1;
            return;
        };
        self.judged_at.push(case.place);
        self.judged.add(case.incident);
        self.meaningful += u64::from(judgement.quality() == Some(Quality::Meaningful));
        self.unassessed += u64::from(judgement.quality() == Some(Quality::Unassessed));
        let reasons = judgement.reasons;
        if reasons.is_empty() {
            return;
        }
        self.hollow += 1;
        self.hollow_at.push(case.place);
        reasons.iter().for_each(|reason| self.by_reason[reason as usize] += 1);
    }

    fn evidence(&self) -> EvidenceOpened {
        let unknown = self.decisions - self.raw - self.summary;
        let share = |count: u64| (self.decisions > 0).then(|| count as f64 / self.decisions as f64);
        EvidenceOpened {
            raw: self.raw,
            summary: self.summary,
            unknown,
            low: share(self.raw),
            high: share(self.raw + unknown),
        }
    }

    pub(super) fn finish(mut self, context: &Context<'_>) -> Reviews {
        let judged = std::mem::take(&mut self.judged).sample();
        let rows = context.rows;
        self.hollow_at.sort_by_cached_key(|place| {
            let row = context.order[*place as usize];
            let decided = rows.window(row).decided_at();
            (std::cmp::Reverse(row.severity()), std::cmp::Reverse(decided), *place)
        });
        let not_listed = self.hollow_at.len().saturating_sub(CERTIFICATES_MAX);
        self.hollow_at.truncate(CERTIFICATES_MAX);
        let certificate = |place: u32| {
            let row = context.order[place as usize];
            let window = rows.window(row);
            let decision = window.decision?;
            let found = context.judged.at(place).and_then(|judgement| judgement.certificate);
            Some(Certificate {
                named: Named::of(row, context),
                severity: row.severity(),
                decided_at: decision.decided_at,
                reviewer: context.show(decision.reviewer),
                reasons: row.hollow()?,
                available_ms: found.map(|found| found.available),
                needed_ms: found.map(|found| found.needed),
            })
        };
        Reviews {
            decisions: self.decisions,
            unjudged: self.unjudged,
            meaningful: Share::within(self.meaningful, &judged),
            unassessed: Share::within(self.unassessed, &judged),
            hollow: Share::within(self.hollow, &judged),
            by_reason: HollowReason::ALL
                .iter()
                .zip(self.by_reason)
                .map(|(reason, count)| ByReason {
                    reason: *reason,
                    share: Share::within(count, &judged),
                })
                .collect(),
            agreed: self.agreed,
            disagreed: self.disagreed,
            unadvised: self.unadvised,
            evidence: self.evidence(),
            per_reviewer_hour: (self.decisions > 0)
                .then(|| self.decisions as f64 / self.hours.len() as f64),
            reading: found_again(&self.judged_at, context),
            certificates: self.hollow_at.into_iter().filter_map(certificate).collect(),
            certificates_not_listed: not_listed as u64,
        }
    }
}

/// Impossible readings as recorded, beside those that the ledger's times give.
fn found_again(places: &[u32], context: &Context<'_>) -> Found {
    let mut found = Found::default();
    for place in places {
        let reasons = context.order[*place as usize].hollow().unwrap_or_default();
        let recorded = reasons.iter().any(|reason| reason == HollowReason::ImpossibleReading);
        let again = context.judged.at(*place);
        let again = again.is_some_and(|again| again.certificate.is_some());
        match (recorded, again) {
            (true, true) => found.confirmed += 1,
            (true, false) => found.recorded_only += 1,
            (false, true) => found.found_only += 1,
            (false, false) => {}
        }
    }
    found
}
