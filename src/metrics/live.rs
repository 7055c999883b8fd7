//! Metrics of the windows of a live run. Each fact counts once, when it becomes known.
//!
//! Invariant: a counter rises when a window first reaches a milestone. Later corrections of
//! that milestone are in the ledger only, because a counter cannot fall.

use super::{Metrics, StageObservers};
use crate::engine::alerts::{Alert, Transition};
use crate::engine::attacker::{AttackerFirst, Band};
use crate::engine::effective::Outcome;
use crate::engine::oversight::{HollowReasons, Quality};
use crate::engine::windows::{Stage, Standing};
use crate::event::{Severity, Verdict, Workflow};
use crate::time::{Span, Timestamp};

impl Metrics {
    /// The durations of stages are known.
    pub fn stages(
        &self,
        observers: &mut StageObservers,
        lengths: impl IntoIterator<Item = (Stage, Workflow, Option<Severity>, Span)>,
    ) {
        for (stage, workflow, severity, length) in lengths {
            observers.record(self, stage, workflow, severity, length);
        }
        observers.flush();
    }

    /// A person has decided.
    pub fn verdict(&self, workflow: Workflow, verdict: Option<Verdict>) {
        let verdict = verdict.map_or("none", Verdict::as_str);
        self.verdicts.with_label_values(&[workflow.as_str(), verdict]).inc();
    }

    /// Creates every counter of facts at zero, with all of its labels. A series that appears
    /// with its first step shows no increase to Prometheus.
    pub(super) fn begin_at_zero(&self) {
        for workflow in Workflow::ALL {
            let bands = Band::ALL.iter().map(|band| band.as_str()).chain(["unknown"]);
            for band in bands {
                for quality in Quality::ALL {
                    let labels = [workflow.as_str(), band, quality.as_str()];
                    self.reviews.with_label_values(&labels).inc_by(0);
                }
            }
            // Escalations are no acts of review.
            for verdict in ["approve", "modify", "reject", "none"] {
                let labels = [workflow.as_str(), verdict];
                self.acts.verdicts.with_label_values(&labels).inc_by(0);
            }
            for quality in Quality::ALL {
                let labels = [workflow.as_str(), quality.as_str()];
                self.acts.reviews.with_label_values(&labels).inc_by(0);
            }
            for outcome in Outcome::ALL {
                let labels = [workflow.as_str(), outcome.as_str()];
                self.reviews_due.with_label_values(&labels).inc_by(0);
            }
            for end in ["low", "high"] {
                self.attacker_first.with_label_values(&[workflow.as_str(), end]).inc_by(0.0);
            }
            self.violations.with_label_values(&[workflow.as_str(), "ai_acted_first"]).inc_by(0);
            for result in ["caught", "missed"] {
                self.seeded.with_label_values(&[workflow.as_str(), result]).inc_by(0);
                self.acts.planted.with_label_values(&[workflow.as_str(), result]).inc_by(0);
            }
        }
        for alert in Alert::ALL {
            let workflows = Workflow::ALL.iter().map(|workflow| workflow.as_str());
            let of_reviewers = *alert == Alert::RubberStampSuspected;
            let workflows = workflows.filter(|_| !of_reviewers).chain(of_reviewers.then_some(""));
            for workflow in workflows {
                for transition in Transition::ALL {
                    let labels = [workflow, alert.as_str(), transition.as_str()];
                    self.alerts.with_label_values(&labels).inc_by(0);
                }
            }
        }
    }

    /// A review was due, and this came of it. To be called once for each window.
    pub fn review_due(&self, workflow: Workflow, outcome: Outcome) {
        self.reviews_due.with_label_values(&[workflow.as_str(), outcome.as_str()]).inc();
    }

    /// A decision is judged.
    pub fn judged(
        &self,
        workflow: Workflow,
        band: Option<Band>,
        quality: Quality,
        reasons: HollowReasons,
    ) {
        let band = band.map_or("unknown", Band::as_str);
        self.reviews.with_label_values(&[workflow.as_str(), band, quality.as_str()]).inc();
        for reason in reasons.iter() {
            self.hollow.with_label_values(&[workflow.as_str(), reason.as_str()]).inc();
        }
    }

    /// Another process judges reviewers now, and it reports who is flagged.
    pub fn forget_reviewers(&self) {
        self.flagged.reset();
    }

    /// How likely it is that an attacker used the credential of a window before containment. To
    /// be called once for each window.
    pub fn attacker_first(&self, workflow: Workflow, first: AttackerFirst) {
        for (end, chance) in [("low", first.low), ("high", first.high)] {
            self.attacker_first.with_label_values(&[workflow.as_str(), end]).inc_by(chance);
        }
    }

    /// An act of review was judged. To be called once for each.
    pub fn act(&self, workflow: Workflow, verdict: Option<Verdict>, quality: Quality) {
        self.acts.reviews.with_label_values(&[workflow.as_str(), quality.as_str()]).inc();
        let verdict = verdict.map_or("none", Verdict::as_str);
        self.acts.verdicts.with_label_values(&[workflow.as_str(), verdict]).inc();
    }

    /// A seeded case with wrong advice was answered, by an act. To be called once for each act.
    pub fn planted(&self, workflow: Workflow, caught: bool) {
        let result = if caught { "caught" } else { "missed" };
        self.acts.planted.with_label_values(&[workflow.as_str(), result]).inc();
    }

    /// A seeded case was decided.
    pub fn seeded_case(&self, workflow: Workflow, caught: bool) {
        let result = if caught { "caught" } else { "missed" };
        self.seeded.with_label_values(&[workflow.as_str(), result]).inc();
    }

    /// The AI acted before any person had decided.
    pub fn ai_acted_first(&self, workflow: Workflow) {
        self.violations.with_label_values(&[workflow.as_str(), "ai_acted_first"]).inc();
    }

    /// Counts duplicate events, late events, and contradictions between clocks.
    pub fn irregular(&self, duplicate: u64, late: u64, clock_skew: u64) {
        self.duplicate.inc_by(duplicate);
        self.late.inc_by(late);
        self.clock_skew.inc_by(clock_skew);
    }

    /// Replaces the gauges of the windows that wait.
    pub fn standings(&self, standings: &[Standing], now: Timestamp) {
        for standing in standings {
            let labels = [standing.workflow.as_str(), standing.awaiting.as_str()];
            let windows = i64::try_from(standing.windows).unwrap_or(i64::MAX);
            self.open_windows.with_label_values(&labels).set(windows);
            let age_ms = standing.oldest_start.map_or(0, |start| now.since(start).as_millis());
            self.oldest_open.with_label_values(&labels).set(age_ms.max(0) as f64 / 1000.0);
        }
        self.as_of.set(now.as_millis() as f64 / 1000.0);
    }
}
