//! Writing the store's events out: the way to a cluster, to a replay, or to another store.

use std::io::Write;
use std::path::Path;

use super::read::Reader;
use crate::runtime::stages::Fault;

/// Writes every event that the store at `path` holds to `out`, one in a line, in the order of
/// arrival. Returns how many there are.
///
/// # Errors
/// A store that cannot be read, or `out` that cannot be written.
pub fn export(path: &Path, out: &mut impl Write) -> Result<u64, Fault> {
    let mut count = 0;
    let failed = |error: std::io::Error| Fault::Lasting(format!("writing events: {error}"));
    Reader::open(path)?.events(&mut |event| {
        count += 1;
        out.write_all(event).and_then(|()| out.write_all(b"\n")).map_err(failed)
    })?;
    out.flush().map_err(failed)?;
    Ok(count)
}
