//! Makes metrics under the project's names, and registers them.

use prometheus::core::Collector;
use prometheus::{
    CounterVec, Error, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Makes metrics that one registry has; plural names make those with labels.
///
/// # Errors
/// Of all methods: a name that is registered already, or that Prometheus does not accept.
#[derive(Clone, Copy)]
pub(super) struct Making<'r>(pub(super) &'r Registry);

impl Making<'_> {
    fn registered<M: Collector + Clone + 'static>(self, metric: M) -> Result<M, Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn counter(self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.registered(IntCounter::with_opts(named(name, help))?)
    }

    pub(super) fn counters(
        self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, Error> {
        self.registered(IntCounterVec::new(named(name, help), labels)?)
    }

    /// Counters of what need not be whole.
    pub(super) fn sums(self, name: &str, help: &str, labels: &[&str]) -> Result<CounterVec, Error> {
        self.registered(CounterVec::new(named(name, help), labels)?)
    }

    pub(super) fn gauge(self, name: &str, help: &str) -> Result<IntGauge, Error> {
        self.registered(IntGauge::with_opts(named(name, help))?)
    }

    pub(super) fn gauges(
        self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, Error> {
        self.registered(IntGaugeVec::new(named(name, help), labels)?)
    }

    /// A gauge of what need not be whole.
    pub(super) fn level(self, name: &str, help: &str) -> Result<Gauge, Error> {
        self.registered(Gauge::with_opts(named(name, help))?)
    }

    pub(super) fn levels(self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, Error> {
        self.registered(GaugeVec::new(named(name, help), labels)?)
    }

    /// A histogram whose buckets have these upper bounds.
    pub(super) fn histogram(
        self,
        name: &str,
        help: &str,
        buckets: &[f64],
    ) -> Result<Histogram, Error> {
        let options = HistogramOpts::from(named(name, help)).buckets(buckets.to_vec());
        self.registered(Histogram::with_opts(options)?)
    }

    pub(super) fn histograms(
        self,
        name: &str,
        help: &str,
        buckets: &[f64],
        labels: &[&str],
    ) -> Result<HistogramVec, Error> {
        let options = HistogramOpts::from(named(name, help)).buckets(buckets.to_vec());
        self.registered(HistogramVec::new(options, labels)?)
    }
}

fn named(name: &str, help: &str) -> Opts {
    Opts::new(format!("shutterlag_{name}"), help)
}
