//! The threads that take in a changelog, each some of its partitions.
//!
//! Invariants: a partition is one thread's from its first record to its last; a lane
//! ends with all of its partitions read, with a fault, or because that is of no use
//! any more.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::context::Context;
use super::super::error::Fault;
use super::super::raw::{Kind, Queue, Record};
use super::super::state::Refusal;
use super::Reading;
use crate::runtime::clock;
use crate::time::{Span, Timestamp};

/// The partitions that one thread takes in.
pub(super) type Lane<'r> = BTreeMap<i32, &'r mut Reading>;

/// Notes, when it is dropped, that a lane has not come to its end.
pub(super) struct Gone<'l>(pub(super) &'l AtomicBool);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Reads the partitions of a lane to their ends, or until that is of no use any more.
pub(super) fn read_lane(
    changelog: &str,
    lane: &mut Lane<'_>,
    queue: &mut Queue<Context>,
    patience: Span,
    ended: &dyn Fn() -> bool,
    told: &dyn Fn(&Reading),
) -> Result<(), Fault> {
    let mut unread = lane.len();
    let mut stuck_at = clock::uptime() + patience;
    while unread > 0 {
        let mut fault = None;
        let served = queue.serve(100, usize::MAX, &mut |record| {
            let Some(reading) = lane.get_mut(&record.partition()) else {
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
        lane.values().for_each(|reading| told(reading));
        if served > 0 {
            stuck_at = clock::uptime() + patience;
        } else if clock::uptime() > stuck_at {
            return Err(stuck(changelog, lane));
        }
    }
    Ok(())
}

/// One record of the changelog.
fn take(reading: &mut Reading, changelog: &str, record: Record<'_>) -> Result<(), Fault> {
    let place =
        || format!("{changelog}, partition {}, offset {}", record.partition(), record.offset());
    reading.time = reading.time.max(record.created_ms().map(Timestamp::from_millis));
    let taken = reading.state.take(record.key().unwrap_or_default(), record.payload());
    taken.map_err(|refusal| {
        let advice = match refusal {
            Refusal::Newer { .. } => "run the version that wrote it, or a later one",
            Refusal::Foreign | Refusal::Damaged => {
                "find out who writes to this topic, then delete it to begin anew"
            }
            Refusal::TooMany => "raise [windows] credentials",
        };
        Fault::Lasting(format!("{}: {refusal}; {advice}", place()))
    })
}

fn stuck(changelog: &str, lane: &Lane<'_>) -> Fault {
    let waiting: Vec<String> = lane
        .iter()
        .filter(|(_, reading)| reading.next < reading.end)
        .map(|(partition, reading)| format!("{partition} at {} of {}", reading.next, reading.end))
        .collect();
    Fault::Passing(format!(
        "restoring from {changelog} does not go on: partition {}",
        waiting.join(", ")
    ))
}
