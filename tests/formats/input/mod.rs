//! Reading inputs: what comes out, in which order, from which place.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod bounds;
mod faults;
mod framing;
mod properties;

use std::io::{self, Read, Write};

use shutterlag::config::Limits;
use shutterlag::formats::RejectReason;
use shutterlag::runtime::input::{Chunk, Input, Inputs, Item};

/// What a reader found, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Record(u64, String),
    Fault(Option<u64>, RejectReason),
}

/// A record on a line.
pub(crate) fn record(line: u64, text: impl Into<String>) -> Found {
    Found::Record(line, text.into())
}

/// Everything in `inputs`, with the input's number; recycles as a caller would.
pub(crate) fn drain(inputs: &mut Inputs) -> Vec<(u32, Found)> {
    let mut found = Vec::new();
    let mut spent = Chunk::default();
    while let Some(chunk) = inputs.next_chunk(spent) {
        assert!(!chunk.is_empty(), "an empty chunk");
        assert_eq!(chunk.records().count(), chunk.len());
        let mut faults = chunk.faults();
        for item in chunk.items() {
            found.push(match item {
                Item::Record(place, bytes) => {
                    assert_eq!(place.input, chunk.input());
                    assert!(!bytes.is_empty(), "an empty record");
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    (place.input, Found::Record(place.line, text))
                }
                Item::Fault(fault) => {
                    assert_eq!(Some(fault), faults.next());
                    (fault.input, Found::Fault(fault.line, fault.rejection.reason))
                }
            });
        }
        assert_eq!(None, faults.next());
        drop(faults);
        spent = chunk;
    }
    found
}

/// Hands out its bytes in the given amounts, over and over, then fails or ends.
pub(crate) struct Trickle {
    pub(crate) bytes: io::Cursor<Vec<u8>>,
    pub(crate) amounts: Vec<usize>,
    pub(crate) turn: usize,
    pub(crate) fails: bool,
}

impl Trickle {
    pub(crate) fn of(bytes: impl Into<Vec<u8>>, amounts: &[usize]) -> Trickle {
        let bytes = io::Cursor::new(bytes.into());
        Trickle { bytes, amounts: amounts.to_vec(), turn: 0, fails: false }
    }

    pub(crate) fn input(self) -> Input {
        Input::Reader("trickle".to_owned(), Box::new(self))
    }
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        if self.turn.is_multiple_of(7) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let amount = self.amounts[self.turn % self.amounts.len()].min(buffer.len());
        let count = self.bytes.read(&mut buffer[..amount])?;
        if count == 0 && self.fails {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(count)
    }
}

/// What one input of `bytes` comes to.
pub(crate) fn read(bytes: impl Into<Vec<u8>>) -> Vec<Found> {
    read_with(bytes, Limits::DEFAULT, 512, &[usize::MAX])
}

/// The same with limits, chunks and reads of given sizes.
pub(crate) fn read_with(
    bytes: impl Into<Vec<u8>>,
    limits: Limits,
    chunk_bytes: usize,
    amounts: &[usize],
) -> Vec<Found> {
    let input = Trickle::of(bytes, amounts).input();
    let mut inputs = Inputs::new(vec![input], limits).chunk_bytes(chunk_bytes);
    drain(&mut inputs).into_iter().map(|(_, found)| found).collect()
}

pub(crate) fn limits(record_bytes: usize) -> Limits {
    Limits { record_bytes, ..Limits::DEFAULT }
}

/// One gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One zstd frame.
pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}
