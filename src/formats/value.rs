//! Targets for JSON that accept every value, so that this project reports a wrong type itself:
//! messages of the JSON library quote the input, and ours must not.
//!
//! Invariants: deserialising into these types fails on syntax only; a field that the target
//! does not name is skipped and not stored; a repeated field is noticed, and its second value
//! is not stored.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

/// The kinds of JSON value, to name what was found instead of quoting it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Found {
    #[default]
    Absent,
    Null,
    Text,
    Number,
    Bool,
    Array,
    Object,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Found::Absent => "nothing",
            Found::Null => "null",
            Found::Text => "a string",
            Found::Number => "a number",
            Found::Bool => "a boolean",
            Found::Array => "an array",
            Found::Object => "an object",
        })
    }
}

/// A place for the value of one field, which is filled in place: the targets are large, and to
/// move them out of every layer of a parser costs time.
pub(super) trait Slot<'de>: Default {
    /// Reads any JSON value into this place.
    fn fill<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error>;

    /// The kind of value that the record has there.
    fn found(&self) -> Found;

    /// Takes a scalar that was read elsewhere. False if there is a value already, or if the
    /// field needs more than a scalar.
    fn set(&mut self, _: Scalar<'de>) -> bool {
        false
    }

    /// A field given twice within the value.
    fn duplicate(&self) -> Option<&'static str> {
        None
    }
}

/// Lets the parser fill a place in the middle of another container.
pub(super) struct Into<'o, T>(pub(super) &'o mut T);

impl<'de, T: Slot<'de>> DeserializeSeed<'de> for Into<'_, T> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.fill(deserializer)
    }
}

/// A value that is not a container, borrowed from the record where it can be.
#[derive(Clone, Default)]
#[cfg_attr(test, derive(Debug))]
pub(super) enum Scalar<'a> {
    #[default]
    Absent,
    Null,
    Text(Cow<'a, str>),
    Unsigned(u64),
    /// A whole number below zero, which no field accepts.
    Negative,
    Float(f64),
    Bool(bool),
    Array,
    Object,
}

impl<'de: 'a, 'a> Slot<'de> for Scalar<'a> {
    #[inline]
    fn fill<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        *self = deserializer.deserialize_any(ScalarVisitor)?;
        Ok(())
    }

    #[inline]
    fn set(&mut self, value: Scalar<'de>) -> bool {
        let free = matches!(self, Scalar::Absent);
        if free {
            *self = value;
        }
        free
    }

    #[inline]
    fn found(&self) -> Found {
        match self {
            Scalar::Absent => Found::Absent,
            Scalar::Null => Found::Null,
            Scalar::Text(_) => Found::Text,
            Scalar::Unsigned(_) | Scalar::Negative | Scalar::Float(_) => Found::Number,
            Scalar::Bool(_) => Found::Bool,
            Scalar::Array => Found::Array,
            Scalar::Object => Found::Object,
        }
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    #[inline]
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Unsigned(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Negative)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Float(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Object)
    }
}

/// Whether a field is there at all; its value is not read.
#[derive(Clone, Copy, Default)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Seen(pub(super) bool);

impl<'de> Slot<'de> for Seen {
    fn fill<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        self.0 = true;
        IgnoredAny::deserialize(deserializer).map(drop)
    }

    fn found(&self) -> Found {
        // The type does not matter: only the presence counts.
        if self.0 { Found::Object } else { Found::Absent }
    }
}

/// A value as it stands in the record, to be read in a second step.
#[derive(Clone, Copy, Default)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Verbatim<'a>(Option<&'a RawValue>);

impl<'a> Verbatim<'a> {
    /// The JSON text, `None` for an absent field.
    pub(super) fn json(self) -> Option<&'a str> {
        self.0.map(RawValue::get)
    }
}

impl<'a> Verbatim<'a> {
    /// The elements of an array as they stand there; `None` for any other value.
    pub(super) fn elements(self) -> Option<Vec<Verbatim<'a>>> {
        let list: Vec<&'a RawValue> = serde_json::from_str(self.json()?).ok()?;
        Some(list.into_iter().map(|value| Verbatim(Some(value))).collect())
    }

    /// The values of an object as they stand there, without their names; `None` for any other
    /// value.
    pub(super) fn values(self) -> Option<Vec<Verbatim<'a>>> {
        let mut values = Vec::new();
        let mut parser = serde_json::Deserializer::from_str(self.json()?);
        parser.deserialize_map(ValuesVisitor(&mut values)).ok()?;
        Some(values)
    }

    /// The text that this string stands for. Halves of surrogate pairs, which JSON can write
    /// and Unicode text cannot hold, become U+FFFD. `None` for any other value.
    pub(super) fn lossy_text(self) -> Option<Cow<'a, str>> {
        let json = self.json().filter(|json| json.starts_with('"'))?;
        let bytes =
            serde_json::Deserializer::from_str(json).deserialize_bytes(BytesVisitor).ok()?;
        Some(match bytes {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        })
    }
}

struct ValuesVisitor<'o, 'a>(&'o mut Vec<Verbatim<'a>>);

impl<'de: 'a, 'a> Visitor<'de> for ValuesVisitor<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((_, value)) = map.next_entry::<IgnoredAny, &'de RawValue>()? {
            self.0.push(Verbatim(Some(value)));
        }
        Ok(())
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Cow<'de, [u8]>, E> {
        Ok(Cow::Borrowed(bytes))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Cow<'de, [u8]>, E> {
        Ok(Cow::Owned(bytes.to_vec()))
    }
}

impl<'de: 'a, 'a> Slot<'de> for Verbatim<'a> {
    fn fill<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        self.0 = Some(<&RawValue>::deserialize(deserializer)?);
        Ok(())
    }

    fn found(&self) -> Found {
        match self.json().and_then(|json| json.bytes().next()) {
            None => Found::Absent,
            Some(b'{') => Found::Object,
            Some(b'[') => Found::Array,
            Some(b'"') => Found::Text,
            Some(b'n') => Found::Null,
            Some(b't' | b'f') => Found::Bool,
            Some(_) => Found::Number,
        }
    }
}

/// An object that takes scalars by name.
pub(super) trait Target<'a>: Default {
    /// Puts `value` into the field `key`. False if the field is repeated or is more than a
    /// scalar. Unknown fields are ignored.
    fn set_field(&mut self, key: &[u8], value: Scalar<'a>) -> bool;
}

/// The part of a container's visitor that gets a value of another kind and records the kind in
/// the container's `found`.
macro_rules! note_scalars {
    () => {
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("any JSON value")
        }

        fn visit_str<E>(self, _: &str) -> Result<(), E> {
            self.0.found = $crate::formats::value::Found::Text;
            Ok(())
        }

        fn visit_unit<E>(self) -> Result<(), E> {
            self.0.found = $crate::formats::value::Found::Null;
            Ok(())
        }

        fn visit_bool<E>(self, _: bool) -> Result<(), E> {
            self.0.found = $crate::formats::value::Found::Bool;
            Ok(())
        }

        fn visit_u64<E>(self, _: u64) -> Result<(), E> {
            self.0.found = $crate::formats::value::Found::Number;
            Ok(())
        }

        fn visit_i64<E>(self, _: i64) -> Result<(), E> {
            self.0.found = $crate::formats::value::Found::Number;
            Ok(())
        }

        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            self.0.found = $crate::formats::value::Found::Number;
            Ok(())
        }
    };
}

/// The elements of an array, up to a bound.
#[cfg_attr(test, derive(Debug))]
pub(super) struct List<T> {
    found: Found,
    duplicate: Option<&'static str>,
    /// The first [`List::KEPT_MAX`] elements.
    pub(super) items: Vec<T>,
    /// How many elements the record has.
    pub(super) len: usize,
}

impl<T> List<T> {
    /// Bounds the memory for a record of many tiny elements. It is above any sensible limit on
    /// the events of a record.
    pub(super) const KEPT_MAX: usize = 10_000;
}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List { found: Found::Absent, duplicate: None, items: Vec::new(), len: 0 }
    }
}

impl<'de, T: Slot<'de>> Slot<'de> for List<T> {
    fn fill<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(ListVisitor(self))
    }

    fn found(&self) -> Found {
        self.found
    }

    fn duplicate(&self) -> Option<&'static str> {
        self.duplicate
    }
}

struct ListVisitor<'o, T>(&'o mut List<T>);

impl<'de, T: Slot<'de>> Visitor<'de> for ListVisitor<'_, T> {
    type Value = ();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let list = self.0;
        list.found = Found::Array;
        loop {
            let mut item = T::default();
            if list.len == List::<T>::KEPT_MAX || seq.next_element_seed(Into(&mut item))?.is_none()
            {
                break;
            }
            list.duplicate = list.duplicate.or(item.duplicate());
            list.items.push(item);
            list.len += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            list.len += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.found = Found::Object;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    note_scalars!();
}

/// Declares an object with named fields, each a [`Slot`]. A field may have a second key after
/// `or`, which a record has in place of the first.
///
/// This is not derived, for three reasons: a value of a wrong type is stored and is no error,
/// a repeated field is recorded under our own name for it, and the fields are filled in place.
macro_rules! object {
    ($(#[$meta:meta])* $name:ident {
        $($field:ident: $type:ty = $key:literal $(or $other:literal)?),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Default)]
        #[cfg_attr(test, derive(Debug))]
        pub(in crate::formats) struct $name<'a> {
            found: $crate::formats::value::Found,
            duplicate: Option<&'static str>,
            lifetime: std::marker::PhantomData<&'a str>,
            $(pub(in crate::formats) $field: $type),+
        }

        #[expect(non_camel_case_types, non_upper_case_globals, reason = "named after the fields")]
        const _: () = {
            use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
            use $crate::formats::value::{Found, Into, Slot};

            enum Key { $($field,)+ Other }

            struct KeyVisitor;

            impl Visitor<'_> for KeyVisitor {
                type Value = Key;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a key")
                }

                #[inline]
                fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                    $(const $field: &[u8] = $key.as_bytes();)+
                    // The compiler makes a decision tree by length and content from patterns of
                    // bytes, but one comparison after the other from patterns of text.
                    Ok(match key.as_bytes() {
                        $($field => Key::$field,)+
                        $($(other if other == $other.as_bytes() => Key::$field,)?)+
                        _ => Key::Other,
                    })
                }
            }

            impl<'de> Deserialize<'de> for Key {
                #[inline]
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
                    deserializer.deserialize_identifier(KeyVisitor)
                }
            }

            impl<'a> $crate::formats::value::Target<'a> for $name<'a> {
                #[inline]
                fn set_field(
                    &mut self,
                    named: &[u8],
                    given: $crate::formats::value::Scalar<'a>,
                ) -> bool {
                    $(const $field: &[u8] = $key.as_bytes();)+
                    self.found = Found::Object;
                    match named {
                        $($field => self.$field.set(given),)+
                        $($(other if other == $other.as_bytes() => self.$field.set(given),)?)+
                        _ => true,
                    }
                }
            }

            struct ObjectVisitor<'o, 'a>(&'o mut $name<'a>);

            impl<'de: 'a, 'a> Visitor<'de> for ObjectVisitor<'_, 'a> {
                type Value = ();

                #[inline]
                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                    let object = self.0;
                    object.found = Found::Object;
                    while let Some(key) = map.next_key::<Key>()? {
                        match key {
                            $(Key::$field => {
                                if object.$field.found() == Found::Absent {
                                    map.next_value_seed(Into(&mut object.$field))?;
                                    object.duplicate =
                                        object.duplicate.or(object.$field.duplicate());
                                } else {
                                    object.duplicate = object.duplicate.or(Some($key));
                                    map.next_value::<IgnoredAny>()?;
                                }
                            })+
                            Key::Other => {
                                map.next_value::<IgnoredAny>()?;
                            }
                        }
                    }
                    Ok(())
                }

                fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
                    self.0.found = Found::Array;
                    while seq.next_element::<IgnoredAny>()?.is_some() {}
                    Ok(())
                }

                $crate::formats::value::note_scalars!();
            }

            impl<'de: 'a, 'a> Slot<'de> for $name<'a> {
                #[inline]
                fn fill<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
                    deserializer.deserialize_any(ObjectVisitor(self))
                }

                fn found(&self) -> Found {
                    self.found
                }

                fn duplicate(&self) -> Option<&'static str> {
                    self.duplicate
                }
            }
        };
    };
}
pub(super) use {note_scalars, object};
