//! Points and lengths of time as integer milliseconds.
//!
//! Invariants: nothing here reads a clock; a [`Timestamp`] that came from input
//! lies in the years 2000 to 2100; no operation wraps; within those years none saturates.

use std::fmt;
use std::num::NonZeroU64;

use jiff::fmt::temporal::DateTimePrinter;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(Millis);

/// A signed length of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(Millis);

/// Milliseconds of which one number, the least, is none: a time that may be missing
/// takes no more room than one that is there, and a window has a dozen of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Millis(NonZeroU64);

impl Millis {
    /// Turns the order of signed numbers into that of unsigned ones.
    const SIGN: u64 = 1 << 63;

    /// `ms`; of `i64::MIN` the next one, 300 million years from any time there is.
    const fn new(ms: i64) -> Millis {
        match NonZeroU64::new(ms as u64 ^ Millis::SIGN) {
            Some(flipped) => Millis(flipped),
            None => Millis(NonZeroU64::MIN),
        }
    }

    const fn get(self) -> i64 {
        (self.0.get() ^ Millis::SIGN) as i64
    }
}

impl Default for Millis {
    fn default() -> Millis {
        Millis::new(0)
    }
}

impl fmt::Debug for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Why a text or a number is not an acceptable time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeError {
    /// The text does not have the form that was asked for.
    Malformed,
    /// Date and time are there, the offset from UTC is not.
    NoOffset,
    /// The time lies outside the years 2000 to 2100.
    OutOfRange,
}

/// Why a text is not a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanError {
    /// The text does not begin with a whole number without sign.
    NoNumber,
    /// Nothing stands after the number.
    NoUnit,
    /// What stands after the number is none of the units.
    UnknownUnit,
    /// Longer than the acceptable years.
    TooLong,
}

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SpanError::NoNumber => "expected a whole number and a unit, like 90s or 500ms",
            SpanError::NoUnit => "no unit: one of ms, s, m, h, d must follow the number",
            SpanError::UnknownUnit => "unknown unit: one of ms, s, m, h, d must follow the number",
            SpanError::TooLong => "longer than the 101 years from 2000 to 2100",
        })
    }
}

impl std::error::Error for SpanError {}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeError::Malformed => "not an RFC 3339 date and time",
            TimeError::NoOffset => "a time without an offset from UTC",
            TimeError::OutOfRange => "a time outside the years 2000 to 2100",
        })
    }
}

impl std::error::Error for TimeError {}

impl Timestamp {
    /// The earliest acceptable time, 2000-01-01T00:00:00Z.
    pub const MIN: Timestamp = Timestamp::from_millis(946_684_800_000);
    /// The latest acceptable time, the last millisecond of the year 2100.
    pub const MAX: Timestamp = Timestamp::from_millis(4_133_980_799_999);

    /// A time from milliseconds since the epoch, without a check of its range.
    pub const fn from_millis(ms: i64) -> Timestamp {
        Timestamp(Millis::new(ms))
    }

    /// A time from milliseconds since the epoch.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] outside the years 2000 to 2100.
    pub fn from_millis_checked(ms: i64) -> Result<Timestamp, TimeError> {
        let t = Timestamp::from_millis(ms);
        if (Timestamp::MIN..=Timestamp::MAX).contains(&t) {
            Ok(t)
        } else {
            Err(TimeError::OutOfRange)
        }
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0.get()
    }

    /// Reads a date, which means its beginning in UTC, or an RFC 3339 date and time with an offset.
    ///
    /// # Errors
    /// See [`TimeError`].
    pub fn parse_moment(text: &str) -> Result<Timestamp, TimeError> {
        let is_date = text.len() == 10 && text.bytes().filter(|byte| *byte == b'-').count() == 2;
        match is_date {
            true => Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")),
            false => Timestamp::parse_rfc3339(text),
        }
    }

    /// Reads an RFC 3339 date and time with an offset; digits beyond the
    /// millisecond are cut off.
    ///
    /// # Errors
    /// See [`TimeError`].
    #[inline]
    pub fn parse_rfc3339(text: &str) -> Result<Timestamp, TimeError> {
        match plain_utc(text.as_bytes()) {
            Some(time) => Ok(time),
            None => rfc3339(text.as_bytes()),
        }
    }

    /// `self - earlier`, negative when `earlier` is in fact later. Both within
    /// the acceptable years, the difference cannot overflow.
    pub const fn since(self, earlier: Timestamp) -> Span {
        Span::from_millis(self.as_millis().saturating_sub(earlier.as_millis()))
    }
}

impl std::ops::Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp::from_millis(self.as_millis().saturating_add(span.as_millis()))
    }
}

/// RFC 3339 in UTC with exactly three decimals: `2026-01-02T03:04:05.678Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.plain() {
            Some(text) => f.write_str(ascii(&text)),
            None => self.print(f),
        }
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.plain() {
            Some(text) => serializer.serialize_str(ascii(&text)),
            None => serializer.collect_str(self),
        }
    }
}

impl Timestamp {
    /// The text of an acceptable time, without the general printer: a ledger
    /// record has up to nine of them.
    fn plain(self) -> Option<[u8; 24]> {
        const DAY_MS: i64 = 86_400_000;
        if !(Timestamp::MIN..=Timestamp::MAX).contains(&self) {
            return None;
        }
        let (days, ms) = (self.as_millis() / DAY_MS, self.as_millis() % DAY_MS);
        // As in `plain_utc`, backwards: days since 0000-03-01, in eras of 400 years.
        let days = days + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = match month {
            0..10 => (era * 400 + year, month + 3),
            _ => (era * 400 + year + 1, month - 9),
        };
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let parts = [
            (0..4, year),
            (5..7, month),
            (8..10, day),
            (11..13, ms / 3_600_000),
            (14..16, ms / 60_000 % 60),
            (17..19, ms / 1_000 % 60),
            (20..23, ms % 1_000),
        ];
        for (place, mut value) in parts {
            for digit in text[place].iter_mut().rev() {
                *digit += (value % 10) as u8;
                value /= 10;
            }
        }
        Some(text)
    }

    /// Any time at all.
    fn print(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        let time = jiff::Timestamp::from_millisecond(self.as_millis()).map_err(|_| fmt::Error)?;
        PRINTER.print_timestamp(&time, jiff::fmt::StdFmtWrite(f)).map_err(|_| fmt::Error)
    }
}

fn ascii(text: &[u8; 24]) -> &str {
    // Digits and punctuation alone.
    std::str::from_utf8(text).unwrap_or_default()
}

/// From the same form, and from any RFC 3339 time with an offset.
impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        struct Text;
        // Looks at the text where it stands: no copy for each time.
        impl serde::de::Visitor<'_> for Text {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 date and time")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse_rfc3339(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span::from_millis(0);

    /// The longest distance between two acceptable times, about 101 years.
    pub const MAX: Span = Timestamp::MAX.since(Timestamp::MIN);

    /// A span of `ms` milliseconds.
    pub const fn from_millis(ms: i64) -> Span {
        Span(Millis::new(ms))
    }

    /// A span of `s` seconds.
    pub const fn from_secs(s: i64) -> Span {
        Span::from_millis(s * 1000)
    }

    /// A span of `min` minutes.
    pub const fn from_mins(min: i64) -> Span {
        Span::from_millis(min * 60_000)
    }

    /// The length in milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0.get()
    }

    /// The same length for the standard library; a negative span is no time at all.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.as_millis()).unwrap_or(0))
    }

    /// The length in minutes.
    pub fn as_mins_f64(self) -> f64 {
        self.as_millis() as f64 / 60_000.0
    }

    /// The span itself unless it is negative.
    pub fn non_negative(self) -> Option<Span> {
        (self.as_millis() >= 0).then_some(self)
    }
}

impl std::ops::Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span::from_millis(self.as_millis().saturating_add(other.as_millis()))
    }
}

/// One whole number and one unit, `ms`, `s`, `m`, `h` or `d` (24 h): `90s`.
impl std::str::FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Span, SpanError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(SpanError::NoNumber);
        }
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" => return Err(SpanError::NoUnit),
            _ => return Err(SpanError::UnknownUnit),
        };
        // Digits alone: the only fault left is a number beyond i64.
        let number = number.parse::<i64>().map_err(|_| SpanError::TooLong)?;
        let span = number.checked_mul(unit_ms).map(Span::from_millis).ok_or(SpanError::TooLong)?;
        if span > Span::MAX { Err(SpanError::TooLong) } else { Ok(span) }
    }
}

impl serde::Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.as_millis())
    }
}

impl<'de> serde::Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        i64::deserialize(deserializer).map(Span::from_millis)
    }
}

/// The two forms that nearly every event has, `2026-01-02T03:04:05Z` and
/// `2026-01-02T03:04:05.678Z`, without the general parser. `None` says nothing:
/// whatever is not plainly right is left to [`rfc3339`].
fn plain_utc(text: &[u8]) -> Option<Timestamp> {
    let (seconds, millis) = match text {
        [seconds @ .., b'Z'] if seconds.len() == 19 => (seconds, 0),
        [seconds @ .., b'.', a, b, c, b'Z'] if seconds.len() == 19 => {
            (seconds, number(&[*a, *b, *c])?)
        }
        _ => return None,
    };
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1] =
        *seconds
    else {
        return None;
    };
    let (year, month, day) = (number(&[y0, y1, y2, y3])?, number(&[m0, m1])?, number(&[d0, d1])?);
    let (hour, minute, second) = (number(&[h0, h1])?, number(&[n0, n1])?, number(&[s0, s1])?);
    // Days 29 to 31 depend on the month and are rare enough; leap seconds too.
    let sure = (2000..=2100).contains(&year)
        && (1..=12).contains(&month)
        && (1..=28).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !sure {
        return None;
    }
    // Days since 1970-01-01 in the Gregorian calendar; the year is taken to
    // begin in March, so that the leap day comes last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    Some(Timestamp::from_millis((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis))
}

/// The value of decimal digits.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'))
    })
}

fn rfc3339(text: &[u8]) -> Result<Timestamp, TimeError> {
    // RFC 3339 is narrower than what the library reads (RFC 9557, ISO 8601):
    // the fixed positions are checked first, so that the same text is accepted
    // here and by any other RFC 3339 reader.
    let shape = |at: usize, want: &[u8]| text.get(at).is_some_and(|b| want.contains(b));
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|s| s.iter().all(u8::is_ascii_digit))
    };
    let dated = digits(0..4) && shape(4, b"-") && digits(5..7) && shape(7, b"-") && digits(8..10);
    let timed = shape(10, b"Tt ") && digits(11..13) && shape(13, b":") && digits(14..16);
    if !(dated && timed && shape(16, b":") && digits(17..19)) {
        return Err(TimeError::Malformed);
    }
    let mut end = 19;
    if shape(end, b".") {
        let decimals = text[20..].iter().take_while(|b| b.is_ascii_digit()).count();
        if decimals == 0 {
            return Err(TimeError::Malformed);
        }
        end = 20 + decimals.min(9);
        if decimals > 9 {
            // Finer than a nanosecond: legal, and cut off like the rest.
            let mut short = text[..end].to_vec();
            short.extend_from_slice(&text[20 + decimals..]);
            return rfc3339(&short);
        }
    }
    match text.get(end) {
        None => return Err(TimeError::NoOffset),
        Some(b'Z' | b'z') if text.len() == end + 1 => {}
        Some(b'+' | b'-')
            if text.len() == end + 6
                && digits(end + 1..end + 3)
                && text[end + 3] == b':'
                && digits(end + 4..end + 6)
                && &text[end + 1..end + 3] <= b"23".as_slice()
                && &text[end + 4..] <= b"59".as_slice() => {}
        Some(_) => return Err(TimeError::Malformed),
    }
    const PARSER: jiff::fmt::temporal::DateTimeParser = jiff::fmt::temporal::DateTimeParser::new();
    let time = PARSER.parse_timestamp(text).map_err(|_| TimeError::Malformed)?;
    // Towards the past, also before 1970: a millisecond is never rounded up.
    let ms = time.as_nanosecond().div_euclid(1_000_000);
    Timestamp::from_millis_checked(i64::try_from(ms).map_err(|_| TimeError::OutOfRange)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_may_be_missing_takes_no_more_room() {
        assert_eq!(size_of::<Option<Timestamp>>(), 8);
        assert_eq!(size_of::<Option<Span>>(), 8);
        let rising = [i64::MIN + 1, -1, 0, 1, i64::MAX].map(Span::from_millis);
        assert!(rising.is_sorted(), "{rising:?}");
        let told = [i64::MIN + 1, -1, 0, 1, i64::MAX];
        assert_eq!(rising.map(Span::as_millis), told);
        assert_eq!(Span::from_millis(i64::MIN), rising[0]);
        assert_eq!((Span::default(), Timestamp::default().as_millis()), (Span::ZERO, 0));
    }

    #[test]
    fn reads_what_rfc_3339_allows_and_nothing_else() {
        let at = |text: &str| Timestamp::parse_rfc3339(text).map(Timestamp::as_millis);
        assert_eq!(at("2026-01-02T03:04:05Z"), Ok(1_767_323_045_000));
        assert_eq!(at("2026-01-02T03:04:05.6789Z"), Ok(1_767_323_045_678));
        assert_eq!(at("2026-01-02T04:04:05.678123456789+01:00"), Ok(1_767_323_045_678));
        assert_eq!(at("2026-01-01t22:34:05-04:30"), Ok(1_767_323_045_000));
        assert_eq!(at("2026-01-02T03:04:05"), Err(TimeError::NoOffset));
        assert_eq!(at("2026-01-02T03:04:05.5"), Err(TimeError::NoOffset));
        for bad in [
            "",
            "2026-01-02",
            "2026-1-2T03:04:05Z",
            "2026-13-02T03:04:05Z",
            "2026-01-02T03:04Z",
            "2026-01-02T03:04:05+01",
            "2026-01-02T03:04:05+24:00",
            "2026-01-02T03:04:05-01:60",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05Z[UTC]",
            "2026-01-02T03:04:05Zz",
            "2026-02-30T00:00:00Z",
            "20260102T030405Z",
            "１",
        ] {
            assert_eq!(at(bad), Err(TimeError::Malformed), "{bad:?}");
        }
        assert_eq!(at("0001-01-01T00:00:00Z"), Err(TimeError::OutOfRange));
        assert_eq!(at("1999-12-31T23:59:59.999Z"), Err(TimeError::OutOfRange));
        assert_eq!(at("2101-01-01T00:00:00Z"), Err(TimeError::OutOfRange));
        assert_eq!(at("2100-12-31T23:59:59.999Z"), Ok(Timestamp::MAX.as_millis()));
        assert_eq!(at("2000-01-01T00:00:00Z"), Ok(Timestamp::MIN.as_millis()));
    }

    proptest::proptest! {
        /// Wherever the short way gives an answer, the long one gives the same.
        #[test]
        fn the_plain_form_means_the_same_both_ways(
            ms in Timestamp::MIN.as_millis()..=Timestamp::MAX.as_millis(),
            at in 0..24_usize,
            byte in 0x20..0x7f_u8,
        ) {
            let printed = Timestamp::from_millis(ms).to_string();
            let second = format!("{}Z", &printed[..19]);
            for text in [printed.as_str(), second.as_str()] {
                let time = plain_utc(text.as_bytes());
                proptest::prop_assert!(time.is_none_or(|time| rfc3339(text.as_bytes()) == Ok(time)));
                let day: u8 = text[8..10].parse().unwrap();
                proptest::prop_assert_eq!(time.is_some(), day <= 28);
                let mut changed = text.as_bytes().to_vec();
                if let Some(old) = changed.get_mut(at) {
                    *old = byte;
                }
                if let Some(time) = plain_utc(&changed) {
                    proptest::prop_assert_eq!(rfc3339(&changed), Ok(time));
                }
            }
        }
    }

    /// The general printer.
    fn printed(time: Timestamp) -> String {
        struct General(Timestamp);
        impl fmt::Display for General {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.print(f)
            }
        }
        General(time).to_string()
    }

    #[test]
    fn every_day_is_printed_as_the_library_does() {
        const DAY_MS: i64 = 86_400_000;
        for ms in (Timestamp::MIN.as_millis()..=Timestamp::MAX.as_millis()).step_by(DAY_MS as usize)
        {
            for time in [ms, ms + DAY_MS - 1].map(Timestamp::from_millis) {
                assert!(time.plain().is_some());
                assert_eq!(time.to_string(), printed(time));
            }
        }
        let beyond = [Timestamp::MIN.as_millis() - 1, Timestamp::MAX.as_millis() + 1, 0];
        for time in beyond.map(Timestamp::from_millis) {
            assert!(time.plain().is_none());
            assert_eq!(time.to_string(), printed(time));
            assert_eq!(serde_json::to_string(&time).unwrap(), format!("\"{time}\""));
        }
    }

    proptest::proptest! {
        #[test]
        fn every_time_is_printed_as_the_library_does(ms in Timestamp::MIN.as_millis()..=Timestamp::MAX.as_millis()) {
            let time = Timestamp::from_millis(ms);
            proptest::prop_assert_eq!(time.to_string(), printed(time));
            proptest::prop_assert_eq!(serde_json::to_string(&time).unwrap(), format!("\"{time}\""));
        }
    }

    #[test]
    fn a_span_is_a_whole_number_and_a_unit() {
        let ms = |text: &str| text.parse::<Span>().map(Span::as_millis);
        assert_eq!(ms("0s"), Ok(0));
        assert_eq!(ms("500ms"), Ok(500));
        assert_eq!(ms("90s"), Ok(90_000));
        assert_eq!(ms("4m"), Ok(240_000));
        assert_eq!(ms("1h"), Ok(3_600_000));
        assert_eq!(ms("7d"), Ok(604_800_000));
        for (bad, why) in [
            ("", SpanError::NoNumber),
            ("m", SpanError::NoNumber),
            ("-1m", SpanError::NoNumber),
            ("+1m", SpanError::NoNumber),
            (" 1m", SpanError::NoNumber),
            ("１m", SpanError::NoNumber),
            ("90", SpanError::NoUnit),
            ("1.5h", SpanError::UnknownUnit),
            ("1 h", SpanError::UnknownUnit),
            ("1M", SpanError::UnknownUnit),
            ("1h30m", SpanError::UnknownUnit),
            ("1é", SpanError::UnknownUnit),
            ("36891d", SpanError::TooLong),
            ("9223372036854775807d", SpanError::TooLong),
            ("99999999999999999999ms", SpanError::TooLong),
        ] {
            assert_eq!(ms(bad), Err(why), "{bad:?}");
        }
        assert_eq!(ms("3187295999999ms"), Ok(Span::MAX.as_millis()));
        assert_eq!(ms("3187296000000ms"), Err(SpanError::TooLong));
    }

    #[test]
    fn prints_what_it_reads() {
        for ms in [946_684_800_000, 1_767_323_045_678, 4_133_980_799_999] {
            let t = Timestamp::from_millis(ms);
            assert_eq!(Timestamp::parse_rfc3339(&t.to_string()), Ok(t));
        }
        assert_eq!(
            Timestamp::from_millis(1_767_323_045_000).to_string(),
            "2026-01-02T03:04:05.000Z"
        );
    }
}
