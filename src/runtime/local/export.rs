//! Writing the store's events out: the way to a cluster, to a replay, or to another store.

use std::fmt;
use std::io::{self, Write};

use super::read::Reader;
use crate::runtime::stages::Fault;

/// Why events could not be written out.
#[derive(Debug)]
pub enum ExportError {
    /// The store cannot be read.
    Store(Fault),
    /// The output cannot be written.
    Output(io::Error),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExportError::Store(fault) => fault.fmt(f),
            ExportError::Output(error) => write!(f, "writing events: {error}"),
        }
    }
}

impl std::error::Error for ExportError {}

/// Writes every event that `store` holds to `out`, one in a line, in the order of arrival.
/// Returns how many there are.
///
/// # Errors
/// A store that cannot be read, or `out` that cannot be written.
pub fn export(store: &Reader, out: &mut impl Write) -> Result<u64, ExportError> {
    let (mut count, mut broken) = (0, None);
    let visited = store.events(&mut |event| {
        let written = out.write_all(event).and_then(|()| out.write_all(b"\n"));
        count += 1;
        written.map_err(|error| {
            let fault = Fault::Lasting(error.to_string());
            broken = Some(error);
            fault
        })
    });
    match (broken, visited) {
        (Some(error), _) => Err(ExportError::Output(error)),
        (None, Err(fault)) => Err(ExportError::Store(fault)),
        (None, Ok(())) => out.flush().map(|()| count).map_err(ExportError::Output),
    }
}
