//! Lists of names in a record, and the events that link them.
//!
//! Invariants: a list is taken whole or the record is refused; names are short texts.

use std::borrow::Cow;

use super::field::{too_long, wrong_type};
use super::value::{Found, Slot, Verbatim};
use super::{RejectReason, Rejection};
use crate::config::Limits;
use crate::event::{Body, Event, IdentityLinked, Relation};

/// Bytes of all names of one list together: messages about them are records of a broker.
const NAMES_BYTES_MAX: usize = 64 << 10;

/// What says that `aliases` are names of the event's credential.
pub(super) fn link<'a>(event: &Event<'a>, aliases: Vec<Cow<'a, str>>) -> Event<'a> {
    Event {
        severity: None,
        owner: None,
        noted: crate::event::Noted::default(),
        body: Body::IdentityLinked(IdentityLinked { aliases, relation: Relation::Same }),
        ..event.clone()
    }
}

/// The names in the field `field`, of which there are at most `most`.
pub(super) fn names<'a>(
    list: Verbatim<'a>,
    field: &'static str,
    most: usize,
    limits: &Limits,
) -> Result<Vec<Cow<'a, str>>, Rejection> {
    let elements = match list.found() {
        Found::Absent | Found::Null => return Ok(Vec::new()),
        Found::Array => list.elements().unwrap_or_default(),
        found => return Err(wrong_type(field, "a list of names", found)),
    };
    if elements.len() > most {
        return Err(Rejection::new(
            RejectReason::TooManyAliases,
            format!("field `{field}`: {} names, the limit is {most}", elements.len()),
        ));
    }
    let (mut names, mut bytes) = (Vec::with_capacity(elements.len()), 0);
    for element in elements {
        let name = match element.found() {
            Found::Text => element.lossy_text().unwrap_or_default(),
            found => return Err(wrong_type(field, "a list of names", found)),
        };
        if name.len() > limits.credential_id_bytes {
            return Err(too_long(field, name.len(), limits.credential_id_bytes));
        }
        bytes += name.len();
        if bytes > NAMES_BYTES_MAX {
            return Err(Rejection::new(
                RejectReason::TooManyAliases,
                format!("field `{field}`: names of more than {NAMES_BYTES_MAX} bytes together"),
            ));
        }
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::formats::maps::Maps;
    use crate::formats::{Context, Format, Identity, decode};

    fn refused(changes: Value) -> Option<RejectReason> {
        let mut event = json!({
            "type": "identity.linked", "id": "1", "time": "2026-03-02T09:00:00Z",
            "credential_id": "SEC-42", "aliases": ["k"],
        });
        for (field, value) in changes.as_object().unwrap() {
            event[field] = value.clone();
        }
        let context = Context {
            identity: &Identity::new(b"a key for tests only").unwrap(),
            detected_at: None,
            // As large as a record can be made to be.
            limits: Limits { record_bytes: 64 << 20, ..Limits::DEFAULT },
            maps: Maps::NONE,
        };
        let decoded =
            decode(Format::Native, event.to_string().as_bytes(), &context, &mut Vec::new());
        decoded.err().map(|rejection| rejection.reason)
    }

    fn keys(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("key-{n}")).collect()
    }

    #[test]
    fn a_list_is_taken_up_to_its_bounds_and_refused_whole_beyond_them() {
        let too_many = Some(RejectReason::TooManyAliases);
        assert_eq!(refused(json!({"aliases": keys(64)})), None);
        assert_eq!(refused(json!({"aliases": keys(65)})), too_many);
        let covers = |count| json!({"relation": "covers", "aliases": keys(count)});
        assert_eq!(refused(covers(1_000)), None);
        assert_eq!(refused(covers(1_001)), too_many);
        assert_eq!(refused(covers(100_000)), too_many, "a ticket about everything");
        let decision = json!({"type": "decision.made", "reviewer": "kim", "action": "revoke", "aliases": null});
        let decided = |count| {
            let mut decision = decision.clone();
            decision["covers"] = keys(count).into();
            decision
        };
        assert_eq!(refused(decided(1_000)), None);
        assert_eq!(refused(decided(100_000)), too_many);
    }

    #[test]
    fn a_name_is_as_long_as_that_of_a_credential_may_be() {
        assert_eq!(refused(json!({"aliases": ["n".repeat(512)]})), None);
        assert!(refused(json!({"aliases": ["n".repeat(513)]})).is_some());
        let long: Vec<String> = (0..200).map(|n| format!("{n:0512}")).collect();
        let covers = json!({"relation": "covers", "aliases": long});
        assert_eq!(refused(covers), Some(RejectReason::TooManyAliases), "of 64 KiB together");
    }
}
