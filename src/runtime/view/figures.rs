//! Figures over the view's windows.
//!
//! Invariants: every figure is of a period within which the view knows all windows,
//! or says that it does not; reviewers stand by pseudonym, with counts and without
//! a rank; nothing is divided where the count is small.
//!
//! Which windows are counted matters more than how. The view holds every window
//! that is not closed, however old, and closed ones for a while only: over all of
//! them, slow windows would be too many. So the summary is of the windows *detected*
//! in that while, all of which are held, and names the older ones apart; and
//! reviewers' figures are of the reviews *decided* in it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Row, View};
use crate::engine::attacker::{Band, Race};
use crate::engine::oversight::HollowReason;
use crate::engine::windows::State;
use crate::event::Workflow;
use crate::report::ledger::{LedgerFigures, LedgerRecord, LedgerTally};
use crate::time::{Span, Timestamp};

/// Fewer reviews than this say next to nothing of a reviewer: with 20, a share of
/// one half has a 95 % interval from about 0.3 to 0.7.
const FEW_REVIEWS: u64 = 20;

/// Reviewers told apart at most.
const REVIEWERS_MAX: usize = 100_000;

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// The first moment.
    pub from: Timestamp,
    /// The last: the present.
    pub to: Timestamp,
    /// Whether all windows of the period are counted: the view has caught up,
    /// and its bound has cost none of them.
    pub complete: bool,
}

/// The figures of the windows detected in a period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// When they were detected.
    pub period: Period,
    /// Windows detected earlier that are not closed: not in the figures.
    pub older: Older,
    /// The figures.
    pub figures: LedgerFigures,
}

/// Windows by what they wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Older {
    /// Neither decided nor contained.
    pub open: u64,
    /// Decided to act, not contained.
    pub reviewed: u64,
    /// Contained, not decided.
    pub contained: u64,
}

/// The reviews decided in a period, by reviewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reviewers {
    /// When they were decided.
    pub period: Period,
    /// Reviews by those beyond the number of reviewers told apart.
    pub not_told_apart: u64,
    /// By pseudonym, in its order.
    pub reviewers: BTreeMap<String, Reviewer>,
}

/// One reviewer's reviews.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reviewer {
    /// Human decisions, the first of each window.
    pub reviews: u64,
    /// Whether they are too few to say anything of the reviewer.
    pub few: bool,
    /// … that have been judged.
    pub judged: u64,
    /// … without a sign of being hollow.
    pub meaningful: u64,
    /// … with at least one.
    pub hollow: u64,
    /// How often each sign was found; those never found are left out.
    pub by_reason: BTreeMap<&'static str, u64>,
    /// Decided as advised.
    pub agreed: u64,
    /// Decided otherwise.
    pub disagreed: u64,
    /// Decided before any advice.
    pub unadvised: u64,
    /// How many fell in each band; `unknown` where the clocks contradict each other.
    pub bands: Bands,
}

/// Reviews by where they fell against the attacker window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bands {
    /// Before the fastest attackers.
    pub ahead: u64,
    /// Between the two.
    pub contested: u64,
    /// Later.
    pub behind: u64,
    /// At a time that contradicts the exposure.
    pub unknown: u64,
}

impl View {
    /// The figures at `now`, of one workflow or all.
    pub fn summary(&self, race: &Race, workflow: Option<Workflow>, now: Timestamp) -> Summary {
        let from = self.period_from(now);
        let (mut tally, mut older) = (LedgerTally::new(), Older::default());
        self.read_rows(
            workflow,
            |row| row.detected_at >= from,
            |row, record| match record {
                Some(record) => tally.add(&record, race, now),
                None => match row.state {
                    State::Open => older.open += 1,
                    State::Reviewed => older.reviewed += 1,
                    State::Contained => older.contained += 1,
                    State::Closed | State::Withdrawn => {}
                },
            },
        );
        Summary { period: self.period(from, now), older, figures: tally.figures(now) }
    }

    /// Who reviewed at all, up to `now`.
    pub fn reviewers(&self, workflow: Option<Workflow>, now: Timestamp) -> Reviewers {
        let from = self.period_from(now);
        let (mut reviewers, mut not_told_apart) = (BTreeMap::<String, Reviewer>::new(), 0);
        let decided = |row: &Row| row.decided_at.is_some_and(|decided| decided >= from);
        self.read_rows(workflow, decided, |_, record| {
            let Some(record) = record else { return };
            let Some(decision) = &record.decision else { return };
            if reviewers.len() >= REVIEWERS_MAX && !reviewers.contains_key(&decision.reviewer) {
                not_told_apart += 1;
                return;
            }
            reviewers.entry(decision.reviewer.clone()).or_default().add(&record);
        });
        for reviewer in reviewers.values_mut() {
            reviewer.few = reviewer.reviews < FEW_REVIEWS;
        }
        Reviewers { period: self.period(from, now), not_told_apart, reviewers }
    }

    fn period_from(&self, now: Timestamp) -> Timestamp {
        now + Span::from_millis(-self.bounds().closed_kept.as_millis())
    }

    fn period(&self, from: Timestamp, to: Timestamp) -> Period {
        let lost = self.orders().lost_up_to.is_some_and(|lost| lost >= from);
        Period { from, to, complete: !lost && self.progress(|progress| progress.caught_up()) }
    }

    /// Goes through all rows; those that are `wanted` are read, and nobody waits
    /// for that.
    fn read_rows(
        &self,
        workflow: Option<Workflow>,
        wanted: impl Fn(&Row) -> bool,
        mut take: impl FnMut(&Row, Option<LedgerRecord>),
    ) {
        let mut rows = Vec::new();
        self.walk(None, |_, row| {
            if workflow.is_none_or(|workflow| row.workflow == workflow) {
                rows.push(std::sync::Arc::clone(row));
            }
            true
        });
        for row in rows {
            take(&row, if wanted(&row) { row.read() } else { None });
        }
    }
}

impl Reviewer {
    fn add(&mut self, record: &LedgerRecord) {
        let window = record.window();
        self.reviews += 1;
        self.unadvised += u64::from(window.advice.is_none());
        match window.agreed() {
            Some(true) => self.agreed += 1,
            Some(false) => self.disagreed += 1,
            None => {}
        }
        *match window.band() {
            Some(Band::Ahead) => &mut self.bands.ahead,
            Some(Band::Contested) => &mut self.bands.contested,
            Some(Band::Behind) => &mut self.bands.behind,
            None => &mut self.bands.unknown,
        } += 1;
        let Some(judgement) = record.judgement() else { return };
        self.judged += 1;
        self.hollow += u64::from(!judgement.reasons.is_empty());
        self.meaningful += u64::from(judgement.reasons.is_empty());
        for reason in judgement.reasons.iter().map(HollowReason::as_str) {
            *self.by_reason.entry(reason).or_default() += 1;
        }
    }
}
