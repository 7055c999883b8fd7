//! Names for what has no name in the source: credentials of which only the secret is known,
//! events without an id, and reasons that must be compared but not kept.
//!
//! Invariants: everything that may contain a secret goes through the keyed function; a name
//! depends on the content only, so a redelivery gets the same name.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::Identity;
use crate::event::{Event, is_access_key_id};

/// The credential that `secret` belongs to.
///
/// An AWS access key id is public by design (every signed request contains it), and AWS Health
/// and GuardDuty use it as the name of the credential. So it is used as it is, and their
/// events meet those of the scanners in one window.
pub(super) fn credential(secret: &str, identity: &Identity) -> String {
    if is_access_key_id(secret) { secret.to_owned() } else { identity.name(secret.as_bytes()) }
}

/// An id for an event whose source gives none: 128 bits, in hex, of SHA-256
/// over the event's own fields and its place.
///
/// `place` separates events that have equal fields, such as two files that hold the same
/// credential. It is free text and therefore enters through the keyed function.
pub(super) fn event_id(event: &Event<'_>, place: &str, identity: &Identity) -> String {
    let mut hasher = Sha256::new();
    // A hasher accepts everything, and all keys are strings, so this cannot fail. If it did,
    // the id would still depend on what was written before.
    let _ = serde_json::to_writer(HashWriter(&mut hasher), event);
    if !place.is_empty() {
        hasher.update(identity.name(format!("place\0{place}").as_bytes()));
    }
    HEXLOWER.encode(&hasher.finalize()[..16])
}

/// A digest by which repeated reasons are recognised, whatever their case and
/// spacing; keyed, because people paste secrets into comments.
pub(super) fn rationale(text: &str, identity: &Identity) -> String {
    let mut folded = String::from("rationale");
    for word in text.split_whitespace() {
        folded.push('\0');
        folded.extend(word.chars().flat_map(char::to_lowercase));
    }
    identity.name(folded.as_bytes())
}

/// How many words a text has; `u32::MAX` for more.
pub(super) fn words(text: &str) -> u32 {
    u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX)
}

struct HashWriter<'h>(&'h mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Body, Workflow};
    use crate::time::Timestamp;

    fn identity() -> Identity {
        Identity::new(b"a key for tests only").unwrap()
    }

    #[test]
    fn an_aws_key_id_names_itself_and_nothing_else_does() {
        assert_eq!(credential("AKIAIOSFODNN7EXAMPLE", &identity()), "AKIAIOSFODNN7EXAMPLE");
        for secret in [
            "AKIAIOSFODNN7EXAMPL",
            "AKIAIOSFODNN7EXAMPLEE",
            "AKIAIOSFODNN7EXAMPLe",
            "ABIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ] {
            assert!(credential(secret, &identity()).starts_with("hmac:"), "{secret}");
        }
    }

    #[test]
    fn an_event_id_follows_the_content_and_the_place() {
        let event = |ms| Event {
            id: "".into(),
            time: Timestamp::from_millis(ms),
            credential_id: "c".into(),
            workflow: Workflow::SecretExposure,
            source: None,
            severity: None,
            owner: None,
            noted: crate::event::Noted::default(),
            body: Body::CredentialAbused,
        };
        let id = |ms, place| event_id(&event(ms), place, &identity());
        assert_eq!(id(1, "a"), id(1, "a"));
        assert_ne!(id(1, "a"), id(2, "a"));
        assert_ne!(id(1, "a"), id(1, "b"));
        assert_ne!(id(1, "a"), id(1, ""));
        assert_eq!(id(1, "").len(), 32);
    }

    #[test]
    fn reasons_are_the_same_across_case_and_spacing() {
        let digest = |text| rationale(text, &identity());
        assert_eq!(digest("Looks fine"), digest("  looks\nFINE "));
        assert_ne!(digest("Looks fine"), digest("Looksfine"));
        assert_ne!(digest("Looks fine"), identity().name(b"Looks fine"));
        assert_eq!(words(" one  two\tthree\n"), 3);
    }
}
