//! A fast reader for plain JSON: one object of scalars, without escapes and line breaks.
//!
//! Invariants: what this reader accepts, the full JSON parser accepts with the same result (a
//! property test compares them); everything else is left to that parser, and only that parser
//! reports what is wrong.

use std::borrow::Cow;

use super::value::{Scalar, Target};

/// Reads `json` into `target`. If it is not plain, returns false and leaves `target` empty.
pub(super) fn read<'a>(json: &'a str, target: &mut impl Target<'a>) -> bool {
    // What ends a text is then a quote and nothing else.
    if has_escape_or_control(json.as_bytes()) {
        return false;
    }
    let plain = (Reader { json, at: 0 }).object(target).is_some();
    if !plain {
        *target = Default::default();
    }
    plain
}

struct Reader<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn object(&mut self, target: &mut impl Target<'a>) -> Option<()> {
        self.token(b'{')?;
        loop {
            self.token(b'"')?;
            let key = self.key_rest()?;
            self.token(b':')?;
            let value = self.value()?;
            if !target.set_field(key, value) {
                return None;
            }
            match self.skip_blanks()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        self.at += 1;
        self.skip_blanks().is_none().then_some(())
    }

    fn value(&mut self) -> Option<Scalar<'a>> {
        match self.skip_blanks()? {
            b'"' => {
                self.at += 1;
                self.text_rest().map(|text| Scalar::Text(Cow::Borrowed(text)))
            }
            b'0'..=b'9' => self.number(),
            b't' => self.word("true", Scalar::Bool(true)),
            b'f' => self.word("false", Scalar::Bool(false)),
            b'n' => self.word("null", Scalar::Null),
            _ => None,
        }
    }

    fn byte(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    /// The next byte that is not blank, which is not consumed; `None` at the end.
    fn skip_blanks(&mut self) -> Option<u8> {
        while let Some(byte) = self.byte() {
            if byte != b' ' {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    fn token(&mut self, want: u8) -> Option<()> {
        (self.skip_blanks()? == want).then(|| self.at += 1)
    }

    fn word(&mut self, word: &str, value: Scalar<'a>) -> Option<Scalar<'a>> {
        let end = self.at + word.len();
        let found = self.json.as_bytes().get(self.at..end)? == word.as_bytes();
        self.at = end;
        found.then_some(value)
    }

    /// The text up to its closing quote, which is consumed; the opening quote was consumed before.
    #[inline]
    fn text_rest(&mut self) -> Option<&'a str> {
        let start = self.at;
        let length = self.key_rest()?.len();
        self.json.get(start..start + length)
    }

    /// The same as bytes.
    #[inline]
    fn key_rest(&mut self) -> Option<&'a [u8]> {
        let rest = self.json.as_bytes().get(self.at..)?;
        let length = until_quote(rest)?;
        self.at += length + 1;
        rest.get(..length)
    }

    /// A whole number, or one with decimals; signs and exponents are not plain.
    fn number(&mut self) -> Option<Scalar<'a>> {
        let start = self.at;
        let whole = self.digits();
        let number = self.json.get(start..self.at)?;
        if whole > 18 || (whole > 1 && number.starts_with('0')) {
            return None;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
            let number = self.json.get(start..self.at)?.parse().ok()?;
            return self.number_ends().then_some(Scalar::Float(number));
        }
        let number = number.parse().ok()?;
        self.number_ends().then_some(Scalar::Unsigned(number))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number_ends(&self) -> bool {
        matches!(self.byte(), Some(b',' | b'}' | b' '))
    }
}

/// The number of bytes before the first quote; `None` without one. It looks at sixteen bytes at a
/// time, so that the number of rounds is the same for most names and values and the processor
/// predicts the branch.
#[inline]
fn until_quote(text: &[u8]) -> Option<usize> {
    let (pieces, rest) = text.as_chunks::<16>();
    let mut length = 0;
    for piece in pieces {
        let word = u128::from_le_bytes(*piece);
        let (low, high) = (quotes(word as u64), quotes((word >> 64) as u64));
        if low | high != 0 {
            let at = if low == 0 { 64 + high.trailing_zeros() } else { low.trailing_zeros() };
            return Some(length + at as usize / 8);
        }
        length += 16;
    }
    Some(length + rest.iter().position(|byte| *byte == b'"')?)
}

/// Marks the quotes of `word`. The top bit of the first one, in memory order, is set. Bits of
/// later bytes may be set, too, but none of earlier ones.
fn quotes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let turned = word ^ (ONES * b'"' as u64);
    turned.wrapping_sub(ONES) & !turned & TOPS
}

/// Whether there is a backslash, or a byte below 0x20. One pass over the record is cheaper than to
/// look for them in each text.
fn has_escape_or_control(json: &[u8]) -> bool {
    /// Pieces of this size fill the vector registers of every processor.
    const PIECE: usize = 32;
    // The smallest byte at each place of a piece, and the smallest with the bits of a backslash
    // turned. There is no branch, so the compiler takes vectors.
    let (mut lowest, mut turned) = ([u8::MAX; PIECE], [u8::MAX; PIECE]);
    let mut take = |piece: &[u8]| {
        for ((low, turned), byte) in lowest.iter_mut().zip(&mut turned).zip(piece) {
            *low = (*low).min(*byte);
            *turned = (*turned).min(*byte ^ b'\\');
        }
    };
    let (pieces, rest) = json.as_chunks::<PIECE>();
    pieces.iter().for_each(|piece| take(piece));
    // The last piece overlaps the one before it.
    match json.last_chunk::<PIECE>() {
        Some(piece) => take(piece),
        None => take(rest),
    }
    lowest.iter().any(|low| *low < 0x20) || turned.contains(&0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::formats::json;
    use crate::formats::native::Flat;

    /// What is in a target, field by field.
    fn shown(flat: &Flat<'_>) -> String {
        format!("{flat:?}")
    }

    fn agree(text: &str) -> bool {
        let mut fast = Flat::default();
        let plain = read(text, &mut fast);
        let mut full = Flat::default();
        let good = json::fill(&mut full, text).is_ok();
        if plain {
            assert!(good, "accepted here only: {text}");
            assert_eq!(shown(&fast), shown(&full), "{text}");
        } else {
            assert_eq!(shown(&fast), shown(&Flat::default()), "not left as new: {text}");
        }
        plain
    }

    #[test]
    fn plain_objects_are_read() {
        for text in [
            r#"{"type":"leak.detected","id":"a","seeded":true,"confidence":0.93}"#,
            " { \"id\" : \"é\u{1f600}\" ,  \"x\": null, \"batch_size\": 12 } ",
            r#"{"id":"12345678\u00e9"}"#.replace("\\u00e9", "é").as_str(),
            r#"{"confidence":0.1234567890123456789012345678901}"#,
        ] {
            assert!(agree(text), "{text}");
        }
    }

    #[test]
    fn anything_else_is_left_alone() {
        for text in [
            "",
            "{",
            "{}",
            "{} ",
            "[]",
            "null",
            r#"{"id""#,
            r#"{"id":}"#,
            r#"{"id":"a"}x"#,
            r#"{"id":"a",}"#,
            r#"{"id":"a\n"}"#,
            "{\"id\":\"a\nb\"}",
            r#"{"id":"a","id":"b"}"#,
            r#"{"specversion":"1.0"}"#,
            r#"{"id":[]}"#,
            r#"{"x":{}}"#,
            r#"{"batch_size":01}"#,
            r#"{"batch_size":-1}"#,
            r#"{"confidence":1e3}"#,
            r#"{"confidence":1.}"#,
            r#"{"confidence":.5}"#,
            r#"{"batch_size":12345678901234567890}"#,
            r#"{"id":truth}"#,
            "{\"id\":\"a\"}\n",
            "{\n\"id\":\"a\"}",
            "{\"id\":\t1}",
            r#"{"id":"abcdefghijklmnop\"q"}"#,
            "{\"id\":\"abcdefghijk\u{1}lmnop\"}",
        ] {
            assert!(!agree(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_full_parser_on_near_json(
            text in r#"[ \t]{0,2}\{("(id|time|confidence|x|specversion|seeded|batch_size)" ?: ?("[a-zé\\"\x01 ]{0,20}"|[0-9.eE+-]{1,22}|true|fals|null|\{\}|\[1\]) ?,?){0,5}\}?[ x]{0,1}"#
        ) {
            agree(&text);
        }

        #[test]
        fn agrees_with_the_full_parser_on_objects(
            entries in proptest::collection::vec(("[a-z_]{1,12}", any::<(u32, f64, String, u8)>()), 0..6)
        ) {
            let object: serde_json::Map<String, serde_json::Value> = entries
                .into_iter()
                .map(|(key, (whole, float, text, pick))| {
                    let value = match pick % 4 {
                        0 => serde_json::json!(whole),
                        1 => serde_json::json!(float),
                        2 => serde_json::json!(text),
                        _ => serde_json::json!(pick > 128),
                    };
                    (key, value)
                })
                .collect();
            agree(&serde_json::Value::Object(object).to_string());
        }

        #[test]
        fn finds_what_a_walk_would(text in proptest::collection::vec(select(vec![b'"', b'\\', 0x1f, 0x20, b'!', b'#', b'[', b']', b'a', 0xc3, 0xa2]), 0..80)) {
            prop_assert_eq!(until_quote(&text), text.iter().position(|byte| *byte == b'"'));
            let odd = text.iter().any(|byte| *byte < 0x20 || *byte == b'\\');
            prop_assert_eq!(has_escape_or_control(&text), odd);
            let plain: Vec<u8> = text.into_iter().filter(|byte| *byte >= 0x20 && *byte != b'\\').collect();
            prop_assert!(!has_escape_or_control(&plain));
        }

        #[test]
        fn finds_what_a_walk_would_among_any_bytes(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(until_quote(&text), text.iter().position(|byte| *byte == b'"'));
            let odd = text.iter().any(|byte| *byte < 0x20 || *byte == b'\\');
            prop_assert_eq!(has_escape_or_control(&text), odd);
        }
    }
}
