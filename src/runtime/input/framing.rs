//! Bytes → records: where each begins and ends, in whatever framing they come.
//!
//! Invariants: what is found depends on the bytes alone, never on how they were
//! cut into reads or chunks; every byte is looked at a bounded number of times;
//! a record over the limit is passed over without being held; damage costs the
//! records it touches, not the ones behind.
//!
//! The rules, with nothing to configure:
//!
//! - A record begins at the first byte that is neither blank nor a byte order
//!   mark. Zero bytes in front of it are padding; of many, all but a few are passed over.
//! - Beginning with `{`: when the line also ends with `}`, the line is the record
//!   and is not looked into, unless another `{` follows a `}` in it. Otherwise the
//!   record reaches to the matching `}`, on this line or a later one, and what
//!   follows on that line is framed afresh.
//! - Such a record is given up as broken before a line that cannot continue it,
//!   and framing starts over with that line. A cut-off line that ends in `[`, `:`
//!   or such a `,` could be continued by the next record; so when it breaks later,
//!   the lines since the first that looks like a record are taken line by line.
//! - `[` as the first byte of an input, or the first after another array, opens
//!   an array whose elements are the records. Commas are not insisted on. An
//!   object in it is given up where a line begins with a `{` that cannot
//!   continue it. After `]` the rules start over.
//! - Anything else is a record to the end of its line, for the decoder to refuse.

use memchr::memchr;

use super::chunk::{Fault, Framed};
use super::line::{self, LineEnd};
use super::scan::{Scan, Stop};
use crate::formats::{RejectReason, Rejection};

/// Blanks tolerated behind a record when it is measured against the limit.
const SLACK_BYTES: usize = 4096;
/// Zero bytes in front of a record that belong to it: one and a number of four bytes are how a
/// Schema Registry frames a record.
const ZEROS_MAX: usize = 5;
/// The largest limit, so that positions in a chunk fit 32 bits.
const LIMIT_BYTES_MAX: usize = 1 << 30;

/// What comes after the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// More bytes.
    More,
    /// The end.
    End,
    /// Bytes that cannot be read: whatever is unfinished is theirs.
    Damage,
}

/// Where the framer is.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Before a record; `[` opens an array if `array`.
    Between { array: bool },
    /// In a record that ends with its line, unless it is an object that does not.
    Line { object: bool },
    /// In a record that ends with its brackets, or where it breaks.
    Body,
    /// In an array, between elements.
    Array,
}

/// Whether to go on with the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Go,
    Starved,
}

/// The start of a line inside a record.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: usize,
    line: u64,
}

/// The record under way.
#[derive(Debug)]
struct Record {
    start: usize,
    line: u64,
    /// Over the limit: its bytes may be gone and `start` means nothing.
    dropped: bool,
    /// An element of an array.
    element: bool,
    scan: Scan,
    /// After a newline, before the first byte of a line.
    fresh: bool,
    /// The current line, if it begins as a record would.
    begun: Option<Mark>,
    /// The first line that both begins and ends as a record would.
    candidate: Option<Mark>,
}

impl Record {
    fn end_line(&mut self) {
        let begun = self.begun.take().filter(|_| self.scan.previous() == b'}');
        self.candidate = self.candidate.or(begun);
    }

    fn breaks_before(&self, first: u8) -> bool {
        !self.scan.may_continue_with(first) && (!self.element || first == b'{')
    }
}

/// The framing of one input. Positions are into the bytes given to
/// [`run`](Framer::run).
#[derive(Debug)]
pub(super) struct Framer {
    input: u32,
    limit: usize,
    state: State,
    record: Record,
    at: usize,
    /// The line `at` is on.
    line: u64,
    line_end: LineEnd,
}

impl Framer {
    pub(super) fn new(input: u32, record_bytes_max: usize) -> Framer {
        let record = Record {
            start: 0,
            line: 1,
            dropped: false,
            element: false,
            scan: Scan::of(b'{'),
            fresh: false,
            begun: None,
            candidate: None,
        };
        Framer {
            input,
            limit: record_bytes_max.min(LIMIT_BYTES_MAX),
            state: State::Between { array: true },
            record,
            at: 0,
            line: 1,
            line_end: LineEnd::default(),
        }
    }

    /// The line reached.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Frames as much of `bytes` as can be told without what comes next; with
    /// nothing to come, everything.
    pub(super) fn run(&mut self, bytes: &[u8], then: Then, out: &mut Framed) {
        while self.step(bytes, then, out) == Step::Go {}
    }

    /// After a [`run`](Framer::run) that wanted more, which nobody wants to read: the record under way
    /// counts if it is whole, and only the end of its line is still to come.
    pub(super) fn stop(&mut self, bytes: &[u8], out: &mut Framed) {
        if matches!(self.state, State::Line { object: true }) && !self.record.dropped {
            self.follow(b'{', false);
            self.run(bytes, Then::More, out);
        }
    }

    /// From where on bytes are still needed.
    pub(super) fn needed_from(&self) -> usize {
        match self.state {
            State::Line { .. } | State::Body if !self.record.dropped => self.record.start,
            _ => self.at,
        }
    }

    /// The next `run` gets its bytes from [`needed_from`](Framer::needed_from) on.
    pub(super) fn rebase(&mut self) {
        let gone = self.needed_from();
        let record = &mut self.record;
        for mark in [&mut record.begun, &mut record.candidate].into_iter().flatten() {
            mark.at = mark.at.saturating_sub(gone);
        }
        record.start = record.start.saturating_sub(gone);
        self.at -= gone;
        self.line_end.rebase(gone);
    }

    fn step(&mut self, bytes: &[u8], then: Then, out: &mut Framed) -> Step {
        match self.state {
            State::Between { array } => self.between(bytes, then, array),
            State::Line { object } => self.line_record(bytes, then, object, out),
            State::Body => self.body(bytes, then, out),
            State::Array => self.between_elements(bytes, then, out),
        }
    }

    /// The next byte that is not blank, not consumed.
    fn skip_blanks(&mut self, bytes: &[u8]) -> Option<u8> {
        loop {
            let byte = *bytes.get(self.at)?;
            match byte {
                b'\n' => self.line += 1,
                b' ' | b'\t' | b'\r' => {}
                _ => return Some(byte),
            }
            self.at += 1;
        }
    }

    fn go(&mut self, state: State) -> Step {
        self.state = state;
        Step::Go
    }

    fn begin(&mut self, state: State) -> Step {
        self.record.start = self.at;
        self.record.line = self.line;
        self.record.dropped = false;
        self.go(state)
    }

    /// Follows the record under way by its brackets, from its start.
    fn follow(&mut self, first: u8, element: bool) -> Step {
        self.record.element = element;
        self.record.scan = Scan::of(first);
        self.record.fresh = false;
        self.record.begun = None;
        self.record.candidate = None;
        self.go(State::Body)
    }

    fn between(&mut self, bytes: &[u8], then: Then, array: bool) -> Step {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        let Some(first) = self.skip_blanks(bytes) else { return Step::Starved };
        match first {
            b'[' if array => {
                self.at += 1;
                self.go(State::Array)
            }
            0 => {
                let rest = &bytes[self.at..];
                let zeros = rest.iter().position(|byte| *byte != 0).unwrap_or(rest.len());
                // In pairs, since a character of UTF-16 begins at an even byte: so the cuts between
                // reads do not matter either.
                self.at += zeros.saturating_sub(ZEROS_MAX) & !1;
                if zeros == rest.len() && then == Then::More {
                    return Step::Starved;
                }
                self.begin(State::Line { object: false })
            }
            0xEF => {
                let rest = &bytes[self.at..];
                if rest.starts_with(BYTE_ORDER_MARK) {
                    self.at += BYTE_ORDER_MARK.len();
                    Step::Go
                } else if then == Then::More && BYTE_ORDER_MARK.starts_with(rest) {
                    Step::Starved
                } else {
                    self.begin(State::Line { object: false })
                }
            }
            _ => self.begin(State::Line { object: first == b'{' }),
        }
    }

    fn between_elements(&mut self, bytes: &[u8], then: Then, out: &mut Framed) -> Step {
        match self.skip_blanks(bytes) {
            None if then == Then::End => {
                let detail = "the input ends before the array around its records does";
                self.fault(self.line, Rejection::new(RejectReason::Truncated, detail), out);
                self.go(State::Between { array: false })
            }
            None => Step::Starved,
            Some(b',') => {
                self.at += 1;
                Step::Go
            }
            Some(b']') => {
                self.at += 1;
                self.go(State::Between { array: true })
            }
            Some(first) => {
                self.begin(State::Body);
                self.follow(first, true)
            }
        }
    }

    fn line_record(&mut self, bytes: &[u8], then: Then, object: bool, out: &mut Framed) -> Step {
        let newline = self.line_end.find(bytes, self.at);
        let end = newline.unwrap_or(bytes.len());
        let long = self.is_over(end);
        if object && (long || newline.is_none() && then == Then::Damage) {
            return self.follow(b'{', false);
        }
        if newline.is_none() && then != Then::End {
            self.record.dropped = long;
            if long || then == Then::Damage {
                self.at = end;
            }
            return Step::Starved;
        }
        self.record.dropped = long;
        // Of bytes that are gone only the newline is left to see.
        let trimmed = if long { end } else { self.line_end.trim(bytes, self.record.start, end) };
        if object && !line::is_one_object(&bytes[self.record.start..trimmed]) {
            return self.follow(b'{', false);
        }
        self.emit(trimmed, out);
        self.at = end;
        self.go(State::Between { array: false })
    }

    fn body(&mut self, bytes: &[u8], then: Then, out: &mut Framed) -> Step {
        loop {
            if self.record.fresh {
                let Some(first) = self.skip_blanks(bytes) else { break };
                if self.record.breaks_before(first) {
                    return self.give_up(bytes, out);
                }
                self.record.fresh = false;
                let unindented = self.at > 0 && bytes[self.at - 1] == b'\n';
                if first == b'{' && unindented {
                    self.record.begun = Some(Mark { at: self.at, line: self.line });
                }
            }
            let (at, stop) = self.record.scan.advance(bytes, self.at);
            self.at = at;
            match stop {
                Stop::Data => break,
                Stop::Newline if !self.record.scan.ends_at_newline() => {
                    self.record.end_line();
                    self.record.fresh = true;
                }
                Stop::Stray if !self.record.element => {
                    self.record.scan.tolerate(b']');
                    self.at += 1;
                }
                Stop::Closed | Stop::Newline | Stop::Stray | Stop::Comma => {
                    return self.end_body(bytes, out);
                }
            }
        }
        match then {
            Then::More => {
                self.record.dropped = self.is_over(self.at);
                Step::Starved
            }
            Then::End => {
                self.record.end_line();
                // Whatever is reported of an element tells of the array's end too.
                self.record.element = false;
                self.give_up(bytes, out)
            }
            // Its lines were whole; only what comes after them is damaged.
            Then::Damage if self.record.candidate.is_some() && !self.is_over(self.at) => {
                self.give_up(bytes, out)
            }
            Then::Damage => self.go(State::Between { array: false }),
        }
    }

    fn end_body(&mut self, bytes: &[u8], out: &mut Framed) -> Step {
        self.record.dropped = self.is_over(self.at);
        self.emit_trimmed(bytes, self.at, out);
        self.go(self.outside())
    }

    /// Ends the record as broken where framing has come to: the first byte of a
    /// line, or the end. What looks like records in it is taken line by line.
    fn give_up(&mut self, bytes: &[u8], out: &mut Framed) -> Step {
        let here = self.at;
        self.record.dropped = self.is_over(here);
        let lines = self.record.candidate.filter(|_| !self.record.dropped);
        self.emit_trimmed(bytes, lines.map_or(here, |mark| mark.at), out);
        if let Some(Mark { mut at, line }) = lines {
            self.record.line = line;
            while at < here {
                let end = memchr(b'\n', &bytes[at..here]).map_or(here, |offset| at + offset);
                self.record.start = line::first(bytes, at, end);
                if self.record.start < end {
                    self.emit_trimmed(bytes, end, out);
                }
                self.record.line += 1;
                at = end + 1;
            }
        }
        self.go(self.outside())
    }

    fn outside(&self) -> State {
        if self.record.element { State::Array } else { State::Between { array: false } }
    }

    /// Whether the record, reaching to `end`, is over the limit even without the
    /// blanks it may have at its end. Told by the whole extent, so that it does
    /// not matter how much of it is at hand when the question comes up.
    fn is_over(&self, end: usize) -> bool {
        self.record.dropped || end - self.record.start > self.limit + SLACK_BYTES
    }

    fn emit_trimmed(&mut self, bytes: &[u8], end: usize, out: &mut Framed) {
        let end =
            if self.record.dropped { end } else { line::trimmed(bytes, self.record.start, end) };
        self.emit(end, out);
    }

    fn emit(&mut self, end: usize, out: &mut Framed) {
        let Record { start, line, dropped, .. } = self.record;
        if dropped || end - start > self.limit {
            let detail =
                format!("a record longer than the limit (`record_bytes`) of {} bytes", self.limit);
            self.fault(line, Rejection::new(RejectReason::TooLarge, detail), out);
        } else {
            out.record(start, end, line);
        }
    }

    fn fault(&self, line: u64, rejection: Rejection, out: &mut Framed) {
        out.fault(Fault { input: self.input, line: Some(line), rejection });
    }
}
