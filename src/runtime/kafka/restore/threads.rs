//! The restore threads: each takes in some partitions of a changelog.
//!
//! Invariants: a partition belongs to one thread from its first record to its last; a
//! thread ends with all of its partitions read, with a fault, or because nobody needs the
//! result any more.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use super::check;
use super::reading::Reading;
use crate::runtime::blocks::{self, Block};
use crate::runtime::clock;
use crate::runtime::kafka::client::context::Context;
use crate::runtime::kafka::client::partitioner::partition_of;
use crate::runtime::kafka::client::raw::{Kind, Message, Queue};
use crate::runtime::stages::Fault;
use crate::runtime::stages::{Refusal, restored_time};
use crate::time::{Span, Timestamp};

/// The partitions that one thread takes in.
pub(super) type Share<'r> = BTreeMap<i32, &'r mut Reading>;

/// Notes, when it is dropped, that a thread has not finished.
pub(super) struct Unfinished<'l>(pub(super) &'l AtomicBool);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Reads the partitions of a share to their ends, or until nobody needs them any more.
pub(super) fn read_share(
    changelog: &str,
    share: &mut Share<'_>,
    queue: &mut Queue<Context>,
    patience: Span,
    ended: &dyn Fn() -> bool,
    report: &dyn Fn(&Reading),
) -> Result<(), Fault> {
    let mut unread = share.len();
    let mut stuck_at = clock::uptime() + patience;
    while unread > 0 {
        let mut fault = None;
        let served = queue.serve(100, usize::MAX, &mut |record| {
            let Some(reading) = share.get_mut(&record.partition()) else {
                return ControlFlow::Continue(());
            };
            if reading.next >= reading.end {
                return ControlFlow::Continue(());
            }
            match record.kind() {
                Kind::Data => {
                    take(reading, changelog, record);
                    reading.next = record.offset() + 1;
                }
                Kind::End => reading.next = reading.next.max(record.offset()),
                Kind::Error(code) => {
                    let words = String::from_utf8_lossy(record.payload().unwrap_or_default());
                    fault = Some(Fault::of_code("reading the changelog", Some(code), &words));
                }
            }
            if reading.next >= reading.end {
                unread -= 1;
            }
            if fault.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let Some(fault) = fault {
            return Err(fault);
        }
        if ended() {
            return Ok(());
        }
        share.values().for_each(|reading| report(reading));
        if served > 0 {
            stuck_at = clock::uptime() + patience;
        } else if clock::uptime() > stuck_at {
            return Err(stuck(changelog, share));
        }
    }
    Ok(())
}

/// Keys at most of which the latest record may be unusable before the restore gives up.
const UNUSABLE_MAX: usize = 1_000;

const BEGIN_ANEW: &str = "find out who writes to this topic, then begin anew under another [topics] \
                          prefix and another [kafka] group";
const FIND_OUT: &str = "find out who writes to this topic, then delete the record with a tombstone \
                        of its key, or begin anew under another [topics] prefix and another \
                        [kafka] group";

/// One record of the changelog. What cannot be used is forgiven if a later record, or entry, of
/// the same key can: compaction would have removed it.
fn take(reading: &mut Reading, changelog: &str, record: Message<'_>) {
    let key = record.key().unwrap_or_default();
    let written_at = record.created_ms().map(Timestamp::from_millis);
    reading.time = reading.time.max(written_at.and_then(restored_time));
    if key == check::KEY {
        reading.check = record.payload().map(<[u8]>::to_vec);
        return;
    }
    let Some(value) = record.payload() else {
        reading.blocks.take(key, None);
        reading.unusable.remove(key);
        return;
    };
    if !blocks::is_key(key) {
        let why = format!("{}; {FIND_OUT}", Refusal::Foreign);
        note_unusable(reading, changelog, key, record, &why);
        return;
    }
    let Some(block) = Block::read(value) else {
        let why = format!("not a block; {BEGIN_ANEW}");
        note_unusable(reading, changelog, key, record, &why);
        return;
    };
    if reading.blocks.begins_anew(&block) {
        reading.state = reading.fresh.state();
        reading.unusable_entries.clear();
    }
    reading.unusable.remove(key);
    let mut entries = 0;
    for (key, state) in block.entries() {
        entries += 1;
        match usable(reading, key, state) {
            Ok(()) if reading.unusable_entries.is_empty() => {}
            Ok(()) => drop(reading.unusable_entries.remove(key)),
            Err(why) => {
                let why = placed(changelog, record, &why);
                reading.unusable_entries.insert(key.to_vec(), why);
            }
        }
    }
    give_up(reading);
    reading.blocks.take(key, Some((&block, entries)));
}

/// Notes that the latest record of a key cannot be used.
fn note_unusable(
    reading: &mut Reading,
    changelog: &str,
    key: &[u8],
    record: Message<'_>,
    why: &str,
) {
    reading.unusable.insert(key.to_vec(), placed(changelog, record, why));
    give_up(reading);
}

/// Where something is, and what is wrong with it.
fn placed(changelog: &str, record: Message<'_>, why: &str) -> String {
    let (partition, offset) = (record.partition(), record.offset());
    format!("{changelog}, partition {partition}, offset {offset}: {why}")
}

/// Reads no further where too much cannot be used.
fn give_up(reading: &mut Reading) {
    if reading.unusable.len() + reading.unusable_entries.len() >= UNUSABLE_MAX {
        reading.end = reading.next;
    }
}

/// Takes an entry into the state, or says why it cannot be used and what to do.
fn usable(reading: &mut Reading, key: &[u8], state: Option<&[u8]>) -> Result<(), String> {
    reading.state.take(key, state).map_err(|refusal| {
        let advice = match refusal {
            Refusal::Version { version, known } if version > known => {
                "run the version that wrote it, or a later one"
            }
            Refusal::Version { .. } => {
                "run the version that wrote it, or begin anew under another [topics] prefix and \
                 another [kafka] group"
            }
            Refusal::Foreign | Refusal::Damaged | Refusal::OtherKey => BEGIN_ANEW,
            Refusal::TooMany => "raise [windows] credentials",
        };
        format!("{refusal}; {advice}")
    })?;
    let name = reading.state.partitioned_by(key).filter(|_| state.is_some());
    let Some(name) = name else { return Ok(()) };
    let belongs = partition_of(name, reading.partitions);
    if belongs == reading.wanted.partition {
        return Ok(());
    }
    Err(format!("the state of a credential that belongs to partition {belongs}; {BEGIN_ANEW}"))
}

fn stuck(changelog: &str, share: &Share<'_>) -> Fault {
    let waiting: Vec<String> = share
        .iter()
        .filter(|(_, reading)| reading.next < reading.end)
        .map(|(partition, reading)| format!("{partition} at {} of {}", reading.next, reading.end))
        .collect();
    Fault::Passing(format!(
        "restoring from {changelog} does not go on: partition {}; if that lasts, a transaction \
         may be left open there: kafka-transactions.sh find-hanging shows it, and \
         kafka-transactions.sh abort ends it",
        waiting.join(", ")
    ))
}
