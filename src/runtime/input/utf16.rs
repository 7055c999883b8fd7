//! UTF-16 → UTF-8, as Windows PowerShell writes what is redirected to a file.
//!
//! Invariants: only ever streams; a character that is cut off or unpaired becomes U+FFFD.

use std::io::{self, Read};

use crate::formats::Utf16;

/// Bytes of UTF-16 read at a time.
const PIECE_BYTES: usize = 32 << 10;

/// A reader of UTF-8 above one of UTF-16.
pub(super) struct FromUtf16<R> {
    source: R,
    order: Utf16,
    /// Read, not decoded yet: the half of a unit or of a surrogate pair.
    raw: Vec<u8>,
    /// Decoded, not handed out yet, from `at` on.
    text: Vec<u8>,
    at: usize,
}

impl<R: Read> FromUtf16<R> {
    pub(super) fn new(source: R, order: Utf16) -> FromUtf16<R> {
        FromUtf16 { source, order, raw: Vec::new(), text: Vec::new(), at: 0 }
    }

    /// Decodes what was read; at the end of the source, all of it.
    fn decode(&mut self, end: bool) {
        self.text.clear();
        self.at = 0;
        let (pairs, _) = self.raw.as_chunks::<2>();
        let units = pairs.iter().map(|pair| self.order.unit(*pair));
        // The first half of a surrogate pair waits for the second.
        let last = pairs.last().map(|pair| self.order.unit(*pair));
        let waits = !end && last.is_some_and(|unit| (0xD800..0xDC00).contains(&unit));
        let take = pairs.len() - usize::from(waits);
        let mut buffer = [0; 4];
        for character in char::decode_utf16(units.take(take)) {
            let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.text.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        }
        self.raw.drain(..take * 2);
        if end && !self.raw.is_empty() {
            self.raw.clear();
            let cut_off = char::REPLACEMENT_CHARACTER.encode_utf8(&mut buffer);
            self.text.extend_from_slice(cut_off.as_bytes());
        }
    }
}

impl<R: Read> Read for FromUtf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !buffer.is_empty() {
            let kept = self.raw.len();
            self.raw.resize(kept + PIECE_BYTES, 0);
            let read = self.source.read(&mut self.raw[kept..]);
            self.raw.truncate(kept + read.as_ref().map_or(0, |count| *count));
            let end = read? == 0;
            self.decode(end);
            if end && self.text.is_empty() {
                return Ok(0);
            }
        }
        let rest = &self.text[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Slow<'b>(&'b [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(1).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn read(bytes: &[u8], order: Utf16) -> String {
        let mut text = String::new();
        let read = FromUtf16::new(Slow(bytes), order).read_to_string(&mut text);
        assert!(read.is_ok_and(|count| count == text.len()));
        text
    }

    #[test]
    fn any_cut_between_reads_gives_the_same_text() {
        let text = "{\"a\":\"é\u{1f600}\"}\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(read(&little, Utf16::LittleEndian), text);
        assert_eq!(read(&big, Utf16::BigEndian), text);
        assert_eq!(read(b"a\0\x3D\xD8b\0\x3D", Utf16::LittleEndian), "a\u{fffd}b\u{fffd}");
        assert_eq!(read(b"\x3D\xD8", Utf16::LittleEndian), "\u{fffd}");
        assert_eq!(read(b"", Utf16::LittleEndian), "");
    }
}
