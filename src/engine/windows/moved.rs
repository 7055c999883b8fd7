//! Credentials that get another name.
//!
//! Invariants: every event of a name is handed out once and held no more; what was emitted
//! of its windows is retracted by the next advance; alerts that fire go on with the events.

use super::former::{self, Former, Remembered};
use super::formers;
use super::judged::Judged;
use super::log::{self, Key};
use super::order;
use super::settled::Settled;
use super::state::{self, Held, Published, begin};
use super::store::Windows;
use super::window::ExposureId;
use crate::engine::alerts::AlertSet;
use crate::engine::oversight::HollowReasons;
use crate::event::{Event, Workflow};

/// What becomes of the events of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// All go to one other name of the same credential. Alerts that fire go on, and are published
    /// with this number.
    Moved(i32),
    /// They go to the credentials that the name stands for. Its alerts end.
    Spread,
}

impl Windows {
    /// Hands out every event held of `name`, each with the number of events that it stands
    /// for, and holds them no more. Returns what is remembered of the name: windows of it that
    /// are final stay as they are, and the name to which it moves takes over the rest.
    pub fn release(
        &mut self,
        name: &str,
        to: Released,
        each: &mut dyn FnMut(Event<'_>, u32),
    ) -> Vec<Remembered> {
        let mut remembered = Vec::new();
        for workflow in Workflow::ALL {
            let key = Key { workflow: *workflow, credential_id: name };
            let Some(at) = self.find(key, self.hash_of(key)) else { continue };
            let held = std::mem::take(&mut self.entries[at as usize].bytes);
            let Some(state) = Held::read(&held, &self.texts) else { continue };
            let mut settled = Vec::new();
            if state.settled.is_some() {
                Settled::write(state.settled, &mut settled);
            }
            let mut published: Vec<Published> = state.published().collect();
            let (moving, stays) = match to {
                Released::Moved(home) => {
                    published.iter_mut().for_each(|it| it.firing = AlertSet::default());
                    (former::write(&formers::moving(&state, home)), &[][..])
                }
                Released::Spread => (Vec::new(), state.former()),
            };
            if !settled.is_empty() || !moving.is_empty() {
                remembered.push(Remembered { workflow: *workflow, settled, former: moving });
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
            let bytes = &mut self.scratch.bytes;
            bytes.clear();
            begin(bytes, key, state.settled, stays, &published);
            let nothing_left = published.is_empty() && state.settled.is_none() && stays.is_empty();
            let bytes: Box<[u8]> = bytes.as_slice().into();
            self.entries[at as usize].events = 0;
            self.replace(at, held.len(), bytes);
            if nothing_left {
                // There is nothing to retract.
                self.remove(at);
            }
        }
        remembered
    }

    /// Takes over what is remembered of another name of the credential `name`.
    pub fn take_over(&mut self, name: &str, remembered: &Remembered) {
        let key = Key { workflow: remembered.workflow, credential_id: name };
        if let Some((Some(settled), [])) = Settled::read(&remembered.settled) {
            self.take_over_settled(key, settled);
        }
        match former::read(&remembered.former) {
            Some(further) if !further.is_empty() => self.take_over_former(key, further),
            _ => {}
        }
    }

    /// Takes over what is remembered of final windows, if nothing came under `key` before they
    /// were closed: a sighting of an exposure that is over is none of a new one.
    fn take_over_settled(&mut self, key: Key<'_>, settled: Settled) {
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
        let bytes = self.rewritten(state, Some(settled), state.former());
        self.replace(at, held.len(), bytes);
        let entry = &mut self.entries[at as usize];
        if !std::mem::replace(&mut entry.detected, true) {
            self.undetected.live -= 1;
        }
    }

    /// Takes over names that the windows of `key` had. An alert may fire under one of them, so
    /// that it is held whatever the bound on credentials is: it takes the place of another name.
    fn take_over_former(&mut self, key: Key<'_>, further: Vec<Former>) {
        let hash = self.hash_of(key);
        let at = self.find(key, hash).unwrap_or_else(|| self.insert(key, hash, true));
        let held = std::mem::take(&mut self.entries[at as usize].bytes);
        let Some(state) = Held::read(&held, &self.texts) else { return };
        let mut formers = state.formers();
        former::merge(&mut formers, further);
        let bytes = self.rewritten(state, state.settled, &former::write(&formers));
        self.replace(at, held.len(), bytes);
    }

    /// Takes in the judgement of a decision whose window had the name `exposure` and now belongs
    /// to the credential `name`; see [`Windows::judge`].
    pub fn judge_former(
        &mut self,
        name: &str,
        exposure: ExposureId<'_>,
        decision: u32,
        reasons: Option<HollowReasons>,
    ) {
        let judged = reasons.map_or_else(Judged::expired, Judged::news);
        let ExposureId { key: Key { workflow, credential_id }, detected_at } = exposure;
        let former = Former::judged(credential_id, detected_at, decision, judged);
        self.take_over_former(Key { workflow, credential_id: name }, vec![former]);
    }

    /// Whether events of `name` are on their way. As long as some are, its windows stay as they
    /// were emitted.
    pub fn expect_events(&mut self, name: &str, expected: bool) {
        if expected {
            self.incoming.expect(name);
        } else if self.incoming.is_complete(name) {
            for workflow in Workflow::ALL {
                self.look_at(*workflow, name);
            }
        }
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

    /// The state with another beginning.
    fn rewritten(&self, state: Held<'_>, settled: Option<Settled>, former: &[u8]) -> Box<[u8]> {
        let published: Vec<Published> = state.published().collect();
        let mut bytes = Vec::new();
        begin(&mut bytes, state.log.key, settled, former, &published);
        bytes.extend_from_slice(state.log.bytes);
        bytes.into_boxed_slice()
    }

    /// Puts `bytes` in the place of a state of so many bytes, and has the next advance look at
    /// it.
    fn replace(&mut self, at: u32, before: usize, bytes: Box<[u8]>) {
        self.state_bytes = self.state_bytes + bytes.len() as u64 - before as u64;
        let entry = &mut self.entries[at as usize];
        (entry.bytes, entry.dirty) = (bytes, true);
        self.written.remove(&at);
        self.list(at);
        self.mark_unsaved(at);
    }
}
