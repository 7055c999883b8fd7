//! Why a configuration cannot be used.
//!
//! Invariant: a message names keys, variables, files and topics. It never quotes
//! a value, because any value may be a secret that was put in the wrong place.

use std::fmt;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `file:line:column`, the environment variable, or the file alone; empty where there is
    /// no file.
    pub place: String,
    /// The key, unless the file could not be read that far.
    pub key: Option<String>,
    /// What is wrong, and what to do.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.why)
    }
}

/// Every fault of a configuration; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// Faults of the file as a whole first, then in the order of its lines, then
    /// those of the environment.
    pub faults: Vec<Fault>,
}

impl SettingsError {
    /// A single fault.
    pub(super) fn one(place: impl Into<String>, why: impl Into<String>) -> SettingsError {
        SettingsError { faults: vec![Fault { place: place.into(), key: None, why: why.into() }] }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.faults.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}
