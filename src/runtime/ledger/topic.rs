//! Reads the ledger from its topic: the records that are committed when reading begins.

use std::collections::{BTreeMap, HashSet};

use super::error::{Damage, LoadError};
use super::loaded::Loaded;
use crate::engine::attacker::Race;
use crate::records::{DeadLetter, Declared, WindowRecord, exposure_id};
use crate::report::control::evidence::{Inputs, Partition, Source};
use crate::report::control::{Rows, digest};
use crate::runtime::kafka::tail::{Record, Topic, snapshot};

/// The topics to read.
#[derive(Clone, Debug)]
pub struct Topics {
    /// The ledger's topic.
    pub windows: Topic,
    /// The topic of dead letters.
    pub dead_letters: Topic,
    /// Where to stop reading each topic, as a report states it; empty: where it ends now.
    pub until: BTreeMap<String, Vec<Partition>>,
}

/// Reads the ledger, and counts the dead letters.
///
/// # Errors
/// See [`LoadError`].
pub fn load_topics(topics: &Topics, race: &Race, allow_damage: bool) -> Result<Loaded, LoadError> {
    let (mut rows, mut damage) = (Rows::new(), Damage::default());
    let name = topics.windows.name();
    let windows = read(topics, &topics.windows, &mut |record| {
        if let Err(why) = take(&mut rows, race, record) {
            let (partition, offset) = (record.partition, record.offset);
            damage.add(format!("{name}, partition {partition}, offset {offset}: {why}"));
        }
    })?;
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    let mut seen = HashSet::new();
    let dead = read(topics, &topics.dead_letters, &mut |record| {
        // Two instances may have written one that was delivered twice. Others share a key: those
        // about parts of one record.
        if record.key.starts_with(b"in/") && !seen.insert(record.key.to_vec()) {
            return;
        }
        let letter = record.value.and_then(|json| DeadLetter::read(json).ok());
        let reason = letter.map_or("others", |letter| letter.reason.as_str());
        *by_reason.entry(reason.to_owned()).or_default() += 1;
    })?;
    let inputs = Inputs {
        sources: vec![windows, dead],
        dead_letters: Some(by_reason),
        damaged: damage.allowed(allow_damage)?,
        ..Inputs::default()
    };
    Ok(Loaded { rows, inputs })
}

fn take(rows: &mut Rows, race: &Race, record: &Record<'_>) -> Result<(), String> {
    let key = std::str::from_utf8(record.key).map_err(|_| "its key is not text")?;
    let Some(value) = record.value else {
        rows.void(exposure_id::parse(key).ok_or("its key does not name an exposure")?);
        return Ok(());
    };
    let record = WindowRecord::read(value).map_err(|error| error.to_string())?;
    if !record.is_of(key) {
        return Err("its key names another exposure".to_owned());
    }
    rows.take(&record, digest(value), race);
    Ok(())
}

/// Reads a topic up to the end that a report stated, or else up to where it ends now.
fn read(
    topics: &Topics,
    topic: &Topic,
    record: &mut dyn FnMut(&Record<'_>),
) -> Result<Source, LoadError> {
    let name = topic.name();
    let until = topics.until.get(name);
    let end = |partition: i32, low: i64, high: i64| {
        let stated = until.map(|parts| parts.iter().find(|part| part.partition == partition));
        match stated {
            None => Ok(high),
            // The partition was added after the report was made.
            Some(None) => Ok(low),
            Some(Some(part)) if part.to_offset > high => Err(format!(
                "partition {partition} ends at offset {high}, and the report was made from it up to {}",
                part.to_offset
            )),
            Some(Some(part)) => Ok(part.to_offset),
        }
    };
    let partitions = snapshot(topic, "report", end, record)
        .map_err(|why| LoadError::Topic { name: name.to_owned(), why })?;
    Ok(Source::Topic { name: name.to_owned(), partitions })
}
