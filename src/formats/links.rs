//! Lists of names in a record, and the events that link them.
//!
//! Invariants: a list is taken whole or the record is refused; names are short texts.

use std::borrow::Cow;

use super::field::{too_long, wrong_type};
use super::value::{Found, Slot, Verbatim};
use super::{RejectReason, Rejection};
use crate::config::{ALIASES_MAX, COVERED_MAX, Limits};
use crate::event::{Body, Event, IdentityLinked, Relation};

/// Bytes of all names of one list together: messages about them are records of a broker.
const NAMES_BYTES_MAX: usize = 64 << 10;

/// Further names of the event's credential.
pub(super) fn aliases<'a>(
    list: Verbatim<'a>,
    limits: &Limits,
) -> Result<Vec<Cow<'a, str>>, Rejection> {
    names(list, "aliases", ALIASES_MAX, limits)
}

/// The credentials that the event's name stands for.
pub(super) fn covered_aliases<'a>(
    list: Verbatim<'a>,
    limits: &Limits,
) -> Result<Vec<Cow<'a, str>>, Rejection> {
    names(list, "aliases", COVERED_MAX, limits)
}

/// The credentials that one act is about.
pub(super) fn covered<'a>(
    list: Verbatim<'a>,
    limits: &Limits,
) -> Result<Vec<Cow<'a, str>>, Rejection> {
    names(list, "covers", COVERED_MAX, limits)
}

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

fn names<'a>(
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
