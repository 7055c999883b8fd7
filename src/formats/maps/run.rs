//! A record → events, through a map.

use std::borrow::Cow;

use jaq_json::Val;

use super::catalogue::Map;
use super::program::{Failed, World};
use super::secrets;
use super::value::{self, Unwritable};
use crate::event::{Body, Event};
use crate::formats::context::{Context, Decoded, SkipReason};
use crate::formats::names;
use crate::formats::native::{self, Fallback};
use crate::formats::rejection::{RejectReason, Rejection};

/// Stands for the id of an event that the map gave none.
const NO_ID: &str = "\0";

/// Decodes a record by the map called `name`, if it is one of the map's.
pub(in crate::formats) fn decode(
    name: &str,
    text: &str,
    context: &Context<'_>,
    out: &mut Vec<Event<'_>>,
) -> Result<Decoded, Rejection> {
    let Some(map) = context.maps.get(name) else {
        return Err(Rejection::new(
            RejectReason::Unrecognised,
            format!("there is no map `{name}`; `shutterlag map list` names them all"),
        ));
    };
    let record = value::read(text)?;
    if map.recognises() && !map.manifest.matches(&record) {
        return Err(Rejection::new(
            RejectReason::Unrecognised,
            format!("not a record of the map `{name}`: what `recognise` names is not there"),
        ));
    }
    through(map, record, context, out)
}

/// Decodes a record by the map that recognises it; `None` if none does.
pub(in crate::formats) fn decode_recognised(
    text: &str,
    context: &Context<'_>,
    out: &mut Vec<Event<'_>>,
) -> Result<Option<Decoded>, Rejection> {
    if context.maps.is_empty() {
        return Ok(None);
    }
    // What cannot be read here is no map's, and has an error of its own elsewhere.
    let Ok(record) = value::read(text) else { return Ok(None) };
    match context.maps.recognised(&record)? {
        Some(map) => through(map, record, context, out).map(Some),
        None => Ok(None),
    }
}

fn through(
    map: &Map,
    mut record: Val,
    context: &Context<'_>,
    out: &mut Vec<Event<'_>>,
) -> Result<Decoded, Rejection> {
    let program = map
        .program()
        .map_err(|fault| Rejection::new(RejectReason::MapFailed, fault.to_string()))?;
    let manifest = &map.manifest;
    secrets::hide(&mut record, &manifest.secrets, &manifest.secrets_base64, context.identity);
    let world = World {
        identity: context.identity,
        detected_at: context.detected_at,
        times: &map.manifest.times,
    };
    let before = out.len();
    let mut buffer = Vec::new();
    let mut number = 0_usize;
    let run = program.run(record, world, |output| {
        number += 1;
        buffer.clear();
        events(map, &output, &mut buffer, context, out)
            .map_err(|rejection| Fault::Event(Some(number), rejection))?;
        if out.len() - before > context.limits.events_per_record {
            return Err(Fault::Event(
                None,
                Rejection::new(
                    RejectReason::TooLong,
                    format!("gives more than {} events", context.limits.events_per_record),
                ),
            ));
        }
        Ok(())
    });
    match run {
        Ok(_) if out.len() == before => Ok(Decoded::Skipped(SkipReason::NotMeasured)),
        Ok(_) => Ok(Decoded::Events),
        Err(fault) => {
            out.truncate(before);
            let (place, rejection) = match fault {
                Fault::Program(failed) => (String::new(), failed.into()),
                Fault::Event(None, rejection) => (String::new(), rejection),
                Fault::Event(Some(number), rejection) => (format!("event {number}: "), rejection),
            };
            let rejection: Rejection = rejection;
            let detail = format!("map `{}`: {place}{}", map.name(), rejection.detail);
            Err(Rejection::new(rejection.reason, detail))
        }
    }
}

enum Fault {
    Program(Failed),
    /// Of one of its outputs, by number.
    Event(Option<usize>, Rejection),
}

impl From<Failed> for Fault {
    fn from(failed: Failed) -> Fault {
        Fault::Program(failed)
    }
}

/// Appends the events of an output of the program: one, or one for each name that it covers, and
/// what links its names.
fn events(
    map: &Map,
    output: &Val,
    buffer: &mut Vec<u8>,
    context: &Context<'_>,
    out: &mut Vec<Event<'_>>,
) -> Result<(), Rejection> {
    if !matches!(output, Val::Obj(_)) {
        return Err(Rejection::new(RejectReason::WrongType, "not an object"));
    }
    value::write(output, context.limits.record_bytes, buffer).map_err(|why| match why {
        Unwritable::TooLarge => Rejection::new(
            RejectReason::TooLarge,
            format!("more than {} bytes", context.limits.record_bytes),
        ),
        Unwritable::NotJson => Rejection::new(
            RejectReason::WrongType,
            "holds something that is not JSON, such as bytes or an infinite number",
        ),
    })?;
    let text = std::str::from_utf8(buffer).unwrap_or_default();
    let fallback = Fallback { id: Some(Cow::Borrowed(NO_ID)), ..Fallback::default() };
    let mut events = Vec::new();
    if let Decoded::Skipped(_) = native::decode(text, fallback, context, &mut events)? {
        return Err(Rejection::new(RejectReason::UnknownType, "not an event"));
    }
    let mut act = None;
    for event in events {
        let mut event = event.into_owned();
        if event.source.is_none() {
            event.source = Some(Cow::Owned(map.name().to_owned()));
        }
        if event.id == NO_ID {
            event.id = Cow::Borrowed("");
            event.id = Cow::Owned(names::event_id(&event, map.name(), context.identity));
        }
        // One act about several credentials is a batch, named by the id of its first event.
        let act = act.get_or_insert_with(|| event.id.clone());
        if let Body::DecisionMade(decision) = &mut event.body
            && decision.batch_id.as_deref() == Some(NO_ID)
        {
            decision.batch_id = Some(act.clone());
        }
        out.push(event);
    }
    Ok(())
}
