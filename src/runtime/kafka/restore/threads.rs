//! The restore threads: each takes in some partitions of a changelog.
//!
//! Invariants: a partition belongs to one thread from its first record to its last; a
//! thread ends with all of its partitions read, with a fault, or because nobody needs the
//! result any more.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use super::reading::Reading;
use crate::runtime::clock;
use crate::runtime::kafka::client::context::Context;
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
                    fault = take(reading, changelog, record).err();
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

/// One record of the changelog.
fn take(reading: &mut Reading, changelog: &str, record: Message<'_>) -> Result<(), Fault> {
    let place =
        || format!("{changelog}, partition {}, offset {}", record.partition(), record.offset());
    let written_at = record.created_ms().map(Timestamp::from_millis);
    reading.time = reading.time.max(written_at.and_then(restored_time));
    let taken = reading.state.take(record.key().unwrap_or_default(), record.payload());
    taken.map_err(|refusal| {
        let advice = match refusal {
            Refusal::Version { version, known } if version > known => {
                "run the version that wrote it, or a later one"
            }
            Refusal::Version { .. } => {
                "run the version that wrote it, or delete this topic to begin anew"
            }
            Refusal::Foreign | Refusal::Damaged => {
                "find out who writes to this topic, then delete it to begin anew"
            }
            Refusal::TooMany => "raise [windows] credentials",
        };
        Fault::Lasting(format!("{}: {refusal}; {advice}", place()))
    })
}

fn stuck(changelog: &str, share: &Share<'_>) -> Fault {
    let waiting: Vec<String> = share
        .iter()
        .filter(|(_, reading)| reading.next < reading.end)
        .map(|(partition, reading)| format!("{partition} at {} of {}", reading.next, reading.end))
        .collect();
    Fault::Passing(format!(
        "restoring from {changelog} does not go on: partition {}",
        waiting.join(", ")
    ))
}
