//! Many alerts of one kind that are published within a short time: one page.
//!
//! Invariant: which alerts belong together follows from the records' own times,
//! so that every instance, and one that starts again, puts them together alike.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::alerts::{Alert, Urgency};
use crate::event::Workflow;
use crate::time::{Span, Timestamp};

/// How long after one push of a storm the next may follow because more alerts
/// have joined or left it.
const NEWS_AFTER: Span = Span::from_secs(5);
/// How long its first push waits for alerts that still join it.
const JOINING_MAX: Span = Span::from_secs(1);

/// The alerts of one kind, workflow and urgency that were published in one stretch
/// of time: all that its labels say, so that they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StormId {
    pub(super) alert: Alert,
    pub(super) workflow: Option<Workflow>,
    pub(super) urgency: Urgency,
    /// The beginning of the stretch.
    pub(super) bucket: Timestamp,
}

impl StormId {
    pub(super) fn of(
        alert: Alert,
        workflow: Option<Workflow>,
        urgency: Urgency,
        published: Timestamp,
        within: Span,
    ) -> StormId {
        let (at, within) = (published.as_millis(), within.as_millis().max(1));
        StormId {
            alert,
            workflow,
            urgency,
            bucket: Timestamp::from_millis(at - at.rem_euclid(within)),
        }
    }
}

/// How such a group stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Storm {
    /// Alerts that began in it.
    pub(super) seen: usize,
    /// Those that fire and are not pushed by themselves.
    pub(super) firing: BTreeSet<Arc<str>>,
    /// Whether there are so many that they are pushed as one.
    pub(super) is_one: bool,
    /// When it is to be pushed next.
    pub(super) next: Option<Timestamp>,
    /// When it would have been pushed first, had no more joined it.
    ready: Option<Timestamp>,
    pub(super) pushed: Option<Timestamp>,
    /// When the last of them ended.
    pub(super) ended: Option<Timestamp>,
    pub(super) announced: bool,
}

impl Storm {
    /// An alert begins.
    pub(super) fn begins(&mut self, key: &Arc<str>, size: usize, push_at: Timestamp) {
        self.seen += 1;
        self.is_one |= self.seen > size;
        self.again(key, push_at);
    }

    /// One that began in it fires again.
    pub(super) fn again(&mut self, key: &Arc<str>, push_at: Timestamp) {
        self.firing.insert(Arc::clone(key));
        if self.is_one {
            if self.ended.take().is_some() {
                self.pushed = None;
            }
            self.news(push_at);
        }
    }

    /// An alert of it ended.
    pub(super) fn ends(&mut self, key: &str, at: Timestamp) {
        if self.firing.remove(key) && self.is_one {
            if self.firing.is_empty() {
                self.ended = Some(at);
                self.next = Some(at);
            } else {
                self.news(at);
            }
        }
    }

    /// Something about it has changed.
    fn news(&mut self, at: Timestamp) {
        if self.pushed.is_none() {
            // While more join it, the count would be wrong; and an Alertmanager pages
            // once, however often the count is put right later.
            let ready = *self.ready.get_or_insert(at);
            self.next = Some(at.min(ready + JOINING_MAX));
            return;
        }
        let at = self.pushed.map_or(at, |pushed| at.max(pushed + NEWS_AFTER));
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}
