//! The hours of the week, by which people work and leaks arrive.

use crate::time::Timestamp;

/// The length of an hour in milliseconds.
pub(super) const HOUR_MS: i64 = 3_600_000;

/// The hour within the week, 0 for the first one of Monday (UTC).
pub(super) fn hour_of_week(time: Timestamp) -> usize {
    let hours = time.as_millis().div_euclid(HOUR_MS);
    // 1970-01-01 was a Thursday.
    (hours + 3 * 24).rem_euclid(7 * 24) as usize
}
