//! JSON text → a value of the jq engine, and back.
//!
//! Invariants: a key given twice is refused; what is written is bounded.

use std::cell::Cell;
use std::fmt;

use jaq_core::ValT as _;
use jaq_json::{Map, Num, Val};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::super::json;
use super::super::rejection::{RejectReason, Rejection};

/// Reads one JSON value. The depth of `text` was checked before.
pub(super) fn read(text: &str) -> Result<Val, Rejection> {
    let twice = Cell::new(false);
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = Seed { twice: &twice }.deserialize(&mut parser).and_then(|value| {
        parser.end()?;
        Ok(value)
    });
    match value {
        Ok(_) if twice.get() => {
            Err(Rejection::new(RejectReason::DuplicateField, "a field appears twice"))
        }
        Ok(value) => Ok(value),
        Err(error) => Err(json::syntax(&error)),
    }
}

#[derive(Clone, Copy)]
struct Seed<'s> {
    twice: &'s Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Val, E> {
        Ok(Val::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Val, E> {
        Ok(Val::Bool(value))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Val, E> {
        Val::from_num(&number.to_string()).map_err(|_| E::custom("a number"))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Val, E> {
        Val::from_num(&number.to_string()).map_err(|_| E::custom("a number"))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Val, E> {
        Ok(Val::from(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Val, E> {
        Ok(Val::utf8_str(text.as_bytes().to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Val, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            list.push(value);
        }
        Ok(list.into_iter().collect())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Val, A::Error> {
        let mut object = Map::default();
        while let Some(key) = map.next_key_seed(self)? {
            let value = map.next_value_seed(self)?;
            if object.insert(key, value).is_some() {
                self.twice.set(true);
            }
        }
        Ok(Val::obj(object))
    }
}

/// Why a value was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritable {
    /// It needs more bytes than there is room for.
    TooLarge,
    /// It holds something that JSON does not: bytes, keys that are no text, infinity.
    NotJson,
}

/// Appends `value` as JSON, as long as `out` has at most `bytes_max` bytes.
pub(super) fn write(value: &Val, bytes_max: usize, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    if out.len() > bytes_max {
        return Err(Unwritable::TooLarge);
    }
    match value {
        Val::Null => out.extend_from_slice(b"null"),
        Val::Bool(true) => out.extend_from_slice(b"true"),
        Val::Bool(false) => out.extend_from_slice(b"false"),
        Val::Num(number) => out.extend_from_slice(number_text(number)?.as_bytes()),
        Val::TStr(bytes) => {
            let text = std::str::from_utf8(bytes).map_err(|_| Unwritable::NotJson)?;
            serde_json::to_writer(&mut *out, text).map_err(|_| Unwritable::NotJson)?;
        }
        Val::BStr(_) => return Err(Unwritable::NotJson),
        Val::Arr(list) => {
            out.push(b'[');
            for (index, value) in list.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(value, bytes_max, out)?;
            }
            out.push(b']');
        }
        Val::Obj(object) => {
            out.push(b'{');
            for (index, (key, value)) in object.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                if !matches!(key, Val::TStr(_)) {
                    return Err(Unwritable::NotJson);
                }
                write(key, bytes_max, out)?;
                out.push(b':');
                write(value, bytes_max, out)?;
            }
            out.push(b'}');
        }
    }
    match out.len() > bytes_max {
        true => Err(Unwritable::TooLarge),
        false => Ok(()),
    }
}

/// A number as JSON writes it.
pub(super) fn number_text(number: &Num) -> Result<String, Unwritable> {
    match number {
        Num::Int(number) => Ok(number.to_string()),
        Num::BigInt(number) => Ok(number.to_string()),
        Num::Float(number) => serde_json::Number::from_f64(*number)
            .map(|number| number.to_string())
            .ok_or(Unwritable::NotJson),
        Num::Dec(text) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(text.to_string()),
            _ => Err(Unwritable::NotJson),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> String {
        let mut out = Vec::new();
        write(&read(text).unwrap(), 1 << 20, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_value_survives_the_way_there_and_back() {
        for text in [
            "null",
            "[true,false,0,-7,1.5,18446744073709551615]",
            r#"{"b":{"a":"\"é\\ \u0001"},"a":[[],{}]}"#,
        ] {
            assert_eq!(again(text), text);
        }
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        let reason = |text| read(text).unwrap_err().reason;
        assert_eq!(reason(r#"[{"a":1,"b":{},"a":2}]"#), RejectReason::DuplicateField);
        assert_eq!(reason(r#"{"a":1} x"#), RejectReason::InvalidJson);
        assert_eq!(reason(r#"{"a":"#), RejectReason::Truncated);
    }

    #[test]
    fn what_is_written_is_bounded() {
        let value = read(&format!("[{}0]", "\"abcdefgh\",".repeat(100))).unwrap();
        let mut out = Vec::new();
        assert_eq!(write(&value, 100, &mut out), Err(Unwritable::TooLarge));
        assert!(out.len() < 130);
    }
}
