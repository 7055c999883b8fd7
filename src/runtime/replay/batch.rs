//! A chunk and the events decoded from it, which borrow from it.

use std::sync::Arc;

use self_cell::self_cell;

use super::Refused;
use crate::config::Limits;
use crate::event::Event;
use crate::formats::maps::Maps;
use crate::formats::{Context, Decoded, Format, Identity, Rejection, SkipReason, decode, excerpt};
use crate::metrics::SourceCounts;
use crate::runtime::input::{Chunk, Item, Place};
use crate::time::Timestamp;

/// Decodes chunks; shared by all decoding threads.
#[derive(Debug)]
pub(super) struct Decoder {
    pub(super) format: Format,
    pub(super) identity: Identity,
    pub(super) detected_at: Option<Timestamp>,
    pub(super) limits: Limits,
    pub(super) maps: Arc<Maps>,
}

/// What one record, or something that could not be read, came to.
#[derive(Debug)]
pub(super) enum Entry {
    Events { place: Place, count: u32 },
    Skipped(SkipReason),
    Refused(Box<Refused>),
}

/// A decoded chunk: events in order, and what the records came to.
#[derive(Debug)]
pub(super) struct Events<'c> {
    pub(super) events: Vec<Event<'c>>,
    pub(super) entries: Vec<Entry>,
    pub(super) sources: SourceCounts,
}

self_cell! {
    /// A chunk with its events.
    pub(super) struct Batch {
        owner: Chunk,
        #[covariant]
        dependent: Events,
    }
}

impl Decoder {
    pub(super) fn decode(&self, chunk: Chunk) -> Batch {
        Batch::new(chunk, |chunk| self.events(chunk))
    }

    fn events<'c>(&self, chunk: &'c Chunk) -> Events<'c> {
        let context = Context {
            identity: &self.identity,
            detected_at: self.detected_at,
            limits: self.limits,
            maps: &self.maps,
        };
        let mut events = Vec::with_capacity(chunk.len());
        let mut entries = Vec::with_capacity(chunk.len());
        for item in chunk.items() {
            let (place, record) = match item {
                Item::Record(place, record) => (place, record),
                Item::Fault(fault) => {
                    entries.push(Entry::Refused(Box::new(Refused {
                        input: Some(fault.input),
                        line: fault.line,
                        events: 1,
                        rejection: fault.rejection.clone(),
                        excerpt: None,
                    })));
                    continue;
                }
            };
            let before = events.len();
            let entry = match decode(self.format, record, &context, &mut events) {
                Ok(Decoded::Events) => {
                    Entry::Events { place, count: (events.len() - before) as u32 }
                }
                Ok(Decoded::Skipped(reason)) => Entry::Skipped(reason),
                Ok(Decoded::Mixed(parts)) => {
                    let unused = parts.into_iter().map(|part| match part.outcome {
                        Ok(reason) => Entry::Skipped(reason),
                        Err(rejection) => refused(place, rejection, part.excerpt),
                    });
                    entries.extend(unused);
                    Entry::Events { place, count: (events.len() - before) as u32 }
                }
                Err(rejection) => refused(place, rejection, excerpt(record)),
            };
            entries.push(entry);
        }
        let mut sources = SourceCounts::default();
        for event in &events {
            sources.add(event.kind(), event.source.as_deref(), 1);
        }
        Events { events, entries, sources }
    }
}

fn refused(place: Place, rejection: Rejection, excerpt: String) -> Entry {
    Entry::Refused(Box::new(Refused {
        input: Some(place.input),
        line: Some(place.line),
        events: 1,
        rejection,
        excerpt: Some(excerpt),
    }))
}
