//! Framing of bytes that are there as a whole.

use super::chunk::Chunk;
use super::framing::{Framer, Then};

/// All records of `bytes`, which are a whole input, none of them larger than
/// `record_bytes_max`.
pub fn whole(bytes: Vec<u8>, record_bytes_max: usize) -> Chunk {
    let mut chunk = Chunk::default();
    let (held, framed) = chunk.parts();
    *held = bytes;
    Framer::new(0, record_bytes_max).run(held, Then::End, framed);
    chunk
}
