//! Texts from outside, as the board shows them.
//!
//! Invariant: a shown text has a bounded length and no character that is invisible or
//! changes the direction of others. The page inserts it as text only, so it is never
//! taken for markup.

use std::hash::BuildHasher;
use std::sync::OnceLock;

use foldhash::quality::RandomState;
use serde::Serialize;

use crate::engine::identity::{KnownAs, NameOrder};
use crate::records::WindowRecord;
use crate::report::terminal::printable;

/// Characters that are shown of a text at most.
const CHARS_MAX: usize = 96;

/// `text`, cut if it is too long.
pub(super) fn shown(text: &str) -> String {
    // The rest of a long text is not even scanned.
    let cut = text.char_indices().nth(CHARS_MAX).map_or(text, |(at, _)| &text[..at]);
    let mut shown = printable(cut);
    if cut.len() < text.len() || shown.chars().count() > CHARS_MAX {
        shown = shown.chars().take(CHARS_MAX).collect();
        shown.push('…');
    }
    shown
}

/// The names of a credential as a row shows them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Names {
    /// The best-known one.
    credential: String,
    /// Others, the better-known first, and how many more there are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    other_names: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    names_left_out: usize,
}

// The signature is serde's.
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Further names that a row shows.
const NAMES_MAX: usize = 3;

impl Names {
    /// The names of the credential of `record`.
    pub(super) fn of(record: &WindowRecord, order: &NameOrder) -> Names {
        let KnownAs { best, others } = record.known_as(order);
        Names {
            credential: shown(best),
            names_left_out: others.len().saturating_sub(NAMES_MAX),
            other_names: others.into_iter().take(NAMES_MAX).map(shown).collect(),
        }
    }
}

/// A short name for an exposure, which stays the same while the process runs. The hash has
/// a random key, so nobody can choose two exposures that share a name.
pub(super) fn key(exposure_id: &str) -> String {
    static HASHER: OnceLock<RandomState> = OnceLock::new();
    format!("{:016x}", HASHER.get_or_init(RandomState::default).hash_one(exposure_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_invisible_texts_are_shown_harmless() {
        assert_eq!(shown("github:example-org/payments-api#7"), "github:example-org/payments-api#7");
        assert_eq!(shown("a\u{202e}b\u{200b}"), "a\\u{202e}b\\u{200b}");
        let long = shown(&"x".repeat(10 << 10));
        assert_eq!((long.chars().count(), long.chars().last()), (CHARS_MAX + 1, Some('…')));
        // Escapes are longer than what they stand for.
        assert_eq!(shown(&"\u{202e}".repeat(90)).chars().count(), CHARS_MAX + 1);
    }
}
