//! The only place that reads a clock.

use crate::time::Timestamp;

/// The present, by this machine's clock.
#[expect(clippy::disallowed_methods, reason = "time enters the process here and nowhere else")]
pub fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // A clock before 1970 is wrong by decades: whatever is compared with it is newer.
    let ms =
        since_epoch.map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX));
    Timestamp::from_millis(ms)
}
