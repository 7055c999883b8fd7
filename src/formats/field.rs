//! From a [`Scalar`] to the type that a field must have.
//!
//! Invariants: `null` and the empty text count as absent; a rejection names
//! the field, what was expected and the kind of value found, never the value.

use std::borrow::Cow;

use super::value::{Found, Scalar, Slot};
use super::{RejectReason, Rejection};
use crate::event::{
    Action, Actor, Evidence, ExposedAtQuality, Kind, Method, Provenance, Relation, Severity,
    Verdict, Workflow,
};
use crate::time::{TimeError, Timestamp};

/// A closed set of words.
pub(super) trait Word: Copy + 'static {
    const WORDS: &'static [Self];
    fn named(word: &str) -> Option<Self>;
    fn word(self) -> &'static str;
}

macro_rules! closed_sets {
    ($($name:ident),+) => {
        $(impl Word for $name {
            const WORDS: &'static [Self] = $name::ALL;
            fn named(word: &str) -> Option<Self> {
                $name::parse(word)
            }
            fn word(self) -> &'static str {
                self.as_str()
            }
        })+
    };
}
closed_sets!(
    Kind,
    Workflow,
    Severity,
    Action,
    Verdict,
    Actor,
    Method,
    Relation,
    Evidence,
    ExposedAtQuality,
    Provenance
);

/// A required field that is absent, null or empty.
#[cold]
pub(super) fn missing(field: &'static str) -> Rejection {
    Rejection::new(RejectReason::MissingField, format!("field `{field}` is required"))
}

/// A value of another type than the field's.
#[cold]
pub(super) fn wrong_type(field: &'static str, expected: &str, found: Found) -> Rejection {
    Rejection::new(
        RejectReason::WrongType,
        format!("field `{field}`: expected {expected}, found {found}"),
    )
}

/// A value of the right type outside the field's set or range.
#[cold]
pub(super) fn invalid(field: &'static str, expected: &str) -> Rejection {
    Rejection::new(RejectReason::InvalidValue, format!("field `{field}`: expected {expected}"))
}

/// A text that is not an acceptable time.
#[cold]
pub(super) fn bad_time(field: &'static str, error: TimeError) -> Rejection {
    Rejection::new(RejectReason::InvalidTime, format!("field `{field}`: {error}"))
}

/// A text above its limit.
#[cold]
pub(super) fn too_long(field: &'static str, bytes: usize, bytes_max: usize) -> Rejection {
    Rejection::new(
        RejectReason::TooLong,
        format!("field `{field}`: {bytes} bytes, the limit is {bytes_max}"),
    )
}

#[cold]
fn unknown_word<W: Word>(field: &'static str) -> Rejection {
    let words: Vec<&str> = W::WORDS.iter().map(|word| word.word()).collect();
    invalid(field, &format!("one of {}", words.join(", ")))
}

/// The value of a required field.
pub(super) fn required<T>(value: Option<T>, field: &'static str) -> Result<T, Rejection> {
    value.ok_or_else(|| missing(field))
}

/// Refuses everything but an object; absent and null count as an empty object.
pub(super) fn object_or_absent(found: Found, field: &'static str) -> Result<(), Rejection> {
    match found {
        Found::Object | Found::Absent | Found::Null => Ok(()),
        found => Err(wrong_type(field, "an object", found)),
    }
}

impl<'a> Scalar<'a> {
    /// Takes the value, and leaves an absent one in its place.
    #[inline]
    pub(super) fn take(&mut self) -> Scalar<'a> {
        std::mem::take(self)
    }

    /// A text of any length.
    pub(super) fn unbounded_text(
        self,
        field: &'static str,
    ) -> Result<Option<Cow<'a, str>>, Rejection> {
        match self {
            Scalar::Text(text) => Ok((!text.is_empty()).then_some(text)),
            Scalar::Absent | Scalar::Null => Ok(None),
            other => Err(wrong_type(field, "a string", other.found())),
        }
    }

    /// A text of at most `bytes_max` bytes.
    pub(super) fn text(
        self,
        field: &'static str,
        bytes_max: usize,
    ) -> Result<Option<Cow<'a, str>>, Rejection> {
        let text = self.unbounded_text(field)?;
        match &text {
            Some(text) if text.len() > bytes_max => Err(too_long(field, text.len(), bytes_max)),
            _ => Ok(text),
        }
    }

    /// One of the words of a closed set.
    pub(super) fn word<W: Word>(&self, field: &'static str) -> Result<Option<W>, Rejection> {
        match self {
            Scalar::Text(text) if text.is_empty() => Ok(None),
            Scalar::Text(text) => match W::named(text) {
                Some(word) => Ok(Some(word)),
                None => Err(unknown_word::<W>(field)),
            },
            Scalar::Absent | Scalar::Null => Ok(None),
            other => Err(wrong_type(field, "a string", other.found())),
        }
    }

    /// A point in time as RFC 3339 has it.
    pub(super) fn time(&self, field: &'static str) -> Result<Option<Timestamp>, Rejection> {
        match self {
            Scalar::Text(text) if text.is_empty() => Ok(None),
            Scalar::Text(text) => match Timestamp::parse_rfc3339(text) {
                Ok(time) => Ok(Some(time)),
                Err(error) => Err(bad_time(field, error)),
            },
            Scalar::Absent | Scalar::Null => Ok(None),
            other => Err(wrong_type(field, "an RFC 3339 date and time", other.found())),
        }
    }

    /// The whole number from 0 up that this is. Some log shippers write 7 as `7.0`.
    pub(super) fn whole(&self) -> Option<u64> {
        /// Above it, not every whole number has a float of its own.
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        match *self {
            Scalar::Unsigned(number) => Some(number),
            Scalar::Float(number)
                if (0.0..=EXACT_MAX).contains(&number) && number.fract() == 0.0 =>
            {
                Some(number as u64)
            }
            _ => None,
        }
    }

    /// A count of things.
    pub(super) fn count(&self, field: &'static str) -> Result<Option<u32>, Rejection> {
        const EXPECTED: &str = "a whole number from 0 to 4294967295";
        match *self {
            Scalar::Unsigned(_) | Scalar::Float(_) => {
                match self.whole().and_then(|number| u32::try_from(number).ok()) {
                    Some(count) => Ok(Some(count)),
                    None => Err(invalid(field, EXPECTED)),
                }
            }
            Scalar::Negative => Err(invalid(field, EXPECTED)),
            Scalar::Absent | Scalar::Null => Ok(None),
            _ => Err(wrong_type(field, EXPECTED, self.found())),
        }
    }

    /// A probability.
    pub(super) fn fraction(&self, field: &'static str) -> Result<Option<f64>, Rejection> {
        const EXPECTED: &str = "a number from 0 to 1";
        let number = match *self {
            // The cast is exact for 0 and 1, the only whole numbers in the range.
            Scalar::Unsigned(number) => number as f64,
            Scalar::Float(number) => number,
            Scalar::Negative => return Err(invalid(field, EXPECTED)),
            Scalar::Absent | Scalar::Null => return Ok(None),
            _ => return Err(wrong_type(field, EXPECTED, self.found())),
        };
        if (0.0..=1.0).contains(&number) {
            // Adding zero turns −0.0, which is within the range, into 0.0.
            Ok(Some(number + 0.0))
        } else {
            Err(invalid(field, EXPECTED))
        }
    }

    /// Yes or no.
    pub(super) fn flag(&self, field: &'static str) -> Result<Option<bool>, Rejection> {
        match self {
            Scalar::Bool(value) => Ok(Some(*value)),
            Scalar::Absent | Scalar::Null => Ok(None),
            other => Err(wrong_type(field, "true or false", other.found())),
        }
    }
}
