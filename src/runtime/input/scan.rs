//! Finds where a JSON value ends by its brackets and strings alone.
//!
//! Invariants: constant memory whatever the nesting; may stop after any byte and
//! go on with the next; never judges the value, which is the decoder's business,
//! except that a raw newline ends a string, since JSON allows none there.

use memchr::memchr3;

/// The nesting whose kinds of bracket are remembered. Deeper than this brackets
/// are only counted; decoders refuse such records long before.
const KINDS: u32 = u128::BITS;

/// Why a scan stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes are used up; position: their end.
    Data,
    /// Position: the newline. Not consumed.
    Newline,
    /// The value's own bracket closed; position: behind it.
    Closed,
    /// A `]` that closes nothing of this value; position: the bracket.
    Stray,
    /// A comma behind a value that is not in brackets; position: the comma.
    Comma,
}

/// The state of a scan over one value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan {
    depth: u32,
    /// Innermost bracket in bit 0; 1 is an object. What is forgotten reads as 0,
    /// an array, where more is allowed.
    kinds: u128,
    deep: bool,
    in_string: bool,
    escaped: bool,
    /// The value is not in brackets of its own, so a comma ends it.
    loose: bool,
    /// The last byte that was neither blank nor inside a string.
    previous: u8,
}

impl Scan {
    /// For a value beginning with `first`, which is still to be scanned.
    pub(super) fn of(first: u8) -> Scan {
        Scan {
            depth: 0,
            kinds: 0,
            deep: false,
            in_string: false,
            escaped: false,
            loose: !matches!(first, b'{' | b'['),
            previous: 0,
        }
    }

    /// Whether a newline ends the value: nothing is open, nothing will close.
    pub(super) fn ends_at_newline(&self) -> bool {
        self.loose && self.depth == 0
    }

    /// The last byte seen that was neither blank nor inside a string.
    pub(super) fn previous(&self) -> u8 {
        self.previous
    }

    /// Goes on from `at`: where it stopped, and why.
    pub(super) fn advance(&mut self, bytes: &[u8], mut at: usize) -> (usize, Stop) {
        while at < bytes.len() {
            if self.in_string {
                let Some(next) = self.leave_string(bytes, at) else {
                    return (bytes.len(), Stop::Data);
                };
                at = next;
                continue;
            }
            let byte = bytes[at];
            match byte {
                b' ' | b'\t' | b'\r' => {}
                b'\n' => return (at, Stop::Newline),
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.open(byte == b'{');
                    self.previous = byte;
                }
                b'}' | b']' => {
                    if !self.close(byte == b'}') && byte == b']' {
                        return (at, Stop::Stray);
                    }
                    self.previous = byte;
                    if self.depth == 0 && !self.loose {
                        return (at + 1, Stop::Closed);
                    }
                }
                b',' if self.depth == 0 => return (at, Stop::Comma),
                _ => self.previous = byte,
            }
            at += 1;
        }
        (at, Stop::Data)
    }

    /// Takes a stray bracket as part of the value after all.
    pub(super) fn tolerate(&mut self, stray: u8) {
        self.previous = stray;
    }

    /// The position behind the string's end, or at the newline that cuts it
    /// off; `None` when the bytes end first.
    fn leave_string(&mut self, bytes: &[u8], mut at: usize) -> Option<usize> {
        loop {
            if self.escaped {
                self.escaped = false;
                at += usize::from(bytes[at] != b'\n');
            }
            at += memchr3(b'"', b'\\', b'\n', bytes.get(at..)?)?;
            if bytes[at] != b'\\' {
                self.in_string = false;
                self.previous = b'"';
                return Some(at + usize::from(bytes[at] == b'"'));
            }
            self.escaped = true;
            at += 1;
            if at == bytes.len() {
                return None;
            }
        }
    }

    fn open(&mut self, object: bool) {
        self.deep |= self.depth == KINDS;
        self.depth = self.depth.saturating_add(1);
        self.kinds = self.kinds << 1 | u128::from(object);
    }

    /// Closes the innermost bracket of the kind, and with it any of the other
    /// kind that were left open within. False when none is open.
    fn close(&mut self, object: bool) -> bool {
        let levels = if self.deep {
            1
        } else {
            let same = if object { self.kinds } else { !self.kinds };
            same.trailing_zeros() + 1
        };
        if levels > self.depth {
            return false;
        }
        self.depth -= levels;
        self.kinds = self.kinds.checked_shr(levels).unwrap_or(0);
        true
    }

    /// Whether a line inside the value may begin with `first`, going by the
    /// byte before it. Errs on the side of yes.
    pub(super) fn may_continue_with(&self, first: u8) -> bool {
        let value = matches!(first, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n');
        let closing = matches!(first, b'}' | b']');
        match self.previous {
            b'{' => first == b'"' || closing,
            b'[' => value || closing,
            b',' if self.kinds & 1 == 1 => first == b'"' || closing,
            b',' => value || closing,
            b':' => value,
            b'"' => closing || matches!(first, b',' | b':'),
            _ => closing || first == b',',
        }
    }
}
