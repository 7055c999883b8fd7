//! The only place that reads a clock.

use std::sync::OnceLock;
use std::time::Instant;

use crate::time::{Span, Timestamp};

/// The present, by this machine's clock.
#[expect(clippy::disallowed_methods, reason = "time enters the process here and nowhere else")]
pub fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // A clock before 1970 is wrong by decades: whatever is compared with it is newer.
    let ms =
        since_epoch.map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX));
    Timestamp::from_millis(ms)
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
