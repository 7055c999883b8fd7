//! What keeps a running program within its bounds, and knows where it is.
//!
//! The engine runs a program as a tree of lazy iterators and has no hook between two steps.
//! [`rewrite`](super::rewrite) therefore puts a step of our own wherever a program can repeat
//! something: in each function that calls itself, behind each iteration over a container and
//! in each round of `reduce` and `foreach`; `range` is our own. So nothing repeats without a
//! step.
//!
//! Bounded are: the steps of one record, each weighted by the size of the value that it sees;
//! the depth of the stack and of values; texts made by repetition. Not bounded is what one step
//! can do within the engine's own functions with a value of allowed size.
//!
//! Invariant: a program that was stopped cannot go on: `try` does not catch it.

use std::cell::Cell;

use jaq_core::data::HasLut;
use jaq_core::{DataT, Exn, Lut};
use jaq_json::Val;

use super::mark::Mark;
use crate::formats::identity::Identity;
use crate::time::Timestamp;

/// Steps that a map may take for one record. Every map that ships needs fewer than 20,000 for
/// the largest of its fixtures.
pub(super) const STEPS_MAX: u32 = 200_000;
/// Bytes of the stack between a program's beginning and its deepest call.
const STACK_BYTES_MAX: usize = 512 << 10;
/// The longest text, in bytes, and the longest list, in elements.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 20;
const ELEMENTS_MAX: usize = 100_000;
/// Calls of functions that hand a filter on to themselves.
const NESTED_MAX: u32 = 2_000;
/// How deep a value may be.
const DEPTH_MAX: usize = 256;
/// A step over a text or a list counts once more for so many bytes or elements.
const WEIGHT: usize = 128;

/// The kind of data that our programs run on.
pub(super) struct Guarded;

impl DataT for Guarded {
    type V<'a> = Val;
    type Data<'a> = &'a Run<'a>;
}

impl<'a> HasLut<'a, Guarded> for &'a Run<'a> {
    fn lut(&self) -> &'a Lut<Guarded> {
        self.lut
    }
}

/// Why a program was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It took too many steps.
    Steps,
    /// Its calls, or a value, are nested too deep.
    Depth,
    /// A text or a list became too long.
    Size,
    /// It asked for the time of detection, and there is none.
    NoDetectionTime,
}

/// One run of a program.
pub(super) struct Run<'a> {
    lut: &'a Lut<Guarded>,
    pub(super) identity: &'a Identity,
    pub(super) detected_at: Option<Timestamp>,
    /// Notations of times that the map declares.
    pub(super) times: &'a [String],
    /// Texts of `error("…")` in the program.
    pub(super) messages: &'a [String],
    steps: Cell<u32>,
    /// An address on the stack where the run began.
    base: usize,
    stop: Cell<Option<Stop>>,
    /// The places of the program.
    marks: &'a [Mark],
    /// The number of the innermost mark around the last error.
    mark: Cell<Option<usize>>,
    /// What the last error of our own functions said.
    said: Cell<Option<&'a str>>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        lut: &'a Lut<Guarded>,
        identity: &'a Identity,
        detected_at: Option<Timestamp>,
        times: &'a [String],
        messages: &'a [String],
        marks: &'a [Mark],
    ) -> Run<'a> {
        Run {
            lut,
            identity,
            detected_at,
            times,
            messages,
            steps: Cell::new(0),
            base: here(),
            stop: Cell::new(None),
            marks,
            mark: Cell::new(None),
            said: Cell::new(None),
        }
    }

    /// Counts a call that hands a filter on to the next one. The engine frees such a chain by
    /// recursion, so it has to be short.
    pub(super) fn nest<'e>(&self, value: &Val) -> Result<(), Exn<'e, Val>> {
        self.steps.set(self.steps.get().saturating_add(STEPS_MAX / NESTED_MAX));
        self.step(value)
    }

    /// Counts one step that sees `value`.
    pub(super) fn step<'e>(&self, value: &Val) -> Result<(), Exn<'e, Val>> {
        let size = match value {
            Val::TStr(bytes) | Val::BStr(bytes) => match bytes.len() {
                size if size > TEXT_BYTES_MAX => return Err(self.stop(Stop::Size)),
                size => size,
            },
            Val::Arr(list) => list.len(),
            Val::Obj(object) => object.len(),
            _ => 0,
        };
        let container = matches!(value, Val::Arr(_) | Val::Obj(_));
        if container && size > ELEMENTS_MAX {
            return Err(self.stop(Stop::Size));
        }
        let weight = u32::try_from(1 + size / WEIGHT).unwrap_or(u32::MAX);
        self.steps.set(self.steps.get().saturating_add(weight));
        if self.steps.get() > STEPS_MAX {
            return Err(self.stop(Stop::Steps));
        }
        if self.base.abs_diff(here()) > STACK_BYTES_MAX || container && is_deep(value) {
            return Err(self.stop(Stop::Depth));
        }
        Ok(())
    }

    /// Ends the program.
    pub(super) fn stop<'e>(&self, why: Stop) -> Exn<'e, Val> {
        self.stop.set(Some(why));
        Exn::halt(1)
    }

    /// Why the program was stopped.
    pub(super) fn stopped(&self) -> Option<Stop> {
        self.stop.get()
    }

    /// Steps so far.
    pub(super) fn steps(&self) -> u32 {
        self.steps.get()
    }

    /// An error comes out of what the mark with this number is around.
    pub(super) fn failed_within(&self, mark: usize) {
        let first_within = self.marks.get(mark).map_or(mark, |mark| mark.first_within);
        let known = self.mark.get().is_some_and(|inner| (first_within..mark).contains(&inner));
        if !known {
            self.mark.set(Some(mark));
        }
    }

    /// Where the last error was.
    pub(super) fn mark(&self) -> Option<&'a Mark> {
        self.marks.get(self.mark.get()?)
    }

    /// Remembers what an error says. The text must not quote the record.
    pub(super) fn say(&self, text: &'a str) {
        self.said.set(Some(text));
    }

    pub(super) fn said(&self) -> Option<&'a str> {
        self.said.get()
    }
}

/// An address on the stack.
#[inline(never)]
fn here() -> usize {
    let local = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&local)).addr()
}

/// Whether a value nests too deep along its first or its last elements. Programs that nest
/// values in a loop do it there.
fn is_deep(value: &Val) -> bool {
    let along = |next: fn(&Val) -> Option<&Val>| {
        std::iter::successors(Some(value), |value| next(value)).nth(DEPTH_MAX).is_some()
    };
    along(|value| match value {
        Val::Arr(list) => list.first(),
        Val::Obj(object) => object.values().next(),
        _ => None,
    }) || along(|value| match value {
        Val::Arr(list) => list.last(),
        Val::Obj(object) => object.values().next_back(),
        _ => None,
    })
}
