//! What keeps a running program within its bounds, and knows where it is.
//!
//! The engine runs a program as a tree of lazy iterators and has no hook between two steps, and
//! none for what a step makes. [`rewrite`](super::rewrite) therefore puts calls of our own into the
//! program:
//!
//! - a *step* wherever a program can repeat something: in each function that calls itself, behind
//!   each iteration over a container, in each round of `reduce` and `foreach`, in front of what
//!   comes behind a comma, in the filters that the engine's functions call for each element, and at
//!   every few levels of nesting; `range` is our own. So nothing repeats without a step.
//! - a *count* of every value that may be larger than those it is made of: lists, objects, texts
//!   with something put in, sums, products, quotients, updates, and what the engine's functions
//!   give that make more of what they get.
//! - a *charge* in front of functions whose time is more than proportional to their input.
//!
//! Bounded are: the steps of one record, each weighted by the size of the value that it sees; each
//! value, as if nothing in it were shared; all that a run makes, whether it still holds it or not;
//! the depth of the stack and of values. Nothing is measured in time or in free memory, so the same
//! record always ends the same way.
//!
//! Not bounded beyond that is what one call of an engine's function takes for values of allowed
//! size: a few times their bytes, and a time that is about proportional to them.
//!
//! Invariant: a program that was stopped cannot go on: `try` does not catch it.

use std::cell::Cell;

use jaq_core::data::HasLut;
use jaq_core::{DataT, Error, Exn, Lut};
use jaq_json::Val;

use super::extent::{Extent, own_bytes};
use super::mark::Mark;
use super::stop::Stop;
use super::world::World;

/// Steps that a map may take for one record. Every map that ships needs fewer than 20,000 for
/// the largest of its fixtures.
pub(super) const STEPS_MAX: u32 = 200_000;
/// Bytes of the stack between a program's beginning and its deepest call.
const STACK_BYTES_MAX: usize = 512 << 10;
/// Calls of functions that hand a filter on to themselves.
const NESTED_MAX: u32 = 2_000;
/// A step over a container counts once more for so many values in it, and a step over a text for
/// so many bytes.
const WEIGHT: usize = 128;
/// The same for the bytes of a value that is counted.
const BYTES_WEIGHT: usize = 4_096;
/// Bytes of one value, besides twice those of the record.
const VALUE_BYTES_MAX: usize = 8 << 20;
/// Bytes of all values that one run makes.
const MADE_BYTES_MAX: usize = 128 << 20;
/// The longest text that a regular expression is held against, in bytes.
const SEARCHED_BYTES_MAX: usize = 64 << 10;
/// Matches of a regular expression, each of its groups by itself.
const GROUPS_MAX: usize = 200_000;

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

/// One run of a program.
pub(super) struct Run<'a> {
    lut: &'a Lut<Guarded>,
    pub(super) world: World<'a>,
    /// Texts of `error("…")` in the program.
    pub(super) messages: &'a [String],
    steps: Cell<u32>,
    /// Bytes of all values that were made so far, and how many one of them may have.
    made: Cell<usize>,
    value_bytes_max: usize,
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
        record: &Val,
        world: World<'a>,
        messages: &'a [String],
        marks: &'a [Mark],
    ) -> Run<'a> {
        let record = Extent::of_record(record);
        Run {
            lut,
            world,
            messages,
            // A large record costs something before the program looks at it.
            steps: Cell::new(u32::try_from(record.values / WEIGHT).unwrap_or(STEPS_MAX)),
            made: Cell::new(0),
            value_bytes_max: VALUE_BYTES_MAX.saturating_add(record.bytes.saturating_mul(2)),
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
        own_bytes(value).map_err(|why| self.stop(why))?;
        self.charge(1 + length(value) / WEIGHT)?;
        match self.base.abs_diff(here()) > STACK_BYTES_MAX {
            true => Err(self.stop(Stop::Depth)),
            false => Ok(()),
        }
    }

    /// Counts so many steps.
    fn charge<'e>(&self, steps: usize) -> Result<(), Exn<'e, Val>> {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        self.steps.set(self.steps.get().saturating_add(steps));
        match self.steps.get() > STEPS_MAX {
            true => Err(self.stop(Stop::Steps)),
            false => Ok(()),
        }
    }

    /// Counts a value that was made of others, which are there anyway.
    pub(super) fn put_together<'e>(&self, value: &Val) -> Result<(), Exn<'e, Val>> {
        let own = own_bytes(value).map_err(|why| self.stop(why))?;
        self.count(value, |_| own)
    }

    /// Counts a value of which everything may be new.
    pub(super) fn made<'e>(&self, value: &Val) -> Result<(), Exn<'e, Val>> {
        self.count(value, |extent| extent.bytes)
    }

    /// Counts a value that is looked at as a whole.
    pub(super) fn seen<'e>(&self, value: &Val) -> Result<(), Exn<'e, Val>> {
        self.count(value, |_| 0)
    }

    fn count<'e>(&self, value: &Val, fresh: impl Fn(Extent) -> usize) -> Result<(), Exn<'e, Val>> {
        let extent = Extent::of(value, self.value_bytes_max).map_err(|why| self.stop(why))?;
        self.made.set(self.made.get().saturating_add(fresh(extent)));
        if self.made.get() > MADE_BYTES_MAX {
            return Err(self.stop(Stop::Size));
        }
        self.charge(1 + extent.values / WEIGHT + extent.bytes / BYTES_WEIGHT)
    }

    /// Refuses a list as an index: it would be searched for at every place of another list.
    pub(super) fn index<'e>(&self, value: &Val) -> Result<(), Exn<'e, Val>> {
        const WHY: &str = "a list as an index is not supported; use `indices`";
        match value {
            Val::Arr(_) => {
                self.say(WHY);
                Err(Exn::from(Error::str(WHY)))
            }
            _ => Ok(()),
        }
    }

    /// Counts a function that may hold every part of one value against every part of another.
    pub(super) fn pair<'e>(&self, one: &Val, other: &Val) -> Result<(), Exn<'e, Val>> {
        let extent = |value| Extent::of(value, self.value_bytes_max).map_err(|why| self.stop(why));
        let (one, other) = (extent(one)?, extent(other)?);
        let values = one.values.saturating_mul(other.values) / WEIGHT;
        let bytes = one.bytes.saturating_mul(other.bytes) / (BYTES_WEIGHT * WEIGHT);
        self.charge(1_usize.saturating_add(values).saturating_add(bytes))
    }

    /// Counts a search of `text` for `pattern`, a regular expression. The engine makes a list of
    /// states of the pattern, which repetition multiplies, and follows all of them at once.
    pub(super) fn search<'e>(&self, text: &Val, pattern: &Val) -> Result<(), Exn<'e, Val>> {
        let (Val::TStr(text), Val::TStr(pattern)) = (text, pattern) else { return Ok(()) };
        let groups = 1 + memchr::memchr_iter(b'(', pattern).count();
        if text.len() > SEARCHED_BYTES_MAX || (text.len() + 1).saturating_mul(groups) > GROUPS_MAX {
            return Err(self.stop(Stop::Size));
        }
        let states = states(pattern);
        // Making them costs more than following them past a byte.
        self.charge(states.saturating_mul(64 + text.len()) / (2 * WEIGHT))
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

/// Bytes of a text, elements of a container.
fn length(value: &Val) -> usize {
    match value {
        Val::TStr(bytes) | Val::BStr(bytes) => bytes.len(),
        Val::Arr(list) => list.len(),
        Val::Obj(object) => object.len(),
        _ => 0,
    }
}

/// More states than a regular expression has: its length times every number of repetitions in it.
fn states(pattern: &[u8]) -> usize {
    let mut states = pattern.len().max(1);
    for repetition in pattern.split(|byte| *byte == b'{').skip(1) {
        let upto = repetition.iter().position(|byte| *byte == b'}').unwrap_or(0);
        let numbers = repetition.get(..upto).unwrap_or_default().split(|byte| *byte == b',');
        let largest = numbers
            .filter_map(|number| std::str::from_utf8(number).ok()?.trim().parse::<usize>().ok())
            .max();
        states = states.saturating_mul(largest.unwrap_or(1).max(1));
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_multiply_the_states_of_a_pattern() {
        assert_eq!(states(b"abc"), 3);
        assert_eq!(states(b"[0-9]{4}-[0-9]{2}"), 17 * 8);
        assert_eq!(states(b"(a{1,99}){99}"), 13 * 99 * 99);
        assert_eq!(states(b"(?<n>x){"), 8);
    }
}
