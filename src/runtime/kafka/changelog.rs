//! Keys of the changelog: the workflow's word, a slash, the credential.
//!
//! The values are the engine's checkpoints as they are.

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
}
