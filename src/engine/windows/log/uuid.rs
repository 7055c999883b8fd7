//! UUIDs in sixteen bytes instead of thirty-six.
//!
//! Invariant: only the usual form, lower-case with hyphens, is packed, so that
//! unpacking gives back exactly the text.

/// Where the sixteen pairs of digits stand in the usual form of a UUID.
const PAIRS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// Marks a byte that is no lower-case hexadecimal digit.
const NO_DIGIT: u8 = 0x80;

/// The value of each byte as a lower-case hexadecimal digit.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// The bytes of a UUID in its usual form, lower-case with hyphens.
pub(super) fn pack(id: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = id.as_bytes().try_into().ok()?;
    if [text[8], text[13], text[18], text[23]] != [b'-'; 4] {
        return None;
    }
    let mut packed = [0; 16];
    let mut seen = 0;
    // No early exit: on every event, and nearly always to the end.
    for (byte, at) in packed.iter_mut().zip(PAIRS) {
        let (high, low) = (DIGITS[usize::from(text[at])], DIGITS[usize::from(text[at + 1])]);
        seen |= high | low;
        *byte = high << 4 | low;
    }
    (seen & NO_DIGIT == 0).then_some(packed)
}

pub(super) fn unpack(packed: &[u8]) -> String {
    let mut id = [b'-'; 36];
    for (byte, at) in packed.iter().zip(PAIRS) {
        let digit = |value: u8| b"0123456789abcdef"[usize::from(value & 15)];
        id[at] = digit(byte >> 4);
        id[at + 1] = digit(*byte);
    }
    // Digits and hyphens alone.
    std::str::from_utf8(&id).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let id = "0189abcd-ef01-7234-89ab-cdef01234567";
        assert_eq!(pack(id).map(|packed| unpack(&packed)).as_deref(), Some(id));
    }

    #[test]
    fn any_other_form_is_left_alone() {
        for id in [
            "",
            "0189ABCD-ef01-7234-89ab-cdef01234567",
            "0189abcd-ef01-7234-89ab-cdef0123456",
            "0189abcd-ef01-7234-89ab-cdef012345678",
            "0189abcdeef01-7234-89ab-cdef01234567",
            "0189abcd-ef01-7234-89ab-cdef0123456g",
            "0189abcd-ef01-7234-89ab-cdef0123456é",
        ] {
            assert_eq!(pack(id), None, "{id}");
        }
    }
}
