//! The end of an input that its reader wants no more of, although there is more.
//!
//! Invariant: it passes through decompression and encodings as any other error does, so that it
//! ends an input of any form.

use std::{error, fmt, io};

/// Somebody stopped the reading.
#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reading was stopped")
    }
}

impl error::Error for Stopped {}

/// What a source returns in place of more bytes when nobody wants more. The records so far are
/// used. The unfinished one, if any, is passed over, and is no fault.
pub fn stopped() -> io::Error {
    io::Error::other(Stopped)
}

/// Whether `error` is [`stopped`].
pub(super) fn is_stopped(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Stopped>())
}
