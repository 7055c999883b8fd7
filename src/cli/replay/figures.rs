//! The figures of a replay, as they are printed and as files of `--out`.

use std::io::{self, Write};

use super::files::Files;
use super::refusals::Totals;
use crate::engine::summary::{Summary, Tally};
use crate::engine::windows::Stage;
use crate::formats::RejectReason;
use crate::metrics::Metrics;
use crate::report::NotJoined;
use crate::runtime::replay::Replayed;
use crate::time::Timestamp;

/// The names that the summary lists; `rejected.ndjson` has them all.
const NOT_JOINED_MAX: usize = 100;

/// The summary as it is printed.
#[derive(serde::Serialize)]
pub(super) struct Printed<'p> {
    #[serde(flatten)]
    summary: &'p Summary,
    not_joined: &'p [NotJoined],
}

impl<'p> Printed<'p> {
    pub(super) fn of(summary: &'p Summary, not_joined: &'p [NotJoined]) -> Printed<'p> {
        Printed { summary, not_joined: &not_joined[..not_joined.len().min(NOT_JOINED_MAX)] }
    }
}

/// Writes the metrics, the histograms and, last, the summary.
pub(super) fn write_figures(
    files: &Files,
    printed: &Printed<'_>,
    tally: &Tally,
    metrics: &Metrics,
    replayed: &Replayed,
    totals: &Totals,
) -> io::Result<()> {
    for (kind, source, count) in replayed.sources.iter() {
        metrics.events(kind, source, count);
    }
    // Late events have a metric of their own.
    for (reason, count) in totals.by_reason.iter().filter(|(r, _)| **r != RejectReason::Late) {
        metrics.rejected(*reason, *count);
    }
    let as_of = replayed.as_of.unwrap_or(Timestamp::MIN);
    let summary = printed.summary;
    metrics.reviewers(summary.oversight.reviewers.flagged);
    metrics.finish(&summary.events, as_of);
    let mut file = files.open("metrics.prom")?;
    file.write_all(&metrics.encode().map_err(io::Error::other)?)?;
    file.finish()?;

    for stage in Stage::ALL {
        let mut file = files.open(&format!("{stage}.hlog"))?;
        let from = replayed.from.unwrap_or(as_of).min(as_of);
        tally.histogram(*stage).write_log(&mut file, stage.as_str(), from, as_of)?;
        file.finish()?;
    }
    let mut file = files.open("summary.json")?;
    serde_json::to_writer_pretty(&mut file, printed)?;
    file.write_all(b"\n")?;
    file.finish()
}
