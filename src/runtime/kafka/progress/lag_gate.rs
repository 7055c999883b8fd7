//! The lag gate: while the intake lags, the windows must not go by the clock.
//!
//! Invariant: a record that is not known to be read keeps the gate shut, but not for ever.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::look::{Look, Seen, TopicPartition};
use crate::time::Span;

/// Looks in a row without a lag that open the gate.
const LOOKS_CLEAR: u32 = 2;
/// A partition that does not move for this long no longer keeps the gate shut: alerts
/// that may be wrong are better than none, and the lag is reported.
const STUCK_AFTER: Span = Span::from_secs(60);

/// What was seen of the intake so far.
#[derive(Debug, Default)]
pub(super) struct LagGate {
    partitions: BTreeMap<TopicPartition, Moved>,
    /// Looks in a row without a lag.
    clear: u32,
    /// Since when the intake is the only group that cannot be asked.
    unseen_since: Option<Span>,
}

/// One partition of a source.
#[derive(Debug)]
struct Moved {
    /// Where it ended when it was last seen.
    end: Option<i64>,
    committed: Option<i64>,
    /// When that last changed, or nothing was left to be read.
    at: Span,
    stuck: bool,
}

impl Moved {
    /// Takes in what was seen of it, and returns whether something may be left to be read.
    fn look(&mut self, uptime: Span, seen: Option<&Seen>) -> bool {
        // If it cannot be asked, it is not known to be read.
        let Some(seen) = seen else { return true };
        // Records that came since the last look may still be on their way.
        let end = self.end.replace(seen.end).unwrap_or(seen.end);
        let behind = seen.low < end && seen.committed < end;
        if self.committed.replace(seen.committed) != Some(seen.committed) || !behind {
            self.at = uptime;
        }
        behind
    }
}

impl LagGate {
    /// Takes in a look at the intake, and opens or shuts the gate.
    pub(super) fn update(&mut self, uptime: Span, look: &Look, open: &AtomicBool) {
        self.partitions.retain(|at, _| look.contains_key(at));
        let mut behind = false;
        for (at, seen) in look {
            let fresh = Moved { end: None, committed: None, at: uptime, stuck: false };
            let moved = self.partitions.entry(at.clone()).or_insert(fresh);
            let left = moved.look(uptime, seen.as_ref());
            // Each by itself: that others move does not mean that this one does.
            let stuck = left && uptime > moved.at + STUCK_AFTER;
            if stuck && !moved.stuck {
                let (topic, partition) = at;
                tracing::warn!(
                    topic,
                    partition,
                    "the intake does not move in this partition; windows go by the clock"
                );
            }
            moved.stuck = stuck;
            behind |= left && !stuck;
        }
        self.unseen_since = None;
        self.clear = if behind { 0 } else { self.clear + 1 };
        // One look more than needed: the windows have yet to read what the intake has
        // committed last.
        open.store(self.clear >= LOOKS_CLEAR, Ordering::Release);
    }

    /// The intake could not be asked. What was known of it no longer counts, since it may
    /// lag by now. `alone`: other groups could be asked.
    pub(super) fn unseen(&mut self, uptime: Span, alone: bool, open: &AtomicBool) {
        // While no group can be asked, that says nothing about the intake.
        let since = self.unseen_since.filter(|_| alone).unwrap_or(uptime);
        let stuck = uptime > since + STUCK_AFTER;
        if stuck && !open.load(Ordering::Acquire) {
            tracing::warn!("the progress of the intake is unknown; windows go by the clock");
        }
        *self = LagGate { unseen_since: Some(since), ..LagGate::default() };
        open.store(stuck, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::super::look::tests::{half_seen, seen};
    use super::*;

    /// Whether the gate is open after `step`.
    fn open(step: impl FnOnce(&AtomicBool), before: bool) -> bool {
        let open = AtomicBool::new(before);
        step(&open);
        open.load(Ordering::Acquire)
    }

    const S: Span = Span::from_secs(1);
    const LONG: Span = Span::from_secs(100);

    #[test]
    fn a_partition_that_cannot_be_asked_keeps_the_gate_shut_for_a_minute() {
        let mut gate = LagGate::default();
        let mut look = |uptime| open(|it| gate.update(uptime, &half_seen((9, 9, None)), it), true);
        assert!(!look(S));
        assert!(!look(S + STUCK_AFTER));
        let _ = look(LONG);
        assert!(look(LONG), "alerts that may be wrong are better than none");
    }

    #[test]
    fn others_that_move_do_not_keep_the_gate_shut_for_one_that_does_not() {
        let mut gate = LagGate::default();
        for second in 0..100 {
            // The first is read on all the time, and never to its end.
            let look = half_seen((second, 1_000, None));
            let at = Span::from_secs(second);
            assert!(!open(|it| gate.update(at, &look, it), true), "the first is behind");
        }
        let read = half_seen((1_000, 1_000, None));
        assert!(!open(|it| gate.update(LONG, &read, it), false));
        assert!(open(|it| gate.update(LONG, &read, it), false), "the second is stuck");
    }

    #[test]
    fn after_an_outage_records_that_came_meanwhile_are_read_first() {
        let mut gate = LagGate::default();
        let read = seen([(9, 9, None), (3, 3, None)]);
        for _ in 0..LOOKS_CLEAR {
            gate.update(S, &read, &AtomicBool::new(false));
        }
        assert!(open(|it| gate.update(S, &read, it), false), "nothing is held back");
        // No group answers for long: that says nothing about the intake.
        assert!(!open(|it| gate.unseen(S, false, it), true));
        assert!(!open(|it| gate.unseen(LONG, false, it), true));
        let unread = seen([(9, 900, None), (3, 300, None)]);
        for _ in 0..2 * LOOKS_CLEAR {
            assert!(!open(|it| gate.update(LONG, &unread, it), false), "not at once stuck");
        }
    }

    #[test]
    fn an_intake_that_alone_cannot_be_asked_keeps_the_gate_shut_for_a_minute() {
        let mut gate = LagGate::default();
        assert!(!open(|it| gate.unseen(S, true, it), true));
        assert!(open(|it| gate.unseen(LONG, true, it), false));
        // Once it answers it counts from there.
        let unread = seen([(1, 9, None), (3, 3, None)]);
        assert!(!open(|it| gate.update(LONG, &unread, it), true));
    }
}
