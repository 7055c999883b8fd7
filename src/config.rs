//! Every limit and every default, in one place.

use crate::time::Span;

/// Limits on what a decoder accepts. Beyond one, the record is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one record (a line, or one element of an array).
    pub record_bytes: usize,
    /// Nesting of objects and arrays within a record.
    pub depth: usize,
    /// Bytes of an event's `id`.
    pub id_bytes: usize,
    /// Bytes of a `credential_id`.
    pub credential_id_bytes: usize,
    /// Bytes of any other text that is kept (names, places, digests).
    pub text_bytes: usize,
    /// Events that one record may stand for.
    pub events_per_record: usize,
}

impl Limits {
    /// The limits in force unless configured otherwise.
    pub const DEFAULT: Limits = Limits {
        record_bytes: 1 << 20,
        depth: 64,
        id_bytes: 256,
        credential_id_bytes: 512,
        text_bytes: 256,
        events_per_record: 1_000,
    };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

/// A review sooner than this after the exposure is ahead of every attacker seen.
pub const FASTEST_ATTACKER: Span = Span::from_mins(9);
/// When attackers arrive on average.
pub const MEAN_ATTACKER: Span = Span::from_mins(17);
