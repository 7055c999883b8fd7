//! Where every figure comes from, so that it can be computed again.
//!
//! Invariants: nothing here depends on when or where the report was made; a digest
//! of records is over their SHA-256 in the order of `exposure_id`, so that it does
//! not depend on how they were stored; one changed, missing or additional record
//! changes the digest of its day and of every scope that it is of.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::row::Row;
use super::rows::Counts;
use crate::event::words;
use crate::time::Timestamp;

/// Days told one by one; beyond that it is months, of which there are 1,212.
const DAYS_MAX: usize = 400;

words! {
    /// Which records a figure is of.
    Scope {
        /// Those of the period that are of the slice.
        Period = "period",
        /// Those of the previous period that are.
        Previous = "previous",
        /// All that count.
        Ledger = "ledger",
    }
}

/// Something that records were read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// A file, or the standard input.
    File {
        /// Its name, without its directory.
        name: String,
        /// Bytes, as they lie on disk.
        bytes: u64,
        /// SHA-256 of them, as `sha256sum` tells it.
        sha256: String,
        /// What was read from it.
        records: u64,
    },
    /// A local store, as it was when it was read.
    Store {
        /// Its name, without its directory.
        name: String,
        /// Windows.
        records: u64,
    },
    /// A topic.
    Topic {
        /// Its name.
        name: String,
        /// What was read of it.
        partitions: Vec<Partition>,
    },
}

/// What was read of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Partition {
    /// Its number.
    pub partition: i32,
    /// The first offset.
    pub from_offset: i64,
    /// The first offset not read any more.
    pub to_offset: i64,
    /// Records, tombstones among them.
    pub records: u64,
}

/// Counts of the input, by the run that wrote the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InputCounts {
    /// Events decoded, and records refused or skipped.
    pub read: u64,
    /// Distinct events in use.
    pub accepted: u64,
    /// Repeats.
    pub duplicate: u64,
    /// Records refused, and events beyond a bound.
    pub rejected: u64,
    /// Records of known sources that the program does not read.
    pub unsupported: u64,
    /// Events for windows that were final.
    pub late: u64,
    /// Events that found no window.
    pub orphan: u64,
    /// Contradictions between clocks.
    pub clock_skew: u64,
    /// What was refused or late, by reason.
    pub by_reason: BTreeMap<String, u64>,
}

/// What the records came from, beside the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Where they were read from.
    pub sources: Vec<Source>,
    /// Counts of the input.
    pub counts: Option<InputCounts>,
    /// Dead letters by reason, where their topic was read.
    pub dead_letters: Option<BTreeMap<String, u64>>,
    /// The moment that the ledger says it is of.
    pub as_of: Option<Timestamp>,
    /// Records that could not be read and were left out.
    pub damaged: u64,
}

/// Some records, by their number and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Records {
    /// How many.
    pub records: u64,
    /// SHA-256 over their SHA-256, in the order of `exposure_id`.
    pub sha256: String,
}

/// The records of one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScopeRecords {
    /// Which.
    pub scope: Scope,
    /// Its records.
    #[serde(flatten)]
    pub records: Records,
}

/// The records of one day, or of one month where there are too many days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Day {
    /// The day of detection, or the month, in UTC.
    pub detected: String,
    /// Its records.
    #[serde(flatten)]
    pub records: Records,
}

/// The chain from figures to records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Where records were read from.
    pub sources: Vec<Source>,
    /// Records read.
    pub read: u64,
    /// … replaced by a later one of the same exposure.
    pub superseded: u64,
    /// … made void by a tombstone.
    pub void: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// The records that each figure is of.
    pub scopes: Vec<ScopeRecords>,
    /// All records that count, by day of detection.
    pub days: Vec<Day>,
}

/// Digests records as they come.
#[derive(Clone, Debug, Default)]
pub(super) struct Digesting {
    records: u64,
    hash: Sha256,
}

impl Digesting {
    pub(super) fn add(&mut self, row: &Row) {
        self.records += 1;
        self.hash.update(row.digest());
    }

    pub(super) fn finish(self) -> Records {
        Records { records: self.records, sha256: HEXLOWER.encode(&self.hash.finalize()) }
    }
}

/// Digests records by day.
#[derive(Debug, Default)]
pub(super) struct Days(BTreeMap<i64, Digesting>);

impl Days {
    pub(super) fn add(&mut self, row: &Row) {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        self.0.entry(row.detected_at().as_millis().div_euclid(DAY_MS)).or_default().add(row);
    }

    /// By day while they are few; else by month, over the digests of the days.
    pub(super) fn finish(self) -> Vec<Day> {
        let few = self.0.len() <= DAYS_MAX;
        let mut told: Vec<Day> = Vec::new();
        let mut together = Digesting::default();
        let mut days = self.0.into_iter().peekable();
        while let Some((day, digesting)) = days.next() {
            let name = |day: i64| {
                let at = Timestamp::from_millis(day * 24 * 60 * 60 * 1000).to_string();
                at.get(..if few { 10 } else { 7 }).unwrap_or_default().to_owned()
            };
            together.records += digesting.records;
            let of_day = digesting.hash.finalize();
            if few {
                let records =
                    Records { records: together.records, sha256: HEXLOWER.encode(&of_day) };
                told.push(Day { detected: name(day), records });
                together = Digesting::default();
                continue;
            }
            together.hash.update(of_day);
            if days.peek().is_none_or(|(next, _)| name(*next) != name(day)) {
                let records = std::mem::take(&mut together).finish();
                told.push(Day { detected: name(day), records });
            }
        }
        told
    }
}

pub(super) fn evidence(
    inputs: &Inputs,
    counts: Counts,
    scopes: Vec<ScopeRecords>,
    days: Days,
) -> Evidence {
    Evidence {
        sources: inputs.sources.clone(),
        read: counts.read,
        superseded: counts.superseded,
        void: counts.void,
        tombstones: counts.tombstones,
        scopes,
        days: days.finish(),
    }
}
