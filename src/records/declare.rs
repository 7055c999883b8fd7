//! The macro that declares a record, and the two readers that follow from it.
//!
//! Invariant: both readers rest on the same types of the same fields. The fast
//! reader alone gives records; the strict reader only says why it gave none.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::error::{Fault, RECORD_BYTES_MAX, RecordError};
use super::field::Field;

/// The fields of a JSON object by name, not looked into.
pub(super) type Fields<'j> = BTreeMap<String, &'j RawValue>;

/// A record declared by `record!`, in the form in which it is read.
pub trait Declared: DeserializeOwned {
    /// Checks the fields in the declared order, each by itself.
    ///
    /// # Errors
    /// The first field whose JSON is absent or not of its type.
    fn check_fields(fields: &Fields<'_>) -> Result<(), RecordError>;

    /// Checks that the fields fit each other.
    ///
    /// # Errors
    /// The first field that contradicts another.
    fn check(&self) -> Result<(), RecordError> {
        Ok(())
    }

    /// Reads one record: the fast reader, and the strict one where that fails.
    ///
    /// # Errors
    /// Which field is wrong, and how. No value is quoted.
    fn read(json: &[u8]) -> Result<Self, RecordError> {
        let not_an_object = RecordError::whole(Fault::NotAnObject);
        if json.len() > RECORD_BYTES_MAX {
            return Err(RecordError::whole(Fault::TooLarge));
        }
        // The library would take a list for an object as well, by position.
        if !json.trim_ascii_start().starts_with(b"{") {
            return Err(not_an_object);
        }
        // Checked once as a whole, not once more for every text in it.
        let json = std::str::from_utf8(json).map_err(|_| not_an_object)?;
        let Ok(record) = serde_json::from_str::<Self>(json) else {
            let fields: Fields<'_> = serde_json::from_str(json).map_err(|_| not_an_object)?;
            Self::check_fields(&fields)?;
            // Every field is right by itself: one of them is there twice.
            return Err(not_an_object);
        };
        record.check().map(|()| record)
    }
}

/// Checks one field; null and absent are the same.
pub(super) fn check_field<F: Field>(
    fields: &Fields<'_>,
    name: &'static str,
) -> Result<(), RecordError> {
    // A field named like a keyword of Rust is declared as a raw identifier.
    let name = name.trim_start_matches("r#");
    match fields.get(name).map(|json| json.get()).filter(|json| *json != "null") {
        None if F::OPTIONAL => Ok(()),
        None => Err(RecordError::field(name, Fault::Missing)),
        Some(json) if serde_json::from_str::<F>(json).is_ok() => Ok(()),
        Some(json) => Err(F::wrong(name, json)),
    }
}

/// Declares a record: its fields in the order in which they are written, each with
/// its type ([`Field`]) and what it means. An `Option` may be absent; every other
/// field is required. A type parameter has the type to read it as for its default.
macro_rules! record {
    (
        $(#[$meta:meta])*
        pub struct $name:ident $(<$($param:ident = $read:ty),+>)? {
            $($(#[$field_meta:meta])* $field:ident: $type:ty),+ $(,)?
        }
        $(check($record:ident) $check:block)?
    ) => {
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        $(#[$meta])*
        pub struct $name $(<$($param = $read),+>)? {
            $($(#[$field_meta])* pub $field: $type),+
        }

        impl $crate::records::declare::Declared for $name {
            fn check_fields(
                fields: &$crate::records::declare::Fields<'_>,
            ) -> Result<(), $crate::records::error::RecordError> {
                $($(type $param = $read;)+)?
                $($crate::records::declare::check_field::<$type>(fields, stringify!($field))?;)+
                Ok(())
            }

            $(fn check(&self) -> Result<(), $crate::records::error::RecordError> {
                let $record = self;
                $check
            })?
        }
    };
}
pub(super) use record;
