//! Short digests of texts: the same in every process, which a checkpoint needs.
//!
//! FNV-1a. Nothing is gained by choosing texts that collide: digests are only compared
//! within one reviewer's own.

use std::num::NonZeroU32;

/// A digest in the making.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) const fn new() -> Hash {
        Hash(0xcbf2_9ce4_8422_2325)
    }

    pub(super) const fn byte(self, byte: u8) -> Hash {
        Hash((self.0 ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3))
    }

    pub(super) fn bytes(self, bytes: &[u8]) -> Hash {
        bytes.iter().fold(self, |hash, byte| hash.byte(*byte))
    }

    /// A text that may be missing, apart from an empty one.
    pub(super) fn optional(self, text: Option<&str>) -> Hash {
        text.map_or(self.byte(0), |text| self.byte(1).bytes(text.as_bytes()))
    }

    pub(super) const fn long(self) -> u64 {
        self.0
    }

    /// 32 bits, never 0.
    pub(super) fn short(self) -> NonZeroU32 {
        NonZeroU32::new((self.0 ^ self.0 >> 32) as u32).unwrap_or(NonZeroU32::MIN)
    }
}

/// The digest of a text of some kind; those of two kinds are told apart.
pub(super) fn digest_of(kind: u8, text: &str) -> NonZeroU32 {
    Hash::new().byte(kind).bytes(text.as_bytes()).short()
}
