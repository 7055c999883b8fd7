//! How exposures end when people are not the only ones who can end them, and where
//! an AI ended what people should have.
//!
//! Invariants: the first end counts, and at the same millisecond a decision comes
//! before containment and containment before abuse; a window whose end contradicts
//! its beginning, or whose beginning is not known, is in no share and counted.

use serde::Serialize;

use super::named::Named;
use super::share::Share;
use super::waiting::with_attackers;
use super::{Case, Context};
use crate::engine::attacker::AttackerCurve;
use crate::engine::bounds::{Sample, Sizes};
use crate::engine::ends::{AalenJohansen, ByEnd, End, Ends, Incidence};
use crate::time::{Span, Timestamp};

/// Violations told one by one.
const LISTED_MAX: usize = 50;

/// Moments that are told in numbers, beside those of the attackers.
const TOLD: [Span; 2] = [Span::from_mins(60), Span::from_mins(24 * 60)];

/// How far the drawn shares reach, and how fine they are.
const DRAWN: Span = Span::from_mins(60);
const DRAWN_EVERY_MS: i64 = 30_000;

/// What ended the wait of exposures, and when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcomes {
    /// Exposures whose wait was ended so.
    pub ended: Vec<EndCount>,
    /// Exposures still waiting when last seen.
    pub waiting: u64,
    /// Exposures left out of the shares, because it is not known how long they lasted: the time
    /// of the exposure is not known, or contradicts the end.
    pub left_out: u64,
    /// The shares by some moments, those still waiting counted in.
    pub shares: Vec<Shares>,
    /// The shares over the first hour.
    pub curve: Vec<Shares>,
    /// The longest that any exposure was watched.
    pub observed_up_to_ms: Option<i64>,
}

/// How often it ended so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EndCount {
    /// How.
    pub end: End,
    /// How often.
    pub windows: u64,
}

/// The shares by a moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Shares {
    /// The moment, from the start of the exposure.
    pub t_ms: Span,
    /// A person had decided.
    pub decision: f64,
    /// It was contained first.
    pub containment: f64,
    /// An attacker was seen first.
    pub abuse: f64,
    /// Nothing had happened.
    pub waiting: f64,
    /// Exposures waiting just before.
    pub at_risk: u64,
}

/// Where an AI acted before any person had decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Boundary {
    /// Exposures in which one did.
    pub ai_acted_first: Share,
    /// The latest of them.
    pub violations: Vec<Violation>,
    /// Further ones.
    pub not_listed: u64,
}

/// An exposure in which an AI acted before any person had decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which.
    #[serde(flatten)]
    pub named: Named,
    /// When it was detected.
    pub detected_at: Timestamp,
    /// When a person decided after all.
    pub decided_at: Option<Timestamp>,
}

/// Collects ends.
#[derive(Debug, Default)]
pub(super) struct Collected {
    ends: Ends,
    counts: ByEnd<u64>,
    waiting: u64,
    unknown: u64,
    all: Sizes,
    violations_at: Vec<u32>,
}

impl Collected {
    pub(super) fn add(&mut self, case: &Case<'_>, as_of: Timestamp) {
        let window = &case.window;
        self.all.add(case.incident);
        if window.ai_acted_first_at.is_some() {
            self.violations_at.push(case.place);
        }
        let ends = [
            (window.decided_at(), End::Decision),
            (window.contained_at, End::Containment),
            (window.abused_at, End::Abuse),
        ];
        let ends = ends.into_iter().filter_map(|(at, end)| Some((at?, end)));
        let first = ends.min_by_key(|(at, end)| (*at, *end));
        let (at, end) = first.map_or((as_of, None), |(at, end)| (at, Some(end)));
        match end {
            Some(end) => self.counts[end as usize] += 1,
            None => self.waiting += 1,
        }
        if window.start_is_known() {
            self.ends.record(at.since(window.start()), end);
        } else {
            self.unknown += 1;
        }
    }

    pub(super) fn finish(self, context: &Context<'_>, law: &AttackerCurve) -> (Outcomes, Boundary) {
        let left_out = self.ends.refused() + self.unknown;
        let curve = self.ends.estimate();
        let every = 0..=DRAWN.as_millis() / DRAWN_EVERY_MS;
        let drawn: Vec<Span> = every.map(|n| Span::from_millis(n * DRAWN_EVERY_MS)).collect();
        let outcomes = Outcomes {
            ended: End::ALL
                .iter()
                .zip(self.counts)
                .map(|(end, windows)| EndCount { end: *end, windows })
                .collect(),
            waiting: self.waiting,
            left_out,
            shares: shares(&curve, &with_attackers(law, &TOLD)),
            curve: shares(&curve, &drawn),
            observed_up_to_ms: curve.last_observed().map(Span::as_millis),
        };
        (outcomes, boundary(self.violations_at, &self.all.sample(), context))
    }
}

fn shares(curve: &AalenJohansen, times: &[Span]) -> Vec<Shares> {
    let of = |(t_ms, incidence): (&Span, Incidence)| {
        let [decision, containment, abuse] = incidence.ended;
        Shares {
            t_ms: *t_ms,
            decision,
            containment,
            abuse,
            waiting: incidence.waiting,
            at_risk: incidence.at_risk,
        }
    };
    times.iter().zip(curve.at(times)).map(of).collect()
}

fn boundary(mut places: Vec<u32>, windows: &Sample, context: &Context<'_>) -> Boundary {
    let count = places.len();
    places.sort_by_key(|place| {
        (std::cmp::Reverse(context.order[*place as usize].detected_at()), *place)
    });
    places.truncate(LISTED_MAX);
    let violation = |place: &u32| {
        let row = context.order[*place as usize];
        let window = context.rows.window(row);
        Violation {
            named: Named::of(row, context),
            detected_at: window.detected_at,
            decided_at: window.decided_at(),
        }
    };
    Boundary {
        ai_acted_first: Share::within(count as u64, windows),
        violations: places.iter().map(violation).collect(),
        not_listed: count.saturating_sub(LISTED_MAX) as u64,
    }
}
