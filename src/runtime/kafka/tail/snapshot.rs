//! Reads a topic once, up to a fixed end of each partition.
//!
//! Invariants: the end is fixed before the first record is read, so reading ends even
//! while the topic grows; a topic from which nothing comes is an error in the end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::TailError;
use super::reader::{Polled, Reader};
use super::record::Record;
use super::topic::Topic;
use crate::report::control::evidence::Partition;
use crate::runtime::clock;
use crate::time::Span;

/// How long one wait for records lasts.
const POLL: Duration = Duration::from_millis(100);
/// How long the broker may take to answer a question.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// After how long without a record reading fails.
const PATIENCE: Span = Span::from_secs(60);

/// Reads every partition from its first record to the end that `end` chooses, given the
/// partition, its first offset and its present end.
///
/// # Errors
/// A topic that cannot be read, or what `end` says against it.
pub(in crate::runtime) fn snapshot(
    topic: &Topic,
    purpose: &'static str,
    end: impl Fn(i32, i64, i64) -> Result<i64, String>,
    record: &mut dyn FnMut(&Record<'_>),
) -> Result<Vec<Partition>, String> {
    let failed = |error: TailError| error.to_string();
    let reader = Reader::open(topic, purpose, ANSWER_WITHIN).map_err(failed)?;
    let mut read = BTreeMap::new();
    for (partition, low, high) in reader.partitions().map_err(failed)? {
        let to_offset = end(partition, low, high)?;
        read.insert(partition, Partition { partition, from_offset: low, to_offset, records: 0 });
    }
    let begins = read.values().map(|part| (part.partition, part.from_offset));
    reader.assign(begins).map_err(failed)?;
    let mut unread: BTreeMap<i32, i64> = read
        .values()
        .filter(|part| part.from_offset < part.to_offset)
        .map(|part| (part.partition, part.to_offset))
        .collect();
    let mut last_at = clock::uptime();
    while !unread.is_empty() {
        match reader.poll(POLL).map_err(failed)? {
            Polled::Nothing if clock::uptime() > last_at + PATIENCE => {
                return Err(format!(
                    "nothing has come for {} s from partitions {:?}; are the brokers well, and is the topic readable?",
                    PATIENCE.as_millis() / 1000,
                    unread.keys().collect::<Vec<_>>()
                ));
            }
            Polled::Nothing => continue,
            Polled::Record(next) => {
                let next = Record::from(&next);
                let (partition, offset) = (next.partition, next.offset);
                let Some(part) = read.get_mut(&partition) else { continue };
                if offset < part.to_offset {
                    part.records += 1;
                    record(&next);
                }
                if offset + 1 >= part.to_offset {
                    unread.remove(&partition);
                }
            }
            // The last offsets may be control records, which are not returned.
            Polled::End(partition) => drop(unread.remove(&partition)),
            Polled::Trouble(error) => {
                tracing::warn!(topic = topic.name, "{error}");
                continue;
            }
        }
        last_at = clock::uptime();
    }
    Ok(read.into_values().collect())
}
