//! Whether the intake has a backlog, which holds the present back for the windows.
//!
//! Invariant: what is not known to be read holds it back, but not for ever.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::upstream::{Look, Place, ends_of};
use crate::runtime::clock;
use crate::time::Span;

/// Looks in a row without a backlog that end one.
const LOOKS_CLEAR: u32 = 2;
/// An intake that does not move for this long holds the present back no longer:
/// alerts that may be wrong are better than none, and the lag is told.
const STUCK_AFTER: Span = Span::from_secs(60);

/// What was seen of the intake so far.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    ends: BTreeMap<Place, i64>,
    committed: BTreeMap<Place, i64>,
    moved_at: Option<Span>,
    /// Looks in a row without a backlog.
    clear: u32,
    /// Since when the intake alone could not be looked at.
    unseen_since: Option<Span>,
}

impl Backlog {
    /// The intake was looked at. Says through `caught_up` whether nothing is held back.
    pub(super) fn update(&mut self, look: &Look, caught_up: &AtomicBool) {
        self.update_at(clock::uptime(), look, caught_up);
    }

    fn update_at(&mut self, uptime: Span, look: &Look, caught_up: &AtomicBool) {
        let behind = look.iter().any(|(place, seen)| {
            // What cannot be asked is not known to be read.
            let Some(seen) = seen else { return true };
            // What came since the last look may still be on its way.
            let end = self.ends.get(place).copied().unwrap_or(seen.end);
            seen.low < end && seen.committed < end
        });
        let known = look.iter().filter_map(|(place, seen)| Some((place, seen.as_ref()?)));
        let committed = known.map(|(place, seen)| (place.clone(), seen.committed)).collect();
        if !behind || self.committed != committed || self.moved_at.is_none() {
            self.committed = committed;
            self.moved_at = Some(uptime);
        }
        let stuck = self.moved_at.is_some_and(|moved| uptime > moved + STUCK_AFTER);
        if behind && stuck && !caught_up.load(Ordering::Acquire) {
            tracing::warn!("the intake has a backlog and does not move; windows go by the clock");
        }
        self.unseen_since = None;
        self.clear = if behind { 0 } else { self.clear + 1 };
        // Once more than needed: what was committed last has yet to be read.
        caught_up.store(self.clear >= LOOKS_CLEAR || stuck, Ordering::Release);
        self.ends = ends_of(look);
    }

    /// The intake could not be looked at: whatever was known of it counts no more, since
    /// there may be a backlog by now. `alone`: other groups could be.
    pub(super) fn unseen(&mut self, alone: bool, caught_up: &AtomicBool) {
        self.unseen_at(clock::uptime(), alone, caught_up);
    }

    fn unseen_at(&mut self, uptime: Span, alone: bool, caught_up: &AtomicBool) {
        // While nobody can be asked that says nothing of the intake.
        let since = self.unseen_since.filter(|_| alone).unwrap_or(uptime);
        let stuck = uptime > since + STUCK_AFTER;
        if stuck && !caught_up.load(Ordering::Acquire) {
            tracing::warn!("the intake cannot be asked how far it is; windows go by the clock");
        }
        *self = Backlog { unseen_since: Some(since), ..Backlog::default() };
        caught_up.store(stuck, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::super::upstream::tests::{half_seen, seen};
    use super::*;

    fn told(backlog: impl FnOnce(&AtomicBool), before: bool) -> bool {
        let caught_up = AtomicBool::new(before);
        backlog(&caught_up);
        caught_up.load(Ordering::Acquire)
    }

    const S: Span = Span::from_secs(1);
    const LONG: Span = Span::from_secs(100);

    #[test]
    fn a_partition_that_cannot_be_asked_holds_the_clock_back_for_a_minute() {
        let mut backlog = Backlog::default();
        let mut look =
            |uptime| told(|it| backlog.update_at(uptime, &half_seen((9, 9, None)), it), true);
        assert!(!look(S));
        assert!(!look(S + STUCK_AFTER));
        assert!(look(LONG), "alarms that may be wrong are better than none");
    }

    #[test]
    fn after_an_outage_what_came_meanwhile_is_read_first() {
        let mut backlog = Backlog::default();
        let read = seen([(9, 9, None), (3, 3, None)]);
        for _ in 0..LOOKS_CLEAR {
            backlog.update_at(S, &read, &AtomicBool::new(false));
        }
        assert!(told(|it| backlog.update_at(S, &read, it), false), "nothing is held back");
        // Nobody answers for long: that says nothing of the intake.
        assert!(!told(|it| backlog.unseen_at(S, false, it), true));
        assert!(!told(|it| backlog.unseen_at(LONG, false, it), true));
        let unread = seen([(9, 900, None), (3, 300, None)]);
        for _ in 0..2 * LOOKS_CLEAR {
            assert!(!told(|it| backlog.update_at(LONG, &unread, it), false), "not at once stuck");
        }
    }

    #[test]
    fn an_intake_that_alone_cannot_be_asked_holds_the_clock_back_for_a_minute() {
        let mut backlog = Backlog::default();
        assert!(!told(|it| backlog.unseen_at(S, true, it), true));
        assert!(told(|it| backlog.unseen_at(LONG, true, it), false));
        // Once it answers it counts from there.
        let unread = seen([(1, 9, None), (3, 3, None)]);
        assert!(!told(|it| backlog.update_at(LONG, &unread, it), true));
    }
}
