//! The name of an exposure as text: `{workflow}/{credential_id}/{detected_at in ms}`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::StrDeserializer;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::error::Fault;
use super::field::Field;
use crate::engine::windows::{ExposureId, Key};
use crate::event::Workflow;
use crate::time::Timestamp;

/// Reads the name of an exposure. `None` for any text that no exposure is shown as.
pub fn parse(text: &str) -> Option<ExposureId<'_>> {
    let (workflow, rest) = text.split_once('/')?;
    // A credential's name may hold slashes; the time does not.
    let (credential_id, ms) = rest.rsplit_once('/')?;
    let unusual = ms.starts_with('+') || ms.trim_start_matches('-').starts_with('0');
    if credential_id.is_empty() || unusual && ms != "0" {
        return None;
    }
    let key = Key { workflow: Workflow::parse(workflow)?, credential_id };
    Some(ExposureId { key, detected_at: Timestamp::from_millis(ms.parse().ok()?) })
}

/// The name of an exposure in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExposureName<T = String> {
    /// The kind of process.
    pub workflow: Workflow,
    /// The credential's non-secret name.
    pub credential_id: T,
    /// The detection that opened the window.
    pub detected_at: Timestamp,
}

impl<'e, T: From<&'e str>> From<ExposureId<'e>> for ExposureName<T> {
    fn from(ExposureId { key, detected_at }: ExposureId<'e>) -> ExposureName<T> {
        let Key { workflow, credential_id } = key;
        ExposureName { workflow, credential_id: credential_id.into(), detected_at }
    }
}

impl<T: AsRef<str>> ExposureName<T> {
    /// The name in the engine's form.
    pub fn id(&self) -> ExposureId<'_> {
        let key = Key { workflow: self.workflow, credential_id: self.credential_id.as_ref() };
        ExposureId { key, detected_at: self.detected_at }
    }
}

impl<T: AsRef<str>> fmt::Display for ExposureName<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id().fmt(f)
    }
}

impl<T: AsRef<str>> Serialize for ExposureName<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.id().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ExposureName<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ExposureName<T>, D::Error> {
        struct Text<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Text<T> {
            type Value = ExposureName<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(ExposureName::FORM)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ExposureName<T>, E> {
                let id = parse(text).ok_or_else(|| E::custom(ExposureName::FORM))?;
                let Key { workflow, credential_id } = id.key;
                let credential_id = T::deserialize(StrDeserializer::new(credential_id))?;
                Ok(ExposureName { workflow, credential_id, detected_at: id.detected_at })
            }
        }
        deserializer.deserialize_str(Text(PhantomData))
    }
}

impl Field for ExposureName {
    const FORM: &'static str = "the name of an exposure";

    fn fault(_json: &str) -> Fault {
        Fault::WrongType { expected: Self::FORM }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_exposure_is_shown_as_is_read() {
        for text in [
            "secret_exposure/hmac:1/1772409600000",
            "policy_change/a/b/1772409600000",
            "policy_change/a/0",
            "policy_change/a/-1",
        ] {
            assert_eq!(parse(text).map(|id| id.to_string()).as_deref(), Some(text));
        }
        for text in [
            "",
            "secret_exposure",
            "secret_exposure/x",
            "secret_exposure//1",
            "gardening/x/1",
            "policy_change/x/y",
            "policy_change/x/+1",
            "policy_change/x/01",
            "policy_change/x/-0",
            "policy_change/x/1 ",
            "policy_change/x/99999999999999999999",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
