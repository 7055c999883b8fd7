//! Writes the blocks of one partition of a changelog, and keeps them few.

use std::collections::VecDeque;

use super::form;
use crate::time::Timestamp;

/// How many times as many entries as the state has the blocks hold before it is written again.
/// With 3, and two entries written again for each that changes, a state is written one and a half
/// times in all.
const ENTRIES_PER_HELD: usize = 3;
/// Entries beside, so that a small state is not written again all the time.
const ENTRIES_SPARE: usize = 100;
/// Entries to write again with a commit: for each that changed in the commit before, and at least
/// so many, or this part of the state, so that it ends before a session does.
const REWRITTEN_PER_CHANGED: usize = 2;
const REWRITTEN_MIN: usize = 100;
const REWRITTEN_PART: usize = 500;
/// Blocks without use beside those in use, above which some are deleted.
const UNUSED_SPARE: usize = 16;
/// Blocks that are deleted with one that is written, at most.
const DELETED_MAX: usize = 64;

/// A record to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'s> {
    /// Its key.
    pub key: &'s [u8],
    /// The block; `None` deletes it.
    pub block: Option<&'s [u8]>,
    /// The latest time that its entries bear.
    pub written_at: Option<Timestamp>,
}

/// Where a block's record is.
#[derive(Debug)]
pub(super) enum Place {
    /// Under the key of this session with this number.
    Own(u32),
    /// Under a key of an earlier session.
    Other(Box<[u8]>),
}

/// A block that the topic holds.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) number: u64,
    pub(super) entries: usize,
    pub(super) place: Place,
}

/// The writer.
#[derive(Debug)]
pub struct BlockWriter {
    session: u64,
    /// The number of the next block.
    next: u64,
    /// The first block that matters.
    from: u64,
    /// Oldest first.
    kept: VecDeque<Kept>,
    /// Numbers of keys: how many were ever used, and those that are deleted.
    slots: u32,
    free: Vec<u32>,
    /// Entries in blocks that matter.
    entries: usize,
    /// The first block since the state is being written again.
    rewriting: Option<u64>,
    /// The block that is being filled.
    block: Vec<u8>,
    in_block: usize,
    written_at: Option<Timestamp>,
    /// Entries since the last commit, and of the one before.
    changed: usize,
    changed_before: usize,
    /// Of `changed`, those written again.
    rewritten: usize,
}

impl BlockWriter {
    /// Begins an empty changelog. `session` must be another number in each session.
    pub fn new(session: u64) -> BlockWriter {
        BlockWriter::going_on(session, 0, 0, VecDeque::new())
    }

    pub(super) fn going_on(
        session: u64,
        next: u64,
        from: u64,
        kept: VecDeque<Kept>,
    ) -> BlockWriter {
        let matter = kept.iter().filter(|kept| kept.number >= from);
        let entries = matter.map(|kept| kept.entries).sum();
        let mut block = Vec::new();
        form::begin(&mut block);
        BlockWriter {
            session,
            next,
            from,
            kept,
            slots: 0,
            free: Vec::new(),
            entries,
            rewriting: None,
            block,
            in_block: 0,
            written_at: None,
            changed: 0,
            changed_before: 0,
            rewritten: 0,
        }
    }

    /// Adds an entry. A block that would have more than `bytes_max` with it is sent first.
    ///
    /// # Errors
    /// What `send` returns.
    pub fn push<E>(
        &mut self,
        (key, state): (&[u8], Option<&[u8]>),
        written_at: Option<Timestamp>,
        bytes_max: usize,
        send: impl FnMut(Sent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.block.len() + form::entry_bytes(key, state) > bytes_max {
            self.flush(send)?;
        }
        form::push(&mut self.block, key, state);
        self.in_block += 1;
        self.changed += 1;
        self.written_at = self.written_at.max(written_at);
        Ok(())
    }

    /// Sends the block that is being filled, unless it is empty.
    ///
    /// # Errors
    /// What `send` returns.
    pub fn flush<E>(&mut self, mut send: impl FnMut(Sent<'_>) -> Result<(), E>) -> Result<(), E> {
        if self.in_block == 0 {
            return Ok(());
        }
        let mut deleted = Vec::new();
        let slot = self.slot(&mut deleted);
        form::finish(&mut self.block, self.next, self.from);
        let key = form::key(self.session, slot);
        let written_at = self.written_at;
        send(Sent { key: &key, block: Some(&self.block), written_at })?;
        // After the block whose `from` makes them obsolete: without transactions a writer may stop
        // between the two.
        for key in deleted {
            send(Sent { key: &key, block: None, written_at })?;
        }
        self.kept.push_back(Kept {
            number: self.next,
            entries: self.in_block,
            place: Place::Own(slot),
        });
        self.next += 1;
        self.entries += self.in_block;
        self.in_block = 0;
        self.written_at = None;
        form::begin(&mut self.block);
        Ok(())
    }

    /// How many entries of the state, which has `held`, to write again with this commit. `None`:
    /// the blocks are few enough.
    pub fn rewrites(&mut self, held: usize) -> Option<usize> {
        let much = self.entries > ENTRIES_PER_HELD * held + ENTRIES_SPARE;
        if self.rewriting.is_none() && !much {
            return None;
        }
        // What is in the block being filled comes with it.
        self.rewriting.get_or_insert(self.next);
        let least = REWRITTEN_MIN.max(held / REWRITTEN_PART);
        let most = (REWRITTEN_PER_CHANGED * self.changed_before).max(least);
        self.rewritten = most;
        Some(most)
    }

    /// Everything of this commit is sent. `all` says whether all of the state was written again
    /// since [`BlockWriter::rewrites`] first asked for it.
    pub fn committed(&mut self, all: bool) {
        self.changed_before = self.changed.saturating_sub(self.rewritten);
        (self.changed, self.rewritten) = (0, 0);
        let Some(from) = self.rewriting.filter(|_| all) else { return };
        // The next block says so: by then this commit's are there.
        self.rewriting = None;
        self.from = from;
        let matter = self.kept.iter().filter(|kept| kept.number >= from);
        self.entries = matter.map(|kept| kept.entries).sum();
    }

    /// The number of the key for the next block: that of the oldest obsolete block, or a new one.
    /// Adds to `deleted` the keys of obsolete blocks of other sessions, and of those that are too
    /// many. Then the number is a new one: the block is sent before the deletions, and obsolete
    /// blocks must go oldest first.
    fn slot(&mut self, deleted: &mut Vec<Vec<u8>>) -> u32 {
        let mut freed = Vec::new();
        while deleted.len() < DELETED_MAX
            && let Some(oldest) = self.kept.front().filter(|kept| kept.number < self.from)
        {
            match &oldest.place {
                Place::Own(slot) if !self.has_too_many() => {
                    if !deleted.is_empty() {
                        break;
                    }
                    let slot = *slot;
                    self.kept.pop_front();
                    return slot;
                }
                Place::Own(slot) => {
                    deleted.push(form::key(self.session, *slot));
                    freed.push(*slot);
                }
                Place::Other(key) => deleted.push(key.to_vec()),
            }
            self.kept.pop_front();
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        self.free.append(&mut freed);
        slot
    }

    /// Whether far more blocks are without use than in use.
    fn has_too_many(&self) -> bool {
        let unused = self.kept.partition_point(|kept| kept.number < self.from);
        unused > 2 * (self.kept.len() - unused) + UNUSED_SPARE
    }
}
