//! The only place that reads a clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use crate::time::{Span, Timestamp};

/// The present, by this machine's clock, unless that has just jumped: see [`Steady`].
pub fn now() -> Timestamp {
    let (wall, uptime) = (wall(), uptime());
    let mut steady = STEADY.lock().unwrap_or_else(PoisonError::into_inner);
    let steady = steady.get_or_insert_with(|| Steady::new(wall, uptime));
    let (now, jump) = steady.read(wall, uptime);
    if let Some(ahead) = jump {
        let count = if ahead > Span::ZERO { &JUMPS.0 } else { &JUMPS.1 };
        count.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            ahead_ms = ahead.as_millis(),
            "the clock of this machine has jumped; time goes on as before until the clock has \
             stayed there for {} s",
            Steady::CONFIRMED_AFTER.as_millis() / 1000
        );
    }
    now
}

/// How often the clock was seen to jump forward, and back.
pub fn jumps() -> (u64, u64) {
    (JUMPS.0.load(Ordering::Relaxed), JUMPS.1.load(Ordering::Relaxed))
}

static STEADY: Mutex<Option<Steady>> = Mutex::new(None);
static JUMPS: (AtomicU64, AtomicU64) = (AtomicU64::new(0), AtomicU64::new(0));

#[expect(clippy::disallowed_methods, reason = "time enters the process here and nowhere else")]
fn wall() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // A clock before 1970 is wrong by decades: whatever is compared with it is newer.
    let ms =
        since_epoch.map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX));
    Timestamp::from_millis(ms)
}

/// A clock that does not follow every jump of another.
///
/// Deadlines go by the present, and an alert that fired cannot be taken back: an hour
/// ahead for a moment, and every open window would be overdue; and as an engine's
/// time does not go back, none would fall due for an hour once the clock is right
/// again. So a jump is believed only when the clock has stayed there for a while;
/// until then time goes on at the pace of the one that nobody can set.
#[derive(Clone, Copy, Debug)]
pub struct Steady {
    /// The last moment that was believed, and the uptime then.
    at: Timestamp,
    uptime: Span,
    /// Since when the clock has been elsewhere, and by how much.
    doubted: Option<(Span, Span)>,
}

impl Steady {
    /// A smaller difference is no jump: clocks are adjusted in small steps.
    pub const TOLERANCE: Span = Span::from_secs(2);
    /// A clock that has stayed where it jumped to for so long is right.
    pub const CONFIRMED_AFTER: Span = Span::from_mins(5);

    /// One that believes `wall`.
    pub const fn new(wall: Timestamp, uptime: Span) -> Steady {
        Steady { at: wall, uptime, doubted: None }
    }

    /// The present, given what the clock says and the uptime; and by how much the
    /// clock is ahead, when that is seen for the first time.
    pub fn read(&mut self, wall: Timestamp, uptime: Span) -> (Timestamp, Option<Span>) {
        let elapsed = Span::from_millis(uptime.as_millis() - self.uptime.as_millis());
        let expected = self.at + elapsed;
        let ahead = wall.since(expected);
        if is_small(ahead) {
            *self = Steady::new(wall, uptime);
            return (wall, None);
        }
        match self.doubted {
            Some((since, by))
                if is_small(Span::from_millis(ahead.as_millis() - by.as_millis())) =>
            {
                if uptime >= since + Steady::CONFIRMED_AFTER {
                    *self = Steady::new(wall, uptime);
                    return (wall, None);
                }
                (expected, None)
            }
            _ => {
                self.doubted = Some((uptime, ahead));
                (expected, Some(ahead))
            }
        }
    }
}

fn is_small(difference: Span) -> bool {
    difference.as_millis().abs() <= Steady::TOLERANCE.as_millis()
}

/// A moment to measure from, finely. For figures of the program itself alone.
#[expect(clippy::disallowed_methods, reason = "time enters the process here and nowhere else")]
pub fn instant() -> Instant {
    Instant::now()
}

/// Time that only goes on, whatever is done to the clock: how long it is since
/// the process first asked. For waiting, never for events.
#[expect(clippy::disallowed_methods, reason = "time enters the process here and nowhere else")]
pub fn uptime() -> Span {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let elapsed = BEGAN.get_or_init(Instant::now).elapsed();
    Span::from_millis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

/// How long it is since `began`, by [`uptime`].
pub fn since(began: Span) -> Span {
    Span::from_millis(uptime().as_millis() - began.as_millis())
}

/// Where the present comes from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// This machine's clock, or in tests whatever stands in for it.
    Real(fn() -> Timestamp),
    /// A clock that was set and runs at a speed of its own.
    Paced(Pace),
}

/// A clock that was set to `start` and has run `speed` times as fast since.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// What it was set to.
    pub start: Timestamp,
    /// When it was, by [`uptime`].
    pub began: Span,
    /// Its seconds in one second.
    pub speed: f64,
}

impl Clock {
    /// A clock set to `start` now, running `speed` times as fast as time does.
    pub fn paced(start: Timestamp, speed: f64) -> Clock {
        Clock::Paced(Pace { start, began: uptime(), speed })
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::Real(now) => now(),
            Clock::Paced(pace) => {
                let elapsed_ms = (uptime().as_millis() - pace.began.as_millis()) as f64;
                pace.start + Span::from_millis((elapsed_ms * pace.speed) as i64)
            }
        }
    }

    /// Its seconds in one second.
    pub fn speed(&self) -> f64 {
        match self {
            Clock::Real(_) => 1.0,
            Clock::Paced(pace) => pace.speed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Span = Span::from_mins(60);

    fn wall(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + seconds * 1000)
    }

    /// What is read each second from `from` to `to` while the clock is off by `off`.
    fn read(steady: &mut Steady, from: i64, to: i64, off: Span) -> Vec<i64> {
        let at = |second| steady_at(steady, second, off);
        (from..to).map(at).collect()
    }

    /// How far what is read is from the truth, in milliseconds.
    fn steady_at(steady: &mut Steady, second: i64, off: Span) -> i64 {
        let (now, _) = steady.read(wall(second) + off, Span::from_secs(second));
        now.since(wall(second)).as_millis()
    }

    #[test]
    fn a_jump_that_is_taken_back_never_was() {
        for off in [HOUR, Span::from_millis(-HOUR.as_millis())] {
            let mut steady = Steady::new(wall(0), Span::ZERO);
            assert!(read(&mut steady, 0, 60, Span::ZERO).iter().all(|off| *off == 0));
            assert!(read(&mut steady, 60, 300, off).iter().all(|off| *off == 0));
            assert!(read(&mut steady, 300, 900, Span::ZERO).iter().all(|off| *off == 0));
            // Once more, as long as before: what was seen then does not count.
            assert!(read(&mut steady, 900, 1_150, off).iter().all(|off| *off == 0));
        }
    }

    #[test]
    fn a_clock_that_stays_where_it_jumped_to_is_believed_and_told_once() {
        let mut steady = Steady::new(wall(0), Span::ZERO);
        let mut told = Vec::new();
        let mut at = Vec::new();
        for second in 0..600 {
            let off = if second < 100 { Span::ZERO } else { HOUR };
            let (now, jump) = steady.read(wall(second) + off, Span::from_secs(second));
            told.extend(jump.map(|ahead| (second, ahead)));
            at.push(now.since(wall(second)));
        }
        assert_eq!(told, [(100, HOUR)]);
        assert!(at[..400].iter().all(|off| *off == Span::ZERO));
        assert!(at[400..].iter().all(|off| *off == HOUR), "{:?}", at[400]);
    }

    #[test]
    fn a_clock_that_is_adjusted_in_small_steps_is_followed() {
        let mut steady = Steady::new(wall(0), Span::ZERO);
        for second in 0..1_000 {
            // A tenth of a second in each second: far more than any daemon does.
            let off = Span::from_millis(second * 100);
            assert_eq!(steady_at(&mut steady, second, off), off.as_millis());
        }
    }
}
