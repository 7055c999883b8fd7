//! Records that are not plain JSON text: UTF-16, padding, null, framing by a Schema Registry,
//! and forms.
//!
//! Invariants: what begins with `{` in UTF-8 does not come here; every form of a record has
//! one outcome, so one wrong encoding is one rejection.

use std::borrow::Cow;

use super::{RejectReason, Rejection, json};
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
            [b'{' | b'[', 0, 1..=u8::MAX, 0, ..] => Some(Utf16::LittleEndian),
            [0, b'{' | b'[', 0, 1..=u8::MAX, ..] => Some(Utf16::BigEndian),
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
    if let Some(order) = Utf16::of(record) {
        return utf16(record, order);
    }
    let padded = record.contains(&0);
    let bytes = record.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(record);
    let content = without_padding(bytes);
    if content.is_empty() && padded {
        return Ok(Plain::Empty);
    }
    if bytes.first() == Some(&REGISTRY_MAGIC) {
        let framed = bytes.get(REGISTRY_BYTES..).unwrap_or_default();
        return match (begins_json(framed), begins_json(content)) {
            (true, _) => json::text(without_padding(framed), limits).map(Cow::Borrowed),
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
    let text = json::text(content, limits)?;
    match text.trim_ascii() {
        "null" => Ok(Plain::Empty),
        _ => Ok(Plain::Text(Cow::Borrowed(text))),
    }
}

fn utf16(record: &[u8], order: Utf16) -> Result<Plain<'_>, Rejection> {
    let (pairs, odd) = record.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(Rejection::new(
            RejectReason::InvalidUtf8,
            "UTF-16 that ends in the middle of a character",
        ));
    }
    let units = pairs.iter().map(|pair| order.unit(*pair)).skip_while(|unit| *unit == 0xFEFF);
    let text: String = char::decode_utf16(units)
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    match text.trim_matches(|c: char| c == '\0' || c.is_ascii_whitespace()) {
        "" | "null" => Ok(Plain::Empty),
        _ => Ok(Plain::Text(Cow::Owned(text))),
    }
}

/// Files that were made longer than their content end, or begin, with zeros.
fn without_padding(mut bytes: &[u8]) -> &[u8] {
    while let [0, rest @ ..] | [rest @ .., 0] = bytes {
        bytes = rest;
    }
    bytes
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
    fn schema_registry_framing_is_taken_off_json_only() {
        assert_eq!(read(b"\0\0\0\0\x07{}"), Ok(Some("{}".to_owned())));
        assert_eq!(read(b"\0\x7b\0\0\x07 [1]"), Ok(Some(" [1]".to_owned())));
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
