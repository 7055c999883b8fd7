//! How reviewers appear on any surface.
//!
//! Invariant: without the operator's explicit wish only pseudonyms leave the
//! process; a pseudonym is the same wherever the same key is used.

use foldhash::{HashMap, HashMapExt};

use crate::formats::Identity;

/// Shows reviewers by pseudonym or by name.
#[derive(Debug)]
pub enum People {
    /// As the sources name them.
    Names {
        /// The key, for texts that are shown to nobody.
        identity: Identity,
    },
    /// `reviewer-` and a keyed digest.
    Pseudonyms {
        /// The key.
        identity: Identity,
        /// Pseudonyms made so far, at most 100,000.
        known: HashMap<String, String>,
    },
}

impl People {
    /// Pseudonyms remembered before starting anew.
    const KNOWN_MAX: usize = 100_000;

    /// Pseudonyms under `identity`.
    pub fn pseudonyms(identity: Identity) -> People {
        People::Pseudonyms { identity, known: HashMap::new() }
    }

    /// Names as they are; `identity` for what is shown to nobody.
    pub const fn names(identity: Identity) -> People {
        People::Names { identity }
    }

    /// What to show for a text of which only matters where it is the same: it is
    /// whatever a source put there, and may hold anything.
    pub fn mark(&self, text: &str) -> String {
        let (People::Names { identity } | People::Pseudonyms { identity, .. }) = self;
        let digest = identity.name(format!("mark\0{text}").as_bytes());
        format!("mark-{}", digest.trim_start_matches("hmac:").get(..12).unwrap_or_default())
    }

    /// What to show for `name`.
    pub fn show<'p>(&'p mut self, name: &'p str) -> &'p str {
        match self {
            People::Names { .. } => name,
            People::Pseudonyms { identity, known } => {
                if known.len() >= People::KNOWN_MAX && !known.contains_key(name) {
                    known.clear();
                }
                known.entry(name.to_owned()).or_insert_with(|| {
                    // Another domain than credentials: a name used as a secret
                    // elsewhere must not be recognised here.
                    let digest = identity.name(format!("reviewer\0{name}").as_bytes());
                    format!(
                        "reviewer-{}",
                        digest.trim_start_matches("hmac:").get(..12).unwrap_or_default()
                    )
                })
            }
        }
    }
}
