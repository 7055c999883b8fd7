//! Alert groups: many alerts of one kind that are published within a short time are
//! pushed as one.
//!
//! Invariant: which alerts form a group follows from the records' own times, so every
//! instance, also after a restart, forms the same groups.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::alerts::{Alert, Urgency};
use crate::event::Workflow;
use crate::time::{Span, Timestamp};

/// The shortest time between two pushes of a group because alerts joined or left it.
const NEWS_AFTER: Span = Span::from_secs(5);
/// How long the first push of a group waits for more alerts at most.
const JOINING_MAX: Span = Span::from_secs(1);

/// Identifies the alerts of one kind, workflow and urgency that were published in one
/// stretch of time. The group's labels hold nothing else, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GroupKey {
    pub(super) alert: Alert,
    pub(super) workflow: Option<Workflow>,
    pub(super) urgency: Urgency,
    /// The beginning of the stretch.
    pub(super) bucket: Timestamp,
}

impl GroupKey {
    pub(super) fn of(
        alert: Alert,
        workflow: Option<Workflow>,
        urgency: Urgency,
        published: Timestamp,
        within: Span,
    ) -> GroupKey {
        let (at, within) = (published.as_millis(), within.as_millis().max(1));
        GroupKey {
            alert,
            workflow,
            urgency,
            bucket: Timestamp::from_millis(at - at.rem_euclid(within)),
        }
    }
}

/// A group.
#[derive(Clone, Debug, Default)]
pub(super) struct AlertGroup {
    /// Alerts that began in it.
    pub(super) seen: usize,
    /// Alerts that fire and are not pushed alone.
    pub(super) firing: BTreeSet<Arc<str>>,
    /// Whether there are so many alerts that they are pushed as one.
    pub(super) merged: bool,
    /// When it has to be pushed next.
    pub(super) next: Option<Timestamp>,
    /// When it would have been pushed first if no more alerts had joined it.
    ready: Option<Timestamp>,
    pub(super) pushed: Option<Timestamp>,
    /// When its last alert ended.
    pub(super) ended: Option<Timestamp>,
    pub(super) announced: bool,
}

impl AlertGroup {
    /// An alert began to fire.
    pub(super) fn begins(&mut self, key: &Arc<str>, size: usize, push_at: Timestamp) {
        self.seen += 1;
        self.merged |= self.seen > size;
        self.again(key, push_at);
    }

    /// An alert of the group fires again.
    pub(super) fn again(&mut self, key: &Arc<str>, push_at: Timestamp) {
        self.firing.insert(Arc::clone(key));
        if self.merged {
            if self.ended.take().is_some() {
                self.pushed = None;
            }
            self.news(push_at);
        }
    }

    /// An alert of the group ended.
    pub(super) fn ends(&mut self, key: &str, at: Timestamp) {
        if self.firing.remove(key) && self.merged {
            if self.firing.is_empty() {
                self.ended = Some(at);
                self.next = Some(at);
            } else {
                self.news(at);
            }
        }
    }

    /// The group has changed.
    fn news(&mut self, at: Timestamp) {
        if self.pushed.is_none() {
            // While alerts still join, the count would be wrong. An Alertmanager pages
            // once, and a later, corrected count pages nobody.
            let ready = *self.ready.get_or_insert(at);
            self.next = Some(at.min(ready + JOINING_MAX));
            return;
        }
        let at = self.pushed.map_or(at, |pushed| at.max(pushed + NEWS_AFTER));
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}
