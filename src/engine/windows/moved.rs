//! Credentials that get another name.
//!
//! Invariants: every event of a name is handed out once and held no more; what was emitted
//! of its windows is retracted by the next advance.

use super::log::Key;
use super::order;
use super::state::{self, Held, Published, begin};
use super::store::Windows;
use crate::event::{Event, Workflow};

impl Windows {
    /// Hands out every event held of `name`, each with the number of events that it stands
    /// for, and holds them no more. Returns whether windows of the name were final before:
    /// those stay as they are.
    pub fn release(&mut self, name: &str, each: &mut dyn FnMut(Event<'_>, u32)) -> bool {
        let mut were_final = false;
        for workflow in Workflow::ALL {
            let key = Key { workflow: *workflow, credential_id: name };
            let Some(at) = self.find(key, self.hash_of(key)) else { continue };
            let held = std::mem::take(&mut self.entries[at as usize].bytes);
            let Some(state) = Held::read(&held, &self.texts) else { continue };
            were_final |= state.settled.is_some();
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
            if published.is_empty() && !were_final {
                // There is nothing to retract.
                self.remove(at);
                continue;
            }
            self.list(at);
            self.mark_unsaved(at);
        }
        were_final
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
