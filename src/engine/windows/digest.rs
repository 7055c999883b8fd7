//! A quick digest of bytes, the same in every process.

/// Eight bytes at a time, since every event of a changed window goes through here:
/// each step is a bijection of the state, and so is the last mixing.
pub(super) fn digest(bytes: &[u8]) -> u32 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
    let mixed = words
        .fold(bytes.len() as u64, |state, word| (state.rotate_left(23) ^ word).wrapping_mul(ODD));
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(ODD);
    (mixed >> 32) as u32
}
