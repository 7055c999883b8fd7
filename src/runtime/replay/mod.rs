//! Files and streams through the engine, faster than real time.
//!
//! ```text
//! reader ──chunks──▶ decoders (one thread each) ──batches, in order──▶ engine
//! ```
//!
//! Invariants: the engine sees events in the order of the input, whatever the
//! number of decoders; memory is bounded by the windows and a few chunks, not
//! by the length of the input; every record read is counted once.

mod batch;
mod pipeline;
mod refused;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::{EngineConfig, Limits};
use crate::engine::identity::{HandedOn, Joined, NotTaken, Refusal};
use crate::engine::summary::EventCounts;
use crate::engine::windows::Windows;
use crate::engine::{Output, Receipt};
use crate::event::{Event, Kind};
use crate::formats::maps::Maps;
use crate::formats::{Format, Identity, RejectReason, Rejection, SkipReason};
use crate::metrics::SourceCounts;
use crate::runtime::input::{Input, Place};
use crate::time::{Span, Timestamp};

use batch::{Batch, Decoder, Entry};
pub use refused::Refused;

/// What a replay reads, and how.
#[derive(Debug)]
pub struct Options {
    /// What to read, as one stream in this order.
    pub inputs: Vec<Input>,
    /// The format of every record.
    pub format: Format,
    /// What is too large.
    pub limits: Limits,
    /// The sources that are described in jq.
    pub maps: Arc<Maps>,
    /// Names for raw secrets.
    pub identity: Identity,
    /// The detection time of records without one.
    pub detected_at: Option<Timestamp>,
    /// Tell the state of this moment: later events are left out.
    pub as_of: Option<Timestamp>,
    /// The engine's rules and bounds.
    pub engine: EngineConfig,
    /// Threads that decode, at least one.
    pub decoders: usize,
}

/// What a replay came to, before anything is derived from it.
#[derive(Debug)]
pub struct Replayed {
    /// The windows, and the names of their credentials.
    pub joined: Joined,
    /// How records and events fared outside the engine.
    pub events: EventCounts,
    /// The moment asked for, else the time of the latest event.
    pub as_of: Option<Timestamp>,
    /// The time of the earliest event used.
    pub from: Option<Timestamp>,
    /// How long an event waits for its window.
    orphan_timeout: Span,
    /// Events by kind and source.
    pub sources: SourceCounts,
    /// Skipped records by reason, in the order of the reasons.
    pub skipped: [u64; SkipReason::ALL.len()],
    /// Events left out because they are later than `as_of`.
    pub after_as_of: u64,
    /// Whether an input could not be read, or not to its end.
    pub incomplete: bool,
    /// Events that names which cover each other handed round, by time, kind and id.
    apart: BTreeSet<(Timestamp, Kind, Box<str>)>,
    /// Detections among them.
    pub leaks_apart: u64,
    /// What the names counted as linked and was refused.
    pub not_linked: u64,
}

/// Feeds batches to the engine and keeps the books.
#[derive(Debug)]
struct Books {
    replayed: Replayed,
    asked_as_of: Option<Timestamp>,
    /// How far time has been brought, when windows settle on the way.
    advanced_to: Option<Timestamp>,
}

/// How far time runs ahead of the engine at most before windows settle.
const ADVANCE_EVERY: Span = Span::from_secs(1);

/// Reads all inputs. `refused` is told of everything that was not used, in the
/// order of the input; `watch` is given the reader's progress before it starts.
pub fn run(
    options: Options,
    watch: &mut dyn FnMut(std::sync::Arc<crate::runtime::input::Progress>),
    refused: &mut dyn FnMut(&Refused),
) -> Replayed {
    let mut books = Books {
        replayed: Replayed {
            joined: Joined::new(Windows::new(options.engine.clone())),
            events: EventCounts::default(),
            as_of: options.as_of,
            from: None,
            orphan_timeout: options.engine.orphan_timeout,
            sources: SourceCounts::default(),
            skipped: Default::default(),
            after_as_of: 0,
            incomplete: false,
            apart: BTreeSet::new(),
            leaks_apart: 0,
            not_linked: 0,
        },
        asked_as_of: options.as_of,
        advanced_to: None,
    };
    let settles = options.engine.settle.is_some();
    let decoder = Decoder {
        format: options.format,
        maps: options.maps,
        identity: options.identity,
        detected_at: options.detected_at,
        limits: options.limits,
    };
    pipeline::run(options.inputs, &decoder, options.decoders.max(1), watch, &mut |batch| {
        books.take(batch, settles, refused);
    });
    books.replayed
}

/// Decodes all inputs and hands each event to `each`, in order. `refused` is told of every record
/// that cannot be used. Nothing is measured.
pub fn read(options: Options, each: &mut dyn FnMut(&Event<'_>), refused: &mut dyn FnMut(&Refused)) {
    let Options { inputs, format, maps, identity, detected_at, limits, decoders, .. } = options;
    let decoder = Decoder { format, maps, identity, detected_at, limits };
    pipeline::run(inputs, &decoder, decoders.max(1), &mut |_| {}, &mut |batch| {
        let decoded = batch.borrow_dependent();
        decoded.events.iter().for_each(&mut *each);
        for entry in &decoded.entries {
            if let Entry::Refused(record) = entry {
                refused(record);
            }
        }
    });
}

impl Books {
    fn take(&mut self, batch: &Batch, settles: bool, refused: &mut dyn FnMut(&Refused)) {
        let decoded = batch.borrow_dependent();
        self.replayed.sources.merge(&decoded.sources);
        let mut events = decoded.events.iter();
        for entry in &decoded.entries {
            match entry {
                Entry::Events { place, count } => {
                    for event in events.by_ref().take(*count as usize) {
                        self.event(event, *place, settles, refused);
                    }
                }
                Entry::Skipped(reason) => {
                    self.replayed.events.read += 1;
                    self.replayed.events.skipped += 1;
                    self.replayed.skipped[*reason as usize] += 1;
                }
                Entry::Refused(record) => {
                    self.replayed.events.read += 1;
                    let reason = record.rejection.reason;
                    match reason {
                        RejectReason::Unsupported => self.replayed.events.unsupported += 1,
                        _ => self.replayed.events.rejected += 1,
                    }
                    self.replayed.incomplete |= reason == RejectReason::Unreadable;
                    refused(record);
                }
            }
        }
    }

    fn event(
        &mut self,
        event: &Event<'_>,
        place: Place,
        settles: bool,
        refused: &mut dyn FnMut(&Refused),
    ) {
        let replayed = &mut self.replayed;
        replayed.events.read += 1;
        match self.asked_as_of {
            Some(as_of) if event.time > as_of => {
                replayed.events.skipped += 1;
                replayed.after_as_of += 1;
                return;
            }
            Some(_) => {}
            None => replayed.as_of = replayed.as_of.max(Some(event.time)),
        }
        replayed.from = Some(replayed.from.map_or(event.time, |from| from.min(event.time)));
        let refused_before = replayed.joined.windows.counts().refused;
        let refusal_at = |reason, why: Cow<'static, str>| Refused {
            input: Some(place.input),
            line: Some(place.line),
            events: 1,
            rejection: Rejection::new(reason, why),
            excerpt: None,
        };
        let mut link_refused = false;
        let receipt = replayed.joined.handle(event, &mut |NotTaken { name, refusal, event }| {
            let reason = reject_reason(refusal);
            let Some(event) = event.filter(|_| refusal == Refusal::Round) else {
                link_refused |= reason != RejectReason::Late;
                refused(&refusal_at(reason, refusal.text().into()));
                return;
            };
            let HandedOn { kind, id, time, weight } = event;
            // It can go round in many ways, and once is enough.
            if !replayed.apart.insert((time, kind, id.clone())) {
                return;
            }
            let events = u64::from(weight);
            replayed.events.rejected += events;
            replayed.not_linked += events;
            replayed.leaks_apart += if kind.opens() { events } else { 0 };
            // Its place is not kept: it may have come long before the link that closed the circle.
            refused(&Refused {
                input: None,
                line: None,
                events,
                rejection: Rejection::new(
                    reason,
                    format!("{kind} `{id}`, handed on to `{name}`: {}", refusal.text()),
                ),
                excerpt: None,
            });
        });
        replayed.events.rejected += u64::from(link_refused);
        replayed.not_linked += u64::from(link_refused);
        let (reason, why) = match receipt {
            Receipt::Held => {
                if settles {
                    self.pass_time(event.time, refused);
                }
                return;
            }
            Receipt::Late => (RejectReason::Late, "its window was final already"),
            Receipt::Refused => {
                let refused = replayed.joined.windows.counts().refused - refused_before;
                replayed.events.rejected += refused;
                (RejectReason::BeyondBound, "a bound of the engine is reached")
            }
        };
        refused(&refusal_at(reason, why.into()));
    }

    /// Brings the engine up to the latest event, in steps that depend on the
    /// events alone.
    fn pass_time(&mut self, time: Timestamp, refused: &mut dyn FnMut(&Refused)) {
        let due = self.advanced_to.is_none_or(|to| time >= to + ADVANCE_EVERY);
        if due {
            self.advanced_to = Some(time);
            self.replayed.advance(time, refused);
        }
    }
}

/// The class of a link that cannot be made.
const fn reject_reason(refusal: Refusal) -> RejectReason {
    match refusal {
        Refusal::Late => RejectReason::Late,
        Refusal::Full => RejectReason::BeyondBound,
        Refusal::Names
        | Refusal::Covered
        | Refusal::CoveredBytes
        | Refusal::Circle
        | Refusal::Round => RejectReason::TooManyAliases,
    }
}

impl Replayed {
    /// With windows that settle: lets time run until nothing is waited for any
    /// more, so that what is late is known and told. Windows that settle on the
    /// way are kept, and whether one was final at `as_of` is seen from it.
    pub fn settle_rest(&mut self, settle: Option<Span>, refused: &mut dyn FnMut(&Refused)) {
        if let Some((settle, as_of)) = settle.zip(self.as_of) {
            self.advance(as_of + settle + settle + self.orphan_timeout, refused);
        }
    }

    fn advance(&mut self, now: Timestamp, refused: &mut dyn FnMut(&Refused)) {
        // Windows are read and alerts derived when all input is in.
        self.joined.windows.advance(now, &mut |output| {
            if let Output::Late { kind, events, .. } = output {
                refused(&Refused {
                    input: None,
                    line: None,
                    events,
                    rejection: Rejection::new(
                        RejectReason::Late,
                        format!("{kind} more than the settle time after its window's closing"),
                    ),
                    excerpt: None,
                });
            }
        });
    }
}
