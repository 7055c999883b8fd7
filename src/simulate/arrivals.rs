//! When exposures are detected: busy days, quiet nights, bursts, and credentials that leak
//! again.
//!
//! Invariants: arrivals come in order of time; the long-run mean is the rate that
//! was asked for; what waits here is bounded by the rate times the longest delay.

use std::collections::BTreeMap;

use crate::event::{Severity, Workflow};
use crate::time::{Span, Timestamp};

use super::dice::{Dice, Stream};
use super::organisation::Detector;
use super::week::{HOUR_MS, hour_of_week};

/// A detection that opens a window.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) at: Timestamp,
    /// The closed window's credential, when it is not a new one.
    pub(super) again: Option<ReLeak>,
}

/// A credential whose earlier window is closed.
#[derive(Debug)]
pub(super) struct ReLeak {
    /// `None` until it is detected, unless it is named by its place.
    pub(super) credential_id: Option<String>,
    pub(super) workflow: Workflow,
    pub(super) detector: &'static Detector,
    pub(super) severity: Severity,
    pub(super) owner: &'static str,
    /// Who issued it; `None` until it is detected, and if nothing leaked.
    pub(super) provider: Option<&'static str>,
    /// The number of the earlier window.
    pub(super) after: u64,
}

/// Relative rate by hour of day (UTC); the mean is 1000.
const HOURS: [i64; 24] = [
    420, 340, 300, 280, 300, 380, 560, 900, 1350, 1650, 1760, 1720, 1500, 1560, 1700, 1680, 1600,
    1480, 1200, 960, 780, 620, 520, 440,
];
/// Relative rate from Monday to Sunday; the mean is 1000.
const DAYS: [i64; 7] = [1180, 1160, 1140, 1140, 1080, 640, 660];

/// Bursts: a leaked image or a mass scan brings many at once.
const BURST_FACTOR: f64 = 8.0;
const BURST_EVERY: Span = Span::from_mins(360);
const BURST_LENGTH: Span = Span::from_mins(12);
/// The rate of calm times, lowered so that bursts do not raise the mean.
const CALM_FACTOR: f64 = 372.0 / (360.0 + 12.0 * BURST_FACTOR);

pub(super) struct Arrivals {
    dice: Dice,
    now: Timestamp,
    /// Mean gap at relative rate 1, in milliseconds.
    gap_ms: f64,
    bursting: bool,
    turns_at: Timestamp,
    next: Timestamp,
    again: BTreeMap<(Timestamp, u64), ReLeak>,
}

impl Arrivals {
    pub(super) fn new(seed: u64, start: Timestamp, windows_per_day: u32) -> Arrivals {
        let mut dice = Dice::new(seed, Stream::Arrivals);
        let turns_at = start + dice.exponential(BURST_EVERY);
        let mut arrivals = Arrivals {
            dice,
            now: start,
            gap_ms: 86_400_000.0 / f64::from(windows_per_day),
            bursting: false,
            turns_at,
            next: start,
            again: BTreeMap::new(),
        };
        arrivals.advance();
        arrivals
    }

    /// How many credentials are to leak again.
    pub(super) fn waiting(&self) -> usize {
        self.again.len()
    }

    /// When the next one is due.
    pub(super) fn next_at(&self) -> Timestamp {
        self.again.first_key_value().map_or(self.next, |((at, _), _)| self.next.min(*at))
    }

    pub(super) fn pop(&mut self) -> Arrival {
        if self.again.first_key_value().is_some_and(|((at, _), _)| *at <= self.next)
            && let Some(((at, _), again)) = self.again.pop_first()
        {
            return Arrival { at, again: Some(again) };
        }
        let at = self.next;
        self.advance();
        Arrival { at, again: None }
    }

    /// Schedules another leak of a credential; `at` must not be in the past.
    pub(super) fn leak_again(&mut self, at: Timestamp, leak: ReLeak) {
        self.again.insert((at, leak.after), leak);
    }

    /// Draws the arrival of the next new credential. The rate is constant within an hour and
    /// while a burst neither begins nor ends. Exponential gaps have no memory, so the rest of a
    /// gap can be drawn again at each change of the rate.
    fn advance(&mut self) {
        loop {
            let hour = hour_of_week(self.now);
            let calendar = (HOURS[hour % 24] * DAYS[hour / 24]) as f64 / 1e6;
            let weather = if self.bursting { BURST_FACTOR * CALM_FACTOR } else { CALM_FACTOR };
            let mean_ms = self.gap_ms / (calendar * weather);
            // In nanoseconds, so that thousands per second keep their spacing.
            let gap_ns = self.dice.exponential(Span::from_millis((mean_ms * 1e6) as i64));
            let due = self.now + Span::from_millis(gap_ns.as_millis() / 1_000_000);
            let hour_ends = self.now.as_millis().div_euclid(HOUR_MS) * HOUR_MS + HOUR_MS;
            let border = Timestamp::from_millis(hour_ends).min(self.turns_at);
            if due < border {
                self.now = due;
                self.next = due;
                return;
            }
            self.now = border;
            if border == self.turns_at {
                self.bursting = !self.bursting;
                let mean = if self.bursting { BURST_LENGTH } else { BURST_EVERY };
                self.turns_at = border + self.dice.exponential(mean) + Span::from_millis(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_mean_one() {
        assert_eq!(HOURS.iter().sum::<i64>(), 24_000);
        assert_eq!(DAYS.iter().sum::<i64>(), 7_000);
    }

    #[test]
    fn the_rate_is_the_one_asked_for_and_nights_are_quiet() {
        let start = super::super::Options::START;
        let mut arrivals = Arrivals::new(3, start, 2_000);
        let weeks = 20;
        let end = start + Span::from_mins(weeks * 7 * 24 * 60);
        let (mut total, mut night, mut noon, mut last) = (0_u64, 0_u64, 0_u64, start);
        while arrivals.next_at() < end {
            let arrival = arrivals.pop();
            assert!(arrival.at >= last);
            last = arrival.at;
            total += 1;
            match hour_of_week(arrival.at) % 24 {
                2..4 => night += 1,
                10..12 => noon += 1,
                _ => {}
            }
        }
        let mean = total as f64 / (weeks * 7) as f64;
        assert!((mean / 2_000.0 - 1.0).abs() < 0.08, "{mean} per day");
        assert!(noon > 4 * night, "{noon} at noon, {night} at night");
    }
}
