//! Figures by workflow: each has targets, and a rate of effective reviews, of its own.
//!
//! Invariant: a workflow without a window has no figures.

use serde::{Serialize, Serializer};

use super::effective::EffectiveRate;
use crate::event::Workflow;
use crate::time::Span;

/// Where reviews fell against their workflows' targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bands {
    /// Reviewed in time.
    pub ahead: u64,
    /// Reviewed neither in time nor late.
    pub contested: u64,
    /// Reviewed late.
    pub behind: u64,
    /// Not reviewed.
    pub unreviewed: u64,
    /// Reviewed, and not late after the detection; the time of the exposure is not known, or
    /// contradicts the review.
    pub unknown: u64,
    /// Taken back by the source before any review.
    pub withdrawn: u64,
}

impl std::ops::AddAssign for Bands {
    fn add_assign(&mut self, other: Bands) {
        let Bands { ahead, contested, behind, unreviewed, unknown, withdrawn } = other;
        self.ahead += ahead;
        self.contested += contested;
        self.behind += behind;
        self.unreviewed += unreviewed;
        self.unknown += unknown;
        self.withdrawn += withdrawn;
    }
}

/// The figures of one workflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct WorkflowFigures {
    /// Whether attackers race for what leaks in it.
    pub raced: bool,
    /// A review that takes less than this is in time.
    pub in_time_ms: Span,
    /// A review that takes this long is late.
    pub late_ms: Span,
    /// Windows.
    pub windows: u64,
    /// Where the reviews fell.
    #[serde(flatten)]
    pub bands: Bands,
    /// The share of effective reviews.
    pub effective_review_rate: EffectiveRate,
}

/// Figures by workflow; those without a window are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WorkflowsFigures(pub(super) [WorkflowFigures; Workflow::ALL.len()]);

impl WorkflowsFigures {
    /// The figures of `workflow`.
    pub const fn get(&self, workflow: Workflow) -> &WorkflowFigures {
        &self.0[workflow as usize]
    }

    /// Those that have a window.
    pub fn iter(&self) -> impl Iterator<Item = (Workflow, &WorkflowFigures)> {
        let all = Workflow::ALL.iter().copied().zip(&self.0);
        all.filter(|(_, figures)| figures.windows > 0)
    }
}

impl Serialize for WorkflowsFigures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
