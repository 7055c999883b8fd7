//! The name of a dead letter.
//!
//! A sender that got no answer delivers the same again, and that must not look like two faults: a
//! dead letter is named by what it is about.

use crate::formats::Identity;
use crate::records::{DeadLetter, Declared as _, RecordError};

/// Names the dead letter `value` about `record`, the `of_record`-th about it. The name is an HMAC:
/// whoever reads it must not be able to guess what the record held.
///
/// # Errors
/// A value that is no dead letter; the program writes none such.
pub fn dead_letter_name(
    identity: &Identity,
    value: &[u8],
    record: &[u8],
    of_record: u64,
) -> Result<String, RecordError> {
    let DeadLetter { stage, reason, origin, event, .. } = DeadLetter::read(value)?;
    let topic = origin.map(|origin| origin.0.topic);
    // The JSON library has no errors for such values.
    let about = serde_json::to_vec(&(stage, reason, topic, event, of_record));
    let mut about = about.unwrap_or_default();
    about.extend_from_slice(record);
    Ok(identity.name(&about))
}
