//! The sidecar files that a replay writes next to its ledger: counts of its input.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use super::error::LoadError;
use super::hashing::Watched;
use crate::report::control::evidence::{InputCounts, Source};
use crate::time::Timestamp;

/// Bytes of a summary that are read at most. A real one is far smaller.
const SUMMARY_BYTES_MAX: u64 = 1 << 20;
/// Reasons that are counted apart at most. There are fewer, but a file can hold anything.
const REASONS_MAX: usize = 64;

/// The fields of a `summary.json` that are used.
#[derive(Debug, Deserialize)]
struct Summary {
    as_of: Option<Timestamp>,
    events: Events,
    windows: Windows,
}

#[derive(Debug, Deserialize)]
struct Events {
    read: u64,
    accepted: u64,
    duplicate: u64,
    rejected: u64,
    unsupported: u64,
    late: u64,
    orphan: u64,
    clock_skew: u64,
}

#[derive(Debug, Deserialize)]
struct Windows {
    total: u64,
}

#[derive(Debug, Deserialize)]
struct Rejected {
    reason: String,
}

/// What the sidecar files hold.
#[derive(Debug)]
pub(super) struct Sidecar {
    pub(super) as_of: Option<Timestamp>,
    pub(super) windows: u64,
    pub(super) counts: InputCounts,
    pub(super) sources: Vec<Source>,
}

/// Reads the sidecar files in `directory`.
pub(super) fn read(directory: &Path) -> Result<Sidecar, LoadError> {
    let path = directory.join("summary.json");
    let name = path.display().to_string();
    let (reader, watched) =
        Watched::open(&path).map_err(|error| LoadError::unreadable(&name, &error))?;
    let mut text = Vec::new();
    let copied = reader.take(SUMMARY_BYTES_MAX).read_to_end(&mut text);
    copied.map_err(|error| LoadError::unreadable(&name, &error))?;
    let incomplete = |why: &str| LoadError::Incomplete { name: name.clone(), why: why.to_owned() };
    if text.is_empty() {
        return Err(incomplete("empty: the replay that wrote this directory did not finish"));
    }
    let summary: Summary = serde_json::from_slice(&text)
        .map_err(|_| incomplete("not the summary of a replay, or cut off"))?;
    let mut sources = vec![watched.source(1)];
    let events = summary.events;
    let (by_reason, refused) = rejected(&directory.join("rejected.ndjson"))?;
    sources.push(refused);
    Ok(Sidecar {
        as_of: summary.as_of,
        windows: summary.windows.total,
        counts: InputCounts {
            read: events.read,
            accepted: events.accepted,
            duplicate: events.duplicate,
            rejected: events.rejected,
            unsupported: events.unsupported,
            late: events.late,
            orphan: events.orphan,
            clock_skew: events.clock_skew,
            by_reason,
        },
        sources,
    })
}

/// Refused records by reason.
fn rejected(path: &Path) -> Result<(BTreeMap<String, u64>, Source), LoadError> {
    let name = path.display().to_string();
    let unreadable = |error: &std::io::Error| LoadError::unreadable(&name, error);
    let (reader, watched) = Watched::open(path).map_err(|error| unreadable(&error))?;
    let mut reader = BufReader::with_capacity(1 << 18, reader);
    let (mut by_reason, mut records) = (BTreeMap::new(), 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(|error| unreadable(&error))?;
        if read == 0 {
            return Ok((by_reason, watched.source(records)));
        }
        records += 1;
        let reason = match serde_json::from_slice::<Rejected>(&line) {
            Ok(rejected) => rejected.reason,
            Err(_) => {
                let why = format!("line {records} was not written by a replay");
                return Err(LoadError::Incomplete { name, why });
            }
        };
        let known = by_reason.len() < REASONS_MAX || by_reason.contains_key(&reason);
        *by_reason.entry(if known { reason } else { "others".to_owned() }).or_default() += 1;
    }
}
