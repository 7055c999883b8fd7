//! Reads the ledger from a local store: what is committed when reading begins.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::error::{Damage, LoadError};
use super::loaded::Loaded;
use crate::engine::attacker::Race;
use crate::records::{Declared, WindowRecord};
use crate::report::control::evidence::{Inputs, Source};
use crate::report::control::{Rows, digest};
use crate::runtime::local::Reader;
use crate::runtime::stages::Fault;

/// The first bytes of every SQLite file, by its published format.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Whether a local store may be at `path`: an SQLite file.
pub fn is_store(path: &Path) -> bool {
    // What is read from a pipe is gone.
    if !path.is_file() {
        return false;
    }
    let mut head = [0; MAGIC.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && &head == MAGIC
}

/// Reads the ledger in the store at `path`, and counts its dead letters.
///
/// # Errors
/// See [`LoadError`].
pub fn load_store(path: &Path, race: &Race, allow_damage: bool) -> Result<Loaded, LoadError> {
    let failed = |fault: Fault| LoadError::Store(fault.to_string());
    let reader = Reader::open(path).map_err(failed)?;
    let (mut rows, mut damage, mut records) = (Rows::new(), Damage::default(), 0);
    reader
        .windows(&mut |exposure_id, json| {
            match WindowRecord::read(json) {
                Ok(record) if record.is_of(exposure_id) => {
                    records += 1;
                    rows.take(&record, digest(json), race);
                }
                Ok(_) => damage.add(format!("{exposure_id}: its record is of another exposure")),
                Err(error) => damage.add(format!("{exposure_id}: {error}")),
            }
            Ok(())
        })
        .map_err(failed)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let inputs = Inputs {
        sources: vec![Source::Store { name: name.unwrap_or_default(), records }],
        dead_letters: Some(reader.dead_letters().map_err(failed)?),
        damaged: damage.allowed(allow_damage)?,
        ..Inputs::default()
    };
    Ok(Loaded { rows, inputs })
}
