//! A record → events, through a map.
//!
//! Invariant: an item of a list, and an output, is used or told of; the others do not suffer.

use std::borrow::Cow;

use jaq_json::Val;

use super::catalogue::Map;
use super::items::{self, Item};
use super::program::{Failed, Program};
use super::secrets;
use super::value::{self, Unwritable};
use super::world::World;
use crate::event::{Body, Event};
use crate::formats::context::{Context, Decoded, Part, SkipReason};
use crate::formats::excerpt::excerpt;
use crate::formats::live_secret;
use crate::formats::names;
use crate::formats::native::{self, Fallback};
use crate::formats::rejection::{RejectReason, Rejection};

/// Stands for the id of an event that the map gave none.
const NO_ID: &str = "\0";

/// Steps that all items of one record may take together, and what each counts besides its own.
const RECORD_STEPS_MAX: usize = 1_000_000;
const ITEM_STEPS: usize = 20;
/// As much of an item as is shown the shape of.
const EXCERPT_BYTES: usize = 512;

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

/// What a record that is read through a map has become so far.
struct Reading<'r, 'e> {
    map: &'r Map,
    context: &'r Context<'r>,
    out: &'r mut Vec<Event<'e>>,
    /// How many events there were before.
    before: usize,
    /// What was not used.
    unused: Vec<Part>,
    buffer: Vec<u8>,
}

fn through(
    map: &Map,
    mut record: Val,
    context: &Context<'_>,
    out: &mut Vec<Event<'_>>,
) -> Result<Decoded, Rejection> {
    let manifest = &map.manifest;
    secrets::hide(&mut record, &manifest.secrets, &manifest.secrets_base64, context.identity);
    let before = out.len();
    let mut reading = Reading { map, context, out, before, unused: Vec::new(), buffer: Vec::new() };
    let items = reading.items(&record).inspect_err(|_| reading.out.truncate(before))?;
    let Reading { mut unused, .. } = reading;
    match (out.len() > before, unused.len()) {
        (true, 0) => Ok(Decoded::Events),
        (false, 0) => Ok(Decoded::Skipped(SkipReason::NotMeasured)),
        (false, 1) if items == 1 => match unused.pop().map(|part| part.outcome) {
            Some(Err(rejection)) => Err(rejection),
            _ => Ok(Decoded::Skipped(SkipReason::NotMeasured)),
        },
        _ => Ok(Decoded::Mixed(unused)),
    }
}

impl Reading<'_, '_> {
    /// Reads each item of the record, and returns how many there are. An item gives its events, or
    /// what is wrong with it is told.
    ///
    /// # Errors
    /// When the record as a whole is too much.
    fn items(&mut self, record: &Val) -> Result<usize, Rejection> {
        let map = self.map;
        let program = map
            .program()
            .map_err(|fault| Rejection::new(RejectReason::MapFailed, fault.to_string()))?;
        let manifest = &map.manifest;
        let steps = items::path(record, &manifest.each).map(|path| path.steps.as_slice());
        let steps = steps.unwrap_or_default();
        let count = items::count(record, steps);
        let mut taken = 0_usize;
        items::visit(record, steps, &mut |item| {
            let world = World {
                identity: self.context.identity,
                detected_at: self.context.detected_at,
                times: &manifest.times,
                items: count,
            };
            taken += ITEM_STEPS + self.item(program, item, world)?;
            match taken > RECORD_STEPS_MAX {
                true => Err(self.whole(
                    RejectReason::MapFailed,
                    format!("took more than {RECORD_STEPS_MAX} steps for the items of one record"),
                )),
                false => Ok(()),
            }
        })?;
        Ok(count)
    }

    /// Reads one item, and returns how many steps it took.
    fn item(
        &mut self,
        program: &Program,
        Item { record, item, place }: Item<'_>,
        world: World<'_>,
    ) -> Result<usize, Rejection> {
        let so_far = self.out.len();
        let mut number = 0_usize;
        let (steps, ended) = program.run(record, world, |output| {
            number += 1;
            let first = self.out.len();
            if let Err(rejection) = self.output(&output, so_far) {
                self.out.truncate(first);
                self.unused(item, place, Some(number), rejection).map_err(Fault::Record)?;
            }
            match self.out.len() - self.before > self.context.limits.events_per_record {
                true => Err(Fault::Record(self.too_many("events"))),
                false => Ok(()),
            }
        });
        match ended {
            Ok(()) => {}
            Err(Fault::Record(rejection)) => return Err(rejection),
            Err(Fault::Program(failed)) => {
                self.out.truncate(so_far);
                self.unused(item, place, None, failed.into())?;
            }
        }
        Ok(usize::try_from(steps).unwrap_or(usize::MAX))
    }

    /// Appends the events of an output. What the items of a record say about the record as a whole,
    /// each of them says: it is taken once. The events of other items end at `so_far`.
    fn output(&mut self, output: &Val, so_far: usize) -> Result<(), Rejection> {
        let first = self.out.len();
        events(self.map, output, &mut self.buffer, self.context, self.out)?;
        live_secret::refuse(self.out.get(first..).unwrap_or_default())?;
        let (others, own) = self.out.split_at(first);
        let others = others.get(self.before..so_far).unwrap_or_default();
        if !others.is_empty() && own.iter().all(|event| others.contains(event)) {
            self.out.truncate(first);
        }
        Ok(())
    }

    /// Tells of what is not used: an output by its number, or a whole item.
    fn unused(
        &mut self,
        item: &Val,
        place: &str,
        number: Option<usize>,
        rejection: Rejection,
    ) -> Result<(), Rejection> {
        if self.unused.len() == self.context.limits.events_per_record {
            return Err(self.too_many("outputs that are no events"));
        }
        let place = if place.is_empty() { String::new() } else { format!("`{place}`: ") };
        let number = number.map(|number| format!("event {number}: ")).unwrap_or_default();
        let detail = format!("map `{}`: {place}{number}{}", self.map.name(), rejection.detail);
        self.buffer.clear();
        // The beginning is enough.
        let _ = value::write(item, EXCERPT_BYTES, &mut self.buffer);
        let excerpt = excerpt(&self.buffer);
        let outcome = Err(Rejection::new(rejection.reason, detail));
        self.unused.push(Part { outcome, excerpt });
        Ok(())
    }

    fn too_many(&self, what: &str) -> Rejection {
        let most = self.context.limits.events_per_record;
        self.whole(RejectReason::TooLong, format!("gives more than {most} {what}"))
    }

    fn whole(&self, reason: RejectReason, why: String) -> Rejection {
        Rejection::new(reason, format!("map `{}`: {why}", self.map.name()))
    }
}

/// Why a run ended early.
enum Fault {
    /// Something is wrong with this item.
    Program(Failed),
    /// The record as a whole is too much.
    Record(Rejection),
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
    buffer.clear();
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
