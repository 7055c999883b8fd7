//! Credentials that get another name.
//!
//! Invariants: every event of a name is handed out once and held no more; what was emitted
//! of its windows is retracted by the next advance.

use super::log::{self, Key};
use super::order;
use super::settled::Settled;
use super::state::{self, Held, Published, begin};
use super::store::Windows;
use crate::event::{Event, Workflow};

/// What is remembered of the final windows of a name in one workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The workflow.
    pub workflow: Workflow,
    /// What a state holds of it.
    pub bytes: Vec<u8>,
}

impl Windows {
    /// Hands out every event held of `name`, each with the number of events that it stands
    /// for, and holds them no more. Returns what is remembered of windows of the name that are
    /// final: those stay as they are.
    pub fn release(&mut self, name: &str, each: &mut dyn FnMut(Event<'_>, u32)) -> Vec<Remembered> {
        let mut remembered = Vec::new();
        for workflow in Workflow::ALL {
            let key = Key { workflow: *workflow, credential_id: name };
            let Some(at) = self.find(key, self.hash_of(key)) else { continue };
            let held = std::mem::take(&mut self.entries[at as usize].bytes);
            let Some(state) = Held::read(&held, &self.texts) else { continue };
            let settled = state.settled;
            if settled.is_some() {
                let mut bytes = Vec::new();
                Settled::write(settled, &mut bytes);
                remembered.push(Remembered { workflow: *workflow, bytes });
            }
            let heads = &mut self.scratch.heads;
            let repeats = order::ordered(state.log, heads);
            let mut moved = 0;
            for head in heads.iter() {
                let Some(event) = head.named_event(state.log) else { continue };
                moved += u64::from(head.weight);
                each(Event { credential_id: name.into(), ..event }, head.weight);
            }
            self.counts.repeats(repeats);
            self.counts.accepted = self.counts.accepted.saturating_sub(moved);
            let published: Vec<Published> = state.published().collect();
            let bytes = &mut self.scratch.bytes;
            bytes.clear();
            begin(bytes, key, state.settled, &published);
            let bytes: Box<[u8]> = bytes.as_slice().into();
            self.state_bytes = self.state_bytes + bytes.len() as u64 - held.len() as u64;
            let entry = &mut self.entries[at as usize];
            (entry.bytes, entry.events, entry.dirty) = (bytes, 0, true);
            self.written.remove(&at);
            if published.is_empty() && settled.is_none() {
                // There is nothing to retract.
                self.remove(at);
                continue;
            }
            self.list(at);
            self.mark_unsaved(at);
        }
        remembered
    }

    /// Takes over what is remembered of the final windows of another name of the credential,
    /// if nothing came under `name` before they were closed: a sighting of an exposure that is
    /// over is none of a new one.
    pub fn take_over(&mut self, name: &str, remembered: &Remembered) {
        let Some((Some(settled), [])) = Settled::read(&remembered.bytes) else { return };
        let key = Key { workflow: remembered.workflow, credential_id: name };
        let hash = self.hash_of(key);
        let found = self.find(key, hash);
        if found.is_none() && self.credentials() >= self.config.credentials {
            return;
        }
        let at = found.unwrap_or_else(|| self.insert(key, hash, true));
        let held = std::mem::take(&mut self.entries[at as usize].bytes);
        let Some(state) = Held::read(&held, &self.texts) else { return };
        let heads = &mut self.scratch.heads;
        log::heads(state.log, heads);
        if state.settled.is_some() || heads.iter().any(|head| head.time <= settled.closing.at) {
            self.entries[at as usize].bytes = held;
            return;
        }
        let published: Vec<Published> = state.published().collect();
        let bytes = &mut self.scratch.bytes;
        bytes.clear();
        begin(bytes, key, Some(settled), &published);
        bytes.extend_from_slice(state.log.bytes);
        self.state_bytes = self.state_bytes + bytes.len() as u64 - held.len() as u64;
        let entry = &mut self.entries[at as usize];
        entry.bytes = bytes.as_slice().into();
        entry.dirty = true;
        if !std::mem::replace(&mut entry.detected, true) {
            self.undetected.live -= 1;
        }
        self.written.remove(&at);
        self.list(at);
        self.mark_unsaved(at);
    }

    /// Has the next advance emit every window of `name` again, although its events are the
    /// same.
    pub fn revise(&mut self, name: &str) {
        for workflow in Workflow::ALL {
            let key = Key { workflow: *workflow, credential_id: name };
            let Some(at) = self.find(key, self.hash_of(key)) else { continue };
            let entry = &mut self.entries[at as usize];
            if state::forget_fingerprints(&mut entry.bytes) {
                entry.dirty = true;
                self.list(at);
                self.mark_unsaved(at);
            }
        }
    }
}
