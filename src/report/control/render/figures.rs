//! Figures as people read them.

use super::super::Share;
use crate::engine::chances::ChanceFirst;
use crate::engine::effective::EffectiveRate;
use crate::report::numbers::decimal;
pub(super) use crate::report::numbers::grouped as count;
use crate::time::{Span, Timestamp};

/// What stands where nothing can be said.
pub(super) const NOTHING: &str = "–";

/// A share in percent.
pub(super) fn percent(share: Option<f64>) -> String {
    match share {
        // What is not all, or not nothing, must not be rounded to it.
        Some(share) if share > 0.0 && share < 0.0005 => "< 0.1 %".to_owned(),
        Some(share) if (0.9995..1.0).contains(&share) => "> 99.9 %".to_owned(),
        Some(share) => format!("{:.1} %", share * 100.0),
        None => NOTHING.to_owned(),
    }
}

/// Its bounds.
pub(super) fn bounds(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(_), Some(_)) => range(low, high),
        _ => NOTHING.to_owned(),
    }
}

/// A range whose ends are equal is one number.
pub(super) fn range(low: Option<f64>, high: Option<f64>) -> String {
    let (low, high) = (percent(low), percent(high));
    if low == high { low } else { format!("{low} to {high}") }
}

/// A rate: what it lies between, and its bounds.
pub(super) fn rate(rate: &EffectiveRate) -> String {
    match rate.low {
        Some(_) => {
            format!("{} ({})", range(rate.low, rate.high), bounds(rate.low_bound, rate.high_bound))
        }
        None => NOTHING.to_owned(),
    }
}

/// `8 exposures in 5 incidents`.
pub(super) fn within(windows: u64, incidents: u64) -> String {
    format!("{} in {}", exposures(windows), of(incidents, "incident", "incidents"))
}

/// A share with its bounds.
pub(super) fn share(share: &Share) -> String {
    match share.share {
        Some(_) => format!("{} ({})", percent(share.share), bounds(share.low, share.high)),
        None => NOTHING.to_owned(),
    }
}

/// A number that is no count.
pub(super) fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or(NOTHING.to_owned(), |value| decimal(value, decimals))
}

/// A length of time, in the two largest units that it has.
pub(super) fn length(ms: Option<i64>) -> String {
    let Some(ms) = ms else { return NOTHING.to_owned() };
    let (seconds, minutes, hours, days) = (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match ms {
        0 => "0".to_owned(),
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{seconds} s"),
        60_000..3_600_000 => format!("{minutes} min {:02} s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours} h {:02} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// A length of time that is given, not measured, in its largest unit that needs no fraction:
/// `9 min`, `1 d`.
pub(super) fn limit(span: Span) -> String {
    const UNITS: [(i64, &str); 4] =
        [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let ms = span.as_millis();
    let unit = UNITS.into_iter().find(|(unit, _)| ms > 0 && ms % unit == 0);
    unit.map_or_else(|| length(Some(ms)), |(unit, name)| format!("{} {name}", ms / unit))
}

/// A range of lengths.
pub(super) fn lengths(low: Option<i64>, high: Option<i64>) -> String {
    let (low, high) = (length(low), length(high));
    if low == high { low } else { format!("{low} to {high}") }
}

/// Credentials that attackers are expected to have used, at least to at most.
pub(super) fn expected(first: &ChanceFirst) -> String {
    let [low, high] = [first.expected_low, first.expected_high].map(|n| decimal(n, 1));
    if low == high { low } else { format!("{low} to {high}") }
}

/// A moment to the minute: `2026-03-02 09:00 UTC`.
pub(super) fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{} UTC", text.get(..16).unwrap_or(&text).replace('T', " "))
}

/// The beginning of a digest, enough to tell digests apart on a page.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

/// `1 exposure`, `2 exposures`.
pub(super) fn of(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Exposures, counted.
pub(super) fn exposures(number: u64) -> String {
    of(number, "exposure", "exposures")
}

/// A word of the vocabulary as text.
pub(super) fn spoken(word: &str) -> String {
    word.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rounded_honestly() {
        assert_eq!(percent(Some(0.0)), "0.0 %");
        assert_eq!(percent(Some(0.0001)), "< 0.1 %");
        assert_eq!(percent(Some(0.99999)), "> 99.9 %");
        assert_eq!(percent(Some(1.0)), "100.0 %");
        assert_eq!(percent(None), NOTHING);
        assert_eq!(number(None, 2), NOTHING);
        assert_eq!(length(Some(999)), "999 ms");
        assert_eq!(length(Some(540_000)), "9 min 00 s");
        assert_eq!(length(Some(90_000_000)), "1 d 1 h");
        let limits = [0, 1_500, 540_000, 90_000_000, 86_400_000].map(Span::from_millis);
        assert_eq!(limits.map(limit), ["0", "1 s", "9 min", "25 h", "1 d"]);
    }
}
