//! What a program may know besides the record.

use crate::formats::identity::Identity;
use crate::time::Timestamp;

/// What a program may know besides the record.
#[derive(Clone, Copy)]
pub(super) struct World<'w> {
    pub(super) identity: &'w Identity,
    pub(super) detected_at: Option<Timestamp>,
    pub(super) times: &'w [String],
    /// How many items the whole record has.
    pub(super) items: usize,
}
