//! The effective review rate over weeks and months: longer than the view keeps closed windows.
//!
//! Invariants: a window counts once, and a later record replaces what its earlier one said;
//! memory is bounded, and a period of which something was forgotten has no rate; incidents are
//! grouped as in every other figure.
//!
//! What comes of a review is known when it was due, whatever happens later. So of a window that
//! leaves the view only its outcome is kept.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use serde::Serialize;

use crate::engine::effective::{Due, EffectiveRate, Outcome, Outcomes};
use crate::engine::incidents::{Incidents, Tie};
use crate::engine::oversight::Quality;
use crate::engine::summary::FigureRules;
use crate::engine::windows::Window;
use crate::records::WindowRecord;
use crate::time::{Span, Timestamp};

/// Windows that left the view, at most: 80 bytes each.
const PAST_MAX: usize = 300_000;

/// The lengths of periods, in days.
const PERIODS: [i64; 3] = [7, 30, 90];

/// How far back the trend goes: the longest period, and as much before it.
pub(in crate::runtime) const HISTORY: Span = Span::from_mins(2 * 90 * 24 * 60);

/// A period, and as much time before it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendPeriod {
    /// Its length.
    pub days: i64,
    /// The rate of the windows detected in it; null if the view has forgotten some of them, or
    /// has not read all of them yet.
    pub rate: Option<EffectiveRate>,
    /// The same for the period before it.
    pub before: Option<EffectiveRate>,
    /// The first detection, if it comes so late in the period that there were no data before.
    pub begins_at: Option<Timestamp>,
    /// Whether there are data of all of the period before: a part of it says nothing about a change.
    pub comparable: bool,
}

impl TrendPeriod {
    /// All periods, while nothing is known of any.
    pub(super) fn unknown() -> Vec<TrendPeriod> {
        let period = |days| TrendPeriod {
            days,
            rate: None,
            before: None,
            begins_at: None,
            comparable: false,
        };
        PERIODS.into_iter().map(period).collect()
    }
}

/// What comes of one window's review.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::runtime) struct Reviewed {
    tie: Tie,
    detected_at: Timestamp,
    due_at: Timestamp,
    outcome: Outcome,
}

impl Reviewed {
    /// That of a window that attackers race for, by the targets that its record states; `None` for
    /// other windows, and for those that their source took back before a review was due.
    pub(super) fn of(record: &WindowRecord) -> Option<Reviewed> {
        let quality = record.judgement().and_then(|judgement| judgement.quality());
        Reviewed::judged(&record.window(), quality)
    }

    /// The same of a window itself, and what its review was.
    pub(in crate::runtime) fn judged(
        window: &Window<'_>,
        quality: Option<Quality>,
    ) -> Option<Reviewed> {
        let targets = window.targets;
        if !targets.raced {
            return None;
        }
        let due_at = window.start() + targets.in_time;
        let outcome = Due::of(window, targets, due_at).outcome(quality)?;
        Some(Reviewed { tie: Tie::of(window), detected_at: window.detected_at, due_at, outcome })
    }
}

/// Windows that have left the view, by a hash of their names.
#[derive(Debug, Default)]
pub(super) struct Past {
    windows: HashMap<u64, Reviewed>,
    /// The latest detection among those that were forgotten.
    forgotten_up_to: Option<Timestamp>,
    /// How often it changed.
    moves: u64,
}

impl Past {
    /// How often it changed: while this stays the same, no window has come or gone.
    pub(super) const fn moves(&self) -> u64 {
        self.moves
    }

    /// A window leaves the view.
    pub(super) fn keep(&mut self, name: &str, reviewed: Option<Reviewed>, now: Timestamp) {
        let Some(reviewed) = reviewed else { return };
        if reviewed.detected_at < now + Span::from_millis(-HISTORY.as_millis()) {
            return;
        }
        if self.windows.len() >= PAST_MAX {
            self.make_room(now);
        }
        self.windows.insert(hash(name), reviewed);
        self.moves += 1;
    }

    /// A window comes back, or was never one.
    pub(super) fn forget(&mut self, name: &str) {
        self.moves += u64::from(self.windows.remove(&hash(name)).is_some());
    }

    /// A window of this detection found no room, and nothing is known of it.
    pub(super) fn lose(&mut self, detected_at: Timestamp) {
        self.forgotten_up_to = self.forgotten_up_to.max(Some(detected_at));
    }

    /// Drops what is too old for any period, or else the older half.
    fn make_room(&mut self, now: Timestamp) {
        let began = now + Span::from_millis(-HISTORY.as_millis());
        self.windows.retain(|_, reviewed| reviewed.detected_at >= began);
        if self.windows.len() < PAST_MAX {
            return;
        }
        let mut times: Vec<Timestamp> = self.windows.values().map(|it| it.detected_at).collect();
        let middle = times.len() / 2;
        let (_, &mut middle, _) = times.select_nth_unstable(middle);
        self.windows.retain(|_, reviewed| reviewed.detected_at > middle);
        self.lose(middle);
    }
}

/// Names that are mistaken for each other count once.
fn hash(name: &str) -> u64 {
    FixedState::with_seed(0).hash_one(name)
}

/// The rates of the last week, month and quarter, each beside that of the time before. `all` are
/// windows of the view; those of `past` come to them.
pub(super) fn periods(
    mut all: Vec<Reviewed>,
    past: &Past,
    rules: &FigureRules<'_>,
    now: Timestamp,
) -> Vec<TrendPeriod> {
    all.extend(past.windows.values());
    let first = all.iter().map(|reviewed| reviewed.detected_at).min();
    let late = |from: Timestamp, to: Timestamp| {
        let within = all.iter().filter(|it| it.detected_at >= from && it.detected_at < to);
        let quiet = quiet_by_chance(within.count(), to.since(from));
        first.filter(|first| *first >= to || first.since(from) > quiet)
    };
    let back = |days: i64| now + Span::from_mins(-days * 24 * 60);
    let begins = PERIODS.map(|days| (late(back(days), now), late(back(2 * days), back(days))));
    all.retain(|reviewed| reviewed.due_at <= now);
    let rate = |from: Timestamp, to: Timestamp| {
        let known = past.forgotten_up_to.is_none_or(|forgotten| forgotten < from);
        known.then(|| rate(&all, from, to, rules))
    };
    let period =
        |(days, (begins_at, before_begins_at)): (i64, (_, Option<Timestamp>))| TrendPeriod {
            days,
            rate: rate(back(days), now),
            before: rate(back(2 * days), back(days)),
            begins_at,
            comparable: before_begins_at.is_none(),
        };
    PERIODS.into_iter().zip(begins).map(period).collect()
}

/// How long nothing is detected by chance at the beginning of a period of this length with so many
/// detections, once in a thousand periods; an hour at least. The report asks the same of a ledger.
fn quiet_by_chance(detections: usize, length: Span) -> Span {
    let gaps = detections as f64 + 1.0;
    let mean = length.as_millis() as f64 / gaps;
    Span::from_millis((mean * (gaps.ln() + 1_000_f64.ln())) as i64).max(Span::from_mins(60))
}

/// The rate of the windows detected from `from` to before `to`.
fn rate(
    all: &[Reviewed],
    from: Timestamp,
    to: Timestamp,
    rules: &FigureRules<'_>,
) -> EffectiveRate {
    let within = all.iter().filter(|it| it.detected_at >= from && it.detected_at < to);
    let (mut outcomes, mut ties) = (Outcomes::default(), Vec::new());
    for reviewed in within {
        outcomes.add(reviewed.outcome);
        ties.push(reviewed.tie);
    }
    let incidents = Incidents::group(ties.iter().copied(), rules.incidents());
    EffectiveRate::of(outcomes, incidents.sample(|_| true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reviewed(detected_ms: i64) -> Reviewed {
        let detected_at = Timestamp::from_millis(detected_ms);
        let tie = Tie::new(None, [None; 3], detected_at, None);
        Reviewed { tie, detected_at, due_at: detected_at, outcome: Outcome::Effective }
    }

    #[test]
    fn the_older_half_goes_first_and_is_said_to_be_gone() {
        let now = Timestamp::from_millis(PAST_MAX as i64);
        let mut past = Past::default();
        for n in 0..PAST_MAX {
            past.keep(&n.to_string(), Some(reviewed(n as i64)), now);
        }
        assert_eq!((past.windows.len(), past.forgotten_up_to), (PAST_MAX, None));
        past.keep("one more", Some(reviewed(PAST_MAX as i64)), now);
        assert_eq!(past.windows.len(), PAST_MAX / 2);
        let gone = past.forgotten_up_to.map(Timestamp::as_millis);
        assert_eq!(gone, Some(PAST_MAX as i64 / 2));
        past.forget("one more");
        assert_eq!(past.windows.len(), PAST_MAX / 2 - 1);
    }
}
