//! The credentials held: finding one, taking an event in, bounds.
//!
//! Invariants: a credential is held in one place; what is held is one run of bytes
//! with its events; every event that comes in is counted once.

use std::hash::BuildHasher;

use foldhash::HashMap;
use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::fold::{self, Fate, Rules};
use super::incoming::Incoming;
use super::log::{self, Head, Key};
use super::reported::Reported;
use super::settled::Settled;
use super::standing::Standings;
use super::state::{self, Held, Published, begin};
use super::texts::Texts;
use super::timers::Timers;
use super::unsaved::{Unsaved, Written};
use super::{order, repeats};
use crate::config::EngineConfig;
use crate::engine::Receipt;
use crate::event::{Event, Workflow};
use crate::time::{Span, Timestamp};

/// What came in and where it went; each event counts in one of the first four.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Distinct events held or used, restored ones among them.
    pub accepted: u64,
    /// Repeats of an id of the same credential.
    pub duplicate: u64,
    /// Events for a window that was final already.
    pub late: u64,
    /// Events refused because a bound of the engine was reached.
    pub refused: u64,
    /// Accepted events that found no window and are no longer waited for.
    pub orphan: u64,
    /// Accepted detections that were sightings of a window that is final and gone.
    pub resighted: u64,
}

/// The windows of all credentials.
#[derive(Debug)]
pub struct Windows {
    pub(super) config: EngineConfig,
    pub(super) entries: Vec<Entry>,
    pub(super) free: Vec<u32>,
    pub(super) index: HashTable<Place>,
    pub(super) hasher: RandomState,
    pub(super) timers: Timers,
    pub(super) texts: Texts,
    /// What the next advance looks at.
    pub(super) listed: Vec<u32>,
    pub(super) undetected: Undetected,
    pub(super) settled: Vec<Box<[u8]>>,
    pub(super) counts: Counts,
    pub(super) standings: Standings,
    pub(super) unjoined: Reported,
    pub(super) unsaved: Unsaved,
    /// Of those whose checkpoints may come near the bound.
    pub(super) written: HashMap<u32, Written>,
    /// The most that one event so far takes in a checkpoint.
    pub(super) event_bytes_max: usize,
    pub(super) state_bytes: u64,
    pub(super) expires_unjudged: bool,
    /// When to look whether missing judgements are still waited for; `None` if none is.
    pub(super) looks_again_at: Option<Timestamp>,
    pub(super) derivations: u64,
    pub(super) now: Option<Timestamp>,
    /// Names of which events are on their way.
    pub(super) incoming: Incoming,
    pub(super) scratch: Scratch,
}

/// Where a credential's state is, with half of its hash: the index can grow
/// without a look at any state, each of which lies somewhere else in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    at: u32,
    hash: u32,
}

impl Place {
    /// A hash of full width that only depends on the half that is kept.
    fn spread(hash: u32) -> u64 {
        u64::from(hash) << 32 | u64::from(hash)
    }

    fn hash(&self) -> u64 {
        Place::spread(self.hash)
    }
}

#[derive(Debug, Default)]
pub(super) struct Entry {
    /// See [`state`]; empty when the place is free.
    pub(super) bytes: Box<[u8]>,
    /// When something happens to the credential by itself.
    pub(super) due: Option<Timestamp>,
    /// Events in `bytes`.
    pub(super) events: u32,
    pub(super) dirty: bool,
    pub(super) detected: bool,
    /// Whether it stands in the queue of [`Undetected`].
    pub(super) queued: bool,
    /// Whether it stands in the list of [`Unsaved`].
    pub(super) unsaved: bool,
    /// Whether it stands in the list of those that the next advance looks at.
    pub(super) listed: bool,
    /// Whether a checkpoint of it was handed out, which has to be taken back.
    pub(super) saved: bool,
    /// Whether a window of it waits for nothing but the judgement of its decision.
    pub(super) unanswered: bool,
}

/// Credentials that came without a detection, oldest arrival first; some have
/// got one since, some are gone. A place in the queue is not used again before
/// its turn here is over, or it would inherit it.
#[derive(Debug, Default)]
pub(super) struct Undetected {
    queue: std::collections::VecDeque<u32>,
    pub(super) live: usize,
}

#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) heads: Vec<Head>,
    pub(super) fates: Vec<Fate>,
    pub(super) bytes: Vec<u8>,
    pub(super) due: Vec<u32>,
}

/// The most bytes the texts of one event may have together: the limits of the
/// decoders add up to less.
const EVENT_BYTES_MAX: usize = 32 << 10;

impl Windows {
    /// No windows yet.
    pub fn new(config: EngineConfig) -> Windows {
        Windows {
            config,
            entries: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            // Seeded anew each run: nobody can choose names that collide.
            hasher: RandomState::default(),
            timers: Timers::default(),
            texts: Texts::new(),
            listed: Vec::new(),
            undetected: Undetected::default(),
            settled: Vec::new(),
            counts: Counts::default(),
            standings: Standings::default(),
            unjoined: Reported::default(),
            unsaved: Unsaved::default(),
            written: HashMap::default(),
            event_bytes_max: 0,
            state_bytes: 0,
            expires_unjudged: true,
            looks_again_at: None,
            derivations: 0,
            now: None,
            incoming: Incoming::default(),
            scratch: Scratch::default(),
        }
    }

    /// What came in so far. Repeats are found when windows are derived: after
    /// [`Windows::advance`] none is left, and a [`View`](super::View) says how many it finds.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How long what is closed is remembered.
    pub fn remembers(&self) -> Span {
        self.config.remember_closed
    }

    /// Credentials held.
    pub fn credentials(&self) -> usize {
        self.index.len()
    }

    /// Bytes held of credentials: their states alone, without what finds them.
    pub fn state_bytes(&self) -> u64 {
        self.state_bytes
    }

    /// The windows that wait for something, as of the last [`Windows::advance`].
    pub fn standings(&self) -> &Standings {
        &self.standings
    }

    /// Takes in one event.
    pub fn handle(&mut self, event: &Event<'_>) -> Receipt {
        self.handle_weighted(event, 1)
    }

    /// Takes in an event that stands for `weight` events: more than one if repeats were
    /// folded into it under another name.
    pub fn handle_weighted(&mut self, event: &Event<'_>, weight: u32) -> Receipt {
        let texts = log::texts(event);
        if texts > EVENT_BYTES_MAX {
            self.counts.refused += u64::from(weight);
            return Receipt::Refused;
        }
        let detection = event.kind().opens();
        let key = Key { workflow: event.workflow, credential_id: &event.credential_id };
        let hash = self.hash_of(key);
        let at = match self.find(key, hash) {
            Some(at) => at,
            None if self.index.len() >= self.config.credentials => {
                self.counts.refused += u64::from(weight);
                return Receipt::Refused;
            }
            None => self.insert(key, hash, detection),
        };
        if self.is_full(at) {
            self.counts.refused += u64::from(weight);
            return Receipt::Refused;
        }
        let entry = &mut self.entries[at as usize];
        let is_behind =
            |settled: Timestamp| event.time < settled || event.time == settled && !event.reopens();
        if state::settled_at(&entry.bytes).is_some_and(is_behind) {
            self.counts.late += u64::from(weight);
            return Receipt::Late;
        }
        let Scratch { bytes, .. } = &mut self.scratch;
        bytes.clear();
        log::push(bytes, event, weight, |text| self.texts.take_in(text));
        // Exactly as long as needed: there are millions of these.
        let mut held = std::mem::take(&mut entry.bytes).into_vec();
        held.reserve_exact(bytes.len());
        held.extend_from_slice(bytes);
        entry.bytes = held.into_boxed_slice();
        self.state_bytes += bytes.len() as u64;
        entry.events += 1;
        self.counts.accepted += u64::from(weight);
        entry.dirty = true;
        if detection && !std::mem::replace(&mut entry.detected, true) {
            self.undetected.live -= 1;
        }
        self.list(at);
        self.mark_unsaved(at);
        self.grown(at, texts);
        let entry = &self.entries[at as usize];
        // Each doubling, so that the cost of looking is shared by many events.
        if entry.events >= self.config.events_per_window && entry.events.is_power_of_two() {
            self.shorten(at);
        }
        Receipt::Held
    }

    /// The half of a key's hash that is kept.
    pub(super) fn hash_of(&self, key: Key<'_>) -> u32 {
        self.hasher.hash_one(key) as u32
    }

    pub(super) fn find(&self, key: Key<'_>, hash: u32) -> Option<u32> {
        let entries = &self.entries;
        let found = self.index.find(Place::spread(hash), |place| {
            place.hash == hash && state::has_key(&entries[place.at as usize].bytes, key)
        });
        found.map(|place| place.at)
    }

    pub(super) fn insert(&mut self, key: Key<'_>, hash: u32, detected: bool) -> u32 {
        if !detected {
            self.make_room_for_undetected();
        }
        let bytes = &mut self.scratch.bytes;
        bytes.clear();
        begin(bytes, key, None, &[], &[]);
        let queued = !detected;
        self.state_bytes += bytes.len() as u64;
        let bytes = bytes.as_slice().into();
        let entry = Entry { bytes, detected, queued, ..Entry::default() };
        let at = match self.free.pop() {
            Some(at) => {
                let Entry { unsaved, listed, .. } = self.entries[at as usize];
                self.entries[at as usize] = Entry { unsaved, listed, ..entry };
                at
            }
            None => {
                self.entries.push(entry);
                // The bound on credentials is far below 2^32.
                (self.entries.len() - 1) as u32
            }
        };
        self.index.insert_unique(Place::spread(hash), Place { at, hash }, Place::hash);
        if queued {
            self.undetected.queue.push_back(at);
            self.undetected.live += 1;
        }
        at
    }

    /// Has the next advance look at a credential.
    pub(super) fn list(&mut self, at: u32) {
        if !std::mem::replace(&mut self.entries[at as usize].listed, true) {
            self.listed.push(at);
        }
    }

    /// The same for a credential of which this is the name, if it is held.
    pub(super) fn look_at(&mut self, workflow: Workflow, credential_id: &str) {
        let key = Key { workflow, credential_id };
        if let Some(at) = self.find(key, self.hash_of(key)) {
            self.list(at);
        }
    }

    pub(super) fn remove(&mut self, at: u32) {
        let entry = &mut self.entries[at as usize];
        let Entry { queued, unsaved, listed, .. } = *entry;
        let free = Entry { queued, unsaved, listed, ..Entry::default() };
        let entry = std::mem::replace(entry, free);
        self.state_bytes -= entry.bytes.len() as u64;
        self.written.remove(&at);
        self.unjoined.remove(at, &entry.bytes);
        if entry.saved {
            self.mark_gone(&entry.bytes);
        }
        if let Some((key, _)) = state::read_key(&entry.bytes) {
            let hash = Place::spread(self.hash_of(key));
            if let Ok(found) = self.index.find_entry(hash, |place| place.at == at) {
                found.remove();
            }
        }
        if !entry.detected {
            self.undetected.live -= 1;
        }
        if !queued {
            self.free.push(at);
        }
    }

    /// Expires the credential that has waited longest for a detection when there are
    /// too many: its events become orphans now instead of later.
    fn make_room_for_undetected(&mut self) {
        while self.undetected.live >= self.config.undetected_credentials.max(1) {
            let Some(oldest) = self.undetected.queue.pop_front() else { return };
            let entry = &self.entries[oldest as usize];
            if !entry.detected && !entry.bytes.is_empty() {
                if let Some(state) = Held::read(&entry.bytes, &self.texts) {
                    let repeats = order::ordered(state.log, &mut self.scratch.heads);
                    self.counts.repeats(repeats);
                    self.counts.orphan += weight(&self.scratch.heads);
                }
                self.remove(oldest);
            }
            self.leave_queue(oldest);
        }
        if self.undetected.queue.len() > 2 * self.undetected.live + 1024 {
            for at in std::mem::take(&mut self.undetected.queue) {
                let entry = &self.entries[at as usize];
                if entry.bytes.is_empty() || entry.detected {
                    self.leave_queue(at);
                } else {
                    self.undetected.queue.push_back(at);
                }
            }
        }
    }

    fn leave_queue(&mut self, at: u32) {
        let entry = &mut self.entries[at as usize];
        entry.queued = false;
        if entry.bytes.is_empty() {
            self.free.push(at);
        }
    }

    fn shorten(&mut self, at: u32) {
        self.written.remove(&at);
        let Scratch { heads, fates, bytes, .. } = &mut self.scratch;
        let entry = &mut self.entries[at as usize];
        let Some(state) = Held::read(&entry.bytes, &self.texts) else { return };
        let repeats = order::ordered(state.log, heads);
        let rules = rules(&self.config, state.settled);
        fold::fold(state.log, heads, rules, fates, |_, _| {});
        let limit = self.config.events_per_window as usize;
        let short =
            repeats::shorten(state.log, heads, fates, limit / 2, &self.config.detects_at_once);
        let published: Vec<Published> = state.published().collect();
        bytes.clear();
        begin(bytes, state.log.key, state.settled, state.former(), &published);
        match short {
            Some(short) => {
                bytes.extend_from_slice(&short.log);
                entry.events = short.events;
            }
            None => entry.events = state::append(bytes, state.log, heads.iter()),
        }
        self.state_bytes = self.state_bytes + bytes.len() as u64 - entry.bytes.len() as u64;
        entry.bytes = bytes.as_slice().into();
        self.counts.repeats(repeats);
    }
}

impl Counts {
    /// Moves `repeats` events that turned out not to be distinct.
    pub(super) fn repeats(&mut self, repeats: u64) {
        self.accepted -= repeats;
        self.duplicate += repeats;
    }
}

pub(super) fn rules(config: &EngineConfig, settled: Option<Settled>) -> Rules<'_> {
    Rules {
        skew_tolerance: config.skew_tolerance,
        early_look: config.early_look(),
        settled,
        settle: config.settle,
        reopen: config.reopen,
        detects_at_once: &config.detects_at_once,
        aliases: &config.aliases,
        profiles: &config.profiles,
    }
}

fn weight(heads: &[Head]) -> u64 {
    heads.iter().map(|head| u64::from(head.weight)).sum()
}
