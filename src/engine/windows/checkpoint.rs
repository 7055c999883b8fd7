//! What is held, handed out so that another process can go on from it.
//!
//! Invariants: a checkpoint of a credential stands by itself: no text of it lies
//! elsewhere; restored, it emits what the original would have emitted, and nothing
//! that was emitted already; bytes of any other origin are refused, never guessed at.

use std::fmt;

use super::former;
use super::log::{self, Head, Key, Log};
use super::state::{self, Held};
use super::store::{Entry, Scratch, Windows};
use super::texts::Texts;
use super::unsaved::Written;
use crate::event::Workflow;

/// The first byte of every checkpoint; no text starts with it.
const MAGIC: u8 = 0xE5;

/// The second byte: the version of what follows.
const VERSION: u8 = 5;

/// Why bytes are not taken for a credential's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// Its layout is of another version than the one that this program reads and writes.
    Version {
        /// The version found.
        version: u8,
        /// The version that can be read.
        known: u8,
    },
    /// Not a checkpoint, or not a whole one.
    Damaged,
    /// More credentials than the engine may hold.
    TooMany,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::Version { version, known } => {
                write!(f, "state of version {version}, and this program reads version {known}")
            }
            RestoreError::Damaged => f.write_str("not the state of a credential"),
            RestoreError::TooMany => f.write_str("more credentials than the configured bound"),
        }
    }
}

impl std::error::Error for RestoreError {}

/// The credential whose state these bytes are; `None` for bytes of any other kind or version.
pub fn checkpoint_key(checkpoint: &[u8]) -> Option<Key<'_>> {
    match checkpoint {
        [MAGIC, VERSION, _, written @ ..] => state::read_key(written).map(|(key, _)| key),
        _ => None,
    }
}

/// Places that a rewriting looks at for each credential that it is to hand out.
const PLACES_PER_CREDENTIAL: usize = 64;
/// What an event takes in a checkpoint beside its texts, at most.
const EVENT_FIXED_MAX: usize = 128;

/// Writes the checkpoint of a credential.
fn write(entry: &Entry, state: Held<'_>, scratch: &mut Scratch) {
    let Scratch { heads, bytes, .. } = scratch;
    bytes.clear();
    // What is pending has to be emitted after a restore.
    bytes.extend_from_slice(&[MAGIC, VERSION, entry.dirty.into()]);
    let before_events = entry.bytes.len() - state.log.bytes.len();
    bytes.extend_from_slice(&entry.bytes[..before_events]);
    log::heads(state.log, heads);
    for head in heads.iter() {
        if let Some(event) = head.event(state.log) {
            let id = head.written_id(state.log);
            log::push_again(bytes, id, &event, head.weight, |_| None);
        }
    }
}

impl Windows {
    /// Hands out every credential that has changed since the last call: its key
    /// and its state, or `None` when it is no longer held. Nothing unless
    /// [`EngineConfig::checkpoints`](crate::config::EngineConfig::checkpoints) is
    /// set. A key may come twice, gone and held again: the later word counts.
    pub fn checkpoint(&mut self, each: &mut dyn FnMut(Key<'_>, Option<&[u8]>)) {
        for gone in std::mem::take(&mut self.unsaved.gone) {
            if let Some((key, _)) = state::read_key(&gone) {
                each(key, None);
            }
        }
        for at in self.unsaved.changed.drain(..) {
            let entry = &mut self.entries[at as usize];
            entry.unsaved = false;
            let Some(state) = Held::read(&entry.bytes, &self.texts) else { continue };
            entry.saved = true;
            write(entry, state, &mut self.scratch);
            each(state.log.key, Some(&self.scratch.bytes));
        }
    }

    /// Has the next checkpoint hand out up to `most` credentials again, those from place `from`
    /// on. Returns the place to go on with; `None`: there are no more. Places of credentials do
    /// not change, and what comes later is handed out anyway.
    pub fn rewrite(&mut self, from: usize, most: usize) -> Option<usize> {
        // After an incident most places may be free.
        let to = self.entries.len().min(from + PLACES_PER_CREDENTIAL * most);
        let mut left = most;
        for at in from..to {
            if left == 0 {
                return Some(at);
            }
            if !self.entries[at].bytes.is_empty() {
                self.mark_unsaved(at as u32);
                left -= 1;
            }
        }
        Some(to).filter(|to| *to < self.entries.len())
    }

    /// Whether a credential has as much as it may. Its checkpoint lies in a record of a log
    /// that has a bound of its own, and each text stands there in full, where here it may
    /// be a number.
    pub(super) fn is_full(&mut self, at: u32) -> bool {
        let bytes_max = self.config.credential_bytes;
        let entry = &self.entries[at as usize];
        if entry.bytes.len() > bytes_max {
            return true;
        }
        let at_most = entry.bytes.len() + entry.events as usize * self.event_bytes_max;
        if !self.config.checkpoints || at_most <= bytes_max {
            return false;
        }
        let known = self.written.get(&at).copied();
        let known = known.filter(|known| known.exact || known.bytes <= bytes_max);
        let written = match known {
            Some(known) => known.bytes,
            None => {
                let Some(state) = Held::read(&entry.bytes, &self.texts) else { return false };
                write(entry, state, &mut self.scratch);
                let bytes = self.scratch.bytes.len();
                self.written.insert(at, Written { bytes, exact: true });
                bytes
            }
        };
        written > bytes_max
    }

    /// Notes that a credential has taken in an event of so many bytes of text.
    pub(super) fn grown(&mut self, at: u32, texts: usize) {
        let bytes = texts + EVENT_FIXED_MAX;
        self.event_bytes_max = self.event_bytes_max.max(bytes);
        if let Some(written) = self.written.get_mut(&at) {
            *written = Written { bytes: written.bytes + bytes, exact: false };
        }
    }

    /// Takes back what [`Windows::checkpoint`] handed out, in place of whatever
    /// is held of the credential. The next [`Windows::advance`] sees to its
    /// deadlines.
    ///
    /// # Errors
    /// [`RestoreError`]; nothing has changed then.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<(), RestoreError> {
        let (pending, written) = match checkpoint {
            [MAGIC, VERSION, pending, written @ ..] => (*pending != 0, written),
            [MAGIC, version, ..] if *version != VERSION => {
                return Err(RestoreError::Version { version: *version, known: VERSION });
            }
            _ => return Err(RestoreError::Damaged),
        };
        let none = Texts::new();
        let state = Held::read(written, &none).ok_or(RestoreError::Damaged)?;
        let mut heads = std::mem::take(&mut self.scratch.heads);
        let mut bytes = std::mem::take(&mut self.scratch.bytes);
        let restored = self.rebuild(written, pending, state, &mut heads, &mut bytes);
        self.scratch.heads = heads;
        self.scratch.bytes = bytes;
        restored
    }

    fn rebuild(
        &mut self,
        written: &[u8],
        pending: bool,
        state: Held<'_>,
        heads: &mut Vec<Head>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), RestoreError> {
        if former::read(state.former()).is_none() {
            return Err(RestoreError::Damaged);
        }
        let Log { key, bytes: log, .. } = state.log;
        log::heads(state.log, heads);
        if !log::is_whole(log, heads) {
            return Err(RestoreError::Damaged);
        }
        bytes.clear();
        bytes.extend_from_slice(&written[..written.len() - log.len()]);
        for head in heads.iter() {
            let event = head.event(state.log).ok_or(RestoreError::Damaged)?;
            self.event_bytes_max = self.event_bytes_max.max(log::texts(&event) + EVENT_FIXED_MAX);
            let id = head.written_id(state.log);
            log::push_again(bytes, id, &event, head.weight, |text| self.texts.take_in(text));
        }
        let detected = heads.iter().any(|head| head.kind.opens()) || state.settled.is_some();
        let at = self.place(key, detected)?;
        self.written.remove(&at);
        let entry = &mut self.entries[at as usize];
        self.state_bytes = self.state_bytes + bytes.len() as u64 - entry.bytes.len() as u64;
        entry.bytes = bytes.as_slice().into();
        // What is held is few enough to be counted in 32 bits.
        entry.events = heads.len() as u32;
        entry.saved = true;
        // Mostly nothing has come in since it was last emitted.
        entry.dirty = pending;
        self.list(at);
        self.counts.accepted += heads.iter().map(|head| u64::from(head.weight)).sum::<u64>();
        for published in state.published() {
            self.standings.add(key.workflow, published.waiting);
        }
        Ok(())
    }

    /// Where a restored state goes. A changelog has several of most credentials: what
    /// stands there already is replaced where it stands.
    fn place(&mut self, key: Key<'_>, detected: bool) -> Result<u32, RestoreError> {
        let hash = self.hash_of(key);
        let found = self.find(key, hash);
        if let Some(at) = found {
            if self.entries[at as usize].detected == detected {
                self.take_back_standings(at, key.workflow);
                return Ok(at);
            }
            self.forget(key);
        }
        if self.credentials() >= self.config.credentials {
            return Err(RestoreError::TooMany);
        }
        Ok(self.insert(key, hash, detected))
    }

    fn take_back_standings(&mut self, at: u32, workflow: Workflow) {
        if let Some(state) = Held::read(&self.entries[at as usize].bytes, &self.texts) {
            for published in state.published() {
                self.standings.remove(workflow, published.waiting);
            }
        }
    }

    /// Forgets a credential whose checkpoint says that it is gone.
    pub fn forget(&mut self, key: Key<'_>) {
        let Some(at) = self.find(key, self.hash_of(key)) else { return };
        self.take_back_standings(at, key.workflow);
        self.entries[at as usize].saved = false;
        self.remove(at);
    }

    /// Notes that the state of a credential is another than was handed out.
    pub(super) fn mark_unsaved(&mut self, at: u32) {
        if self.config.checkpoints
            && !std::mem::replace(&mut self.entries[at as usize].unsaved, true)
        {
            self.unsaved.changed.push(at);
        }
    }

    /// Notes that a credential is gone.
    pub(super) fn mark_gone(&mut self, state: &[u8]) {
        if let Some((_, rest)) = state::read_key(state) {
            self.unsaved.gone.push(state[..state.len() - rest.len()].into());
        }
    }
}
