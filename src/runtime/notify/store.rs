//! The alerts that fire, and what has to be pushed when. Records and the time come in
//! as arguments.
//!
//! Invariants: what is pushed follows from the topic's records and their times, not from
//! when they were read, so another instance, or this one after a restart, pushes the
//! same. The store remembers one thing about pushing: which alerts of a group were
//! pushed alone before the group was pushed as one. Its size is bounded.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::{AlertGroup, GroupKey};
use super::postable::{self, GroupContent, Guide, PostableAlert};
use super::record::AlertChange;
use crate::engine::alerts::{Transition, Urgency};
use crate::formats::Identity;
use crate::metrics::NotifyFigures;
use crate::settings::Alerts;
use crate::time::{Span, Timestamp};

/// The shortest time between two searches for what is due: each visits all alerts.
const LOOK_AFTER: Span = Span::from_millis(50);

/// The name of an alert or group to be pushed. Its content is looked up when it is pushed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PushKey {
    Alert(Arc<str>),
    Group(GroupKey),
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// Applied, or nothing new.
    Taken,
    /// Not a record of an alert.
    Foreign,
    /// No room for another alert.
    Full,
}

/// The phase of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Firing,
    /// It ended, but it flaps: it keeps firing until it has been quiet for a while.
    Held {
        ended: Timestamp,
        until: Timestamp,
    },
    /// Its end is pushed repeatedly.
    Resolved {
        ended: Timestamp,
        until: Timestamp,
    },
    /// Nothing is pushed any more. The alert is remembered in case it flaps.
    Quiet {
        until: Timestamp,
    },
}

#[derive(Debug)]
struct Entry {
    change: AlertChange,
    urgency: Urgency,
    phase: Phase,
    group: GroupKey,
    /// Whether it was pushed by itself.
    alone: bool,
    /// Whether an Alertmanager has it, or had it before this process started.
    announced: bool,
    next: Timestamp,
    /// The latest times that it began to fire.
    beginnings: Vec<Timestamp>,
}

/// The alerts that fire, and those that ended a short time ago.
#[derive(Debug)]
pub(super) struct AlertStore {
    settings: Arc<Alerts>,
    names: Identity,
    guide: Guide,
    entries: BTreeMap<Arc<str>, Entry>,
    groups: BTreeMap<GroupKey, AlertGroup>,
    /// Nothing is due before this.
    next: Option<Timestamp>,
    /// When the store last searched for what is due.
    looked_at: Option<Timestamp>,
    /// Whether the topic was read to its end. Only then alerts are pushed.
    live: bool,
}

impl AlertStore {
    pub(super) fn new(settings: Arc<Alerts>, guide: Guide, names: Identity) -> AlertStore {
        let (entries, groups) = Default::default();
        AlertStore {
            settings,
            names,
            guide,
            entries,
            groups,
            next: None,
            looked_at: None,
            live: false,
        }
    }

    /// Removes everything, because the topic is read again.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.groups.clear();
        self.next = None;
        self.live = false;
    }

    /// When [`AlertStore::due`] next has something to do.
    pub(super) const fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// Applies a record that was published at `at`; without a value it is a tombstone.
    pub(super) fn apply(&mut self, key: &str, value: Option<&[u8]>, at: Timestamp) -> Applied {
        let Some(value) = value else {
            self.ends(key, at, at);
            return Applied::Taken;
        };
        let Some(change) = AlertChange::read(key, value, &self.names, &self.guide.names) else {
            return Applied::Foreign;
        };
        match change.state {
            Transition::Firing => self.begins(key, change, at),
            Transition::Resolved => {
                self.ends(key, change.at, at);
                Applied::Taken
            }
        }
    }

    fn begins(&mut self, key: &str, change: AlertChange, at: Timestamp) -> Applied {
        let urgency = change.urgency;
        let (workflow, severity) = (change.workflow(), change.severity());
        let mut rules = self.settings.rules.iter();
        let rule = rules.find(|rule| rule.fits(change.alert, workflow, severity));
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
            entry.change = change;
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
                self.groups.entry(entry.group).or_default().again(&key, push_at);
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
        let group = GroupKey::of(change.alert, workflow, urgency, at, self.settings.group_within);
        self.groups.entry(group).or_default().begins(&key, size, push_at);
        let mut entry = Entry {
            change,
            urgency,
            phase: Phase::Firing,
            group,
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

    /// An alert ended at `ended`, in the time of events. The record was published at `at`.
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
            // It was never pushed, for example because both records came together.
            let last = entry.beginnings.last().copied().unwrap_or(at);
            Phase::Quiet { until: last + settings.flap_within }
        } else {
            Phase::Resolved { ended, until: at + settings.resolved_for }
        };
        entry.next = at;
        if let Some(group) = self.groups.get_mut(&entry.group) {
            group.ends(key, at);
        }
        self.due_at(at);
    }

    /// What has to be pushed at `now`. [`AlertStore::content`] gives the content of each.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<PushKey> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let mut keys = Vec::new();
        let mut next: Option<Timestamp> = None;
        let mut wait_for = |at: Timestamp| next = Some(next.map_or(at, |next| next.min(at)));
        let settings = &self.settings;
        let groups = &mut self.groups;
        self.entries.retain(|key, entry| {
            if entry.next > now {
                wait_for(entry.next);
                return true;
            }
            let mut group = groups.get_mut(&entry.group);
            if let Phase::Held { ended, until } = entry.phase
                && until <= now
            {
                entry.phase = Phase::Resolved { ended, until: until + settings.resolved_for };
                if let Some(group) = &mut group {
                    group.ends(key, now);
                }
            }
            if let Phase::Resolved { until, .. } = entry.phase
                && until <= now
            {
                let last = entry.beginnings.last().copied().unwrap_or(now);
                entry.phase = Phase::Quiet { until: last + settings.flap_within };
            }
            let merged = !entry.alone && group.as_ref().is_some_and(|group| group.merged);
            let again = now + settings.resend_interval;
            entry.next = match entry.phase {
                Phase::Quiet { until } if until <= now => return false,
                Phase::Quiet { until } => until,
                Phase::Resolved { until, .. } if merged => until,
                Phase::Resolved { until, .. } => until.min(again),
                Phase::Firing if merged => {
                    // It is pushed as part of its group.
                    entry.announced = true;
                    now + Span::from_mins(60)
                }
                Phase::Firing => again,
                Phase::Held { until, .. } if merged => until,
                Phase::Held { until, .. } => until.min(again),
            };
            wait_for(entry.next);
            if !merged && !matches!(entry.phase, Phase::Quiet { .. }) {
                entry.alone = true;
                if let Some(group) = group {
                    group.firing.remove(key);
                }
                keys.push(PushKey::Alert(Arc::clone(key)));
            }
            true
        });
        let bucket_is_over = |id: &GroupKey| now.since(id.bucket) > settings.group_within;
        groups.retain(|id, group| {
            if let Some(at) = group.next.filter(|_| group.merged) {
                if at > now {
                    wait_for(at);
                    return true;
                }
                let is_over = group.ended.is_some_and(|ended| ended + settings.resolved_for <= now);
                let never_was = group.pushed.is_none() && group.firing.is_empty();
                if !is_over && !never_was {
                    keys.push(PushKey::Group(*id));
                    group.pushed = Some(now);
                    let again = now + settings.resend_interval;
                    group.next = Some(again);
                    wait_for(again);
                    return true;
                }
                group.next = None;
            }
            !(group.firing.is_empty() && bucket_is_over(id))
        });
        self.looked_at = Some(now);
        self.next = None;
        if let Some(next) = next {
            self.due_at(next);
        }
        keys
    }

    /// What to push for `key` at `now`; `None` if it is over by now.
    pub(super) fn content(&self, key: &PushKey, now: Timestamp) -> Option<PostableAlert> {
        match key {
            PushKey::Alert(key) => {
                let entry = self.entries.get(key)?;
                let ended = match entry.phase {
                    Phase::Firing | Phase::Held { .. } => None,
                    Phase::Resolved { ended, .. } => Some(ended.min(now)),
                    Phase::Quiet { .. } => return None,
                };
                Some(postable::alert(&entry.change, entry.urgency, ended, now, &self.guide))
            }
            PushKey::Group(id) => {
                let group = self.groups.get(id)?;
                let firing = group.firing.iter().filter_map(|key| self.entries.get(key));
                let content = GroupContent {
                    alert: id.alert,
                    workflow: id.workflow,
                    urgency: id.urgency,
                    bucket: id.bucket,
                    seen: group.seen,
                    firing: firing.map(|entry| &entry.change).collect(),
                    ended: group.ended.map(|ended| ended.min(now)),
                };
                Some(postable::group(content, now, &self.guide))
            }
        }
    }

    /// An Alertmanager accepted what was pushed for `key`. The first time, returns since
    /// when the alert has fired.
    pub(super) fn accepted(&mut self, key: &PushKey) -> Option<Timestamp> {
        match key {
            PushKey::Alert(key) => {
                let entry = self.entries.get_mut(key)?;
                let firing = matches!(entry.phase, Phase::Firing);
                let first = firing && !std::mem::replace(&mut entry.announced, true);
                first.then_some(entry.change.at)
            }
            PushKey::Group(id) => {
                let group = self.groups.get_mut(id)?;
                let first = !std::mem::replace(&mut group.announced, true);
                let mut keys = group.firing.iter();
                let since = keys.next().and_then(|key| self.entries.get(key))?.change.at;
                first.then_some(since)
            }
        }
    }

    /// The topic was read to its end: what fires now was pushed before this process started.
    pub(super) fn restored(&mut self) {
        self.live = true;
        self.entries.values_mut().for_each(|entry| entry.announced = true);
        self.groups.values_mut().for_each(|group| group.announced = true);
    }

    /// Counts by phase.
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
        let groups = self.groups.values().filter(|group| group.merged && !group.firing.is_empty());
        figures.groups = groups.count() as u64;
        figures
    }

    fn due_at(&mut self, at: Timestamp) {
        let at = self.looked_at.map_or(at, |looked| at.max(looked + LOOK_AFTER));
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    /// Removes alerts that ended long before `now` and were only kept in case they flap.
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
