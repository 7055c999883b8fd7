//! Bytes of one record → events, for every source. Pure: no I/O, no clock.
//!
//! Invariants: no raw secret leaves a decoder, neither in an [`Event`] nor in a
//! [`Rejection`]; a [`Rejection`] never quotes input, it names fields and kinds
//! of value; a record yields all of its events or none.

mod auto;
mod cloudevents;
mod context;
mod eventbridge;
mod excerpt;
mod field;
mod flat;
mod github;
mod gitleaks;
mod identity;
mod json;
mod names;
mod native;
mod owned;
mod recognise;
mod rejection;
mod scan;
mod trufflehog;
mod value;

pub use cloudevents::Attributes;
pub use context::{Context, Decoded, SkipReason};
pub use excerpt::excerpt;
pub use identity::{Identity, KeyTooShort};
pub use native::REVIEW_JUDGED;
pub use rejection::{RejectReason, Rejection};

use crate::event::{Event, words};

words! {
    /// The formats a record can have.
    Format {
        /// Recognise each record by itself.
        Auto = "auto",
        /// One flat JSON object, the project's own.
        Native = "native",
        /// CloudEvents 1.0, structured, around any of the others.
        CloudEvents = "cloudevents",
        /// GitHub `secret_scanning_alert` webhooks.
        Github = "github",
        /// gitleaks v8 findings.
        Gitleaks = "gitleaks",
        /// TruffleHog v3 findings.
        Trufflehog = "trufflehog",
        /// AWS Health `RISK` events and GuardDuty findings from EventBridge.
        Eventbridge = "eventbridge",
    }
}

/// Decodes one record, which is the bytes of one JSON value, and appends its
/// events to `out`.
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
    let json = json::text(record, &context.limits)?;
    if matches!(format, Format::Auto | Format::Native)
        && let Some(decoded) = native::decode_plain(json, &context.limits, out)
    {
        return decoded;
    }
    let decoded = json::check_depth(json, &context.limits).and_then(|()| match format {
        Format::Auto => auto::decode(json, context, out),
        Format::Native => native::decode(json, context, out),
        Format::CloudEvents => cloudevents::decode(json, context, out),
        Format::Github => github::decode(json, context, out),
        Format::Gitleaks => gitleaks::decode(json, context, out),
        Format::Trufflehog => trufflehog::decode(json, context, out),
        Format::Eventbridge => eventbridge::decode(json, context, out),
    });
    if decoded.is_err() {
        out.truncate(before);
    }
    decoded
}

/// Decodes the record of a CloudEvent in binary mode: any format but another
/// envelope, recognised by itself.
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
    let decoded = json::check_depth(json, &context.limits)
        .and_then(|()| cloudevents::decode_binary(attributes, json, context, out));
    if decoded.is_err() {
        out.truncate(before);
    }
    decoded
}
