//! Why a record cannot be read.

use std::fmt;

use crate::time::TimeError;

/// The longest record that is read, in bytes. The longest that can be written under the default
/// limits has a credential of 64 names, of which each byte needs six as JSON.
pub const RECORD_BYTES_MAX: usize = 512 << 10;

/// What is wrong with a record, and where. Values are never quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// The field, as documented; `None` for the record as a whole.
    pub field: Option<&'static str>,
    /// The field inside `field`, where that is an object.
    pub inner: Option<&'static str>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a record or a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Longer than [`RECORD_BYTES_MAX`].
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

impl RecordError {
    /// A fault of the record as a whole.
    pub(super) const fn whole(fault: Fault) -> RecordError {
        RecordError { field: None, inner: None, fault }
    }

    /// A fault of the field called `name`.
    pub(super) const fn field(name: &'static str, fault: Fault) -> RecordError {
        RecordError { field: Some(name), inner: None, fault }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.field, self.inner) {
            (Some(field), Some(inner)) => write!(f, "field `{field}.{inner}`: ")?,
            (Some(field), None) => write!(f, "field `{field}`: ")?,
            (None, _) => f.write_str("record: ")?,
        }
        match self.fault {
            Fault::TooLarge => write!(f, "longer than {RECORD_BYTES_MAX} bytes"),
            Fault::NotAnObject => f.write_str("not one JSON object with every field at most once"),
            Fault::Missing => f.write_str("missing"),
            Fault::WrongType { expected } => write!(f, "not {expected}"),
            Fault::UnknownWord => f.write_str("a word that it does not have"),
            Fault::Time(error) => error.fmt(f),
            Fault::Contradicts { other } => write!(f, "contradicts `{other}`"),
        }
    }
}

impl std::error::Error for RecordError {}
