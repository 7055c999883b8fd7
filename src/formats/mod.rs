//! Bytes of one record → events, for every source. Pure: no I/O, no clock.
//!
//! Invariants: no raw secret leaves a decoder, neither in an [`Event`] nor in a
//! [`Rejection`]; no text of an event looks like one; a [`Rejection`] never quotes input, it names fields and kinds
//! of value; a record yields all of its events or none.

mod auto;
mod aws;
mod cloudevents;
mod context;
mod csv;
mod encoding;
mod envelope;
mod eventbridge;
mod excerpt;
mod field;
mod flat;
mod format;
mod github;
mod gitleaks;
mod identity;
mod json;
mod links;
mod live_secret;
pub mod maps;
mod names;
mod native;
mod rare;
mod recognise;
mod record;
mod rejection;
mod scan;
mod trufflehog;
mod value;

pub use cloudevents::Attributes;
pub use context::{Context, Decoded, Part, SkipReason};
pub use encoding::Utf16;
pub use excerpt::excerpt;
pub use format::Format;
pub use identity::{Identity, KeyTooShort};
pub use native::{IDENTITY_FORWARDED, REVIEW_JUDGED};
pub use rejection::{RejectReason, Rejection};

use self::native::Fallback;
use self::record::Way;
use crate::config::Limits;
use crate::event::Event;

/// Decodes one record and appends its events to `out`. A record is one JSON value, in UTF-8 or
/// UTF-16, or a form whose field `payload` is one. Envelopes around it are opened. The elements of
/// an array, and the records of an envelope around several, are records by themselves: some may
/// be used and others not.
///
/// # Errors
/// A [`Rejection`] that says why without quoting the record; `out` is then as
/// it was before.
pub fn decode<'a>(
    format: Format,
    record: &'a [u8],
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let before = out.len();
    let way = Way { format, level: 0 };
    let known = matches!(format, Format::Auto | Format::Native);
    let decoded = if known && record::is_object(record) {
        let json = json::text(record, &context.limits)?;
        let mut fallback = Fallback::default();
        if let Some(decoded) = native::decode_plain(json, &mut fallback, &context.limits, out) {
            return decoded.and_then(|decoded| record::kept(decoded, before, out));
        }
        record::value(way, json, fallback, context, out)
    } else {
        record::decode(way, record, Fallback::default(), context, out)
    };
    if decoded.is_err() {
        out.truncate(before);
    }
    decoded
}

/// Reads one event that this program wrote in the native form, whatever limits were in force;
/// `None` for anything else.
pub fn native_event(json: &str) -> Option<Event<'static>> {
    let none = usize::MAX;
    let limits = Limits {
        record_bytes: none,
        depth: 8,
        id_bytes: none,
        credential_id_bytes: none,
        text_bytes: none,
        events_per_record: none,
    };
    let mut events = Vec::new();
    json::check_depth(json, &limits).ok()?;
    native::events(json, &limits, &mut events).ok()?;
    let event = events.pop()?.into_owned();
    events.is_empty().then_some(event)
}

/// Decodes the record of a CloudEvent in binary mode: any format but another
/// CloudEvent, recognised by itself.
///
/// # Errors
/// As for [`decode`].
pub fn decode_binary<'a>(
    attributes: &Attributes<'a>,
    record: &'a [u8],
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let before = out.len();
    let json = json::text(record, &context.limits)?;
    let way = Way { format: Format::Auto, level: 0 };
    let decoded = json::check_depth(json, &context.limits)
        .and_then(|()| cloudevents::decode_binary(attributes, json, context, out))
        .and_then(|outcome| record::without_secrets(outcome, before, out))
        .and_then(|outcome| record::finish(way, outcome, context, out));
    if decoded.is_err() {
        out.truncate(before);
    }
    decoded
}
