//! A ledger → its rows: from files, from what a replay wrote, from a topic.
//!
//! Invariants: what cannot be read is an error with its place, or is left out and
//! counted where the operator allows that, never passed over in silence; every file
//! is named by the digest of its bytes as they lie on disk; memory holds the rows,
//! some chunks, and nothing that grows with the input besides.

mod beside;
mod files;
mod hashing;
mod topic;

use std::fmt;
use std::io;

pub use files::load;
pub use topic::{Topics, load_topics};

use crate::report::control::Rows;
use crate::report::control::evidence::Inputs;

/// Faults told one by one.
const FAULTS_TOLD: usize = 5;

/// A ledger that was read.
#[derive(Debug)]
pub struct Loaded {
    /// Its windows.
    pub rows: Rows,
    /// Where they come from, and what is told beside them.
    pub inputs: Inputs,
}

/// Why a ledger cannot be read.
#[derive(Debug)]
pub enum LoadError {
    /// A file cannot be opened or read to its end.
    Unreadable {
        /// Which.
        name: String,
        /// Why.
        why: String,
    },
    /// What a replay wrote is not whole.
    Incomplete {
        /// Which file.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A topic cannot be read, or does not hold what was asked of it.
    Topic {
        /// Which.
        name: String,
        /// Why.
        why: String,
    },
    /// There are records that are none of the ledger's.
    Damaged {
        /// The first, each with its place.
        first: Vec<String>,
        /// How many.
        count: u64,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Unreadable { name, why } => write!(f, "{name}: {why}"),
            LoadError::Topic { name, why } => write!(f, "topic {name}: {why}"),
            LoadError::Incomplete { name, why } => write!(f, "{name}: {why}, or replay again"),
            LoadError::Damaged { first, count } => {
                for fault in first {
                    writeln!(f, "{fault}")?;
                }
                write!(
                    f,
                    "{count} {} not of the ledger: mend or fetch it again, or give --allow-damage to leave such \
                     records out and have the report say so",
                    if *count == 1 { "record is" } else { "records are" }
                )
            }
        }
    }
}

impl std::error::Error for LoadError {}

impl LoadError {
    fn unreadable(name: impl Into<String>, error: &io::Error) -> LoadError {
        LoadError::Unreadable { name: name.into(), why: error.to_string() }
    }
}

/// Records that could not be read.
#[derive(Debug, Default)]
struct Damage {
    first: Vec<String>,
    count: u64,
}

impl Damage {
    fn add(&mut self, fault: String) {
        self.count += 1;
        if self.first.len() < FAULTS_TOLD {
            self.first.push(fault);
        }
    }

    /// How many, where that is allowed.
    fn allowed(self, allow: bool) -> Result<u64, LoadError> {
        if self.count > 0 && !allow {
            return Err(LoadError::Damaged { first: self.first, count: self.count });
        }
        Ok(self.count)
    }
}
