//! Texts of strangers as the board shows them.
//!
//! Invariant: what comes out has a bounded length and no character that is invisible
//! or turns others around; that it is never taken for markup is up to the page,
//! which only ever sets text.

use std::hash::BuildHasher;
use std::sync::OnceLock;

use foldhash::quality::RandomState;

use crate::report::terminal::printable;

/// The most characters that are shown of one text.
const CHARS_MAX: usize = 96;

/// `text`, cut where it is too long.
pub(super) fn shown(text: &str) -> String {
    // Looked at no further than it is shown, however long it is.
    let cut = text.char_indices().nth(CHARS_MAX).map_or(text, |(at, _)| &text[..at]);
    let mut shown = printable(cut);
    if cut.len() < text.len() || shown.chars().count() > CHARS_MAX {
        shown = shown.chars().take(CHARS_MAX).collect();
        shown.push('…');
    }
    shown
}

/// A short name for an exposure, the same as long as the process runs. Nobody can
/// choose two that share it.
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
