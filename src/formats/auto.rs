//! Decodes a record whose format is not given: a CloudEvent or one of the others.

use super::envelope::Outcome;
use super::native::{Fallback, Flat};
use super::{Context, Decoded, Rejection, SkipReason, cloudevents, json, recognise};
use crate::event::Event;

/// Decodes one record of any format. `fallback` comes from the envelope that it was in.
pub(super) fn decode<'a>(
    text: &'a str,
    fallback: Fallback<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Outcome<'a>, Rejection> {
    let mut flat = Flat::default();
    json::fill(&mut flat, text)?;
    if flat.specversion.0 {
        return cloudevents::decode(text, context, out);
    }
    if flat.is_internal() {
        return Ok(Outcome::Done(Decoded::Skipped(SkipReason::NotMeasured)));
    }
    recognise::decode(text, &mut flat, fallback, context, out)
}
