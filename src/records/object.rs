//! A record as a field of another one.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::declare::{Declared, Fields};
use super::error::RecordError;
use super::field::Field;

/// A record inside another one. The library would read a list as an object as
/// well, by position; this does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Object<R>(pub R);

impl<'de, R: Deserialize<'de>> Deserialize<'de> for Object<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<R>, D::Error> {
        struct Named<R>(PhantomData<R>);
        impl<'de, R: Deserialize<'de>> Visitor<'de> for Named<R> {
            type Value = Object<R>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<R>, A::Error> {
                R::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Named(PhantomData))
    }
}

impl<R: Declared> Field for Object<R> {
    const FORM: &'static str = "an object";

    fn wrong(name: &'static str, json: &str) -> RecordError {
        let not_an_object = RecordError::field(name, Self::fault(json));
        let Ok(fields) = serde_json::from_str::<Fields<'_>>(json) else { return not_an_object };
        match R::check_fields(&fields) {
            Err(error) => RecordError { field: Some(name), inner: error.field, ..error },
            // Every field is right by itself: one of them is there twice.
            Ok(()) => not_an_object,
        }
    }
}
