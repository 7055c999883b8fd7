//! What fires, and what is to be pushed when: pure state, to which records and
//! the time are given.
//!
//! Invariants: what is pushed follows from the topic's records and their times,
//! not from when they were read, so that a process that starts again, or another
//! instance, pushes the same; the only thing that is remembered of pushing is
//! which alerts of a storm were pushed alone before it was one. All is bounded.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::page::{self, Guide, Many, Page};
use super::record::Told;
use super::storm::{Storm, StormId};
use crate::engine::alerts::{Transition, Urgency};
use crate::engine::attacker::Race;
use crate::formats::Identity;
use crate::metrics::NotifyFigures;
use crate::settings::Alerts;
use crate::time::{Span, Timestamp};

/// Seeing to what is due goes through all there is, so it is not done more often.
const LOOK_AFTER: Span = Span::from_millis(50);

/// Something to be pushed, by name: what is told of it is looked up then.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ticket {
    Alert(Arc<str>),
    Storm(StormId),
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// It counts, or says nothing new.
    Taken,
    /// No record of an alert.
    Foreign,
    /// There is no room for it.
    Full,
}

/// How an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Firing,
    /// It has ended, but was restless: it fires on until it has been quiet for a while.
    Held {
        ended: Timestamp,
        until: Timestamp,
    },
    /// The end is pushed, again and again.
    Resolved {
        ended: Timestamp,
        until: Timestamp,
    },
    /// Nothing is pushed any more; that it fired is remembered, should it be restless.
    Quiet {
        until: Timestamp,
    },
}

#[derive(Debug)]
struct Entry {
    told: Told,
    urgency: Urgency,
    phase: Phase,
    storm: StormId,
    /// Whether it was pushed by itself.
    alone: bool,
    /// Whether some Alertmanager knows of it, or did before this process began.
    announced: bool,
    next: Timestamp,
    /// When it began, the latest times.
    beginnings: Vec<Timestamp>,
}

/// All that fires, and what is left of what did.
#[derive(Debug)]
pub(super) struct Board {
    settings: Arc<Alerts>,
    names: Identity,
    guide: Guide,
    entries: BTreeMap<Arc<str>, Entry>,
    storms: BTreeMap<StormId, Storm>,
    /// Nothing is due before.
    next: Option<Timestamp>,
    /// When it was last seen to what is due.
    looked_at: Option<Timestamp>,
    /// Whether the topic was read to its end, and what fires is pushed.
    live: bool,
}

impl Board {
    pub(super) fn new(settings: Arc<Alerts>, race: Race, names: Identity) -> Board {
        let guide = Guide::new(&settings, race);
        let (entries, storms) = Default::default();
        Board { settings, names, guide, entries, storms, next: None, looked_at: None, live: false }
    }

    /// Forgets everything, to be told it all again.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.storms.clear();
        self.next = None;
        self.live = false;
    }

    /// From when on [`Board::due`] has something to do.
    pub(super) const fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// Takes in a record that was published at `at`; without a value it is a
    /// tombstone.
    pub(super) fn apply(&mut self, key: &str, value: Option<&[u8]>, at: Timestamp) -> Applied {
        let Some(value) = value else {
            self.ends(key, at, at);
            return Applied::Taken;
        };
        let Some(told) = Told::read(key, value, &self.names) else { return Applied::Foreign };
        match told.state {
            Transition::Firing => self.begins(key, told, at),
            Transition::Resolved => {
                self.ends(key, told.at, at);
                Applied::Taken
            }
        }
    }

    fn begins(&mut self, key: &str, told: Told, at: Timestamp) -> Applied {
        let urgency = told.urgency;
        let (workflow, severity) = (told.workflow(), told.severity());
        let mut rules = self.settings.rules.iter();
        let rule = rules.find(|rule| rule.fits(told.alert, workflow, severity));
        if rule.is_some_and(|rule| !rule.push) {
            return Applied::Taken;
        }
        let urgency = rule.and_then(|rule| rule.urgency).unwrap_or(urgency);
        let push_at = at + self.settings.gather;
        let size = self.settings.group_size;
        let known = self.entries.get_key_value(key).map(|(key, _)| Arc::clone(key));
        if let Some(key) = known
            && let Some(entry) = self.entries.get_mut(&key)
        {
            entry.told = told;
            entry.urgency = urgency;
            if entry.phase == Phase::Firing {
                return Applied::Taken;
            }
            let was_held = matches!(entry.phase, Phase::Held { .. });
            entry.phase = Phase::Firing;
            entry.began(at, &self.settings);
            if !was_held {
                entry.next = push_at;
                entry.announced = false;
            }
            if !entry.alone {
                self.storms.entry(entry.storm).or_default().again(&key, push_at);
            }
            self.due_at(push_at);
            return Applied::Taken;
        }
        if self.entries.len() >= self.settings.firing_max {
            self.forget(at);
            if self.entries.len() >= self.settings.firing_max {
                return Applied::Full;
            }
        }
        let key: Arc<str> = key.into();
        let storm = StormId::of(told.alert, workflow, urgency, at, self.settings.group_within);
        self.storms.entry(storm).or_default().begins(&key, size, push_at);
        let mut entry = Entry {
            told,
            urgency,
            phase: Phase::Firing,
            storm,
            alone: false,
            announced: false,
            next: push_at,
            beginnings: Vec::new(),
        };
        entry.began(at, &self.settings);
        self.entries.insert(key, entry);
        self.due_at(push_at);
        Applied::Taken
    }

    /// An alert ended, at `ended` by the times of events; published at `at`.
    fn ends(&mut self, key: &str, ended: Timestamp, at: Timestamp) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.phase != Phase::Firing {
            return;
        }
        let settings = &self.settings;
        if entry.beginnings.len() >= settings.flap_count {
            let until = at + settings.flap_hold;
            entry.phase = Phase::Held { ended, until };
            entry.next = entry.next.min(until);
            let next = entry.next;
            self.due_at(next);
            return;
        }
        entry.phase = if self.live && !entry.alone && !entry.announced {
            // Nobody was told of it. As when a backlog passes by.
            let last = entry.beginnings.last().copied().unwrap_or(at);
            Phase::Quiet { until: last + settings.flap_within }
        } else {
            Phase::Resolved { ended, until: at + settings.resolved_for }
        };
        entry.next = at;
        if let Some(storm) = self.storms.get_mut(&entry.storm) {
            storm.ends(key, at);
        }
        self.due_at(at);
    }

    /// What is to be pushed at `now`, each to be asked for by [`Board::page`].
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Ticket> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let mut tickets = Vec::new();
        let mut next: Option<Timestamp> = None;
        let mut wait_for = |at: Timestamp| next = Some(next.map_or(at, |next| next.min(at)));
        let settings = &self.settings;
        let storms = &mut self.storms;
        self.entries.retain(|key, entry| {
            if entry.next > now {
                wait_for(entry.next);
                return true;
            }
            let mut storm = storms.get_mut(&entry.storm);
            if let Phase::Held { ended, until } = entry.phase
                && until <= now
            {
                entry.phase = Phase::Resolved { ended, until: until + settings.resolved_for };
                if let Some(storm) = &mut storm {
                    storm.ends(key, now);
                }
            }
            if let Phase::Resolved { until, .. } = entry.phase
                && until <= now
            {
                let last = entry.beginnings.last().copied().unwrap_or(now);
                entry.phase = Phase::Quiet { until: last + settings.flap_within };
            }
            let within_storm = !entry.alone && storm.as_ref().is_some_and(|storm| storm.is_one);
            let again = now + settings.resend_interval;
            entry.next = match entry.phase {
                Phase::Quiet { until } if until <= now => return false,
                Phase::Quiet { until } => until,
                Phase::Resolved { until, .. } if within_storm => until,
                Phase::Resolved { until, .. } => until.min(again),
                Phase::Firing if within_storm => {
                    // The storm speaks for it.
                    entry.announced = true;
                    now + Span::from_mins(60)
                }
                Phase::Firing => again,
                Phase::Held { until, .. } if within_storm => until,
                Phase::Held { until, .. } => until.min(again),
            };
            wait_for(entry.next);
            if !within_storm && !matches!(entry.phase, Phase::Quiet { .. }) {
                entry.alone = true;
                if let Some(storm) = storm {
                    storm.firing.remove(key);
                }
                tickets.push(Ticket::Alert(Arc::clone(key)));
            }
            true
        });
        let bucket_is_over = |id: &StormId| now.since(id.bucket) > settings.group_within;
        storms.retain(|id, storm| {
            if let Some(at) = storm.next.filter(|_| storm.is_one) {
                if at > now {
                    wait_for(at);
                    return true;
                }
                let is_over = storm.ended.is_some_and(|ended| ended + settings.resolved_for <= now);
                let never_was = storm.pushed.is_none() && storm.firing.is_empty();
                if !is_over && !never_was {
                    tickets.push(Ticket::Storm(*id));
                    storm.pushed = Some(now);
                    let again = now + settings.resend_interval;
                    storm.next = Some(again);
                    wait_for(again);
                    return true;
                }
                storm.next = None;
            }
            !(storm.firing.is_empty() && bucket_is_over(id))
        });
        self.looked_at = Some(now);
        self.next = None;
        if let Some(next) = next {
            self.due_at(next);
        }
        tickets
    }

    /// What to push for `ticket` at `now`; `None` if it is over by now.
    pub(super) fn page(&self, ticket: &Ticket, now: Timestamp) -> Option<Page> {
        match ticket {
            Ticket::Alert(key) => {
                let entry = self.entries.get(key)?;
                let ended = match entry.phase {
                    Phase::Firing | Phase::Held { .. } => None,
                    Phase::Resolved { ended, .. } => Some(ended.min(now)),
                    Phase::Quiet { .. } => return None,
                };
                Some(page::single(&entry.told, entry.urgency, ended, now, &self.guide))
            }
            Ticket::Storm(id) => {
                let storm = self.storms.get(id)?;
                let firing = storm.firing.iter().filter_map(|key| self.entries.get(key));
                let many = Many {
                    alert: id.alert,
                    workflow: id.workflow,
                    urgency: id.urgency,
                    bucket: id.bucket,
                    seen: storm.seen,
                    firing: firing.map(|entry| &entry.told).collect(),
                    ended: storm.ended.map(|ended| ended.min(now)),
                };
                Some(page::many(many, now, &self.guide))
            }
        }
    }

    /// An Alertmanager has taken what was pushed for `ticket`. The first time it
    /// tells since when that was due.
    pub(super) fn accepted(&mut self, ticket: &Ticket) -> Option<Timestamp> {
        match ticket {
            Ticket::Alert(key) => {
                let entry = self.entries.get_mut(key)?;
                let firing = matches!(entry.phase, Phase::Firing);
                let first = firing && !std::mem::replace(&mut entry.announced, true);
                first.then_some(entry.told.at)
            }
            Ticket::Storm(id) => {
                let storm = self.storms.get_mut(id)?;
                let first = !std::mem::replace(&mut storm.announced, true);
                let mut keys = storm.firing.iter();
                let since = keys.next().and_then(|key| self.entries.get(key))?.told.at;
                first.then_some(since)
            }
        }
    }

    /// Everything is known already: what fires now was told before this process began.
    pub(super) fn restored(&mut self) {
        self.live = true;
        self.entries.values_mut().for_each(|entry| entry.announced = true);
        self.storms.values_mut().for_each(|storm| storm.announced = true);
    }

    /// How many there are of each kind.
    pub(super) fn figures(&self, now: Timestamp) -> NotifyFigures {
        let mut figures = NotifyFigures::default();
        for entry in self.entries.values() {
            match entry.phase {
                Phase::Firing if !entry.announced && entry.next > now && !entry.alone => {
                    figures.pending += 1;
                }
                Phase::Firing => figures.firing += 1,
                Phase::Held { .. } => figures.held += 1,
                Phase::Resolved { .. } => figures.resolved += 1,
                Phase::Quiet { .. } => {}
            }
        }
        let storms = self.storms.values().filter(|storm| storm.is_one && !storm.firing.is_empty());
        figures.storms = storms.count() as u64;
        figures
    }

    fn due_at(&mut self, at: Timestamp) {
        let at = self.looked_at.map_or(at, |looked| at.max(looked + LOOK_AFTER));
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    /// Forgets what ended long before `now`, and is only remembered because it might
    /// be restless.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.entries.retain(|_, entry| match entry.phase {
            Phase::Quiet { .. } => false,
            Phase::Resolved { until, .. } => until > now,
            Phase::Firing | Phase::Held { .. } => true,
        });
    }
}

impl Entry {
    fn began(&mut self, at: Timestamp, settings: &Alerts) {
        self.beginnings.retain(|before| at.since(*before) <= settings.flap_within);
        if self.beginnings.len() >= settings.flap_count {
            self.beginnings.remove(0);
        }
        self.beginnings.push(at);
    }
}
