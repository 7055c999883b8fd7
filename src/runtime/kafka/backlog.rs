//! Whether the intake has a backlog, which holds the present back for the windows.
//!
//! Invariant: what is not known to be read holds it back, but not for ever.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::upstream::{Look, Place, Seen};
use crate::time::Span;

/// Looks in a row without a backlog that end one.
const LOOKS_CLEAR: u32 = 2;
/// An intake that does not move for this long holds the present back no longer:
/// alerts that may be wrong are better than none, and the lag is told.
const STUCK_AFTER: Span = Span::from_secs(60);

/// What was seen of the intake so far.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    places: BTreeMap<Place, Moved>,
    /// Looks in a row without a backlog.
    clear: u32,
    /// Since when the intake alone could not be looked at.
    unseen_since: Option<Span>,
}

/// One partition of a source.
#[derive(Debug)]
struct Moved {
    /// Where it ended when it was last seen.
    end: Option<i64>,
    committed: Option<i64>,
    /// When that was another than before, or nothing was left to be read.
    at: Span,
    stuck: bool,
}

impl Moved {
    /// Takes in what was seen of it, and says whether something may be left to be read.
    fn look(&mut self, uptime: Span, seen: Option<&Seen>) -> bool {
        // What cannot be asked is not known to be read.
        let Some(seen) = seen else { return true };
        // What came since the last look may still be on its way.
        let end = self.end.replace(seen.end).unwrap_or(seen.end);
        let behind = seen.low < end && seen.committed < end;
        if self.committed.replace(seen.committed) != Some(seen.committed) || !behind {
            self.at = uptime;
        }
        behind
    }
}

impl Backlog {
    /// The intake was looked at. Says through `caught_up` whether nothing is held back.
    pub(super) fn update(&mut self, uptime: Span, look: &Look, caught_up: &AtomicBool) {
        self.places.retain(|place, _| look.contains_key(place));
        let mut behind = false;
        for (place, seen) in look {
            let fresh = Moved { end: None, committed: None, at: uptime, stuck: false };
            let moved = self.places.entry(place.clone()).or_insert(fresh);
            let left = moved.look(uptime, seen.as_ref());
            // Each by itself: others that move do not make it one that does.
            let stuck = left && uptime > moved.at + STUCK_AFTER;
            if stuck && !moved.stuck {
                let (topic, partition) = place;
                tracing::warn!(topic, partition, "it is not read on; windows go by the clock");
            }
            moved.stuck = stuck;
            behind |= left && !stuck;
        }
        self.unseen_since = None;
        self.clear = if behind { 0 } else { self.clear + 1 };
        // Once more than needed: what was committed last has yet to be read.
        caught_up.store(self.clear >= LOOKS_CLEAR, Ordering::Release);
    }

    /// The intake could not be looked at: whatever was known of it counts no more, since
    /// there may be a backlog by now. `alone`: other groups could be.
    pub(super) fn unseen(&mut self, uptime: Span, alone: bool, caught_up: &AtomicBool) {
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
            |uptime| told(|it| backlog.update(uptime, &half_seen((9, 9, None)), it), true);
        assert!(!look(S));
        assert!(!look(S + STUCK_AFTER));
        let _ = look(LONG);
        assert!(look(LONG), "alarms that may be wrong are better than none");
    }

    #[test]
    fn others_that_move_do_not_hold_the_clock_back_for_one_that_does_not() {
        let mut backlog = Backlog::default();
        for second in 0..100 {
            // The first is read on all the time, and never to its end.
            let look = half_seen((second, 1_000, None));
            let at = Span::from_secs(second);
            assert!(!told(|it| backlog.update(at, &look, it), true), "the first is behind");
        }
        let read = half_seen((1_000, 1_000, None));
        assert!(!told(|it| backlog.update(LONG, &read, it), false));
        assert!(told(|it| backlog.update(LONG, &read, it), false), "the second is stuck");
    }

    #[test]
    fn after_an_outage_what_came_meanwhile_is_read_first() {
        let mut backlog = Backlog::default();
        let read = seen([(9, 9, None), (3, 3, None)]);
        for _ in 0..LOOKS_CLEAR {
            backlog.update(S, &read, &AtomicBool::new(false));
        }
        assert!(told(|it| backlog.update(S, &read, it), false), "nothing is held back");
        // Nobody answers for long: that says nothing of the intake.
        assert!(!told(|it| backlog.unseen(S, false, it), true));
        assert!(!told(|it| backlog.unseen(LONG, false, it), true));
        let unread = seen([(9, 900, None), (3, 300, None)]);
        for _ in 0..2 * LOOKS_CLEAR {
            assert!(!told(|it| backlog.update(LONG, &unread, it), false), "not at once stuck");
        }
    }

    #[test]
    fn an_intake_that_alone_cannot_be_asked_holds_the_clock_back_for_a_minute() {
        let mut backlog = Backlog::default();
        assert!(!told(|it| backlog.unseen(S, true, it), true));
        assert!(told(|it| backlog.unseen(LONG, true, it), false));
        // Once it answers it counts from there.
        let unread = seen([(1, 9, None), (3, 3, None)]);
        assert!(!told(|it| backlog.update(LONG, &unread, it), true));
    }
}
