//! Text as a part of an address or of a form.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986 (section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `text` with everything but letters, digits and `-._~` percent-encoded. RFC 6749
/// (section 2.3.1) asks for this in forms, too; some servers decode only what has to be
/// encoded, so the unreserved characters stay as they are.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn all_but_the_unreserved_characters_is_encoded() {
        assert_eq!(encoded("Az09-._~"), "Az09-._~");
        assert_eq!(encoded("a/b c\"é"), "a%2Fb%20c%22%C3%A9");
        assert_eq!(encoded("a b+c&d=e:f/é%"), "a%20b%2Bc%26d%3De%3Af%2F%C3%A9%25");
    }
}
