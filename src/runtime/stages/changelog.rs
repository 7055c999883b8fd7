//! Keys of the changelogs.
//!
//! A key of the windows is the workflow's word, a slash and the credential; the value is
//! the engine's checkpoint as it is. A key of a linked name is `identity`, a slash and the name. A key of oversight is what it is, a slash and whose.

use crate::engine::windows::Key;
use crate::event::Workflow;

/// Writes the key of a credential's state.
pub(super) fn write_key(key: Key<'_>, into: &mut Vec<u8>) {
    into.clear();
    into.extend_from_slice(key.workflow.as_str().as_bytes());
    into.push(b'/');
    into.extend_from_slice(key.credential_id.as_bytes());
}

/// Reads it back; `None` for any other bytes.
pub(super) fn read_key(bytes: &[u8]) -> Option<Key<'_>> {
    let (workflow, credential_id) = std::str::from_utf8(bytes).ok()?.split_once('/')?;
    Some(Key { workflow: Workflow::parse(workflow)?, credential_id })
}

/// What the key of a linked name begins with; no workflow has that word.
const IDENTITY: &str = "identity/";

/// Writes the key of a linked name.
pub(super) fn write_name(name: &str, into: &mut Vec<u8>) {
    into.clear();
    into.extend_from_slice(IDENTITY.as_bytes());
    into.extend_from_slice(name.as_bytes());
}

/// The name whose key it is; `None` for any other bytes.
pub(super) fn read_name(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key).ok()?.strip_prefix(IDENTITY)
}

/// What a record of oversight's changelog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The state of a reviewer.
    Reviewer,
    /// A review that waits.
    Review,
    /// The acts of a period.
    Period,
    /// That a reviewer is named; the value says nothing more.
    Listed,
}

impl Part {
    const ALL: [Part; 4] = [Part::Reviewer, Part::Review, Part::Period, Part::Listed];

    const fn word(self) -> &'static str {
        match self {
            Part::Reviewer => "reviewer/",
            Part::Review => "review/",
            Part::Period => "period/",
            Part::Listed => "listed/",
        }
    }

    /// The key of this part of `name`.
    pub(super) fn key(self, name: impl std::fmt::Display) -> Vec<u8> {
        format!("{}{name}", self.word()).into_bytes()
    }

    /// What the record with this key is; `None` for any other bytes.
    pub(super) fn of(key: &[u8]) -> Option<Part> {
        Part::ALL.into_iter().find(|part| key.starts_with(part.word().as_bytes()))
    }
}

/// Whose key it is that a reviewer is named; `None` for any other bytes.
pub(super) fn read_listed(key: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(key).ok()?.strip_prefix(Part::Listed.word())?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_and_nothing_else_is_one() {
        let mut bytes = Vec::new();
        for workflow in Workflow::ALL {
            let key = Key { workflow: *workflow, credential_id: "a/b c" };
            write_key(key, &mut bytes);
            assert_eq!(read_key(&bytes), Some(key));
        }
        for foreign in [&b""[..], b"x", b"x/y", b"secret_exposure", b"\xff/\xff"] {
            assert_eq!(read_key(foreign), None);
        }
    }

    #[test]
    fn every_part_is_known_by_its_key() {
        for part in Part::ALL {
            assert_eq!(Part::of(&part.key("a/b")), Some(part));
        }
        assert_eq!(Part::of(b"reviewers"), None);
        let key = Part::Listed.key("a/b");
        assert_eq!(read_listed(&key), Some("a/b".to_owned()));
        assert_eq!(read_listed(b"review/a"), None);
    }
}
