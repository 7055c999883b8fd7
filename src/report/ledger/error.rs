//! Why a record cannot be read.

use std::fmt;

use crate::time::TimeError;

/// What is wrong with a record, and where. Values are never quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerError {
    /// The field, as documented; `None` for the record as a whole.
    pub field: Option<&'static str>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a record or a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Longer than [`RECORD_BYTES_MAX`](super::RECORD_BYTES_MAX).
    TooLarge,
    /// Not one JSON object with every field once.
    NotAnObject,
    /// A field that every record has is absent or null.
    Missing,
    /// The value has another type.
    WrongType {
        /// What it should be.
        expected: &'static str,
    },
    /// The word is none of the field's.
    UnknownWord,
    /// The text is not an acceptable time.
    Time(TimeError),
    /// The value does not fit another field's.
    Contradicts {
        /// The other field.
        other: &'static str,
    },
}

impl LedgerError {
    /// A word for what is wrong, for counting.
    pub const fn reason(&self) -> &'static str {
        match self.fault {
            Fault::TooLarge => "too_large",
            Fault::NotAnObject => "not_an_object",
            Fault::Missing => "missing",
            Fault::WrongType { .. } => "wrong_type",
            Fault::UnknownWord => "unknown_word",
            Fault::Time(_) => "invalid_time",
            Fault::Contradicts { .. } => "contradiction",
        }
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Some(field) => write!(f, "field `{field}`: ")?,
            None => f.write_str("record: ")?,
        }
        match self.fault {
            Fault::TooLarge => write!(f, "longer than {} bytes", super::RECORD_BYTES_MAX),
            Fault::NotAnObject => f.write_str("not one JSON object with every field at most once"),
            Fault::Missing => f.write_str("missing"),
            Fault::WrongType { expected } => write!(f, "not {expected}"),
            Fault::UnknownWord => f.write_str("a word that it does not have"),
            Fault::Time(error) => error.fmt(f),
            Fault::Contradicts { other } => write!(f, "contradicts `{other}`"),
        }
    }
}

impl std::error::Error for LedgerError {}
