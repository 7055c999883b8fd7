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
    /// Notes the number of the block that is read next. Returns whether numbers before it are
    /// missing; the caller then forgets the entries that it has read.
    ///
    /// Compaction removes the oldest blocks first, so the numbers have a gap only if compaction
    /// ran while the topic was read. Then all blocks before the gap are obsolete. If somebody
    /// deleted blocks that matter, [`Found::go_on`] reports it.
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
        let (mut next, mut missing) = (from, Missing { first: from, blocks: 0 });
        for (_, Kept { number, .. }) in &kept {
            if *number > next {
                if missing.blocks == 0 {
                    missing.first = next;
                }
                missing.blocks += *number - next;
            }
            // Two may have one number: without transactions a writer may repeat what it wrote.
            next = next.max(*number + 1);
        }
        if missing.blocks > 0 {
            return Err(missing);
        }
        let kept = kept.into_iter().map(|(_, kept)| kept).collect();
        Ok(BlockWriter::going_on(session, last + 1, from, kept))
    }
}

fn kept((key, seen): (Box<[u8]>, Seen)) -> (u64, Kept) {
    let Seen { number, from, entries } = seen;
    (from, Kept { number, entries, place: Place::Other(key) })
}
