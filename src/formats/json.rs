//! From hostile bytes to a target of [`value`](super::value): the checks that
//! come before any field is looked at.
//!
//! Invariants: the full parser, which recurses, runs only after the depth is known
//! to be within the limit; an error states its class and place, never the text there.

use serde_json::error::Category;

use super::value::{Found, Slot, Verbatim};
use super::{RejectReason, Rejection};
use crate::config::Limits;

/// Whether bytes are one JSON value and nothing else.
pub(super) fn is_valid(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// Refuses a record that is longer than allowed.
pub(super) fn check_size(record: &[u8], limits: &Limits) -> Result<(), Rejection> {
    match record.len() > limits.record_bytes {
        true => Err(Rejection::new(
            RejectReason::TooLarge,
            format!(
                "{} bytes, the limit (`record_bytes`) is {}",
                record.len(),
                limits.record_bytes
            ),
        )),
        false => Ok(()),
    }
}

/// The record as text, if its size and encoding are acceptable.
pub(super) fn text<'a>(record: &'a [u8], limits: &Limits) -> Result<&'a str, Rejection> {
    check_size(record, limits)?;
    std::str::from_utf8(record).map_err(|error| {
        Rejection::new(
            RejectReason::InvalidUtf8,
            format!("not UTF-8 at byte {}", error.valid_up_to()),
        )
    })
}

/// Refuses a record that nests deeper than allowed. Call it before [`fill`], which does not
/// check that itself.
pub(super) fn check_depth(text: &str, limits: &Limits) -> Result<(), Rejection> {
    // A record with few opening brackets cannot be deep. To count them is cheaper than to find
    // out which of them are within strings.
    let opening = memchr::memchr2_iter(b'[', b'{', text.as_bytes());
    if opening.take(limits.depth.saturating_add(1)).count() > limits.depth
        && deeper_than(text.as_bytes(), limits.depth)
    {
        return Err(Rejection::new(
            RejectReason::TooDeep,
            format!("nested deeper than {} levels", limits.depth),
        ));
    }
    Ok(())
}

/// Whether objects and arrays nest deeper than `limit` anywhere in `json`.
fn deeper_than(json: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Reads one JSON object into `object`, and expects nothing after it.
#[inline]
pub(super) fn fill<'a, T: Slot<'a>>(object: &mut T, json: &'a str) -> Result<(), Rejection> {
    let mut parser = serde_json::Deserializer::from_str(json);
    match object.fill(&mut parser).and_then(|()| parser.end()) {
        Ok(()) if object.found() == Found::Object && object.duplicate().is_none() => Ok(()),
        Ok(()) => Err(not_one_object(object.found(), object.duplicate())),
        Err(error) => Err(syntax(&error)),
    }
}

/// [`fill`] for targets small or rare enough to be moved.
pub(super) fn object<'a, T: Slot<'a>>(json: &'a str) -> Result<T, Rejection> {
    let mut object = T::default();
    fill(&mut object, json)?;
    Ok(object)
}

/// [`object`] for a first look at a record: a field may be there twice.
pub(super) fn object_with_repeats<'a, T: Slot<'a>>(json: &'a str) -> Result<T, Rejection> {
    let mut object = T::default();
    let mut parser = serde_json::Deserializer::from_str(json);
    match object.fill(&mut parser).and_then(|()| parser.end()) {
        Ok(()) if object.found() == Found::Object => Ok(object),
        Ok(()) => Err(not_one_object(object.found(), None)),
        Err(error) => Err(syntax(&error)),
    }
}

/// The elements of one JSON array, as they stand there.
pub(super) fn elements(json: &str) -> Result<Vec<Verbatim<'_>>, Rejection> {
    let mut array = Verbatim::default();
    let mut parser = serde_json::Deserializer::from_str(json);
    array.fill(&mut parser).and_then(|()| parser.end()).map_err(|error| syntax(&error))?;
    array.elements().ok_or_else(|| not_one_object(array.found(), None))
}

#[cold]
fn not_one_object(found: Found, duplicate: Option<&'static str>) -> Rejection {
    match duplicate {
        Some(field) => {
            Rejection::new(RejectReason::DuplicateField, format!("field `{field}` appears twice"))
        }
        None => {
            Rejection::new(RejectReason::WrongType, format!("expected an object, found {found}"))
        }
    }
}

/// The class and place of an error, without the library's message, which may quote the input.
#[cold]
pub(super) fn syntax(error: &serde_json::Error) -> Rejection {
    let place = match (error.line(), error.column()) {
        (1, column) => format!("column {column}"),
        (line, column) => format!("line {line} of the record, column {column}"),
    };
    match error.classify() {
        Category::Eof => {
            Rejection::new(RejectReason::Truncated, format!("ends too early, at {place}"))
        }
        Category::Syntax | Category::Data | Category::Io => {
            Rejection::new(RejectReason::InvalidJson, format!("not JSON at {place}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings_only() {
        assert!(!deeper_than(br#"["[[[[","\"[[[\\",{}]"#, 2));
        assert!(deeper_than(br#"["[",{"a":[]}]"#, 2));
        assert!(!deeper_than(b"[][][]]]]]][]", 1));
        let limits = Limits { depth: 3, ..Limits::DEFAULT };
        assert_eq!(check_depth("[[[]]]", &limits), Ok(()));
        assert_eq!(check_depth("[[[[]]]]", &limits).unwrap_err().reason, RejectReason::TooDeep);
        assert!(check_depth(r#"["[[[[[[",[[]]]"#, &limits).is_ok());
    }

    #[test]
    fn size_and_encoding_are_checked_first() {
        let limits = Limits { record_bytes: 4, ..Limits::DEFAULT };
        assert_eq!(text(b"[\xff]", &limits).unwrap_err().detail, "not UTF-8 at byte 1");
        assert_eq!(
            text(b"12345", &limits).unwrap_err().detail,
            "5 bytes, the limit (`record_bytes`) is 4"
        );
        assert_eq!(text(b"1234", &limits), Ok("1234"));
    }
}
