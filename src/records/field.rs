//! The types that a field of a record can have.

use std::num::NonZeroU32;

use serde::de::{Deserialize, DeserializeOwned, Deserializer};

use super::error::{Fault, RecordError};
use crate::engine::alerts::{Alert, Transition, Urgency};
use crate::engine::attacker::Band;
use crate::engine::oversight::{HollowReason, HollowReasons, Quality};
use crate::engine::windows::{Clock, State};
use crate::event::{Action, Evidence, ExposedAtQuality, Kind, Severity, Verdict, Workflow};
use crate::formats::RejectReason;
use crate::time::{Span, Timestamp};

/// A type that a field can have.
pub(super) trait Field: DeserializeOwned {
    /// What its JSON has to be.
    const FORM: &'static str;
    /// Whether the field may be absent or null.
    const OPTIONAL: bool = false;

    /// What is wrong with `json`, from which no value could be read.
    fn wrong(name: &'static str, json: &str) -> RecordError {
        RecordError::field(name, Self::fault(json))
    }

    /// The same without the field's name.
    fn fault(_json: &str) -> Fault {
        Fault::WrongType { expected: Self::FORM }
    }
}

impl<F: Field> Field for Option<F> {
    const FORM: &'static str = F::FORM;
    const OPTIONAL: bool = true;

    fn wrong(name: &'static str, json: &str) -> RecordError {
        F::wrong(name, json)
    }
}

macro_rules! plain {
    ($($type:ty: $form:literal),+ $(,)?) => {
        $(impl Field for $type { const FORM: &'static str = $form; })+
    };
}

plain! {
    String: "a text",
    bool: "true or false",
    u32: "a count",
    u64: "a count",
    NonZeroU32: "a number from 1 to 4294967295",
    i32: "a whole number",
    i64: "a whole number",
    f64: "a number",
    Span: "a length in whole milliseconds",
    serde_json::Value: "a value",
}

/// Types whose JSON is a text, or a list of texts, of which not every one will do.
macro_rules! words {
    ($form:literal, $texts:ty: $($type:ty),+) => {
        $(impl Field for $type {
            const FORM: &'static str = $form;

            fn fault(json: &str) -> Fault {
                match serde_json::from_str::<$texts>(json) {
                    Ok(_) => Fault::UnknownWord,
                    Err(_) => Fault::WrongType { expected: $form },
                }
            }
        })+
    };
}

impl Field for Vec<String> {
    const FORM: &'static str = "a list of texts";
}

words!("a text", String: Action, Alert, Band, Clock, Evidence, ExposedAtQuality, Kind, RejectReason);
words!("a text", String: Quality, Severity, State, Transition, Urgency, Verdict, Workflow);
words!("a list of texts", Vec<String>: HollowReasons);

impl Field for Timestamp {
    const FORM: &'static str = "a text";

    fn fault(json: &str) -> Fault {
        let text = serde_json::from_str::<String>(json).ok();
        let error = text.and_then(|text| Timestamp::parse_rfc3339(&text).err());
        error.map_or(Fault::WrongType { expected: Self::FORM }, Fault::Time)
    }
}

impl<'de> Deserialize<'de> for HollowReasons {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<HollowReasons, D::Error> {
        Ok(Vec::<HollowReason>::deserialize(deserializer)?.into_iter().collect())
    }
}
