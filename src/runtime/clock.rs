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
