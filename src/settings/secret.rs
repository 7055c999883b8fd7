//! A text that no output shows.
//!
//! Invariants: `Debug`, `Display` and serialization reveal nothing about the
//! text, not even its length; [`Secret::reveal`] is the only way to read it.

use std::fmt;

/// Printed in place of a secret.
const HIDDEN: &str = "(hidden)";

/// A password, a key's passphrase or a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the code that must present it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing_of_itself() {
        for text in ["", "canary", "a much longer canary"] {
            let secret = Secret::new(text);
            let shown = format!("{secret} {secret:?} {:#?}", Some(&secret));
            assert_eq!(shown.matches(HIDDEN).count(), 3);
            assert!(!shown.contains("canary"));
            assert_eq!(secret.reveal(), text);
        }
    }
}
