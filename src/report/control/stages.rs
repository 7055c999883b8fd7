//! Where the time goes, from the leak to its end.
//!
//! Invariant: every quantile is over the exposures that completed the part, and
//! stands next to the number of those that have begun and not completed it.

use serde::Serialize;

use crate::engine::histogram::StageHistogram;
use crate::engine::windows::{Stage, Window};
use crate::event::words;
use crate::time::Span;

words! {
    /// A part of the way. The first six follow one another; the last three span
    /// several of them.
    Part {
        /// From the leak to its detection.
        Detection = "detection",
        /// From the detection to the AI's output.
        Ai = "ai",
        /// From the first advice to the reviewer's first look at the case.
        Queue = "queue",
        /// From that look to the decision.
        Human = "human",
        /// From the first advice to the decision, where no look was reported: queue and
        /// human step in one.
        QueueAndHuman = "queue_and_human",
        /// From the decision to containment.
        Containment = "containment",
        /// From the first advice to the decision.
        Review = "review",
        /// From the start to the decision.
        TimeToReview = "time_to_review",
        /// From the start to the end of the exposure.
        Exposure = "exposure",
    }
}

impl Part {
    /// Whether it is one of those that follow one another.
    pub const fn is_step(self) -> bool {
        !matches!(self, Part::Review | Part::TimeToReview | Part::Exposure)
    }

    /// Its length, and whether it has begun and may still end.
    fn of(self, window: &Window<'_>) -> (Option<Span>, bool) {
        let stage = |stage| (window.duration(stage), window.censored(stage));
        let looked = window.decision.and_then(|decision| decision.first_opened_at);
        let between = |from: Option<crate::time::Timestamp>, to: Option<crate::time::Timestamp>| {
            to.zip(from).and_then(|(to, from)| to.since(from).non_negative())
        };
        let presented = window.advice.map(|advice| advice.first_presented_at);
        match self {
            Part::Detection => stage(Stage::Detection),
            Part::Ai => stage(Stage::Triage),
            // An undecided window does not tell of looks: what it waits for is not known.
            Part::Queue => (between(presented, looked), false),
            Part::Human => {
                // A look before the advice: the step begins with the advice.
                let from = looked.map(|looked| presented.map_or(looked, |at| at.max(looked)));
                (between(from, window.decided_at()), false)
            }
            Part::QueueAndHuman if looked.is_some() => (None, false),
            Part::QueueAndHuman | Part::Review => stage(Stage::Review),
            Part::Containment => stage(Stage::Containment),
            Part::TimeToReview => stage(Stage::TimeToReview),
            Part::Exposure => stage(Stage::Exposure),
        }
    }
}

/// The figures of one part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PartFigures {
    /// Which.
    pub part: Part,
    /// Exposures that completed it.
    pub completed: u64,
    /// Exposures in which it has begun and may still end: not in the quantiles.
    pub censored: u64,
    /// Median, to three digits.
    pub p50_ms: Option<i64>,
    /// 90th percentile.
    pub p90_ms: Option<i64>,
    /// 99th percentile.
    pub p99_ms: Option<i64>,
    /// The longest, exact.
    pub max_ms: Option<i64>,
    /// All of it together.
    pub total_ms: u64,
    /// Its share of the time that all steps took together; `None` for a part that
    /// spans several.
    pub share_of_time: Option<f64>,
}

/// Collects the lengths of all parts.
#[derive(Debug)]
pub(super) struct Parts([(StageHistogram, u64, u64); Part::ALL.len()]);

impl Parts {
    pub(super) fn new() -> Parts {
        Parts(std::array::from_fn(|_| (StageHistogram::new(), 0, 0)))
    }

    pub(super) fn add(&mut self, window: &Window<'_>) {
        for (part, (histogram, censored, total)) in Part::ALL.iter().zip(&mut self.0) {
            match part.of(window) {
                (Some(length), _) => {
                    histogram.record(length);
                    let ms = u64::try_from(length.as_millis()).unwrap_or(0);
                    *total = total.saturating_add(ms);
                }
                (None, open) => *censored += u64::from(open),
            }
        }
    }

    pub(super) fn finish(&self) -> Vec<PartFigures> {
        let all = Part::ALL.iter().zip(&self.0);
        let steps = all.clone().filter(|(part, _)| part.is_step());
        let together = steps.fold(0_u64, |sum, (_, (_, _, total))| sum.saturating_add(*total));
        all.map(|(part, (histogram, censored, total))| {
            let ms = |span: Option<Span>| span.map(Span::as_millis);
            let share = part.is_step() && together > 0;
            PartFigures {
                part: *part,
                completed: histogram.count(),
                censored: *censored,
                p50_ms: ms(histogram.p50()),
                p90_ms: ms(histogram.p90()),
                p99_ms: ms(histogram.p99()),
                max_ms: ms(histogram.max()),
                total_ms: *total,
                share_of_time: share.then(|| *total as f64 / together as f64),
            }
        })
        .collect()
    }
}
