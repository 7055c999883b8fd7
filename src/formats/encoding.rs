//! Records that are not plain JSON text: UTF-16, padding, null, framing by a Schema Registry,
//! and forms.
//!
//! Padding is zero bytes in front of a record or behind it, in UTF-16 zero characters, also with
//! white space or a byte order mark between them. It means nothing.
//!
//! Invariants: what begins with `{` in UTF-8 and has no padding does not come here; every form of a
//! record has one outcome, so one wrong encoding is one rejection.

use std::borrow::Cow;

use super::{RejectReason, Rejection, csv, json};
use crate::config::Limits;

/// What the bytes of a record are.
pub(super) enum Plain<'a> {
    /// Nothing: `null` or padding.
    Empty,
    /// Text, most likely JSON.
    Text(Cow<'a, str>),
}

/// The order of the two bytes of a UTF-16 unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Utf16 {
    /// The low byte is first.
    LittleEndian,
    /// The high byte is first.
    BigEndian,
}

impl Utf16 {
    /// Bytes that [`Utf16::of`] looks at.
    pub const START_BYTES: usize = 4;

    /// The order of a text that begins with `start`: a byte order mark tells it, or JSON whose
    /// first two characters are ASCII, one half of each a zero.
    pub fn of(start: &[u8]) -> Option<Utf16> {
        match start {
            [0xFF, 0xFE, ..] => Some(Utf16::LittleEndian),
            [0xFE, 0xFF, ..] => Some(Utf16::BigEndian),
            [b'{' | b'[', 0, b' '..=b'~' | b'\t' | b'\n' | b'\r', 0, ..] => {
                Some(Utf16::LittleEndian)
            }
            [0, b'{' | b'[', 0, b' '..=b'~' | b'\t' | b'\n' | b'\r', ..] => Some(Utf16::BigEndian),
            _ => None,
        }
    }

    /// The unit that two bytes stand for.
    pub fn unit(self, bytes: [u8; 2]) -> u16 {
        match self {
            Utf16::LittleEndian => u16::from_le_bytes(bytes),
            Utf16::BigEndian => u16::from_be_bytes(bytes),
        }
    }
}

/// The byte in front of a message that a Schema Registry client writes. The id of the schema, of
/// four bytes, comes next.
///
/// <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>
const REGISTRY_MAGIC: u8 = 0;
const REGISTRY_BYTES: usize = 5;

/// Reads a record that does not begin with `{`.
pub(super) fn plain<'a>(record: &'a [u8], limits: &Limits) -> Result<Plain<'a>, Rejection> {
    json::check_size(record, limits)?;
    // A character of UTF-16 begins at an even byte, with whatever is in front of it.
    let first = record.iter().position(|byte| *byte != 0).unwrap_or(record.len());
    let units = record.get(first & !1..).unwrap_or_default();
    if let Some(order) = Utf16::of(units) {
        return utf16(units, order);
    }
    let content = without_padding(record);
    if content == b"null" || content.is_empty() && record.contains(&0) {
        return Ok(Plain::Empty);
    }
    if record.first() == Some(&REGISTRY_MAGIC) && !(begins_json(content) && json::is_valid(content))
    {
        let framed = without_padding(record.get(REGISTRY_BYTES..).unwrap_or_default());
        return match (begins_json(framed), begins_json(content)) {
            (true, _) => json::text(framed, limits).map(Cow::Borrowed),
            (false, true) => json::text(content, limits).map(Cow::Borrowed),
            (false, false) => Err(Rejection::unsupported(
                "Schema Registry framing around something other than JSON: Avro and Protobuf are \
                 not read",
            )),
        }
        .map(Plain::Text);
    }
    if let Some(payload) = form_payload(content) {
        return Ok(Plain::Text(Cow::Owned(payload)));
    }
    match json::text(content, limits)? {
        text if csv::is_csv(text) => Err(Rejection::unsupported(csv::ADVICE)),
        text => Ok(Plain::Text(Cow::Borrowed(text))),
    }
}

fn utf16(record: &[u8], order: Utf16) -> Result<Plain<'_>, Rejection> {
    let (pairs, odd) = record.as_chunks::<2>();
    if odd.iter().any(|byte| *byte != 0) {
        return Err(Rejection::new(
            RejectReason::InvalidUtf8,
            "UTF-16 that ends in the middle of a character",
        ));
    }
    let units = pairs.iter().map(|pair| order.unit(*pair)).skip_while(|unit| *unit == 0xFEFF);
    let text: String = char::decode_utf16(units)
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    match text.trim_matches(|c: char| c == '\0' || c == '\u{feff}' || c.is_ascii_whitespace()) {
        "" | "null" => Ok(Plain::Empty),
        content => Ok(Plain::Text(Cow::Owned(content.to_owned()))),
    }
}

/// Whether a record ends in padding. One that is framed by lines ends in neither white space nor
/// padding, so that this looks at one byte.
#[inline]
pub(super) fn ends_in_padding(record: &[u8]) -> bool {
    record.iter().rev().find(|byte| !byte.is_ascii_whitespace()) == Some(&0)
}

/// Files that were made longer than their content end, or begin, with zeros.
fn without_padding(mut bytes: &[u8]) -> &[u8] {
    loop {
        let before = bytes.len();
        bytes = bytes.trim_ascii();
        bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        while let [0, rest @ ..] | [rest @ .., 0] = bytes {
            bytes = rest;
        }
        if bytes.len() == before {
            return bytes;
        }
    }
}

fn begins_json(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// The field `payload` of a form, which is how GitHub and Slack send JSON unless told otherwise.
fn form_payload(bytes: &[u8]) -> Option<String> {
    const FIELD: &[u8] = b"payload=";
    let is_field = |at: usize| at == 0 || bytes[at - 1] == b'&';
    if !bytes.first()?.is_ascii_alphabetic()
        || !memchr::memmem::find_iter(bytes, FIELD).any(is_field)
    {
        return None;
    }
    form_urlencoded::parse(bytes)
        .find(|(name, _)| name == "payload")
        .map(|(_, payload)| payload.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(record: &[u8]) -> Result<Option<String>, RejectReason> {
        match plain(record, &Limits::DEFAULT) {
            Ok(Plain::Empty) => Ok(None),
            Ok(Plain::Text(text)) => Ok(Some(text.into_owned())),
            Err(rejection) => Err(rejection.reason),
        }
    }

    #[test]
    fn utf_16_in_both_orders() {
        let text = "{\"a\":\"é\u{1f600}\"}";
        let units: Vec<u16> = format!("\u{feff}{text}").encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        assert_eq!(read(&little), Ok(Some(text.to_owned())));
        assert_eq!(read(&big), Ok(Some(text.to_owned())));
        assert_eq!(read(&little[..little.len() - 1]), Err(RejectReason::InvalidUtf8));
        // Without a byte order mark.
        assert_eq!(read(&little[2..]), Ok(Some(text.to_owned())));
        assert_eq!(read(&big[2..]), Ok(Some(text.to_owned())));
        // Half a surrogate pair.
        assert_eq!(read(b"\xFF\xFE{\0\x3D\xD8}\0"), Ok(Some("{\u{fffd}}".to_owned())));
    }

    #[test]
    fn padding_and_null_are_nothing() {
        for nothing in
            [&b"null"[..], b"null ", b"\0", b"\0\0\0\0\0\0\0", b"\xEF\xBB\xBFnull", b"\xFF\xFE"]
        {
            assert_eq!(read(nothing), Ok(None), "{nothing:?}");
        }
        assert_eq!(read(b"\0\0\0{}\0\0"), Ok(Some("{}".to_owned())));
        assert_eq!(read(b"nul"), Ok(Some("nul".to_owned())));
    }

    #[test]
    fn padding_means_nothing_wherever_it_stands() {
        let text = r#"{"a":"é","b":[1,{}]}"#;
        let utf8 = text.as_bytes().to_vec();
        let utf16 = |mark: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("{mark}{text}").encode_utf16().flat_map(bytes).collect()
        };
        let marked: Vec<u8> = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
        for (record, width) in [
            (utf8, 1),
            (marked, 1),
            (utf16("", u16::to_le_bytes), 2),
            (utf16("", u16::to_be_bytes), 2),
            (utf16("\u{feff}", u16::to_le_bytes), 2),
            (utf16("\u{feff}", u16::to_be_bytes), 2),
        ] {
            for front in 0..9 {
                for behind in 0..9 {
                    let zeros = |count: usize| vec![0_u8; count * width];
                    let padded = [zeros(front), record.clone(), zeros(behind)].concat();
                    assert_eq!(read(&padded), Ok(Some(text.to_owned())), "{padded:?}");
                }
            }
            // A block may end within a character.
            let padded = [record.as_slice(), &[0]].concat();
            assert_eq!(read(&padded), Ok(Some(text.to_owned())), "{padded:?}");
        }
        assert_eq!(read(b"{} \n\0\0\n"), Ok(Some("{}".to_owned())));
        assert_eq!(read(b"\0\0\xEF\xBB\xBF\0{}"), Ok(Some("{}".to_owned())));
        // What would look like a framed record is padding if it is whole.
        assert_eq!(
            read(br#"__{"":{"b":1}}"#.map(|b| if b == b'_' { 0 } else { b }).as_slice()),
            Ok(Some(r#"{"":{"b":1}}"#.to_owned()))
        );
        assert_eq!(read(b"\0null\0"), Ok(None));
        // Zeros within a record are no padding.
        assert!(
            read(b"{\"a\":1\0}").is_ok_and(|text| text.is_some_and(|text| text.contains('\0')))
        );
        for (record, ends) in [
            (&b"{}\0"[..], true),
            (b"{}\0\n", true),
            (b"{}", false),
            (b"{\0}\n", false),
            (b"", false),
        ] {
            assert_eq!(ends_in_padding(record), ends, "{record:?}");
        }
    }

    #[test]
    fn schema_registry_framing_is_taken_off_json_only() {
        assert_eq!(read(b"\0\0\0\0\x07{}"), Ok(Some("{}".to_owned())));
        assert_eq!(read(b"\0\x7b\0\0\x07 [1]"), Ok(Some("[1]".to_owned())));
        // An id that begins like JSON.
        assert_eq!(read(b"\0\0\0\0{{\"a\":1}"), Ok(Some("{\"a\":1}".to_owned())));
        assert_eq!(read(b"\0\0\0\0[[1]"), Ok(Some("[1]".to_owned())));
        assert_eq!(read(b"\0\0\0\0\x07\x02\x06abc"), Err(RejectReason::Unsupported));
        assert_eq!(read(b"\0\0\0\x01"), Err(RejectReason::Unsupported));
    }

    #[test]
    fn forms_give_their_payload() {
        assert_eq!(read(b"payload=%7B%22a%22%3A+1%7D"), Ok(Some("{\"a\": 1}".to_owned())));
        assert_eq!(read(b"x=1&payload=%5B%5D&y"), Ok(Some("[]".to_owned())));
        assert_eq!(read(b"mypayload=%5B%5D"), Ok(Some("mypayload=%5B%5D".to_owned())));
    }
}
