//! Files and streams → records with their places, for replay.
//!
//! Inputs are read one after the other, each plain, gzip or zstd, told by its
//! first bytes. Records may be lines, objects over many lines, objects one after
//! the other or elements of arrays; `framing` holds the rules.
//!
//! ```text
//! Input ──open──▶ bytes ──framing──▶ Chunk { records, faults } ──▶ whoever decodes
//!                   │                  ▲
//!               Progress            recycled
//! ```
//!
//! Invariants: memory is bounded by the limit on a record, not by any input; what
//! cannot be read is a [`Fault`] in its place and the other inputs are read all
//! the same; nothing here starts a thread or looks into a record.

mod chunk;
mod framing;
mod line;
mod open;
mod progress;
mod scan;
mod stopped;
mod utf16;
mod whole;

use std::io;
use std::sync::Arc;

pub use chunk::{Chunk, Fault, Item, Place};
pub use open::Input;
pub use progress::Progress;
pub use stopped::stopped;
pub use whole::whole;

use crate::config::Limits;
use crate::formats::{RejectReason, Rejection};
use framing::{Framer, Then};
use open::Opened;
use stopped::is_stopped;

/// Bytes of a chunk: enough to make a read and a hand-over cheap, few enough to
/// be decoded while still in cache.
const CHUNK_BYTES: usize = 256 << 10;

/// Several inputs as one stream of chunks, in the order given.
pub struct Inputs {
    names: Vec<String>,
    waiting: std::vec::IntoIter<Input>,
    opened: u32,
    current: Option<Current>,
    record_bytes_max: usize,
    chunk_bytes: usize,
    progress: Arc<Progress>,
}

/// The input being read.
struct Current {
    index: u32,
    source: Opened,
    framer: Framer,
    /// What the last chunk ended with: the beginning of a record.
    carried: Vec<u8>,
}

impl Inputs {
    /// The records of `inputs`. Nothing is opened yet; only sizes are asked for.
    pub fn new(inputs: Vec<Input>, limits: Limits) -> Inputs {
        let total = inputs.iter().map(Input::size).sum();
        Inputs {
            names: inputs.iter().map(Input::name).collect(),
            waiting: inputs.into_iter(),
            opened: 0,
            current: None,
            record_bytes_max: limits.record_bytes,
            chunk_bytes: CHUNK_BYTES,
            progress: Arc::new(Progress::of(total)),
        }
    }

    /// Sets how many bytes a chunk is to have. A single record that is larger
    /// makes a larger chunk. What is found does not depend on it.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Inputs {
        self.chunk_bytes = bytes.clamp(1, 1 << 30);
        self
    }

    /// What to call an input to people: its path, or `stdin`.
    pub fn name(&self, input: u32) -> &str {
        self.names.get(input as usize).map_or("", String::as_str)
    }

    /// How far reading has come.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// The next chunk, which is never empty, or `None` after the last. `recycled`
    /// is a chunk no longer needed, or `Chunk::default()`: its memory is reused.
    pub fn next_chunk(&mut self, recycled: Chunk) -> Option<Chunk> {
        let mut chunk = recycled;
        loop {
            if let Some(current) = &mut self.current {
                chunk.clear(current.index);
                if !current.read(&mut chunk, self.chunk_bytes) {
                    self.current = None;
                }
            } else {
                let input = self.waiting.next()?;
                chunk.clear(self.opened);
                self.open(input, &mut chunk);
            }
            if !chunk.is_empty() {
                return Some(chunk);
            }
        }
    }

    fn open(&mut self, input: Input, chunk: &mut Chunk) {
        let index = self.opened;
        self.opened += 1;
        match Opened::open(input, self.progress()) {
            Ok(source) => {
                let framer = Framer::new(index, self.record_bytes_max);
                self.current = Some(Current { index, source, framer, carried: Vec::new() });
            }
            // Nothing of it was wanted any more.
            Err(error) if is_stopped(&error) => {}
            Err(error) => {
                let rejection = unreadable("cannot be opened", &error);
                chunk.parts().1.fault(Fault { input: index, line: None, rejection });
            }
        }
    }
}

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Current {
    /// Reads a chunk; false when it was the last of the input.
    fn read(&mut self, chunk: &mut Chunk, chunk_bytes: usize) -> bool {
        let (bytes, framed) = chunk.parts();
        let mut filled = self.carried.len();
        // Room for as much again, so that a long record is not copied often.
        let room = chunk_bytes.max(filled * 2);
        if bytes.len() < room {
            bytes.resize(room, 0);
        }
        bytes[..filled].copy_from_slice(&self.carried);
        self.carried.clear();
        loop {
            let (count, read) = self.source.fill(&mut bytes[filled..]);
            filled += count;
            let stopped = read.as_ref().is_err_and(is_stopped);
            let then = match read {
                Ok(true) => Then::More,
                Ok(false) => Then::End,
                // What is unfinished goes on in bytes that nobody wants.
                Err(_) if stopped => Then::More,
                Err(_) => Then::Damage,
            };
            self.framer.run(&bytes[..filled], then, framed);
            if stopped {
                self.framer.stop(&bytes[..filled], framed);
                return false;
            }
            if let Err(error) = &read {
                let line = Some(self.framer.line());
                let rejection = unreadable("cannot be read further", error);
                framed.fault(Fault { input: self.index, line, rejection });
            }
            if then != Then::More {
                return false;
            }
            let needed = self.framer.needed_from();
            self.framer.rebase();
            if !framed.is_empty() {
                self.carried.extend_from_slice(&bytes[needed..filled]);
                return true;
            }
            bytes.copy_within(needed..filled, 0);
            filled -= needed;
            if filled == bytes.len() {
                // One record, within the limit so far: the framer lets go of it
                // before this gets past twice that.
                bytes.resize(filled * 2, 0);
            }
        }
    }
}

fn unreadable(what: &str, error: &io::Error) -> Rejection {
    Rejection::new(RejectReason::Unreadable, format!("{what}: {error}"))
}
