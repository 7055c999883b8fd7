//! Metrics of pushing alerts: what fires, what each Alertmanager accepted, how late.
//!
//! Invariant: an Alertmanager is labelled by its place in the configuration, which
//! bounds the label and shows no address.

use std::time::Duration;

use prometheus::{GaugeVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::Metrics;
use super::making::Making;
use crate::event::words;
use crate::time::{Span, Timestamp};

/// Upper bounds of the buckets of lateness in seconds.
const DELAY_BUCKETS: [f64; 11] = [0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0];

words! {
    /// Why alerts could not be pushed.
    PushFailure {
        /// No connection.
        Connection = "connection",
        /// No answer in time.
        Timeout = "timeout",
        /// The other side cannot be trusted.
        Tls = "tls",
        /// An answer of 3xx, which is not followed.
        Redirect = "redirect",
        /// An answer of 4xx.
        Refused = "refused",
        /// An answer of 5xx, 408 or 429.
        Unavailable = "unavailable",
        /// Anything else.
        Other = "other",
    }
}

/// Alerts by phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotifyFigures {
    /// Published, and waiting for alerts that come together.
    pub pending: u64,
    /// Pushed as firing.
    pub firing: u64,
    /// Ended, but flapping: pushed as firing.
    pub held: u64,
    /// Pushed as ended.
    pub resolved: u64,
    /// Alert groups that are pushed as one.
    pub groups: u64,
    /// Partitions of the topic that were not read to their end yet.
    pub unread_partitions: u64,
}

/// The metrics of pushing alerts. Clones move the same figures.
#[derive(Clone, Debug)]
pub struct Notify {
    alerts: IntGaugeVec,
    groups: IntGauge,
    unread: IntGauge,
    not_kept: IntCounter,
    foreign: IntCounter,
    pushed: IntCounterVec,
    failed: IntCounterVec,
    dropped: IntCounterVec,
    queue: IntGaugeVec,
    last_success: GaugeVec,
    skew: GaugeVec,
    delay: Histogram,
}

impl Notify {
    /// Registers them beside the others, for so many Alertmanagers.
    ///
    /// # Errors
    /// When they are registered already.
    pub fn register(metrics: &Metrics, alertmanagers: usize) -> Result<Notify, prometheus::Error> {
        let make = Making(&metrics.registry);
        let notify = Notify {
            alerts: make.gauges("notify_alerts", "Alerts held, by phase", &["state"])?,
            groups: make.gauge("notify_alert_groups", "Alert groups that are pushed as one")?,
            unread: make.gauge(
                "notify_unread_partitions",
                "Partitions of alerts not yet read to their end; nothing is pushed before",
            )?,
            not_kept: make.counter("notify_not_kept_total", "Alerts there was no room for")?,
            foreign: make.counter("notify_foreign_total", "Records that tell of no alert")?,
            pushed: make.counters("notify_pushed_total", "Alerts taken", &["alertmanager"])?,
            failed: make.counters(
                "notify_failed_total",
                "Requests that came to nothing",
                &["alertmanager", "reason"],
            )?,
            dropped: make.counters(
                "notify_dropped_total",
                "Alerts given up until their next turn",
                &["alertmanager"],
            )?,
            queue: make.gauges(
                "notify_queue_alerts",
                "Alerts that wait to be pushed",
                &["alertmanager"],
            )?,
            last_success: make.levels(
                "notify_last_success_timestamp_seconds",
                "When alerts were last taken",
                &["alertmanager"],
            )?,
            skew: make.levels(
                "notify_clock_skew_seconds",
                "How far its clock is ahead of ours",
                &["alertmanager"],
            )?,
            delay: make.histogram(
                "notify_delay_seconds",
                "From the moment an alert is of to an Alertmanager having it",
                &DELAY_BUCKETS,
            )?,
        };
        // Known before anything happens, so that a rise from nothing is a rise.
        for at in 0..alertmanagers {
            let label = at.to_string();
            notify.pushed.with_label_values(&[&label]);
            notify.dropped.with_label_values(&[&label]);
            notify.queue.with_label_values(&[&label]);
            notify.skew.with_label_values(&[&label]);
            notify.last_success.with_label_values(&[&label]);
            for reason in PushFailure::ALL {
                notify.failed.with_label_values(&[&label, reason.as_str()]);
            }
        }
        notify.figures(&NotifyFigures::default());
        Ok(notify)
    }

    /// How the alerts stand.
    pub fn figures(&self, figures: &NotifyFigures) {
        for (state, count) in [
            ("pending", figures.pending),
            ("firing", figures.firing),
            ("held", figures.held),
            ("resolved", figures.resolved),
        ] {
            self.alerts.with_label_values(&[state]).set(whole(count));
        }
        self.groups.set(whole(figures.groups));
        self.unread.set(whole(figures.unread_partitions));
    }

    /// There was no room for an alert.
    pub fn not_kept(&self) {
        self.not_kept.inc();
    }

    /// A record was none of an alert.
    pub fn foreign(&self) {
        self.foreign.inc();
    }

    /// An Alertmanager took alerts.
    pub fn pushed(&self, alertmanager: usize, alerts: u64, now: Timestamp) {
        let label = alertmanager.to_string();
        self.pushed.with_label_values(&[&label]).inc_by(alerts);
        let last = self.last_success.with_label_values(&[&label]);
        last.set(now.as_millis() as f64 / 1000.0);
    }

    /// A request came to nothing.
    pub fn failed(&self, alertmanager: usize, reason: PushFailure) {
        self.failed.with_label_values(&[&alertmanager.to_string(), reason.as_str()]).inc();
    }

    /// Alerts are given up until they are pushed again anyway.
    pub fn dropped(&self, alertmanager: usize, alerts: u64) {
        self.dropped.with_label_values(&[&alertmanager.to_string()]).inc_by(alerts);
    }

    /// So many alerts wait.
    pub fn queue(&self, alertmanager: usize, alerts: usize) {
        self.queue.with_label_values(&[&alertmanager.to_string()]).set(whole(alerts as u64));
    }

    /// How far an Alertmanager's clock is ahead of ours.
    pub fn skew(&self, alertmanager: usize, ahead: Span) {
        let gauge = self.skew.with_label_values(&[&alertmanager.to_string()]);
        gauge.set(ahead.as_millis() as f64 / 1000.0);
    }

    /// An alert reached an Alertmanager so long after the moment it is of.
    pub fn delay(&self, late: Duration) {
        self.delay.observe(late.as_secs_f64());
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
