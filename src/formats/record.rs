//! One record, whatever its encoding and whatever stands around it.
//!
//! Invariants: a record gives all of its events or none; of a list, each element is a record by
//! itself; envelopes nest [`LEVELS_MAX`] deep at most; the events and the unused parts of a record
//! are at most `events_per_record` each.

use std::borrow::Cow;

use super::encoding::{self, Plain};
use super::envelope::{self, Outcome, Wrapped};
use super::native::Fallback;
use super::{
    Context, Decoded, Format, Part, RejectReason, Rejection, SkipReason, auto, cloudevents,
    eventbridge, excerpt, github, gitleaks, json, live_secret, maps, native, trufflehog,
};
use crate::event::Event;

/// How many envelopes may stand around a record.
const LEVELS_MAX: u32 = 3;

/// How the records within a record are decoded.
#[derive(Clone, Copy)]
pub(super) struct Way {
    pub(super) format: Format,
    /// How many envelopes were opened so far.
    pub(super) level: u32,
}

/// Whether a record begins as an object in UTF-8 does, and has no padding. In UTF-16 a zero follows.
#[inline]
pub(super) fn is_object(record: &[u8]) -> bool {
    record.first() == Some(&b'{') && record.get(1) != Some(&0) && !encoding::ends_in_padding(record)
}

/// Decodes the bytes of one record.
pub(super) fn decode<'a>(
    way: Way,
    record: &'a [u8],
    fallback: Fallback<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let text = if is_object(record) {
        Cow::Borrowed(json::text(record, &context.limits)?)
    } else {
        match encoding::plain(record, &context.limits)? {
            Plain::Empty => return Ok(Decoded::Skipped(SkipReason::Empty)),
            Plain::Text(text) => text,
        }
    };
    match text {
        Cow::Borrowed(text) => value(way, text, fallback, context, out),
        Cow::Owned(text) => {
            let mut events = Vec::new();
            let decoded = value(way, &text, fallback, context, &mut events)?;
            out.extend(events.into_iter().map(|event| -> Event<'a> { event.into_owned() }));
            Ok(decoded)
        }
    }
}

/// Decodes a JSON text: a record, or an array of records.
pub(super) fn value<'a>(
    way: Way,
    text: &'a str,
    fallback: Fallback<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    json::check_depth(text, &context.limits)?;
    if text.trim_ascii_start().starts_with('[') {
        let elements = json::elements(text)?;
        check_count(elements.len(), "records", context.limits.events_per_record)?;
        let list = Wrapped::list(elements.into_iter().map(envelope::whole).collect());
        return open(way, list, context, out);
    }
    let before = out.len();
    let done = |decoded| Ok(Outcome::Done(decoded));
    let decoded = match way.format {
        Format::Auto => auto::decode(text, fallback, context, out),
        Format::Native => native::decode(text, fallback, context, out).and_then(done),
        Format::CloudEvents => cloudevents::decode(text, context, out),
        Format::Github => github::decode(text, context, out).and_then(done),
        Format::Gitleaks => gitleaks::decode(text, context, out).and_then(done),
        Format::Trufflehog => trufflehog::decode(text, context, out).and_then(done),
        Format::Eventbridge => eventbridge::decode(text, context, out),
        Format::Map(name) => maps::decode(name, text, context, out).and_then(done),
    };
    match decoded.and_then(|outcome| without_secrets(outcome, before, out)) {
        Ok(outcome) => {
            // These two are envelopes themselves, and what is in them may be anything.
            let auto = matches!(way.format, Format::CloudEvents | Format::Eventbridge);
            let format = if auto { Format::Auto } else { way.format };
            finish(Way { format, ..way }, outcome, context, out)
        }
        Err(rejection) => {
            out.truncate(before);
            if way.format == Format::Auto {
                // Envelopes are among what it recognises.
                return Err(rejection);
            }
            // A record of a given format may be in an envelope, too. It is looked for only here,
            // so that records without one cost nothing more.
            match envelope::open(text) {
                Ok(Some(outcome)) => finish(way, outcome, context, out),
                Err(unsupported) if unsupported.reason == RejectReason::Unsupported => {
                    Err(unsupported)
                }
                _ => Err(rejection),
            }
        }
    }
}

/// Refuses events that hold what looks like a live secret. `out` has them from `before` on.
pub(super) fn without_secrets<'a>(
    outcome: Outcome<'a>,
    before: usize,
    out: &mut Vec<Event<'_>>,
) -> Result<Outcome<'a>, Rejection> {
    if matches!(outcome, Outcome::Done(_)) {
        live_secret::refuse(out.get(before..).unwrap_or_default())
            .inspect_err(|_| out.truncate(before))?;
    }
    Ok(outcome)
}

/// The same for a native event that is decoded.
#[inline]
pub(super) fn kept(
    decoded: Decoded,
    before: usize,
    out: &mut Vec<Event<'_>>,
) -> Result<Decoded, Rejection> {
    let checked = live_secret::refuse_native(out.get(before..).unwrap_or_default());
    if checked.is_err() {
        out.truncate(before);
    }
    checked.map(|()| decoded)
}

/// Opens the envelope, if it is one.
pub(super) fn finish<'a>(
    way: Way,
    outcome: Outcome<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    match outcome {
        Outcome::Done(decoded) => Ok(decoded),
        Outcome::Wrapped(wrapped) => open(way, wrapped, context, out),
    }
}

fn open<'a>(
    way: Way,
    wrapped: Wrapped<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let Wrapped { mut parts, fallback, detected_at, nests } = wrapped;
    let way = Way { level: way.level + u32::from(nests), ..way };
    if way.level > LEVELS_MAX {
        let why = format!("more than {LEVELS_MAX} envelopes in each other");
        return Err(Rejection::new(RejectReason::TooDeep, why));
    }
    let context = &Context { detected_at: detected_at.or(context.detected_at), ..*context };
    if parts.len() == 1
        && let Some(part) = parts.pop()
    {
        return match part? {
            Cow::Borrowed(record) => decode(way, record, fallback, context, out),
            Cow::Owned(record) => decode_copied(way, &record, fallback, context, out),
        };
    }
    let limit = context.limits.events_per_record;
    check_count(parts.len(), "records", limit)?;
    let before = out.len();
    let mut unused = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        let so_far = out.len();
        // Ids must differ between the parts, so none of them gets that of the envelope.
        let fallback = Fallback { id: None, ..fallback.clone() };
        let decoded = match &part {
            Ok(Cow::Borrowed(record)) => decode(way, record, fallback, context, out),
            Ok(Cow::Owned(record)) => decode_copied(way, record, fallback, context, out),
            Err(rejection) => Err(rejection.clone()),
        };
        let shape = || part.as_deref().map(excerpt).unwrap_or_default();
        match decoded {
            Ok(Decoded::Events) => {}
            Ok(Decoded::Skipped(reason)) => {
                unused.push(Part { outcome: Ok(reason), excerpt: shape() });
            }
            Ok(Decoded::Mixed(parts)) => unused.extend(parts.into_iter().map(|part| Part {
                outcome: part.outcome.map_err(|it| within(index, &it)),
                ..part
            })),
            Err(rejection) => {
                out.truncate(so_far);
                let rejection = within(index, &rejection);
                unused.push(Part { outcome: Err(rejection), excerpt: shape() });
            }
        }
        check_count(out.len() - before, "events", limit)?;
        check_count(unused.len(), "records", limit)?;
    }
    match unused.is_empty() {
        true if out.len() > before => Ok(Decoded::Events),
        true => Ok(Decoded::Skipped(SkipReason::Empty)),
        false => Ok(Decoded::Mixed(unused)),
    }
}

/// A rejection with the place of the record that it is about.
fn within(index: usize, rejection: &Rejection) -> Rejection {
    let detail = format!("record {} within it: {}", index + 1, rejection.detail);
    Rejection::new(rejection.reason, detail)
}

/// The same for bytes that do not live as long as the events.
fn decode_copied<'a>(
    way: Way,
    record: &[u8],
    fallback: Fallback<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let mut events = Vec::new();
    let decoded = decode(way, record, fallback, context, &mut events)?;
    out.extend(events.into_iter().map(|event| -> Event<'a> { event.into_owned() }));
    Ok(decoded)
}

fn check_count(count: usize, of: &str, limit: usize) -> Result<(), Rejection> {
    match count > limit {
        true => Err(Rejection::new(
            RejectReason::TooLong,
            format!("stands for {count} {of}, the limit is {limit}"),
        )),
        false => Ok(()),
    }
}
