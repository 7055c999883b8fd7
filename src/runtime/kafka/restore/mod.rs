//! Where a partition is to be read from, and the state it had there.
//!
//! Invariants: positions are asked for first and the end of the changelog after
//! them, so that the state is never older than the position: whatever was
//! committed with the position was written before it could be answered. The end
//! is the high watermark, not the last stable offset, which may hide committed
//! state behind somebody's open transaction. Restoring ends by position, since
//! the last offsets may be control records that are never seen.

mod lanes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use self::lanes::{Gone, Lane, read_lane};
use super::context::Context;
use super::error::Fault;
use super::oauth::Tokens;
use super::raw::Queue;
use super::state::{Fresh, State};
use crate::runtime::health::{Restoring, WorkerHealth};
use crate::runtime::{clock, logging};
use crate::settings::Start;
use crate::time::{Span, Timestamp};

/// Threads that take in what one worker restores, at most.
const LANES_MAX: usize = 4;
/// How long one look at the client lasts while they do.
const LOOK: Duration = Duration::from_millis(2);

/// What a worker wants restored.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The partition, of its inputs and of the changelog.
    pub(super) partition: i32,
    /// Which of the stage's inputs, by number.
    pub(super) inputs: Vec<usize>,
    /// Which assignment of it, so that an answer to an earlier one is known as such.
    pub(super) turn: u64,
}

/// A partition that can be gone on with.
pub(super) struct Restored {
    pub(super) partition: i32,
    pub(super) turn: u64,
    /// Each input that was asked for, and its next offset.
    pub(super) offsets: Vec<(usize, i64)>,
    /// The state, if the stage has any.
    pub(super) state: Option<State>,
    /// Whether a position is not a committed one.
    pub(super) new: bool,
    /// How far its time had come, if that is known: it must not go back.
    pub(super) time: Option<Timestamp>,
    /// How long it took, together with what was restored beside it.
    pub(super) took: Duration,
}

/// What a stage reads and where its state lies.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// A consumer's configuration, with the stage's group and `read_committed`.
    pub(super) config: ClientConfig,
    pub(super) tokens: Tokens,
    pub(super) inputs: Vec<String>,
    /// The changelog and what its records are the state of.
    pub(super) state: Option<(String, Fresh)>,
    /// Where each input begins that the group has no position in.
    pub(super) starts: Vec<Start>,
    /// How long nothing may happen.
    pub(super) patience: Span,
    /// How long an answer may take: short enough that a stop need not wait for a
    /// broker that is away.
    pub(super) answer_within: Span,
}

/// A thread that restores while the worker goes on with what it has.
pub(super) struct Restorer {
    wanted: Sender<Wanted>,
    restored: Receiver<Result<Restored, Fault>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Restorer {
    /// Starts the thread.
    pub(super) fn new(plan: Plan, health: Arc<WorkerHealth>) -> Result<Restorer, Fault> {
        let (wanted_in, wanted) = unbounded();
        let (restored, restored_out) = unbounded();
        let stop = Arc::new(AtomicBool::new(false));
        let mut reader = Reader::new(plan, health, Arc::clone(&stop))?;
        let thread = std::thread::Builder::new()
            .name("restore".to_owned())
            .spawn(move || serve(&mut reader, &wanted, &restored))
            .map_err(|error| Fault::Passing(format!("starting a thread: {error}")))?;
        Ok(Restorer { wanted: wanted_in, restored: restored_out, stop, thread: Some(thread) })
    }

    /// Asks for a partition.
    pub(super) fn want(&self, wanted: Wanted) {
        let _ = self.wanted.send(wanted);
    }

    /// What has been restored since.
    pub(super) fn next(&self) -> Result<Option<Restored>, Fault> {
        match self.restored.try_recv() {
            Ok(restored) => restored.map(Some),
            Err(crossbeam_channel::TryRecvError::Empty) => Ok(None),
            Err(crossbeam_channel::TryRecvError::Disconnected) => {
                Err(Fault::Passing("the restoring thread has ended".to_owned()))
            }
        }
    }
}

impl Drop for Restorer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    reader: &mut Reader,
    wanted: &Receiver<Wanted>,
    restored: &Sender<Result<Restored, Fault>>,
) {
    while !reader.stop.load(Ordering::Acquire) {
        let first = match wanted.recv_timeout(Duration::from_millis(200)) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => {
                // Its own events have to be served, too.
                reader.serve();
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let batch: Vec<Wanted> = std::iter::once(first).chain(wanted.try_iter()).collect();
        match reader.restore(&batch) {
            Ok(all) => all.into_iter().for_each(|one| drop(restored.send(Ok(one)))),
            Err(fault) => {
                let _ = restored.send(Err(fault));
                return;
            }
        }
    }
}

struct Reader {
    plan: Plan,
    /// Told how far it is.
    health: Arc<WorkerHealth>,
    committed: Arc<BaseConsumer<Context>>,
    uncommitted: BaseConsumer<Context>,
    /// One for each thread that takes in what is read.
    lanes: Vec<Queue<Context>>,
    stop: Arc<AtomicBool>,
}

/// A partition while its changelog is read.
struct Reading {
    wanted: Wanted,
    offsets: Vec<(usize, i64)>,
    /// Whether no position was ever committed.
    new: bool,
    /// Whether one of them was not.
    unpinned: bool,
    state: State,
    /// The latest time of a record.
    time: Option<Timestamp>,
    first: i64,
    next: i64,
    end: i64,
}

impl Reading {
    fn progress(&self) -> Restoring {
        // Offsets: what compaction took away counts as read.
        let records = |upto: i64| u64::try_from(upto - self.first).unwrap_or(0);
        Restoring { restored: records(self.next.min(self.end)), expected: records(self.end) }
    }
}

impl Reader {
    fn new(plan: Plan, health: Arc<WorkerHealth>, stop: Arc<AtomicBool>) -> Result<Reader, Fault> {
        let failed = |error| Fault::of("starting to restore", &error);
        let mut config = plan.config.clone();
        // Not a member of the group: it only asks what the group has committed.
        config.remove("group.instance.id");
        // The end of what is restored is only seen when an empty fetch comes back.
        config.set("fetch.wait.max.ms", "10");
        let tokens = &plan.tokens;
        let context = || Context::with(tokens, ());
        let committed: BaseConsumer<Context> =
            config.create_with_context(context()).map_err(failed)?;
        config.set("isolation.level", "read_uncommitted");
        let uncommitted: BaseConsumer<Context> =
            config.create_with_context(context()).map_err(failed)?;
        tokens.admit(committed.client())?;
        tokens.admit(uncommitted.client())?;
        let committed = Arc::new(committed);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let lane = |_| Queue::new(Arc::clone(&committed));
        let lanes = (0..cores.min(LANES_MAX)).map(lane).collect::<Option<_>>();
        let lanes = lanes.ok_or_else(|| Fault::Passing("no memory for a queue".to_owned()))?;
        Ok(Reader { plan, health, committed, uncommitted, lanes, stop })
    }

    fn serve(&self) {
        let _ = self.committed.poll(Duration::ZERO);
        let _ = self.uncommitted.poll(Duration::ZERO);
    }

    fn restore(&mut self, wanted: &[Wanted]) -> Result<Vec<Restored>, Fault> {
        // What follows waits without serving: a token must not be out of date.
        self.serve();
        let positions = self.positions(wanted)?;
        let Some((changelog, fresh)) = self.plan.state.clone() else {
            return Ok(wanted
                .iter()
                .zip(positions)
                .map(|(wanted, Positions { offsets, unpinned, .. })| Restored {
                    partition: wanted.partition,
                    turn: wanted.turn,
                    offsets,
                    new: unpinned,
                    state: None,
                    time: None,
                    took: Duration::ZERO,
                })
                .collect());
        };
        let began = clock::instant();
        let mut readings = BTreeMap::new();
        for (wanted, positions) in wanted.iter().zip(positions) {
            let (low, high) = self.watermarks(&changelog, wanted.partition)?;
            readings.insert(
                wanted.partition,
                Reading {
                    wanted: wanted.clone(),
                    offsets: positions.offsets,
                    new: positions.new,
                    unpinned: positions.unpinned,
                    state: fresh.state(),
                    time: None,
                    first: low,
                    next: low,
                    end: high,
                },
            );
        }
        self.read(&changelog, &mut readings)?;
        // Only now: offsets may be those of a transaction that came to nothing.
        let orphaned = readings.values().find(|it| it.new && it.state.entries() > 0);
        if let Some(Reading { wanted, .. }) = orphaned {
            return Err(Fault::Lasting(format!(
                "partition {} of {changelog} holds state, but group {} has no committed \
                 position to go with it (they expire after offsets.retention.minutes without \
                 a member); restore the positions, or delete the topic {changelog} to begin anew",
                wanted.partition,
                self.plan.config.get("group.id").unwrap_or_default(),
            )));
        }
        let entries: usize = readings.values().map(|reading| reading.state.entries()).sum();
        let took = clock::instant() - began;
        tracing::info!(
            partitions = readings.len(),
            entries,
            milliseconds = took.as_millis(),
            "restored"
        );
        Ok(readings
            .into_values()
            .map(|reading| Restored {
                partition: reading.wanted.partition,
                turn: reading.wanted.turn,
                offsets: reading.offsets,
                new: reading.unpinned,
                state: Some(reading.state),
                time: reading.time,
                took,
            })
            .collect())
    }

    /// Reads all partitions to their ends, side by side.
    fn read(
        &mut self,
        changelog: &str,
        readings: &mut BTreeMap<i32, Reading>,
    ) -> Result<(), Fault> {
        let failed = |error| Fault::of("reading the changelog", &error);
        let mut list = TopicPartitionList::new();
        let mut lanes: Vec<Lane<'_>> = Vec::new();
        lanes.resize_with(self.lanes.len(), Lane::new);
        let unread = readings.iter_mut().filter(|(_, reading)| reading.next < reading.end);
        for ((partition, reading), lane) in unread.zip((0..lanes.len()).cycle()) {
            self.lanes[lane].adopt(changelog, *partition);
            list.add_partition_offset(changelog, *partition, Offset::Offset(reading.next))
                .map_err(failed)?;
            lanes[lane].insert(*partition, reading);
        }
        if list.count() == 0 {
            return Ok(());
        }
        self.committed.assign(&list).map_err(failed)?;
        let patience = self.plan.patience;
        let (stop, left, health) = (&self.stop, &AtomicBool::new(false), &self.health);
        let read = std::thread::scope(|scope| {
            let lanes = lanes.into_iter().zip(&mut self.lanes);
            let lanes = lanes.filter(|(lane, _)| !lane.is_empty());
            let mut read = Ok(());
            let mut threads = Vec::new();
            for (mut lane, queue) in lanes {
                let take_in = move || {
                    // Without one of them the rest is of no use, whatever ends it.
                    let gone = Gone(left);
                    let ended = || stop.load(Ordering::Acquire) || left.load(Ordering::Acquire);
                    let told = |it: &Reading| {
                        health.read_back(it.wanted.partition, it.progress());
                    };
                    let read = read_lane(changelog, &mut lane, queue, patience, &ended, &told);
                    if read.is_ok() {
                        std::mem::forget(gone);
                    }
                    read
                };
                let name = "restore-lane".to_owned();
                match std::thread::Builder::new().name(name).spawn_scoped(scope, take_in) {
                    Ok(thread) => threads.push(thread),
                    Err(error) => {
                        read = Err(Fault::Passing(format!("starting a thread: {error}")));
                        left.store(true, Ordering::Release);
                    }
                }
            }
            while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                // Where errors of the client as a whole come up.
                if let Some(Err(error)) = self.committed.poll(LOOK)
                    && !logging::passes_by_itself(&error)
                {
                    read = Err(self.plan.tokens.fault("reading the changelog", &error));
                    left.store(true, Ordering::Release);
                }
            }
            for thread in threads {
                let of_lane = thread.join().unwrap_or_else(|it| std::panic::resume_unwind(it));
                read = read.and(of_lane);
            }
            read
        });
        read?;
        if self.stop.load(Ordering::Acquire) {
            return Err(Fault::Passing("nobody waits for the state any more".to_owned()));
        }
        self.committed.unassign().map_err(failed)
    }

    fn watermarks(&self, topic: &str, partition: i32) -> Result<(i64, i64), Fault> {
        self.uncommitted
            .fetch_watermarks(topic, partition, super::producer::duration(self.plan.answer_within))
            .map_err(|error| Fault::of(&format!("asking for the end of {topic}"), &error))
    }

    /// Where each partition's inputs are to be read from.
    fn positions(&self, wanted: &[Wanted]) -> Result<Vec<Positions>, Fault> {
        let failed = |error| Fault::of("asking for committed positions", &error);
        let mut list = TopicPartitionList::new();
        for Wanted { partition, inputs, .. } in wanted {
            for input in inputs {
                list.add_partition(&self.plan.inputs[*input], *partition);
            }
        }
        let timeout = super::producer::duration(self.plan.answer_within);
        // Of a read_committed consumer the broker waits with its answer for open
        // transactions that hold positions.
        let committed = self.committed.committed_offsets(list, timeout).map_err(failed)?;
        wanted
            .iter()
            .map(|Wanted { partition, inputs, .. }| {
                let mut positions = Positions { offsets: Vec::new(), new: true, unpinned: false };
                for input in inputs {
                    let topic = &self.plan.inputs[*input];
                    let found = committed.find_partition(topic, *partition);
                    let found = match found {
                        Some(element) => {
                            element.error().map_err(failed)?;
                            element.offset()
                        }
                        None => Offset::Invalid,
                    };
                    let offset = if let Offset::Offset(offset) = found {
                        positions.new = false;
                        offset
                    } else {
                        positions.unpinned = true;
                        let (low, high) = self.watermarks(topic, *partition)?;
                        match self.plan.starts[*input] {
                            Start::Earliest => low,
                            Start::Latest => high,
                        }
                    };
                    positions.offsets.push((*input, offset));
                }
                Ok(positions)
            })
            .collect()
    }
}

struct Positions {
    offsets: Vec<(usize, i64)>,
    /// Whether nothing was ever committed.
    new: bool,
    /// Whether something was not.
    unpinned: bool,
}
