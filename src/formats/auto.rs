//! Decodes a record whose format is not given: a CloudEvent or one of the others.

use super::native::{Fallback, Flat};
use super::{Context, Decoded, Rejection, SkipReason, cloudevents, json, recognise};
use crate::event::Event;

/// Decodes one record of any format.
pub(super) fn decode<'a>(
    text: &'a str,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let mut flat = Flat::default();
    json::fill(&mut flat, text)?;
    if flat.specversion.0 {
        return cloudevents::decode(text, context, out);
    }
    if flat.is_judgement() {
        return Ok(Decoded::Skipped(SkipReason::NotMeasured));
    }
    recognise::decode(text, &mut flat, Fallback::default(), context, out)
}
