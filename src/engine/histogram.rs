//! Durations of one stage, counted in buckets of at most 0.1 % width.
//!
//! Invariants: nothing recorded is lost: a duration is counted in a bucket or in
//! [`StageHistogram::out_of_range`]; quantiles are nearest-rank quantiles,
//! never below the exact one, above it by less than 1/1024 of it, and exact
//! below 2,048 ms; `p50 ≤ p90 ≤ p99 ≤ max`, and `max` is exact.
//!
//! The buckets are an HdrHistogram's (3 significant digits, milliseconds). Its
//! `value_at_quantile(q)` answers with the highest value of the bucket that holds
//! rank `⌈q · count⌉`, so the error is on one side and a quantile never flatters.
//! One thing differs here: no answer exceeds the longest duration recorded.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};

use crate::time::{Span, Timestamp};

/// Decimal digits kept of every duration.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Durations of one stage.
#[derive(Clone, Debug)]
pub struct StageHistogram {
    counts: Histogram<u64>,
    max: Option<Span>,
    out_of_range: u64,
}

impl StageHistogram {
    /// An empty histogram: 16 KiB, growing with the longest duration to 264 KiB.
    #[expect(clippy::expect_used, reason = "fails for more than 5 digits only, and 3 are asked")]
    pub fn new() -> StageHistogram {
        let counts = Histogram::new(SIGNIFICANT_DIGITS).expect("3 digits are at most 5");
        StageHistogram { counts, max: None, out_of_range: 0 }
    }

    /// Counts one duration. A negative one, or one longer than [`Span::MAX`],
    /// goes to [`StageHistogram::out_of_range`].
    pub fn record(&mut self, duration: Span) {
        let counted = (Span::ZERO..=Span::MAX).contains(&duration)
            && u64::try_from(duration.as_millis()).is_ok_and(|ms| self.counts.record(ms).is_ok());
        if counted {
            self.max = self.max.max(Some(duration));
        } else {
            self.out_of_range += 1;
        }
    }

    /// Adds all that `other` counted.
    pub fn merge(&mut self, other: &StageHistogram) {
        // Adding fails as a whole and only where the buckets cannot be
        // addressed, which 64 bits and `Span::MAX` rule out.
        if self.counts.add(&other.counts).is_ok() {
            self.max = self.max.max(other.max);
        } else {
            self.out_of_range += other.count();
        }
        self.out_of_range += other.out_of_range;
    }

    /// Durations counted in buckets.
    pub fn count(&self) -> u64 {
        self.counts.len()
    }

    /// Durations that no bucket holds.
    pub fn out_of_range(&self) -> u64 {
        self.out_of_range
    }

    /// The median; `None` without a duration.
    pub fn p50(&self) -> Option<Span> {
        self.quantile(0.5)
    }

    /// The 90th percentile; `None` without a duration.
    pub fn p90(&self) -> Option<Span> {
        self.quantile(0.9)
    }

    /// The 99th percentile; `None` without a duration.
    pub fn p99(&self) -> Option<Span> {
        self.quantile(0.99)
    }

    /// The longest duration, exactly; `None` without a duration.
    pub fn max(&self) -> Option<Span> {
        self.max
    }

    /// The duration of rank `⌈q · count⌉`, rounded up to the end of its bucket
    /// but not beyond the maximum. In doubles that rank is the exact one for the
    /// three `q` asked here.
    fn quantile(&self, q: f64) -> Option<Span> {
        let max = self.max?;
        // Buckets reach little beyond `Span::MAX`, far from i64's end.
        let end = i64::try_from(self.counts.value_at_quantile(q)).map_or(max, Span::from_millis);
        Some(end.min(max))
    }

    /// Writes the counts as one interval of an HdrHistogram log (V2, deflated),
    /// tagged with the stage, for the interval from `from` to `to`. Values and
    /// the interval's maximum are milliseconds.
    ///
    /// # Errors
    /// What `out` returns; [`io::ErrorKind::InvalidInput`] for an interval that
    /// ends before it starts or starts before 1970, and for a stage name with a
    /// comma, a space or a line break.
    pub fn write_log(
        &self,
        mut out: impl Write,
        stage: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> io::Result<()> {
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
        let tag = Tag::new(stage).ok_or_else(|| invalid("stage name with a separator"))?;
        let start = since_epoch(from).ok_or_else(|| invalid("interval before 1970"))?;
        let length = to.since(from).non_negative().map(Span::as_millis);
        let length = length
            .and_then(|ms| u64::try_from(ms).ok())
            .ok_or_else(|| invalid("interval ends before it starts"))?;

        let mut serializer = V2DeflateSerializer::new();
        // With both times given readers agree that the interval's own start is
        // an offset; with one of them some guess.
        let mut log = IntervalLogWriterBuilder::new()
            .add_comment("[Histogram log format version 1.3]")
            .add_comment("values in milliseconds")
            .with_base_time(start)
            .with_start_time(start)
            .begin_log_with(&mut out, &mut serializer)?;
        if self.out_of_range > 0 {
            log.write_comment(&format!("{} durations out of range", self.out_of_range))?;
        }
        log.write_histogram(&self.counts, Duration::ZERO, Duration::from_millis(length), Some(tag))
            .map_err(|e| match e {
                IntervalLogWriterError::IoError(e) => e,
                IntervalLogWriterError::SerializeError(e) => io::Error::other(e),
            })
    }
}

impl Default for StageHistogram {
    fn default() -> StageHistogram {
        StageHistogram::new()
    }
}

fn since_epoch(t: Timestamp) -> Option<SystemTime> {
    let ms = u64::try_from(t.as_millis()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms))
}
