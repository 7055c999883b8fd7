//! What can be told of a line without following its brackets.
//!
//! Invariant: a byte is looked at once by each function here, however many
//! records share its line.

use memchr::{memchr, memchr_iter};

/// Blank as JSON has it; a carriage return is one.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The end of `bytes[start..end]` without blanks.
pub(super) fn trimmed(bytes: &[u8], start: usize, end: usize) -> usize {
    let inked = bytes[start..end].iter().rposition(|byte| !is_blank(*byte));
    inked.map_or(start, |offset| start + offset + 1)
}

/// The start of `bytes[start..end]` without blanks.
pub(super) fn first(bytes: &[u8], start: usize, end: usize) -> usize {
    let inked = bytes[start..end].iter().position(|byte| !is_blank(*byte));
    inked.map_or(end, |offset| start + offset)
}

/// Whether a line that begins with `{` is to be taken as a single object: it
/// ends with `}`, and no `{` in it comes after a `}` as the next object's would.
/// One within a string is mistaken for that, which costs a closer look.
pub(super) fn is_one_object(line: &[u8]) -> bool {
    line.last() == Some(&b'}')
        && memchr_iter(b'{', line)
            .skip(1)
            .all(|at| line[trimmed(line, 0, at).saturating_sub(1)] != b'}')
}

/// The end of the current line: found once, also when many records share it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LineEnd {
    newline: Option<usize>,
    /// How far has been looked.
    searched: usize,
    /// An end, and where it is without blanks.
    trimmed: Option<(usize, usize)>,
}

impl LineEnd {
    /// The first newline at or after `at`.
    pub(super) fn find(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        if self.newline.is_none_or(|newline| newline < at) {
            let from = self.searched.max(at);
            self.newline = memchr(b'\n', &bytes[from..]).map(|offset| from + offset);
            self.searched = self.newline.unwrap_or(bytes.len());
        }
        self.newline
    }

    /// The end of `bytes[start..end]` without blanks; its first byte is none.
    pub(super) fn trim(&mut self, bytes: &[u8], start: usize, end: usize) -> usize {
        match self.trimmed {
            Some((known, trimmed)) if known == end => trimmed,
            _ => {
                let trimmed = trimmed(bytes, start, end);
                self.trimmed = Some((end, trimmed));
                trimmed
            }
        }
    }

    /// The first `gone` bytes are gone.
    pub(super) fn rebase(&mut self, gone: usize) {
        self.newline = self.newline.and_then(|newline| newline.checked_sub(gone));
        self.searched = self.searched.saturating_sub(gone);
        self.trimmed = None;
    }
}
