//! The times that sources write, in whatever notation.
//!
//! Invariant: a number is in the unit that puts it between 2000 and 2100, and only one does.

use jiff::civil::DateTime;
use jiff::fmt::strtime;

use crate::time::Timestamp;

/// Reads a time: RFC 3339 (also with a space for the `T`, an offset without a colon), seconds,
/// milliseconds, microseconds or nanoseconds since the epoch as a number or a text, or one of
/// `patterns`. A pattern without an offset is in UTC.
pub(super) fn read(text: &str, patterns: &[String]) -> Option<Timestamp> {
    let text = text.trim_ascii();
    if let Ok(time) = Timestamp::parse_rfc3339(text) {
        return Some(time);
    }
    let digits = |b: u8| b.is_ascii_digit() || b == b'.';
    if !text.is_empty() && text.bytes().all(digits) {
        return since_epoch(text);
    }
    loose(text).or_else(|| patterns.iter().find_map(|pattern| by_pattern(text, pattern)))
}

/// `2026-01-05 10:00:00.123+0100`, also with a space before the offset, or with `UTC` for one.
fn loose(text: &str) -> Option<Timestamp> {
    let utc = text.strip_suffix("UTC").map(|clock| format!("{}+00:00", clock.trim_ascii_end()));
    let text = utc.as_deref().unwrap_or(text);
    let (date, rest) = text.split_at_checked(10)?;
    let (between, rest) = rest.split_at_checked(1)?;
    if !matches!(between, "T" | " ") {
        return None;
    }
    let offset = rest.rfind(['+', '-'])?;
    let (clock, offset) = rest.split_at(offset);
    let (hours, minutes) = offset.split_at_checked(3)?;
    let minutes = minutes.strip_prefix(':').unwrap_or(minutes);
    let minutes = if minutes.is_empty() { "00" } else { minutes };
    Timestamp::parse_rfc3339(&format!("{date}T{}{hours}:{minutes}", clock.trim_ascii_end())).ok()
}

/// Since the epoch, whatever the unit.
fn since_epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = whole.parse().ok()?;
    // Only of seconds do fractions matter: the others are finer than what is kept.
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    let thousandths: i64 = thousandths.parse().ok()?;
    let seconds = whole.checked_mul(1_000).map(|ms| ms + thousandths);
    [seconds, Some(whole), Some(whole / 1_000), Some(whole / 1_000_000)]
        .into_iter()
        .flatten()
        .find_map(|ms| Timestamp::from_millis_checked(ms).ok())
}

fn by_pattern(text: &str, pattern: &str) -> Option<Timestamp> {
    let parsed = strtime::parse(pattern, text).ok()?;
    let time = match parsed.to_timestamp() {
        Ok(time) => time,
        Err(_) => {
            let time: DateTime = parsed.to_datetime().ok()?;
            time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
        }
    };
    Timestamp::from_millis_checked(time.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_in_every_notation() {
        let patterns = ["%d.%m.%Y %H:%M:%S".to_owned(), "%b %d, %Y %H:%M:%S %z".to_owned()];
        for text in [
            "2026-01-05T09:00:00Z",
            "2026-01-05T10:00:00.000+0100",
            "2026-01-05 10:00:00+01:00",
            "2026-01-05 10:00:00 +01",
            "2026-01-05 09:00:00 UTC",
            "2026-01-05T06:00:00.000-0300",
            "1767603600",
            "1767603600.000400",
            "1767603600000",
            "1767603600000000",
            "1767603600000000000",
            "05.01.2026 09:00:00",
            "Jan 05, 2026 10:00:00 +0100",
        ] {
            let time = read(text, &patterns).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(time.to_string(), "2026-01-05T09:00:00.000Z", "{text}");
        }
        assert_eq!(read("1767603600.25", &[]).unwrap().to_string(), "2026-01-05T09:00:00.250Z");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "noon", "2026-01-05", "2026-01-05T09:00:00", "17", "05.01.2026", "1.2.3"] {
            assert_eq!(read(text, &[]), None, "{text}");
        }
    }
}
