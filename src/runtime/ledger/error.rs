//! Why a ledger cannot be read.

use std::fmt;
use std::io;

/// Damaged records that an error lists one by one.
const LISTED_MAX: usize = 5;

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
    /// The output of a replay is incomplete.
    Incomplete {
        /// Which file.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A local store cannot be read.
    Store(
        /// Which, and why.
        String,
    ),
    /// A topic cannot be read, or does not hold what was asked of it.
    Topic {
        /// Which.
        name: String,
        /// Why.
        why: String,
    },
    /// Some records are not of the ledger.
    Damaged {
        /// The first of them, each with its place. They are not in the error's text: whoever
        /// shows it gives each a line of its own.
        first: Vec<String>,
        /// How many.
        count: u64,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Unreadable { name, why } => write!(f, "{name}: {why}"),
            LoadError::Store(why) => f.write_str(why),
            LoadError::Topic { name, why } => write!(f, "topic {name}: {why}"),
            LoadError::Incomplete { name, why } => write!(f, "{name}: {why}, or replay again"),
            LoadError::Damaged { first: _, count } => write!(
                f,
                "{count} {} not of the ledger: repair the ledger or fetch it again, or give \
                 --allow-damage to leave such records out, which the report then says",
                if *count == 1 { "record is" } else { "records are" }
            ),
        }
    }
}

impl std::error::Error for LoadError {}

impl LoadError {
    pub(super) fn unreadable(name: impl Into<String>, error: &io::Error) -> LoadError {
        LoadError::Unreadable { name: name.into(), why: error.to_string() }
    }
}

/// Counts records that could not be read.
#[derive(Debug, Default)]
pub(super) struct Damage {
    first: Vec<String>,
    count: u64,
}

impl Damage {
    pub(super) fn add(&mut self, fault: String) {
        self.count += 1;
        if self.first.len() < LISTED_MAX {
            self.first.push(fault);
        }
    }

    /// The number of damaged records.
    ///
    /// # Errors
    /// If there are any and `allow` is not set.
    pub(super) fn allowed(self, allow: bool) -> Result<u64, LoadError> {
        if self.count > 0 && !allow {
            return Err(LoadError::Damaged { first: self.first, count: self.count });
        }
        Ok(self.count)
    }
}
