//! How a block is written: its head, then each entry with its lengths before it.

/// What the key of a block's record begins with. No state has such a key.
const PREFIX: &str = "block/";
/// The layout that is written and read.
const VERSION: u8 = 1;
/// Version, sequence number, first number that matters.
const HEAD_BYTES: usize = 1 + 8 + 8;
/// In place of the length of a state: it is gone.
const GONE: u32 = u32::MAX;

/// The key of the record of a session's block.
pub(super) fn key(session: u64, slot: u32) -> Vec<u8> {
    format!("{PREFIX}{session:016x}/{slot}").into_bytes()
}

/// Whether a record with this key holds a block.
pub fn is_key(key: &[u8]) -> bool {
    key.starts_with(PREFIX.as_bytes())
}

/// Begins a block in `into`. [`finish`] sets its numbers.
pub(super) fn begin(into: &mut Vec<u8>) {
    into.clear();
    into.push(VERSION);
    into.resize(HEAD_BYTES, 0);
}

/// Adds an entry: a key, and its state unless it is gone.
pub(super) fn push(into: &mut Vec<u8>, key: &[u8], state: Option<&[u8]>) {
    // Keys and states are far shorter than 4 GiB: a record of a topic holds them.
    into.extend_from_slice(&(key.len() as u32).to_le_bytes());
    into.extend_from_slice(&state.map_or(GONE, |state| state.len() as u32).to_le_bytes());
    into.extend_from_slice(key);
    into.extend_from_slice(state.unwrap_or_default());
}

/// What an entry takes in a block.
pub(super) fn entry_bytes(key: &[u8], state: Option<&[u8]>) -> usize {
    2 * size_of::<u32>() + key.len() + state.map_or(0, <[u8]>::len)
}

/// Sets the numbers of a block that was begun.
pub(super) fn finish(block: &mut [u8], number: u64, from: u64) {
    for (at, value) in [(1, number), (9, from)] {
        if let Some(place) = block.get_mut(at..at + 8) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    }
}

/// A block as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Block<'b> {
    pub(super) number: u64,
    pub(super) from: u64,
    entries: &'b [u8],
}

impl<'b> Block<'b> {
    /// Reads the value of a record. `None` if it is not a whole block.
    pub fn read(value: &'b [u8]) -> Option<Block<'b>> {
        let (head, entries) = value.split_at_checked(HEAD_BYTES)?;
        let number = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
        let block = Block { number: number(1)?, from: number(9)?, entries };
        if head.first() != Some(&VERSION) || block.from > block.number {
            return None;
        }
        let mut rest = entries;
        while !rest.is_empty() {
            (_, rest) = split(rest)?;
        }
        Some(block)
    }

    /// Its entries in order: each a key, and its state unless it is gone.
    pub fn entries(&self) -> impl Iterator<Item = (&'b [u8], Option<&'b [u8]>)> + use<'b> {
        let mut rest = self.entries;
        std::iter::from_fn(move || {
            let (entry, after) = split(rest)?;
            rest = after;
            Some(entry)
        })
    }
}

/// An entry of a block, and what comes after it.
type Split<'b> = ((&'b [u8], Option<&'b [u8]>), &'b [u8]);

fn split(bytes: &[u8]) -> Option<Split<'_>> {
    let (key_bytes, rest) = bytes.split_first_chunk::<4>()?;
    let (state_bytes, rest) = rest.split_first_chunk::<4>()?;
    let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*key_bytes) as usize)?;
    match u32::from_le_bytes(*state_bytes) {
        GONE => Some(((key, None), rest)),
        bytes => {
            let (state, rest) = rest.split_at_checked(bytes as usize)?;
            Some(((key, Some(state)), rest))
        }
    }
}
