//! Why a record was refused, without a quotation from it.

use std::borrow::Cow;
use std::fmt;

use crate::event::words;

words! {
    /// Why a record was refused: a metric label, so the set is closed.
    RejectReason {
        /// Not JSON.
        InvalidJson = "invalid_json",
        /// JSON that stops before its end.
        Truncated = "truncated",
        /// Not UTF-8.
        InvalidUtf8 = "invalid_utf8",
        /// Nested deeper than allowed.
        TooDeep = "too_deep",
        /// More bytes than allowed.
        TooLarge = "too_large",
        /// A text, or the number of events, longer than allowed.
        TooLong = "too_long",
        /// The same field twice.
        DuplicateField = "duplicate_field",
        /// A required field is absent, null or empty.
        MissingField = "missing_field",
        /// A field holds a value of another type.
        WrongType = "wrong_type",
        /// A field holds a value outside its set or range.
        InvalidValue = "invalid_value",
        /// A time without offset, outside 2000 to 2100, or not a time.
        InvalidTime = "invalid_time",
        /// A `type` that is none of the known kinds.
        UnknownType = "unknown_type",
        /// No known source sends records like this.
        Unrecognised = "unrecognised",
        /// A record of a known source that this program does not read.
        Unsupported = "unsupported",
        /// Two maps recognise the record.
        Ambiguous = "ambiguous",
        /// The program of a map failed on the record, or was stopped.
        MapFailed = "map_failed",
        /// A text of an event looks like a live secret.
        LooksLikeSecret = "looks_like_secret",
        /// The source gives no time of detection and none was given for it.
        NoDetectionTime = "no_detection_time",
        /// The file or stream could not be read, or not to its end.
        Unreadable = "unreadable",
        /// More names than one credential can have, or than one name can stand for.
        TooManyAliases = "too_many_aliases",
        /// The event's window was final already.
        Late = "late",
        /// Nothing was ever detected under the event's name.
        NotJoined = "not_joined",
        /// The engine has reached its limit.
        BeyondBound = "beyond_bound",
    }
}

/// A refused record: the reason, and what exactly was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The class of error.
    pub reason: RejectReason,
    /// The error in words, without any content of the record.
    pub detail: Cow<'static, str>,
}

impl Rejection {
    /// A rejection with its explanation. `detail` must not quote input.
    pub fn new(reason: RejectReason, detail: impl Into<Cow<'static, str>>) -> Rejection {
        Rejection { reason, detail: detail.into() }
    }

    /// A record that is well known and not read. `what` names it; it must not quote input.
    #[cold]
    pub(super) fn unsupported(what: &'static str) -> Rejection {
        Rejection::new(RejectReason::Unsupported, what)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}

impl std::error::Error for Rejection {}
