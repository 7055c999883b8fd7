//! A text that no output shows.
//!
//! Invariants: neither `Debug` nor `Display` nor serialisation tell anything of
//! it, its length included; [`Secret::reveal`] is the only way to it.

use std::fmt;

/// What stands in a secret's place.
const HIDDEN: &str = "(hidden)";

/// A password, a key's passphrase, a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for whoever must present it.
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

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing_of_itself() {
        for text in ["", "canary", "a much longer canary"] {
            let secret = Secret::new(text);
            assert_eq!(
                format!("{secret} {secret:?} {:#?}", Some(&secret)).matches(HIDDEN).count(),
                3
            );
            assert_eq!(format!("{secret}"), "(hidden)");
            assert_eq!(serde_json::to_string(&secret).unwrap(), "\"(hidden)\"");
            assert_eq!(secret.reveal(), text);
        }
    }
}
