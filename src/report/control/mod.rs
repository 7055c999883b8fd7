//! The control-effectiveness report: what was measured, how sure that is, and what
//! cannot be said.
//!
//! ```text
//! records ──▶ Rows ──▶ Report ──▶ HTML, Markdown, JSON, CSV
//!                        ▲
//!                     Question: period, slice, rules
//! ```
//!
//! Invariants: the report is a function of the set of records that count, of the
//! question and of what is told beside the ledger: the same of them give the same
//! bytes; every figure is of one of three scopes, whose records the evidence names
//! by digest; what cannot be said is `None`, never zero and never NaN.

mod bands;
mod context;
pub mod controls;
pub mod definitions;
pub mod evidence;
mod flagged;
mod held;
mod judged;
mod moments;
mod named;
mod outcomes;
mod owners;
mod quality;
mod question;
pub mod render;
mod reviews;
mod row;
mod rows;
mod seeded;
mod share;
mod stages;
mod verdict;
pub mod verify;
mod waiting;

pub use bands::{Bands, Group};
pub use flagged::{Flagged, FlaggedReviewer, Reviewers, SignalSeen};
pub use outcomes::{Boundary, EndCount, Outcomes, Shares, Violation};
pub use owners::{Ownership, Unowned};
pub use quality::{Quality, Stretch, Without};
pub use question::{Curve, Edge, Period, Question, QuestionError, Target};
pub use reviews::{ByReason, Certificate, EvidenceOpened, Found, Reviews};
pub use row::{Digest, Row, digest};
pub use rows::{Counts, Rows};
pub use seeded::{Seeded, TrialCounts};
pub use share::{Difference, Share};
pub use stages::{Part, PartFigures};
pub use verdict::{Halves, LookAt, Matter, Previous, Trend, Verdict};
pub use waiting::{AtRisk, AttackerFirst, ByCurve, Point, ReviewedBy, TimeToReview};

use std::collections::BTreeMap;

use serde::Serialize;

use self::context::{Case, Context, Extent};
use self::evidence::{Digesting, Evidence, Inputs, Scope, ScopeRecords};
use self::judged::Judged;
use self::verdict::Figures;
use crate::config::Targets;
use crate::engine::incidents::{Incidents, Tie};
use crate::engine::oversight::{Factors, Signal};
use crate::event::Workflow;
use crate::records::{People, is_pseudonym};
use crate::time::Timestamp;

/// What the JSON form is called, and its version: a change that a reader could
/// stumble over raises it.
pub const FORMAT: &str = "shutterlag control-effectiveness report";
/// See [`FORMAT`].
pub const FORMAT_VERSION: u32 = 2;

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`FORMAT`].
    pub report: &'static str,
    /// [`FORMAT_VERSION`].
    pub format: u32,
    /// What made it.
    pub tool: Tool,
    /// What was asked.
    pub question: Question,
    /// The period, and up to when windows were watched.
    pub period: Period,
    /// The moment up to which windows without an end are counted.
    pub as_of: Timestamp,
    /// The headline.
    pub verdict: Verdict,
    /// How long exposures wait.
    pub time_to_review: TimeToReview,
    /// Who comes first.
    pub attacker_first: AttackerFirst,
    /// Where the time goes.
    pub stages: Vec<PartFigures>,
    /// In time or not, by what they are.
    pub bands: Bands,
    /// Real or not.
    pub reviews: Reviews,
    /// Would wrong advice be noticed?
    pub seeded: Seeded,
    /// Who is flagged.
    pub reviewers: Reviewers,
    /// Where an AI acted first.
    pub boundary: Boundary,
    /// What ended the wait.
    pub outcomes: Outcomes,
    /// Who answers for it.
    pub ownership: Ownership,
    /// What the figures stand on.
    pub quality: Quality,
    /// What they are evidence for.
    pub controls: Vec<controls::Control>,
    /// Where they come from.
    pub evidence: Evidence,
}

/// What made a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl Tool {
    /// This program.
    pub const THIS: Tool = Tool { name: "shutterlag", version: env!("CARGO_PKG_VERSION") };
}

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportError {
    /// The question cannot be answered.
    Question(QuestionError),
    /// The ledger is empty and no whole period was asked for: there is nothing to
    /// tell a period by.
    NoPeriod,
}

impl std::fmt::Display for ReportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReportError::Question(error) => error.fmt(f),
            ReportError::NoPeriod => f.write_str(
                "the ledger has nothing in the period asked for, and does not tell where it begins or ends: give \
                 both --from and --to to have a report of an empty period",
            ),
        }
    }
}

impl std::error::Error for ReportError {}

impl From<QuestionError> for ReportError {
    fn from(error: QuestionError) -> ReportError {
        ReportError::Question(error)
    }
}

/// Answers `question` from `rows`. `people` is how reviewers are shown whom the
/// ledger shows by name; `None` refuses a ledger that does.
///
/// # Errors
/// See [`ReportError`].
pub fn report(
    rows: &Rows,
    question: &Question,
    inputs: &Inputs,
    people: Option<People>,
) -> Result<Report, ReportError> {
    let order = rows.in_order();
    let named = |row: &&Row| rows.reviewer(row).is_some_and(|reviewer| !is_pseudonym(reviewer));
    if people.is_none() && order.iter().any(named) {
        return Err(QuestionError::Named.into());
    }
    let people = people.map(std::cell::RefCell::new);
    let latest = order.iter().map(|row| rows.latest(row)).max();
    let told = latest.max(inputs.as_of);
    if let Some((_, latest)) = question.as_of.zip(latest).filter(|(asked, at)| asked < at) {
        return Err(QuestionError::AsOfBefore(latest).into());
    }
    let first = order.iter().map(|row| row.detected_at()).min();
    let as_of = question.as_of.or(told);
    let period = question.period(first, as_of)?.ok_or(ReportError::NoPeriod)?;
    let as_of = as_of.unwrap_or(period.to);
    let extent = Extent { first: first.unwrap_or(period.to), as_of };
    let question = &question.by_targets(stated(rows, &order));
    let wanted = |row: &Row| question.wants(row.workflow(), row.severity(), rows.owner(row));
    let counts: Vec<bool> =
        order.iter().map(|row| period.holds(row.detected_at()) && wanted(row)).collect();
    // Reviewers are judged beside the pass over all windows: neither needs the other.
    let (judged, pass) = std::thread::scope(|scope| {
        let judging = scope.spawn(|| Judged::new(rows, &order, &counts, question));
        let mut pass = Pass::new(question);
        if let Ok(pass) = &mut pass {
            pass.run(rows, &order, question, &period, as_of);
        }
        let judged = judging.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (judged, pass)
    });
    let judged = judged.map_err(QuestionError::Rules)?;
    let names = question.name_order()?;
    let context = Context {
        question,
        period,
        extent,
        rows,
        order: &order,
        judged: &judged,
        few_reviewers: judged.people.len() < question.small_group as usize,
        people: people.as_ref(),
        names: &names,
        inputs,
    };
    Ok(pass?.finish(&context))
}

/// The targets of each workflow's latest window.
fn stated(rows: &Rows, order: &[&Row]) -> BTreeMap<Workflow, Targets> {
    let mut latest: BTreeMap<Workflow, &Row> = BTreeMap::new();
    for row in order {
        let found = latest.entry(row.workflow()).or_insert(row);
        if row.detected_at() >= found.detected_at() {
            *found = row;
        }
    }
    latest.into_iter().map(|(workflow, row)| (workflow, rows.targets(row))).collect()
}

/// The one pass over all rows, and what it collects.
struct Pass {
    measures: question::Measures,
    waits: waiting::Waits,
    parts: stages::Parts,
    groups: bands::Groups,
    decisions: reviews::Decisions,
    cases: seeded::Cases,
    collected: outcomes::Collected,
    owners: owners::Owners,
    seen: quality::Seen,
    before: bands::Counts,
    windows_before: u64,
    /// Exposures that attackers race for, of the first and of the second half of the period.
    halves: [bands::Counts; 2],
    scopes: [Digesting; Scope::ALL.len()],
    days: evidence::Days,
}

impl Pass {
    fn new(question: &Question) -> Result<Pass, QuestionError> {
        let measures = question.measures()?;
        Ok(Pass {
            waits: waiting::Waits::new(&measures.race),
            measures,
            parts: stages::Parts::new(),
            groups: bands::Groups::default(),
            decisions: reviews::Decisions::default(),
            cases: seeded::Cases::default(),
            collected: outcomes::Collected::default(),
            owners: owners::Owners::default(),
            seen: quality::Seen::default(),
            before: bands::Counts::default(),
            windows_before: 0,
            halves: Default::default(),
            scopes: Default::default(),
            days: evidence::Days::default(),
        })
    }

    fn run(
        &mut self,
        rows: &Rows,
        order: &[&Row],
        question: &Question,
        period: &Period,
        as_of: Timestamp,
    ) {
        let ties = order.iter().map(|row| Tie::of(&rows.window(row)));
        let incidents = Incidents::group(ties, self.measures.rules().incidents());
        for (place, row) in (0_u32..).zip(order.iter().copied()) {
            self.days.add(row);
            self.scopes[Scope::Ledger as usize].add(row);
            if !question.wants(row.workflow(), row.severity(), rows.owner(row)) {
                continue;
            }
            let window = rows.window(row);
            self.seen.moments(&window, period);
            let judgement = rows.judgement(row, &window);
            let case = Case { place, incident: incidents.of(place), row, window, judgement };
            if period.previous_holds(row.detected_at()) {
                self.scopes[Scope::Previous as usize].add(row);
                self.windows_before += 1;
                let rules = self.measures.rules();
                if rules.race.is_raced(row.workflow()) {
                    self.before.add(&case, as_of);
                }
            }
            if period.holds(row.detected_at()) {
                self.scopes[Scope::Period as usize].add(row);
                if self.measures.rules().race.is_raced(row.workflow()) {
                    let half = usize::from(row.detected_at() >= middle(period));
                    self.halves[half].add(&case, as_of);
                }
                self.add(&case, as_of);
            }
        }
    }

    fn add(&mut self, case: &Case<'_>, as_of: Timestamp) {
        let rules = self.measures.rules();
        self.waits.add(case, rules.race, as_of);
        self.parts.add(&case.window);
        self.groups.add(case, &rules, as_of);
        self.decisions.add(case);
        self.cases.add(case);
        self.collected.add(case, as_of);
        self.owners.add(case, as_of);
        self.seen.add(case);
    }

    fn finish(self, context: &Context<'_>) -> Report {
        let (all, raced) = (self.groups.all.clone(), self.groups.raced.clone());
        let bands = self.groups.finish();
        let (time_to_review, attacker_first) = self.waits.finish(&self.measures.race);
        let law = self.measures.race.curve(None);
        let (outcomes, boundary) = self.collected.finish(context, law);
        let seeded = self.cases.finish(context.judged, hasty(context));
        let ownership = self.owners.finish(context);
        let quality = self.seen.finish(context);
        let previous = context.period.previous_from.map(|from| Previous {
            from,
            to: context.period.from,
            windows: self.windows_before,
            effective: self.before.effective(),
        });
        // A ledger that began within it would flatter or shame for no reason.
        let comparable = previous.filter(|_| quality.previous_begins_late != Some(true));
        let figures = Figures {
            incidents: bands.all.incidents,
            attacker_first: &attacker_first,
            seeded: &seeded,
            boundary: &boundary,
            ownership: &ownership,
            quality: &quality,
            halves: Halves::new(middle(&context.period), &self.halves[0], &self.halves[1]),
        };
        let verdict = verdict::verdict(&all, &raced, previous, comparable.is_some(), &figures);
        let scopes = Scope::ALL.iter().zip(self.scopes);
        let scopes = scopes
            .map(|(scope, digesting)| ScopeRecords { scope: *scope, records: digesting.finish() })
            .collect();
        Report {
            report: FORMAT,
            format: FORMAT_VERSION,
            tool: Tool::THIS,
            question: context.question.clone(),
            period: context.period,
            as_of: context.extent.as_of,
            verdict,
            time_to_review,
            attacker_first,
            stages: self.parts.finish(),
            bands,
            reviews: self.decisions.finish(context),
            seeded,
            reviewers: flagged::flagged(context),
            boundary,
            outcomes,
            ownership,
            quality,
            controls: controls::all(),
            evidence: evidence::evidence(context.inputs, context.rows.counts(), scopes, self.days),
        }
    }
}

/// The first moment of the second half of a period.
fn middle(period: &Period) -> Timestamp {
    let half = period.to.since(period.from).as_millis() / 2;
    period.from + crate::time::Span::from_millis(half)
}

/// Whether reviewers as a group take less time than reading needs more often than
/// is allowed.
fn hasty(context: &Context<'_>) -> bool {
    let rules = &context.judged.rules;
    let standings = context.judged.people.values().map(|person| person.standing(rules));
    let dwell = standings.map(|standing| standing.signals[Signal::Dwell as usize]);
    let (steps, signs) =
        dwell.fold((0, 0), |(steps, signs), seen| (steps + seen.steps, signs + seen.signs));
    let allowed = rules.factors(Signal::Dwell).map_or(1.0, Factors::null);
    signs as f64 > allowed * steps as f64
}
