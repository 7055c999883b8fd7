//! Metrics of the live run itself: workers, transactions, restores, the read view.
//!
//! Invariants: only a live run has these, so that the metrics of a replay stay a function of
//! its input; the series of a partition end when the partition moves to another process.

use std::cmp::Reverse;
use std::time::Duration;

use prometheus::{
    Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
};
use sha2::{Digest, Sha256};

use super::making::Making;
use super::{Metrics, Source, SourcesSeen, process};
use crate::engine::windows::State;
use crate::event::{Kind, Workflow, words};
use crate::formats::RejectReason;
use crate::time::Timestamp;

/// Upper bounds of a commit's buckets in seconds, from half a millisecond.
const COMMIT_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Upper bounds of a restore's buckets in seconds.
const RESTORE_BUCKETS: [f64; 10] = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];

/// Kinds and sources with a series of their own among the events that did not join.
const UNJOINED_GROUPS_MAX: usize = 100;

words! {
    /// The stages that workers run.
    Stage {
        /// Decodes deliveries and keys them by credential, on Kafka.
        Receivers = "receivers",
        /// Decodes records and keys them by credential.
        Intake = "intake",
        /// Holds the windows.
        Windows = "windows",
        /// Judges reviews.
        Oversight = "oversight",
    }
}

words! {
    /// How a transaction ended.
    TransactionResult {
        /// Committed.
        Committed = "committed",
        /// Undone, to be repeated.
        Aborted = "aborted",
        /// Another producer of the same name has begun; this one ended with the transaction.
        Fenced = "fenced",
    }
}

/// What the read view holds, for its metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewFigures {
    /// Windows by state, in the order of the states.
    pub windows: [u64; State::ALL.len()],
    /// Windows with an attack that nobody has answered, in the order of the workflows; `None`
    /// until the view has caught up, as 0 would be good news.
    pub attacked: Option<[u64; Workflow::ALL.len()]>,
    /// Records behind the ledger's end.
    pub lag_records: u64,
    /// Records of open windows for which there was no room, since the start.
    pub not_kept: u64,
    /// Records that this version cannot read, since the start.
    pub foreign: u64,
}

/// The metrics of a live run. Clones share the same figures.
#[derive(Clone, Debug)]
pub struct Pipeline {
    metrics_events: prometheus::IntCounterVec,
    sources: std::sync::Arc<SourcesSeen>,
    lag: IntGaugeVec,
    commit_duration: HistogramVec,
    transactions: IntCounterVec,
    restore_duration: Histogram,
    restored: IntCounter,
    state_credentials: IntGaugeVec,
    state_bytes: IntGaugeVec,
    unjudged: IntCounter,
    dead_letters: IntCounterVec,
    recovered: IntCounterVec,
    rebalances: IntCounterVec,
    clock_jumps: IntCounterVec,
    unjoined: IntGaugeVec,
    config_hash: Gauge,
    view_windows: IntGaugeVec,
    view_attacked: IntGaugeVec,
    view_lag: IntGauge,
    view_not_kept: IntCounter,
    view_foreign: IntCounter,
}

impl Pipeline {
    /// Registers a live run's metrics beside the others, those of the process included.
    ///
    /// # Errors
    /// When they are registered already.
    pub fn register(
        metrics: &Metrics,
        started_at: Timestamp,
    ) -> Result<Pipeline, prometheus::Error> {
        process::register(&metrics.registry, started_at)?;
        let make = Making(&metrics.registry);
        metrics.begin_at_zero();
        Ok(Pipeline {
            metrics_events: metrics.events.clone(),
            sources: std::sync::Arc::default(),
            lag: make.gauges(
                "consumer_lag_records",
                "Records of its partition that a worker has not read yet",
                &["topic", "partition"],
            )?,
            commit_duration: make.histograms(
                "commit_duration_seconds",
                "Duration of a commit",
                &COMMIT_BUCKETS,
                &["stage"],
            )?,
            transactions: make.counters(
                "transactions_total",
                "Transactions by how they ended",
                &["stage", "result"],
            )?,
            restore_duration: make.histogram(
                "restore_duration_seconds",
                "Duration of a restore",
                &RESTORE_BUCKETS,
            )?,
            restored: make.counter("restored_credentials_total", "Credentials restored")?,
            state_credentials: make.gauges(
                "state_credentials",
                "Credentials in memory",
                &["partition"],
            )?,
            state_bytes: make.gauges(
                "state_bytes",
                "Bytes of the state of credentials",
                &["partition"],
            )?,
            unjudged: make.counter(
                "reviews_unjudged_total",
                "Decided windows that became final without a judgement",
            )?,
            dead_letters: make.counters(
                "dead_letters_total",
                "Dead letters written",
                &["reason"],
            )?,
            recovered: make.counters(
                "recovered_events_total",
                "Events that nobody delivered, found in a list of their source",
                &["source"],
            )?,
            rebalances: make.counters("rebalances_total", "Changes of assignment", &["stage"])?,
            clock_jumps: make.counters(
                "clock_jumps_total",
                "Jumps of this machine's clock",
                &["direction"],
            )?,
            unjoined: make.gauges(
                "unjoined_events",
                "Events held about names under which nothing was detected",
                &["type", "source"],
            )?,
            config_hash: make.level(
                "config_hash",
                "Hash of the configuration in force: another value is another configuration",
            )?,
            view_windows: make.gauges("view_windows", "Windows in the read view", &["state"])?,
            view_attacked: make.gauges(
                "view_attacked_windows",
                "Windows in the read view with an attack that nobody has answered",
                &["workflow"],
            )?,
            view_lag: make.gauge("view_lag_records", "Records that the view has not read yet")?,
            view_not_kept: make
                .counter("view_not_kept_total", "Records for which the view had no room")?,
            view_foreign: make
                .counter("view_foreign_total", "Records that the view cannot read")?,
        }
        .dead_letters_from_zero())
    }

    /// Shows a hash of the configuration in force: the first six bytes of its SHA-256, which a
    /// metric's value holds exactly. The text must have no secrets, as a hash lets others test guesses.
    pub fn configured(&self, text: &str) {
        let hash = Sha256::digest(text);
        let number = hash.iter().take(6).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        self.config_hash.set(number as f64);
    }

    /// Adds events of one kind and source. Of more sources than have a label of their own, the
    /// first ones keep theirs, because a counter must not fall. This takes a lock, so call it
    /// once for each batch and source, not for each event.
    pub fn events(&self, kind: Kind, source: Source<'_>, count: u64) {
        let label = self.sources.bounded(source).label();
        self.metrics_events.with_label_values(&[kind.as_str(), &label]).inc_by(count);
    }

    /// Sets how many records of its partition a worker has not read yet.
    pub fn lag(&self, topic: &str, partition: i32, records: u64) {
        let gauge = self.lag.with_label_values(&[topic, &partition.to_string()]);
        gauge.set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    /// Removes the lag of a partition that another process has now.
    pub fn forget_lag(&self, topic: &str, partition: i32) {
        // Without an earlier lag there is no series to remove, which is fine.
        drop(self.lag.remove_label_values(&[topic, &partition.to_string()]));
    }

    /// Counts a transaction whose commit or abort took this long. Only commits go into the
    /// histogram of commits.
    pub fn transaction(&self, stage: Stage, result: TransactionResult, took: Duration) {
        self.transactions.with_label_values(&[stage.as_str(), result.as_str()]).inc();
        if result == TransactionResult::Committed {
            let histogram = self.commit_duration.with_label_values(&[stage.as_str()]);
            histogram.observe(took.as_secs_f64());
        }
    }

    /// Counts the restored state of a partition.
    pub fn restored(&self, credentials: u64, took: Duration) {
        self.restored.inc_by(credentials);
        self.restore_duration.observe(took.as_secs_f64());
    }

    /// Sets the size of a partition's state.
    pub fn state(&self, partition: i32, credentials: u64, bytes: u64) {
        let partition = partition.to_string();
        for (gauge, value) in [(&self.state_credentials, credentials), (&self.state_bytes, bytes)] {
            gauge.with_label_values(&[&partition]).set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    /// Removes the size of a partition's state.
    pub fn forget_state(&self, partition: i32) {
        let partition = partition.to_string();
        for gauge in [&self.state_credentials, &self.state_bytes] {
            // Without an earlier state there is no series to remove, which is fine.
            drop(gauge.remove_label_values(&[&partition]));
        }
    }

    /// Creates the counter of every reason at zero. A series that appears with its first step
    /// shows no increase to Prometheus.
    fn dead_letters_from_zero(self) -> Pipeline {
        for reason in RejectReason::ALL {
            self.dead_letters(reason.as_str(), 0);
        }
        self
    }

    /// Counts events of one source that nobody delivered.
    pub fn recovered(&self, source: Source<'_>, count: u64) {
        let label = self.sources.bounded(source).label();
        self.recovered.with_label_values(&[&label]).inc_by(count);
    }

    /// Counts decided windows that became final without a judgement.
    pub fn unjudged(&self, count: u64) {
        self.unjudged.inc_by(count);
    }

    /// Counts dead letters; `reason` is one of the program's own words.
    pub fn dead_letters(&self, reason: &'static str, count: u64) {
        self.dead_letters.with_label_values(&[reason]).inc_by(count);
    }

    /// Counts a change of a worker's assignment.
    pub fn rebalanced(&self, stage: Stage) {
        self.rebalances.with_label_values(&[stage.as_str()]).inc();
    }

    /// Sets how often the clock has jumped forward and back since the start.
    pub fn clock_jumps(&self, forward: u64, back: u64) {
        for (direction, count) in [("forward", forward), ("back", back)] {
            raise(&self.clock_jumps.with_label_values(&[direction]), count);
        }
    }

    /// Sets how many events wait about names that did not join, by kind and source. Groups that
    /// are left out have none. The largest have a label of their own, the rest share one for
    /// each kind.
    pub fn unjoined<'s>(&self, events: impl Iterator<Item = (Kind, Source<'s>, u64)>) {
        self.unjoined.reset();
        // One series is always there: rules that find no series say nothing.
        self.unjoined.with_label_values(&[Kind::DecisionMade.as_str(), ""]).set(0);
        let mut groups: Vec<_> = events.collect();
        groups.sort_by_key(|(kind, source, count)| (Reverse(*count), *kind, *source));
        for (at, (kind, source, count)) in groups.into_iter().enumerate() {
            let source = if at < UNJOINED_GROUPS_MAX { source } else { Source::Other };
            let label = self.sources.bounded(source).label();
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.unjoined.with_label_values(&[kind.as_str(), &label]).add(count);
        }
    }

    /// Sets what the view holds now. Its counts since the start only rise.
    pub fn view(&self, figures: &ViewFigures) {
        for (state, count) in State::ALL.iter().zip(figures.windows) {
            let gauge = self.view_windows.with_label_values(&[state.as_str()]);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        match figures.attacked {
            None => self.view_attacked.reset(),
            Some(attacked) => {
                for (workflow, count) in Workflow::ALL.iter().zip(attacked) {
                    let gauge = self.view_attacked.with_label_values(&[workflow.as_str()]);
                    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
                }
            }
        }
        self.view_lag.set(i64::try_from(figures.lag_records).unwrap_or(i64::MAX));
        raise(&self.view_not_kept, figures.not_kept);
        raise(&self.view_foreign, figures.foreign);
    }
}

/// Raises a counter to a count that is kept elsewhere.
fn raise(counter: &IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_configuration_has_another_hash_that_a_value_holds_exactly() {
        let metrics = Metrics::new().unwrap();
        let pipeline = Pipeline::register(&metrics, Timestamp::MIN).unwrap();
        // printf abc | sha256sum
        pipeline.configured("abc");
        assert_eq!(pipeline.config_hash.get() as u64, 0xBA78_16BF_8F01);
        pipeline.configured("abd");
        assert_ne!(pipeline.config_hash.get() as u64, 0xBA78_16BF_8F01);
    }
}
