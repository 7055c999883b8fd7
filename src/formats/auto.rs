//! Decodes a record whose format is not given: a CloudEvent or one of the others.

use super::envelope::Outcome;
use super::native::Fallback;
use super::{Context, Rejection, cloudevents, recognise};
use crate::event::Event;

/// Decodes one record of any format. `fallback` comes from the envelope that it was in.
pub(super) fn decode<'a>(
    text: &'a str,
    fallback: Fallback<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Outcome<'a>, Rejection> {
    let keys = recognise::keys(text)?;
    if keys.specversion.0 {
        return cloudevents::decode(text, context, out);
    }
    recognise::decode(text, &keys, fallback, context, out)
}
