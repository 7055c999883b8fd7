//! The blocks that a topic was found to hold, while it is read from its beginning to its end.

use std::collections::HashMap;

use super::form::Block;
use super::writer::{BlockWriter, Kept, Place};

/// Blocks that matter and are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The first of them.
    pub first: u64,
    /// How many.
    pub blocks: u64,
}

/// The last block of each key.
#[derive(Debug, Default)]
pub struct Found {
    by_key: HashMap<Box<[u8]>, Seen>,
    /// The block that was read last.
    last: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    number: u64,
    from: u64,
    entries: usize,
}

impl Found {
    /// Says whether blocks before this one are missing, so that what was read so far is to be
    /// forgotten; it is here already. Compaction removes the oldest blocks first, so blocks that
    /// follow each other have consecutive numbers, unless compaction removed some while the topic
    /// was read. Then nothing that was read before the gap matters. Otherwise the gap is found in
    /// the end.
    pub fn begins_anew(&mut self, block: &Block<'_>) -> bool {
        let last = self.last.replace(block.number);
        last.is_some_and(|last| block.number > last + 1)
    }

    /// Notes the block that a record with this key holds, with how many entries; `None`: it is
    /// deleted. Later records must come later.
    pub fn take(&mut self, key: &[u8], block: Option<(&Block<'_>, usize)>) {
        match block {
            Some((block, entries)) => {
                let seen = Seen { number: block.number, from: block.from, entries };
                self.by_key.insert(key.into(), seen);
            }
            None => drop(self.by_key.remove(key)),
        }
    }

    /// Goes on where the blocks end, under keys that bear this number of a session.
    ///
    /// # Errors
    /// When blocks that matter are not there: the state that was read is not whole.
    pub fn go_on(self, session: u64) -> Result<BlockWriter, Missing> {
        let mut kept: Vec<(u64, Kept)> = self.by_key.into_iter().map(kept).collect();
        kept.sort_unstable_by_key(|(_, kept)| kept.number);
        let Some((from, last)) = kept.last().map(|(from, last)| (*from, last.number)) else {
            return Ok(BlockWriter::new(session));
        };
        let mut next = from;
        let mut missing: Option<Missing> = None;
        for (_, Kept { number, .. }) in &kept {
            // Two of one number: without transactions a writer may repeat what it wrote.
            if *number > next {
                let first = missing.map_or(next, |missing| missing.first);
                let before = missing.map_or(0, |missing| missing.blocks);
                missing = Some(Missing { first, blocks: before + (*number - next) });
            }
            next = next.max(*number + 1);
        }
        match missing {
            Some(missing) => Err(missing),
            None => {
                let kept = kept.into_iter().map(|(_, kept)| kept).collect();
                Ok(BlockWriter::going_on(session, last + 1, from, kept))
            }
        }
    }
}

fn kept((key, seen): (Box<[u8]>, Seen)) -> (u64, Kept) {
    let Seen { number, from, entries } = seen;
    (from, Kept { number, entries, place: Place::Other(key) })
}
