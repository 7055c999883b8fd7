//! Numbers as people read them.

/// A count, its thousands apart: `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number that is no count, with so many decimals and its thousands apart: `3,592.4`.
pub(crate) fn decimal(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.as_str()),
    };
    // No minus before a zero.
    let sign = if digits.chars().all(|c| matches!(c, '0' | '.')) { "" } else { sign };
    let (whole, rest) = digits.find('.').map_or((digits, ""), |at| digits.split_at(at));
    match whole.parse() {
        Ok(whole) => format!("{sign}{}{rest}", grouped(whole)),
        // Not finite, or beyond what a count can be.
        Err(_) => text,
    }
}

/// Whether `part` is so much of `whole` that somebody should look at the cause: a tenth, and
/// more than two.
pub(crate) const fn many(part: u64, whole: u64) -> bool {
    part >= 3 && part.saturating_mul(10) >= whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1_000, 1_234_567].map(grouped));
        assert_eq!(decimal(3_592.44, 1), "3,592.4");
        assert_eq!(decimal(-1_234.5, 0), "-1,234");
        assert_eq!(decimal(-0.004, 2), "0.00");
        assert_eq!(decimal(999.95, 1), "1,000.0");
        assert_eq!(decimal(0.125, 3), "0.125");
        assert_eq!(decimal(1e30, 0).len(), 31, "beyond a count");
    }

    #[test]
    fn a_tenth_is_many_and_one_is_not() {
        assert!(many(3, 30) && many(15, 150) && many(150, 150));
        assert!(!many(2, 2) && !many(14, 150) && !many(0, 0));
    }
}
