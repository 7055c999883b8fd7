//! Asks the brokers for positions and state.
//!
//! Invariants: it asks for the positions first and for the end of the changelog after
//! them, so that the state is never older than the position: everything that was
//! committed with a position was written before the broker could answer with it. The end
//! is the high watermark, not the last stable offset, behind which an open transaction may
//! hide committed state. A restore ends by position, since the last offsets may be control
//! records that are never seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::check::{self, Check};
use super::plan::{Changelog, CheckRecord, Plan, Ready, Wanted};
use super::reading::Reading;
use super::threads::{Share, Unfinished, read_share};
use crate::runtime::blocks::{Found, Missing};
use crate::runtime::clock;
use crate::runtime::health::WorkerHealth;
use crate::runtime::kafka::client::context::Context;
use crate::runtime::kafka::client::raw::Queue;
use crate::runtime::logging;
use crate::runtime::stages::Fault;
use crate::runtime::stages::Restored;
use crate::settings::Start;

/// Threads that take in the changelog for one worker, at most.
pub(super) const THREADS_MAX: usize = 4;
/// How long one look at the client lasts while they do.
const LOOK: Duration = Duration::from_millis(2);

pub(super) struct Reader {
    plan: Plan,
    /// Told how far it is.
    health: Arc<WorkerHealth>,
    committed: Arc<BaseConsumer<Context>>,
    uncommitted: BaseConsumer<Context>,
    /// One for each thread that takes in the changelog.
    queues: Vec<Queue<Context>>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Reader {
    pub(super) fn new(
        plan: Plan,
        health: Arc<WorkerHealth>,
        stop: Arc<AtomicBool>,
    ) -> Result<Reader, Fault> {
        let failed = |error| Fault::of("starting to restore", &error);
        let mut config = plan.config.clone();
        // Not a member of the group: it only asks what the group has committed.
        for option in ["group.instance.id", "group.protocol", "group.remote.assignor"] {
            config.remove(option);
        }
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
        let queue = |_| Queue::new(Arc::clone(&committed));
        let queues = (0..cores.min(THREADS_MAX)).map(queue).collect::<Option<_>>();
        let queues = queues.ok_or_else(|| Fault::Passing("no memory for a queue".to_owned()))?;
        Ok(Reader { plan, health, committed, uncommitted, queues, stop })
    }

    pub(super) fn serve(&self) {
        let _ = self.committed.poll(Duration::ZERO);
        let _ = self.uncommitted.poll(Duration::ZERO);
    }

    pub(super) fn restore(&mut self, wanted: &[Wanted]) -> Result<Vec<Ready>, Fault> {
        // The requests below wait without serving the clients: their tokens must be valid.
        self.serve();
        let positions = self.positions(wanted)?;
        let Some(changelog) = self.plan.state.clone() else {
            return Ok(wanted
                .iter()
                .zip(positions)
                .map(|(wanted, Positions { offsets, unpinned, .. })| Ready {
                    partition: wanted.partition,
                    epoch: wanted.epoch,
                    offsets,
                    unpinned,
                    check: None,
                    state: None,
                    blocks: None,
                    took: Duration::ZERO,
                })
                .collect());
        };
        let began = clock::instant();
        let partitions = self.partitions(&changelog.name)?;
        let mut readings = BTreeMap::new();
        for (wanted, positions) in wanted.iter().zip(positions) {
            let from_the_beginning = self.begins_anew(wanted.partition, &positions)?;
            let (low, high) = self.watermarks(&changelog.name, wanted.partition)?;
            readings.insert(
                wanted.partition,
                Reading {
                    wanted: wanted.clone(),
                    offsets: positions.offsets,
                    new: positions.new,
                    unpinned: positions.unpinned,
                    from_the_beginning,
                    partitions,
                    check: None,
                    unusable: BTreeMap::new(),
                    unusable_entries: BTreeMap::new(),
                    fresh: changelog.fresh.clone(),
                    state: changelog.fresh.state(),
                    blocks: Found::default(),
                    time: None,
                    first: low,
                    next: low,
                    end: high,
                },
            );
        }
        self.read(&changelog.name, &mut readings)?;
        // Only now: the offsets may be those of a transaction that was aborted.
        readings.values().try_for_each(|reading| self.fits(&changelog, reading))?;
        let entries: usize = readings.values().map(|reading| reading.state.entries()).sum();
        let took = clock::instant() - began;
        tracing::info!(
            partitions = readings.len(),
            entries,
            milliseconds = took.as_millis(),
            "restored"
        );
        readings.into_values().map(|reading| self.ready(&changelog, reading, took)).collect()
    }

    /// A partition whose state was read and fits.
    fn ready(
        &self,
        changelog: &Changelog,
        reading: Reading,
        took: Duration,
    ) -> Result<Ready, Fault> {
        let Reading { wanted: Wanted { partition, epoch, .. }, partitions, check, end, .. } =
            reading;
        // No two sessions may have one number.
        let session = getrandom::u64()
            .map_err(|error| Fault::Passing(format!("asking for a random number: {error}")))?;
        let name = &changelog.name;
        let blocks = match reading.blocks.go_on(session) {
            Ok(blocks) => blocks,
            Err(_) if self.watermarks(name, partition)?.1 > end => {
                let why = format!("partition {partition} of {name} was written while it was read");
                return Err(Fault::Passing(why));
            }
            Err(Missing { first, blocks }) => {
                return Err(Fault::Lasting(format!(
                    "partition {partition} of {name} lacks blocks of its state: {blocks}, the first \
                     of them number {first}; somebody deleted records; begin anew under another \
                     [topics] prefix and another [kafka] group"
                )));
            }
        };
        let check = check.is_none().then(|| CheckRecord {
            topic: changelog.topic,
            key: check::KEY,
            value: Check::new(&changelog.identity, partition, partitions).written(),
        });
        Ok(Ready {
            partition,
            epoch,
            offsets: reading.offsets,
            unpinned: reading.unpinned,
            check,
            state: Some(Restored { partition, state: reading.state, time: reading.time }),
            blocks: Some(blocks),
            took,
        })
    }

    /// Whether the state that was read belongs to the positions, and can be used.
    fn fits(&self, changelog: &Changelog, reading: &Reading) -> Result<(), Fault> {
        let (name, partition) = (&changelog.name, reading.wanted.partition);
        let group = self.plan.config.get("group.id").unwrap_or_default();
        if let Some(check) = &reading.check {
            let expected = Check::new(&changelog.identity, partition, reading.partitions);
            if let Err(mismatch) = expected.compare(check) {
                let why = mismatch.describe(name, partition, reading.partitions);
                return Err(Fault::Lasting(why));
            }
        }
        let mut unusable = reading.unusable.values().chain(reading.unusable_entries.values());
        if let Some(why) = unusable.next() {
            return Err(Fault::Lasting(match unusable.count() {
                0 => why.clone(),
                others => format!("{why} (so are the records of {others} other keys)"),
            }));
        }
        let holds = reading.state.entries() > 0;
        if reading.new && holds {
            return Err(Fault::Lasting(format!(
                "partition {partition} of {name} holds state, but group {group} has no committed \
                 position to go with it (they expire after offsets.retention.minutes without \
                 a member); restore the positions with kafka-consumer-groups.sh --reset-offsets, \
                 or delete the topic {name} to begin anew",
            )));
        }
        if reading.check.is_some() {
            return Ok(());
        }
        if holds {
            return Err(Fault::Lasting(format!(
                "partition {partition} of {name} lacks its check record: another version wrote \
                 the state, or somebody deleted records; begin anew under another [topics] prefix \
                 and another [kafka] group"
            )));
        }
        if !reading.from_the_beginning {
            let topics = self.plan.inputs.join(" --topic ");
            return Err(Fault::Lasting(format!(
                "group {group} has read partition {partition} of {topics}, but the state that \
                 followed from it is not in {name}: somebody deleted the topic or its records; \
                 to build the state again from what the inputs still hold, stop all instances \
                 and run kafka-consumer-groups.sh --group {group} --topic {topics} \
                 --reset-offsets --to-earliest --execute",
            )));
        }
        Ok(())
    }

    /// Whether every position of a partition is the first that is still there.
    fn begins_anew(&self, partition: i32, positions: &Positions) -> Result<bool, Fault> {
        if positions.new {
            return Ok(true);
        }
        for (input, offset) in &positions.offsets {
            let (low, _) = self.watermarks(&self.plan.inputs[*input], partition)?;
            if *offset > low {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many partitions a topic has.
    fn partitions(&self, topic: &str) -> Result<usize, Fault> {
        let doing = || format!("asking for the partitions of {topic}");
        let metadata = self
            .uncommitted
            .fetch_metadata(Some(topic), self.plan.answer_within.to_std())
            .map_err(|error| Fault::of(&doing(), &error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let found = found.map_or(0, |found| found.partitions().len());
        if found == 0 {
            return Err(Fault::Passing(format!("{}: no broker knows the topic", doing())));
        }
        Ok(found)
    }

    /// Reads all partitions to their ends, side by side.
    fn read(
        &mut self,
        changelog: &str,
        readings: &mut BTreeMap<i32, Reading>,
    ) -> Result<(), Fault> {
        let failed = |error| Fault::of("reading the changelog", &error);
        let mut list = TopicPartitionList::new();
        let mut shares: Vec<Share<'_>> = Vec::new();
        shares.resize_with(self.queues.len(), Share::new);
        let unread = readings.iter_mut().filter(|(_, reading)| reading.next < reading.end);
        for ((partition, reading), thread) in unread.zip((0..shares.len()).cycle()) {
            self.queues[thread].adopt(changelog, *partition);
            list.add_partition_offset(changelog, *partition, Offset::Offset(reading.next))
                .map_err(failed)?;
            shares[thread].insert(*partition, reading);
        }
        if list.count() == 0 {
            return Ok(());
        }
        self.committed.assign(&list).map_err(failed)?;
        let patience = self.plan.patience;
        let (stop, left, health) = (&self.stop, &AtomicBool::new(false), &self.health);
        let read = std::thread::scope(|scope| {
            let shares = shares.into_iter().zip(&mut self.queues);
            let shares = shares.filter(|(share, _)| !share.is_empty());
            let mut read = Ok(());
            let mut threads = Vec::new();
            for (mut share, queue) in shares {
                let take_in = move || {
                    // If one thread does not finish, the work of the others is of no use.
                    let unfinished = Unfinished(left);
                    let ended = || stop.load(Ordering::Acquire) || left.load(Ordering::Acquire);
                    let report = |it: &Reading| {
                        health.read_back(it.wanted.partition, it.progress());
                    };
                    let read = read_share(changelog, &mut share, queue, patience, &ended, &report);
                    if read.is_ok() {
                        std::mem::forget(unfinished);
                    }
                    read
                };
                let name = "restore-share".to_owned();
                match std::thread::Builder::new().name(name).spawn_scoped(scope, take_in) {
                    Ok(thread) => threads.push(thread),
                    Err(error) => {
                        read = Err(Fault::Passing(format!("starting a thread: {error}")));
                        left.store(true, Ordering::Release);
                    }
                }
            }
            while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                // Errors of the client as a whole come up here.
                if let Some(Err(error)) = self.committed.poll(LOOK)
                    && !logging::passes_by_itself(&error)
                {
                    read = Err(self.plan.tokens.fault("reading the changelog", &error));
                    left.store(true, Ordering::Release);
                }
            }
            for thread in threads {
                let of_thread = thread.join().unwrap_or_else(|it| std::panic::resume_unwind(it));
                read = read.and(of_thread);
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
            .fetch_watermarks(topic, partition, self.plan.answer_within.to_std())
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
        let timeout = self.plan.answer_within.to_std();
        // To a read_committed consumer the broker answers once the open transactions that
        // hold positions have ended.
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
    /// Whether no position was ever committed.
    new: bool,
    /// Whether one of them was not.
    unpinned: bool,
}
