//! The outputs of the engine as Prometheus metrics. Only this module knows both.
//!
//! Invariants: base units; every label has a closed set of values, or a bounded
//! one with an overflow value; credentials, reviewers and places are never labels.

mod live;
mod making;
mod notify;
mod pipeline;
mod process;
mod receivers;
mod sources;

use making::Making;
pub use notify::{Notify, NotifyFigures, PushFailure};
pub use pipeline::{Pipeline, Stage as PipelineStage, TransactionResult, ViewFigures};
pub use receivers::{DeliveryResult, ReceiverFigures, Receivers};
use sources::SourcesSeen;
pub use sources::{SOURCES_MAX, Source, SourceCounts};

use prometheus::local::LocalHistogram;
use prometheus::{
    CounterVec, Encoder, Gauge, GaugeVec, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec,
    Registry, TextEncoder,
};

use crate::engine::alerts::{Alert, Transition};
use crate::engine::effective::Due;
use crate::engine::oversight::{Judgement, Quality};
use crate::engine::summary::{EventCounts, FigureRules};
use crate::engine::windows::{Stage, Window};
use crate::event::{Kind, Severity, Workflow};
use crate::formats::RejectReason;
use crate::time::{Span, Timestamp};

/// Upper bounds of the latency buckets in seconds: fine around the attackers'
/// 540 and 1020, up to four weeks. Every bucket costs a series for each stage, workflow and
/// severity, and all of `/metrics` has at most 5,000.
const BUCKETS: [f64; 19] = [
    1.0,
    15.0,
    30.0,
    60.0,
    120.0,
    240.0,
    360.0,
    540.0,
    780.0,
    1020.0,
    1800.0,
    3600.0,
    14_400.0,
    57_600.0,
    86_400.0,
    259_200.0,
    604_800.0,
    1_209_600.0,
    2_419_200.0,
];

/// All metrics of the project, under one registry.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    events: IntCounterVec,
    rejected: IntCounterVec,
    unsupported: IntCounter,
    duplicate: IntCounter,
    late: IntCounter,
    clock_skew: IntCounter,
    stage_duration: HistogramVec,
    reviews: IntCounterVec,
    reviews_due: IntCounterVec,
    open_windows: IntGaugeVec,
    oldest_open: GaugeVec,
    attacker_first: CounterVec,
    verdicts: IntCounterVec,
    hollow: IntCounterVec,
    violations: IntCounterVec,
    seeded: IntCounterVec,
    acts: Acts,
    alerts: IntCounterVec,
    flagged: IntGaugeVec,
    as_of: Gauge,
}

/// What counts acts of review: the decisions of one incident, batch or text of a ticket are one.
#[derive(Debug)]
struct Acts {
    reviews: IntCounterVec,
    verdicts: IntCounterVec,
    planted: IntCounterVec,
}

impl Acts {
    fn register(make: Making<'_>) -> Result<Acts, prometheus::Error> {
        Ok(Acts {
            reviews: make.counters(
                "review_acts_total",
                "Acts of review: decisions of one incident, batch or text of a ticket count once",
                &["workflow", "quality"],
            )?,
            verdicts: make.counters(
                "verdict_acts_total",
                "Human verdicts on advice, by act of review",
                &["workflow", "verdict"],
            )?,
            planted: make.counters(
                "seeded_acts_total",
                "Acts of review about seeded cases with wrong advice",
                &["workflow", "result"],
            )?,
        })
    }
}

impl Metrics {
    /// Registers all metrics at zero.
    ///
    /// # Errors
    /// A name that the registry does not accept.
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new();
        let make = Making(&registry);
        let build = make.gauges("build_info", "Version", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Metrics {
            events: make.counters("events_total", "Events decoded", &["type", "source"])?,
            rejected: make.counters("events_rejected_total", "Records refused", &["reason"])?,
            unsupported: make.counter(
                "events_unsupported_total",
                "Records of known sources that the program does not read",
            )?,
            duplicate: make.counter("events_duplicate_total", "Repeats of an event")?,
            late: make.counter("events_late_total", "Events for windows that were final")?,
            clock_skew: make.counter("clock_skew_total", "Contradictions between clocks")?,
            stage_duration: make.histograms(
                "stage_duration_seconds",
                "Duration of a window's stage",
                &BUCKETS,
                &["stage", "workflow", "severity"],
            )?,
            reviews: make.counters("reviews_total", "Human decisions", &["workflow", "band", "quality"])?,
            reviews_due: make.counters(
                "reviews_due_total",
                "Windows whose review was due, each once, at its decision or when it was due",
                &["workflow", "outcome"],
            )?,
            open_windows: make.gauges(
                "open_windows",
                "Windows that still wait for something",
                &["workflow", "awaiting"],
            )?,
            oldest_open: make.levels(
                "oldest_open_window_seconds",
                "Age of the oldest such window",
                &["workflow", "awaiting"],
            )?,
            attacker_first: make.sums(
                "attacker_first_expected_total",
                "Credentials that attackers are expected to have used before containment, at least and at most",
                &["workflow", "end"],
            )?,
            verdicts: make.counters(
                "verdicts_total",
                "Human verdicts on advice",
                &["workflow", "verdict"],
            )?,
            hollow: make.counters(
                "hollow_reviews_total",
                "Signs of hollow reviews",
                &["workflow", "reason"],
            )?,
            violations: make.counters(
                "boundary_violations_total",
                "The AI acted alone",
                &["workflow", "kind"],
            )?,
            seeded: make.counters("seeded_cases_total", "Decided seeded cases", &["workflow", "result"])?,
            acts: Acts::register(make)?,
            alerts: make.counters(
                "alerts_total",
                "Alerts published",
                &["workflow", "alert", "transition"],
            )?,
            flagged: make.gauges(
                "reviewers_flagged",
                "Reviewers named, at the promised rate of false discoveries",
                &[],
            )?,
            as_of: make.level(
                "as_of_timestamp_seconds",
                "The time for which these figures are valid",
            )?,
            registry,
        })
    }

    /// Adds the figures of one window. Call it once for each window.
    pub fn observe(
        &self,
        stages: &mut StageObservers,
        window: &Window<'_>,
        judgement: &Judgement,
        rules: &FigureRules<'_>,
        as_of: Timestamp,
    ) {
        let workflow = window.key.workflow.as_str();
        stages.observe(self, window);
        let due = Due::counted(window, rules.profiles.get(window.key.workflow).targets, as_of);
        if let Some(outcome) = due.outcome(judgement.quality()) {
            self.review_due(window.key.workflow, outcome);
        }
        if let Some(first) = window.attacker_first(rules.race, as_of) {
            self.attacker_first(window.key.workflow, first);
        }
        if let Some(decision) = window.decision {
            self.judged(
                window.key.workflow,
                window.band(),
                judgement.quality().unwrap_or(Quality::Unassessed),
                judgement.reasons,
            );
            let verdict = decision.verdict.map_or("none", |verdict| verdict.as_str());
            self.verdicts.with_label_values(&[workflow, verdict]).inc();
        }
        if window.ai_acted_first_at.is_some() {
            self.ai_acted_first(window.key.workflow);
        }
        if let Some(caught) = window.seeded_case_caught() {
            self.seeded_case(window.key.workflow, caught);
        }
        if let Some(awaiting) = window.awaiting() {
            let awaiting = awaiting.as_str();
            self.open_windows.with_label_values(&[workflow, awaiting]).inc();
            let oldest = self.oldest_open.with_label_values(&[workflow, awaiting]);
            let age_ms = as_of.since(window.start()).as_millis().max(0);
            oldest.set(oldest.get().max(age_ms as f64 / 1000.0));
        }
    }

    /// Adds one transition of an alert. An alert about a reviewer is of no workflow: its label is
    /// empty, which to Prometheus is the same as no label.
    pub fn alert(&self, workflow: Option<Workflow>, alert: Alert, transition: Transition) {
        let workflow = workflow.map_or("", Workflow::as_str);
        self.alerts.with_label_values(&[workflow, alert.as_str(), transition.as_str()]).inc();
    }

    /// Adds events of one kind and source, of a bounded number of sources.
    pub fn events(&self, kind: Kind, source: Source<'_>, count: u64) {
        self.events.with_label_values(&[kind.as_str(), &source.label()]).inc_by(count);
    }

    /// Adds records that were refused for one reason. Those that are unsupported have a counter
    /// of their own: nothing is wrong with them.
    pub fn rejected(&self, reason: RejectReason, count: u64) {
        if reason == RejectReason::Unsupported {
            self.unsupported.inc_by(count);
            return;
        }
        self.rejected.with_label_values(&[reason.as_str()]).inc_by(count);
    }

    /// Sets how many reviewers are named; shows nothing (`None`) for a small group.
    pub fn reviewers(&self, flagged: Option<u64>) {
        if let Some(count) = flagged {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.flagged.with_label_values::<&str>(&[]).set(count);
        }
    }

    /// Adds the counts of a finished run.
    pub fn finish(&self, events: &EventCounts, as_of: Timestamp) {
        self.duplicate.inc_by(events.duplicate);
        self.late.inc_by(events.late);
        self.clock_skew.inc_by(events.clock_skew);
        self.set_as_of(as_of);
    }

    /// Sets the time for which the figures are valid; in a live run, the time of the scrape.
    pub fn set_as_of(&self, as_of: Timestamp) {
        self.as_of.set(as_of.as_millis() as f64 / 1000.0);
    }

    /// The text exposition format.
    ///
    /// # Errors
    /// None in practice: the encoder writes to memory.
    pub fn encode(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// A duration in seconds, for a bucket. Durations are whole milliseconds, cut off, and the
/// bound of a bucket is inclusive. Half a millisecond more keeps 540.000 s out of the bucket
/// up to 540, because it is not before the fastest attacker.
fn bucketed(length: Span) -> f64 {
    (length.as_millis() as f64 + 0.5) / 1000.0
}

/// The latency histograms by stage, workflow and severity, each looked up once.
#[derive(Default)]
pub struct StageObservers {
    histograms: Vec<Option<LocalHistogram>>,
}

impl StageObservers {
    /// Severities, and none.
    const SEVERITIES: usize = Severity::ALL.len() + 1;

    fn observe(&mut self, metrics: &Metrics, window: &Window<'_>) {
        for stage in Stage::ALL {
            if let Some(length) = window.duration(*stage) {
                self.record(metrics, *stage, window.key.workflow, window.severity, length);
            }
        }
    }

    fn record(
        &mut self,
        metrics: &Metrics,
        stage: Stage,
        workflow: Workflow,
        severity: Option<Severity>,
        length: Span,
    ) {
        let workflows = Workflow::ALL.len();
        self.histograms.resize_with(Stage::ALL.len() * workflows * Self::SEVERITIES, || None);
        let of_severity = severity.map_or(Severity::ALL.len(), |severity| severity as usize);
        let at = (stage as usize * workflows + workflow as usize) * Self::SEVERITIES + of_severity;
        let histogram = self.histograms[at].get_or_insert_with(|| {
            let severity = severity.map_or("none", Severity::as_str);
            let labels = [stage.as_str(), workflow.as_str(), severity];
            metrics.stage_duration.with_label_values(&labels).local()
        });
        histogram.observe(bucketed(length));
    }

    fn flush(&self) {
        self.histograms.iter().flatten().for_each(LocalHistogram::flush);
    }
}

impl std::fmt::Debug for StageObservers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StageObservers").finish_non_exhaustive()
    }
}
