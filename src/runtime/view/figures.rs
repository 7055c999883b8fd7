//! Figures over the view's windows.
//!
//! Invariants: every figure covers a period of which the view holds all windows, or
//! says that it does not; reviewers are listed by pseudonym, with counts and without a
//! rank; no share is computed from a small count.
//!
//! The view holds every open window, however old, but closed ones only for a while.
//! Figures over all of them would count too many slow windows. So the summary covers
//! the windows *detected* within that while, all of which the view holds, and counts
//! the older ones separately. Reviewers' figures cover the reviews *decided* within it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::row::Row;
use super::store::View;
use super::trend::{self, TrendPeriod};
use crate::engine::attacker::Band;
use crate::engine::oversight::{HollowReason, Quality};
use crate::engine::summary::FigureRules;
use crate::engine::windows::State;
use crate::event::Workflow;
use crate::records::WindowRecord;
use crate::report::figures::{LedgerFigures, LedgerTally};
use crate::time::{Span, Timestamp};

/// Fewer reviews than this say next to nothing about a reviewer: with 20, a share of
/// one half has a 95 % interval from about 0.3 to 0.7.
const FEW_REVIEWS: u64 = 20;

/// Reviewers that are listed at most.
const REVIEWERS_MAX: usize = 100_000;

/// The time that figures cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end: the present.
    pub to: Timestamp,
    /// Whether all windows of the period are counted: the view has caught up, and all
    /// of them found room.
    pub complete: bool,
}

/// The figures of the windows detected in a period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// When they were detected.
    pub period: Period,
    /// Open windows that were detected earlier. The figures leave them out.
    pub older: Older,
    /// The figures.
    pub figures: LedgerFigures,
}

/// Windows by state.
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
    /// Reviews by reviewers that are not listed because there are too many.
    pub not_told_apart: u64,
    /// By pseudonym, sorted.
    pub reviewers: BTreeMap<String, Reviewer>,
}

/// One reviewer's reviews.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reviewer {
    /// Human decisions, the first of each window.
    pub reviews: u64,
    /// Whether they are too few to say anything about the reviewer.
    pub few: bool,
    /// Reviews that have been judged.
    pub judged: u64,
    /// Judged reviews without a sign of being hollow, where there was something to judge by.
    pub meaningful: u64,
    /// Judged reviews of which nothing is known by which to tell whether they were reviews.
    pub unassessed: u64,
    /// Judged reviews with at least one sign.
    pub hollow: u64,
    /// How often each sign was found; signs that were never found are left out.
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

/// Reviews by attacker band.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bands {
    /// Before the fastest attackers.
    pub ahead: u64,
    /// Between the two.
    pub contested: u64,
    /// Later.
    pub behind: u64,
    /// Decided at a time that contradicts the exposure.
    pub unknown: u64,
}

impl View {
    /// The figures at `now`, of one workflow or all.
    pub fn summary(
        &self,
        rules: &FigureRules<'_>,
        workflow: Option<Workflow>,
        now: Timestamp,
    ) -> Summary {
        let from = self.period_from(now);
        let (mut tally, mut older) = (LedgerTally::new(), Older::default());
        self.read_rows(
            workflow,
            |row| row.detected_at >= from,
            |row, record| match record {
                Some(record) => tally.add(&record, rules, now),
                None => match row.state {
                    State::Open => older.open += 1,
                    State::Reviewed => older.reviewed += 1,
                    State::Contained => older.contained += 1,
                    State::Closed | State::Withdrawn => {}
                },
            },
        );
        Summary { period: self.period(from, now), older, figures: tally.figures(rules, now) }
    }

    /// The effective review rate of the last week, month and quarter. Their windows are kept for
    /// longer than the view keeps them otherwise. Not known before the view has caught up.
    pub fn trend(&self, rules: &FigureRules<'_>, now: Timestamp) -> Vec<TrendPeriod> {
        if !self.progress(|progress| progress.caught_up()) {
            return TrendPeriod::unknown();
        }
        loop {
            let moves = self.past().moves();
            let mut all = Vec::new();
            self.walk(None, |_, row| {
                all.extend(row.reviewed);
                true
            });
            let past = self.past();
            // A window that left meanwhile would count twice.
            if past.moves() == moves {
                return trend::periods(all, &past, rules, now);
            }
        }
    }

    /// The reviewers of one workflow or all, up to `now`.
    pub fn reviewers(&self, workflow: Option<Workflow>, now: Timestamp) -> Reviewers {
        let from = self.period_from(now);
        let (mut reviewers, mut not_told_apart) = (BTreeMap::<String, Reviewer>::new(), 0);
        let decided = |row: &Row| row.decided_at.is_some_and(|decided| decided >= from);
        self.read_rows(workflow, decided, |_, record| {
            let Some(record) = record else { return };
            let Some(reviewer) = &record.reviewer else { return };
            if reviewers.len() >= REVIEWERS_MAX && !reviewers.contains_key(reviewer) {
                not_told_apart += 1;
                return;
            }
            reviewers.entry(reviewer.clone()).or_default().add(&record);
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

    /// Visits all rows, with the parsed record of those that are `wanted`. Parses without
    /// holding a lock.
    fn read_rows(
        &self,
        workflow: Option<Workflow>,
        wanted: impl Fn(&Row) -> bool,
        mut take: impl FnMut(&Row, Option<WindowRecord>),
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
    fn add(&mut self, record: &WindowRecord) {
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
        *match Quality::of(judgement.reasons, judgement.assessed) {
            Quality::Meaningful => &mut self.meaningful,
            Quality::Hollow => &mut self.hollow,
            Quality::Unassessed => &mut self.unassessed,
        } += 1;
        for reason in judgement.reasons.iter().map(HollowReason::as_str) {
            *self.by_reason.entry(reason).or_default() += 1;
        }
    }
}
