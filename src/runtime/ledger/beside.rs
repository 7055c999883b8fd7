//! What a replay wrote beside its ledger: how the input fared.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use super::LoadError;
use super::hashing::Watched;
use crate::report::control::evidence::{Source, Told};
use crate::time::Timestamp;

/// The longest summary that is read: it has some fields.
const SUMMARY_BYTES_MAX: u64 = 1 << 20;
/// Reasons told apart; there are fewer, and a file could hold anything.
const REASONS_MAX: usize = 64;

/// What of a `summary.json` is asked for.
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

/// What a replay told.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) as_of: Option<Timestamp>,
    pub(super) windows: u64,
    pub(super) told: Told,
    pub(super) sources: Vec<Source>,
}

/// Reads what lies beside the ledger in `directory`.
pub(super) fn beside(directory: &Path) -> Result<Beside, LoadError> {
    let path = directory.join("summary.json");
    let name = path.display().to_string();
    let (reader, watched) =
        Watched::open(&path).map_err(|error| LoadError::unreadable(&name, &error))?;
    let mut text = Vec::new();
    let read = reader.take(SUMMARY_BYTES_MAX).read_to_end(&mut text);
    read.map_err(|error| LoadError::unreadable(&name, &error))?;
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
    Ok(Beside {
        as_of: summary.as_of,
        windows: summary.windows.total,
        told: Told {
            read: events.read,
            accepted: events.accepted,
            duplicate: events.duplicate,
            rejected: events.rejected,
            late: events.late,
            orphan: events.orphan,
            clock_skew: events.clock_skew,
            by_reason,
        },
        sources,
    })
}

/// What was not used, by reason.
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
                let why = format!("line {records} is not one of a replay's");
                return Err(LoadError::Incomplete { name, why });
            }
        };
        let known = by_reason.len() < REASONS_MAX || by_reason.contains_key(&reason);
        *by_reason.entry(if known { reason } else { "others".to_owned() }).or_default() += 1;
    }
}
