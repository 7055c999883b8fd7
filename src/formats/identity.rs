//! Names for credentials whose detector only gives the secret itself.
//!
//! A plain hash of a secret can be guessed (many secrets are short or follow a
//! pattern), so the name is an HMAC under a key that only the operator has.

use std::fmt;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTooShort {
    /// The fewest bytes a key may have.
    pub bytes_min: usize,
}

impl fmt::Display for KeyTooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an identity key needs at least {} bytes", self.bytes_min)
    }
}

impl std::error::Error for KeyTooShort {}

/// The keyed function from a raw secret to a `credential_id`.
#[derive(Clone)]
pub struct Identity(Hmac<Sha256>);

impl Identity {
    /// The fewest bytes a key may have: below it, trying all keys is feasible.
    pub const KEY_BYTES_MIN: usize = 16;

    /// An identity under `key`.
    ///
    /// # Errors
    /// [`KeyTooShort`] below [`Identity::KEY_BYTES_MIN`] bytes.
    pub fn new(key: &[u8]) -> Result<Identity, KeyTooShort> {
        let short = KeyTooShort { bytes_min: Identity::KEY_BYTES_MIN };
        if key.len() < Identity::KEY_BYTES_MIN {
            return Err(short);
        }
        Hmac::new_from_slice(key).map(Identity).map_err(|_| short)
    }

    /// `hmac:` and the first 128 bits of HMAC-SHA-256(key, secret) in hex.
    pub fn name(&self, secret: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(secret);
        let digest = mac.finalize().into_bytes();
        let mut name = String::with_capacity(37);
        name.push_str("hmac:");
        HEXLOWER.encode_append(&digest[..16], &mut name);
        name
    }
}

/// Never shows the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_published_test_vector() {
        // RFC 4231, test case 3: 20 bytes 0xaa, 50 bytes 0xdd.
        let identity = Identity::new(&[0xaa; 20]).unwrap();
        assert_eq!(identity.name(&[0xdd; 50]), "hmac:773ea91e36800e46854db8ebd09181a7");
    }

    #[test]
    fn refuses_a_short_key_and_never_prints_one() {
        assert_eq!(Identity::new(b"fifteen bytes..").unwrap_err().bytes_min, 16);
        let shown = format!("{:?}", Identity::new(b"sixteen bytes...").unwrap());
        assert!(!shown.contains("sixteen"));
    }
}
