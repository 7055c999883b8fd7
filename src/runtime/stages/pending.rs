//! Figures that wait for the commit of what they count.
//!
//! Invariant: no counter moves before the commit; a session that ends without one drops
//! the figures with everything else.

use crate::engine::alerts::{Alert, Transition};
use crate::engine::attacker::{AttackerFirst, Band, Race};
use crate::engine::effective::Outcome;
use crate::engine::oversight::{HollowReasons, Quality};
use crate::engine::windows::{Counts, Milestones, Stage, Window};
use crate::event::{Event, Kind, Severity, Verdict, Workflow};
use crate::formats::RejectReason;
use crate::metrics::{Metrics, Pipeline, Source, StageObservers};
use crate::time::{Span, Timestamp};

/// Sources counted by name within one transaction.
const SOURCES_MAX: usize = 64;

/// Lengths of stages that there stays room for from one transaction to the next.
const STAGES_KEPT: usize = 1 << 19;

/// The figures of one transaction.
#[derive(Debug, Default)]
pub(super) struct Pending {
    sources: Vec<(Option<String>, [u64; Kind::ALL.len()])>,
    other_sources: [u64; Kind::ALL.len()],
    /// Events that nobody delivered, by source.
    recovered: Vec<(Option<String>, u64)>,
    rejected: Vec<(RejectReason, u64)>,
    duplicate: u64,
    late: u64,
    unjoined: u64,
    skew_faults: u64,
    stages: Vec<(Stage, Workflow, Option<Severity>, Span)>,
    verdicts: Vec<(Workflow, Option<Verdict>)>,
    attacker_first: Vec<(Workflow, AttackerFirst)>,
    seeded: Vec<(Workflow, bool)>,
    alerts: Vec<(Option<Workflow>, Alert, Transition)>,
    judged: Vec<(Workflow, Option<Band>, Quality, HollowReasons)>,
    due: Vec<(Workflow, Outcome)>,
    acts: Vec<(Workflow, Option<Verdict>, Quality)>,
    planted: Vec<(Workflow, bool)>,
    unjudged: u64,
    observers: StageObservers,
}

impl Pending {
    /// An event was taken in.
    pub(super) fn event(&mut self, event: &Event<'_>) {
        let source = event.source.as_deref();
        // There are few sources: a walk over them is faster than a map.
        let known = self.sources.iter().position(|(name, _)| name.as_deref() == source);
        let counts = match known {
            Some(at) => &mut self.sources[at].1,
            None if self.sources.len() < SOURCES_MAX => {
                self.sources.push((source.map(str::to_owned), Default::default()));
                let last = self.sources.len() - 1;
                &mut self.sources[last].1
            }
            None => &mut self.other_sources,
        };
        counts[event.kind() as usize] += 1;
        if event.noted.recovered {
            self.recovered(source);
        }
    }

    /// An event was taken in that nobody had delivered.
    #[cold]
    fn recovered(&mut self, source: Option<&str>) {
        match self.recovered.iter_mut().find(|(name, _)| name.as_deref() == source) {
            Some((_, count)) => *count += 1,
            None => self.recovered.push((source.map(str::to_owned), 1)),
        }
    }

    /// A record or an event was refused.
    pub(super) fn rejected(&mut self, reason: RejectReason) {
        match reason {
            RejectReason::Late => {
                self.late += 1;
                return;
            }
            // The event was accepted, and is in the metrics as such.
            RejectReason::NotJoined => {
                self.unjoined += 1;
                return;
            }
            _ => {}
        }
        match self.rejected.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.rejected.push((reason, 1)),
        }
    }

    /// The engine's counts have moved.
    pub(super) fn counts(&mut self, before: Counts, after: Counts) {
        self.duplicate += after.duplicate - before.duplicate;
    }

    /// A window is final. What was reported late of abuse and containment is in it by now.
    pub(super) fn is_final(&mut self, window: &Window<'_>, race: &Race, now: Timestamp) {
        if let Some(first) = window.attacker_first(race, now) {
            self.attacker_first.push((window.key.workflow, first));
        }
    }

    /// A window has reached milestones.
    pub(super) fn window(&mut self, window: &Window<'_>, reached: Milestones) {
        if reached == Milestones::default() {
            return;
        }
        let workflow = window.key.workflow;
        for stage in Stage::ALL.iter().copied().filter(|stage| reached.stage(*stage)) {
            if let Some(duration) = window.duration(stage) {
                self.stages.push((stage, workflow, window.severity, duration));
            }
        }
        if let Some(decision) = window.decision.filter(|_| reached.decided()) {
            self.verdicts.push((workflow, decision.verdict));
        }
        if reached.seeded_case()
            && let Some(caught) = window.seeded_case_caught()
        {
            self.seeded.push((workflow, caught));
        }
        if reached.skewed() {
            self.skew_faults += window.skew_faults();
        }
    }

    /// A window's decision was judged.
    pub(super) fn judged(&mut self, window: &Window<'_>, quality: Quality, reasons: HollowReasons) {
        self.judged.push((window.key.workflow, window.band(), quality, reasons));
    }

    /// An act of review was judged.
    pub(super) fn act(&mut self, workflow: Workflow, verdict: Option<Verdict>, quality: Quality) {
        self.acts.push((workflow, verdict, quality));
    }

    /// A planted case was answered, by an act.
    pub(super) fn planted(&mut self, workflow: Workflow, caught: bool) {
        self.planted.push((workflow, caught));
    }

    /// A decided window is final without a judgement.
    pub(super) fn unjudged(&mut self) {
        self.unjudged += 1;
    }

    /// A review was due, and this came of it.
    pub(in crate::runtime) fn review_due(&mut self, workflow: Workflow, outcome: Outcome) {
        self.due.push((workflow, outcome));
    }

    /// An alert began or ended. One about a reviewer is of no workflow.
    pub(super) fn alert(
        &mut self,
        workflow: Option<Workflow>,
        alert: Alert,
        transition: Transition,
    ) {
        self.alerts.push((workflow, alert, transition));
    }

    /// Everything is committed: the counters move.
    pub(super) fn apply(&mut self, metrics: &Metrics, pipeline: &Pipeline) {
        // Metrics that were looked up in the registry stay known.
        let observers = std::mem::take(&mut self.observers);
        let mut done = std::mem::replace(self, Pending { observers, ..Pending::default() });
        for (source, counts) in &done.sources {
            for (kind, count) in Kind::ALL.iter().zip(counts).filter(|(_, count)| **count > 0) {
                pipeline.events(*kind, source.as_deref().into(), *count);
            }
        }
        for (source, count) in &done.recovered {
            pipeline.recovered(source.as_deref().into(), *count);
        }
        for (kind, count) in Kind::ALL.iter().zip(done.other_sources).filter(|(_, n)| *n > 0) {
            pipeline.events(*kind, Source::Other, count);
        }
        for (reason, count) in done.rejected {
            metrics.rejected(reason, count);
            pipeline.dead_letters(reason.as_str(), count);
        }
        pipeline.dead_letters(RejectReason::Late.as_str(), done.late);
        pipeline.dead_letters(RejectReason::NotJoined.as_str(), done.unjoined);
        metrics.irregular(done.duplicate, done.late, done.skew_faults);
        metrics.stages(&mut self.observers, done.stages.drain(..));
        // By far the longest list: a worker that lags fills the same space again each time.
        self.stages = done.stages;
        self.stages.shrink_to(STAGES_KEPT);
        for (workflow, verdict) in done.verdicts {
            metrics.verdict(workflow, verdict);
        }
        for (workflow, first) in done.attacker_first {
            metrics.attacker_first(workflow, first);
        }
        for (workflow, caught) in done.seeded {
            metrics.seeded_case(workflow, caught);
        }
        for (workflow, band, quality, reasons) in done.judged {
            metrics.judged(workflow, band, quality, reasons);
        }
        for (workflow, verdict, quality) in done.acts {
            metrics.act(workflow, verdict, quality);
        }
        for (workflow, caught) in done.planted {
            metrics.planted(workflow, caught);
        }
        for (workflow, outcome) in done.due {
            metrics.review_due(workflow, outcome);
        }
        pipeline.unjudged(done.unjudged);
        for (workflow, alert, transition) in done.alerts {
            metrics.alert(workflow, alert, transition);
            if let (Some(workflow), Alert::AiActedFirst, Transition::Firing) =
                (workflow, alert, transition)
            {
                metrics.ai_acted_first(workflow);
            }
        }
    }
}
