//! Comparing a secret with what was sent, in a time that says nothing about it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A secret that is only compared with. It is kept as a keyed digest, with a key of this
/// process: comparing digests takes the same time whatever was sent.
#[derive(Clone)]
pub(super) struct Compared {
    keyed: Hmac<Sha256>,
    digest: Vec<u8>,
}

impl fmt::Debug for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compared")
    }
}

impl Compared {
    /// `secret` to be compared with; `None` if the system gives no random bytes.
    pub(super) fn new(secret: &[u8]) -> Option<Compared> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).ok()?;
        let keyed = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        let digest = keyed.clone().chain_update(secret).finalize().into_bytes().to_vec();
        Some(Compared { keyed, digest })
    }

    /// Whether `sent` is the secret.
    pub(super) fn is(&self, sent: &[u8]) -> bool {
        self.keyed.clone().chain_update(sent).verify_slice(&self.digest).is_ok()
    }
}
