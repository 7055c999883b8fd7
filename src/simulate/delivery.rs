//! The way from the sources to the reader: events held up, and delivered twice.
//!
//! Invariants: events come out in the order of their delivery, never before they happened; a
//! redelivery is the same event; the number of events on their way is at most the rate of
//! events times the longest delay. If no event is held up, the order is that of the true times.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::event::Event;
use crate::time::{Span, Timestamp};

use super::dice::{Dice, Stream};
use super::options::Options;

/// How an event was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Delivered when it happened.
    Prompt,
    /// Held up for less than 10 minutes.
    HeldUp,
    /// Held up for longer, up to 6 hours.
    Late,
    /// Delivered once more.
    Redelivered,
}

/// An event that reached the reader.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// When it was delivered.
    pub at: Timestamp,
    /// How it came.
    pub way: Way,
    /// The event.
    pub event: Event<'static>,
}

pub(super) struct Delivery {
    dice: Dice,
    disorder: f64,
    late: f64,
    /// Redeliveries per event delivered for the first time.
    redeliveries: f64,
    /// (time of delivery, order of sending, place in `slots`).
    queue: BinaryHeap<Reverse<(Timestamp, u64, u32)>>,
    sent: u64,
    slots: Vec<Option<(Way, Event<'static>)>>,
    free: Vec<u32>,
}

impl Delivery {
    pub(super) fn new(options: &Options) -> Delivery {
        Delivery {
            dice: Dice::new(options.seed, Stream::Delivery),
            disorder: options.disorder,
            late: options.late,
            redeliveries: options.duplicates / (1.0 - options.duplicates),
            queue: BinaryHeap::new(),
            sent: 0,
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Sends an event that happened, or will happen, at `at`.
    pub(super) fn push(&mut self, at: Timestamp, event: Event<'static>) {
        let dice = &mut self.dice;
        let (way, delay) = if !dice.chance(self.disorder) {
            (Way::Prompt, Span::ZERO)
        } else if dice.chance(self.late) {
            (Way::Late, dice.span(Span::from_mins(10), Span::from_mins(360)))
        } else {
            let delay = Span::from_secs(1) + dice.exponential(Span::from_secs(80));
            (Way::HeldUp, delay.min(Span::from_millis(599_999)))
        };
        self.enqueue(at + delay, way, event);
    }

    fn enqueue(&mut self, at: Timestamp, way: Way, event: Event<'static>) {
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        if slot as usize == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[slot as usize] = Some((way, event));
        self.queue.push(Reverse((at, self.sent, slot)));
        self.sent += 1;
    }

    /// How many events are on their way.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// When the next event is due.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.queue.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Takes the next event. An event that is delivered for the first time may be sent again.
    pub(super) fn pop(&mut self) -> Option<Delivered> {
        let Reverse((at, _, slot)) = self.queue.pop()?;
        let (way, event) = self.slots[slot as usize].take()?;
        self.free.push(slot);
        if way != Way::Redelivered && self.dice.chance(self.redeliveries) {
            let after = if self.dice.chance(0.8) {
                self.dice.span(Span::from_millis(1), Span::from_secs(30))
            } else {
                self.dice.span(Span::from_mins(10), Span::from_mins(48 * 60))
            };
            self.enqueue(at + after, Way::Redelivered, event.clone());
        }
        Some(Delivered { at, way, event })
    }
}
