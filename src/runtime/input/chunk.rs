//! A piece of an input: whole records, where each lies, and what went wrong.
//!
//! Invariants: every record lies within the chunk's bytes and none is empty; a
//! chunk is of one input; records are in the order of the input, and each fault
//! knows between which of them it belongs.

use crate::formats::Rejection;

/// Where a record begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which input, counted from 0 in the order given.
    pub input: u32,
    /// Which line of it, counted from 1 after decompression.
    pub line: u64,
}

/// Something that could not be read: a record too large to be held, or the
/// rest of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which input, counted from 0 in the order given.
    pub input: u32,
    /// The line of the record, or the line that reading had reached; `None`
    /// when the input could not be opened.
    pub line: Option<u64>,
    /// What went wrong.
    pub rejection: Rejection,
}

/// What a chunk holds, piece by piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'c> {
    /// The bytes of a record, without the blanks around it.
    Record(Place, &'c [u8]),
    /// Something that could not be read here.
    Fault(&'c Fault),
}

/// One record's bytes within its chunk.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
    line: u64,
}

/// A piece of an input. Give it back to
/// [`Inputs::next_chunk`](super::Inputs::next_chunk) to have its memory reused.
#[derive(Debug, Default)]
pub struct Chunk {
    input: u32,
    /// As long as it is allocated, so that reading into it again zeroes nothing.
    pub(super) bytes: Vec<u8>,
    framed: Framed,
}

/// What framing found in a chunk's bytes.
#[derive(Debug, Default)]
pub(super) struct Framed {
    records: Vec<Span>,
    /// Each with the number of records before it.
    faults: Vec<(usize, Fault)>,
}

impl Framed {
    /// Adds the record `start..end` that begins on `line`. Both fit 32 bits
    /// because a chunk is never that long.
    pub(super) fn record(&mut self, start: usize, end: usize, line: u64) {
        self.records.push(Span { start: start as u32, end: end as u32, line });
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        self.faults.push((self.records.len(), fault));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.faults.is_empty()
    }
}

impl Chunk {
    /// Forgets the content, keeps the memory.
    pub(super) fn clear(&mut self, input: u32) {
        self.input = input;
        self.framed.records.clear();
        self.framed.faults.clear();
    }

    pub(super) fn parts(&mut self) -> (&mut Vec<u8>, &mut Framed) {
        (&mut self.bytes, &mut self.framed)
    }

    /// Which input the chunk is a piece of, counted from 0.
    pub fn input(&self) -> u32 {
        self.input
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.framed.records.len()
    }

    /// Whether it holds neither record nor fault.
    pub fn is_empty(&self) -> bool {
        self.framed.is_empty()
    }

    /// All bytes that records and faults were found in.
    pub fn content(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of memory held for content.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// The records in order, each with its place.
    pub fn records(&self) -> impl Iterator<Item = (Place, &[u8])> {
        self.framed.records.iter().map(|span| self.resolve(span))
    }

    /// The faults in order.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.framed.faults.iter().map(|(_, fault)| fault)
    }

    /// Records and faults in the order of the input.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let mut faults = self.framed.faults.iter().peekable();
        let mut records = self.framed.records.iter().enumerate().peekable();
        std::iter::from_fn(move || {
            let at = records.peek().map_or(usize::MAX, |(index, _)| *index);
            if let Some((_, fault)) = faults.next_if(|(before, _)| *before <= at) {
                return Some(Item::Fault(fault));
            }
            let (_, span) = records.next()?;
            let (place, bytes) = self.resolve(span);
            Some(Item::Record(place, bytes))
        })
    }

    fn resolve(&self, span: &Span) -> (Place, &[u8]) {
        let place = Place { input: self.input, line: span.line };
        (place, &self.bytes[span.start as usize..span.end as usize])
    }
}
