//! Pseudonyms: how reviewers, and texts that may hold anything, are shown.
//!
//! Invariants: without the operator's explicit wish only pseudonyms of reviewers
//! leave the process; a pseudonym is the same wherever the same key is used.

use foldhash::{HashMap, HashMapExt};

use crate::formats::Identity;

/// Shows reviewers by pseudonym or by name.
#[derive(Clone, Debug)]
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

    /// What to show for a text that only has to be told apart from others: a
    /// source put it there, and it may hold anything.
    pub fn mark(&self, text: &str) -> String {
        let (People::Names { identity } | People::Pseudonyms { identity, .. }) = self;
        pseudonym("mark", text, DIGITS, identity)
    }

    /// What to show for `name`.
    pub fn show<'p>(&'p mut self, name: &'p str) -> &'p str {
        match self {
            People::Names { .. } => name,
            People::Pseudonyms { identity, known } => {
                if known.len() >= People::KNOWN_MAX && !known.contains_key(name) {
                    known.clear();
                }
                known
                    .entry(name.to_owned())
                    .or_insert_with(|| pseudonym(REVIEWER, name, DIGITS, identity))
            }
        }
    }
}

/// What a reviewer's pseudonym begins with.
const REVIEWER: &str = "reviewer";
/// Hex digits of a pseudonym in a record.
const DIGITS: usize = 12;

/// The pseudonym of `text`: `kind-` and the first `digits` (at most 32) of a keyed
/// digest in hex. Each kind is a domain of its own: a name that is used as a secret
/// elsewhere is not recognised here.
pub fn pseudonym(kind: &str, text: &str, digits: usize, identity: &Identity) -> String {
    let digest = identity.name(format!("{kind}\0{text}").as_bytes());
    let digest = digest.trim_start_matches("hmac:").get(..digits).unwrap_or_default();
    format!("{kind}-{digest}")
}

/// Hex digits of a pseudonym in a label: labels have one length, whatever the text.
const LABEL_DIGITS: usize = 16;

/// The pseudonym by which labels of alerts name a `credential`, an `exposure` or a `reviewer`.
pub fn label(kind: &str, text: &str, identity: &Identity) -> String {
    pseudonym(kind, text, LABEL_DIGITS, identity)
}

/// Whether `text` has the form of a reviewer's pseudonym in a record.
pub fn is_pseudonym(text: &str) -> bool {
    let digits = text.strip_prefix(REVIEWER).and_then(|rest| rest.strip_prefix('-'));
    digits.is_some_and(|digits| {
        digits.len() == DIGITS && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}
