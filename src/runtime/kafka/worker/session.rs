//! The loop of one worker.
//!
//! A session is a worker's life between two faults. Invariants: what was read, what
//! follows from it and the state it leaves are committed together or not at all; after
//! any fault the session is dropped with everything it holds, memory included, and the
//! next one begins from what is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;

use super::fetched::{self, Fetched};
use super::inputs::Inputs;
use super::linger::{FollowLag, Linger};
use super::member::{Change, Member};
use super::output::Output;
use super::pace::Pace;
use super::producer::TransactionalProducer;
use super::setup::{Setup, TimeSource};
use crate::metrics::TransactionResult;
use crate::runtime::clock;
use crate::runtime::kafka::client::raw::{Kind, Message};
use crate::runtime::kafka::progress::look::{ReachedTime, TopicPartition};
use crate::runtime::kafka::progress::watermark::PartitionTime;
use crate::runtime::kafka::restore::{CheckRecord, Ready, Restorer, Wanted};
use crate::runtime::retry::Retry;
use crate::runtime::stages::Fault;
use crate::runtime::stages::{Outbox as _, Outgoing, Record, Stage};
use crate::time::{Span, Timestamp};

/// The longest wait for a record, and so for a change of the assignment.
const WAIT_MS_MAX: u32 = 50;
/// Records taken between two looks at the time and the group.
const ROUND_RECORDS_MAX: usize = 4096;
/// Records taken in one transaction at most, so that a commit stays short. When this many
/// are sent, the rest of what there is to emit waits for the next transaction.
const TRANSACTION_RECORDS_MAX: usize = 200_000;
/// A session that has had nothing to commit for so long is well.
const IDLE_IS_WELL: Span = Span::from_secs(60);
/// How long the first assignment may take for a member that has joined.
const FIRST_ASSIGNMENT: Span = Span::from_secs(1);
/// The time between two commits of a worker that lags, and the longest of one that does not.
const LAGGING_INTERVAL: Span = Span::from_secs(1);
/// How long a stage that defers its results keeps positions without a commit. What is settled
/// before the next commit never needs a record of the changelog.
const DEFERRED_INTERVAL: Span = Span::from_secs(5);

/// Runs one session after the other until it is stopped.
///
/// # Errors
/// A fault that lasts.
pub(crate) fn run<S: Stage>(setup: &Setup, stage: &dyn Fn() -> S) -> Result<(), Fault> {
    let mut retry = Retry::new();
    while !setup.stop.load(Ordering::Acquire) {
        let began = clock::uptime();
        let Err(fault) = session(setup, stage()) else { return Ok(()) };
        let after = retry.after(fault, clock::since(began));
        let (why, pause) = after.inspect_err(|fault| setup.health.failed(fault.to_string()))?;
        setup.health.revoked();
        if setup.health.restarted(&why) {
            tracing::error!(
                stage = S::KIND.as_str(),
                worker = setup.number,
                "nothing has been committed for many sessions; the process is no longer healthy: \
                 {why}"
            );
        }
        setup.pipeline.transaction(S::KIND, TransactionResult::Aborted, Duration::ZERO);
        tracing::warn!(
            stage = S::KIND.as_str(),
            worker = setup.number,
            "a new session begins: {why}"
        );
        let until = clock::uptime() + pause;
        while clock::uptime() < until && !setup.stop.load(Ordering::Acquire) {
            setup.health.progressed(clock::uptime());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

fn session<S: Stage>(setup: &Setup, stage: S) -> Result<(), Fault> {
    // The transaction of an earlier session ends before anything is restored.
    let producer = TransactionalProducer::new(setup, Linger::default())?;
    let changelog = setup.plan.state.as_ref().map(|changelog| changelog.topic);
    let output = Output::new(producer, changelog, setup.state_bytes_max);
    let topics: Vec<&str> = setup.plan.inputs.iter().map(String::as_str).collect();
    let restorer = Restorer::new(setup.plan.clone(), Arc::clone(&setup.health))?;
    let member = Member::join(&setup.consumer, &setup.tokens, &topics)?;
    let inputs = Inputs::new(setup.plan.inputs.clone());
    let mut session = Session {
        setup,
        stage,
        restorer,
        output,
        member,
        inputs,
        partitions: Vec::new(),
        pending: BTreeSet::new(),
        epoch: 0,
        times: BTreeMap::new(),
        began: clock::uptime(),
        follow_lag: FollowLag::default(),
        pace: Pace::default(),
        taken: 0,
        taken_since: None,
    };
    while !setup.stop.load(Ordering::Acquire) {
        session.step()?;
    }
    session.finish()
}

/// A worker between its start and its first fault. Its fields are dropped in this order:
/// the open transaction is aborted before the group is left.
struct Session<'s, S> {
    setup: &'s Setup,
    stage: S,
    output: Output,
    member: Member,
    restorer: Restorer,
    inputs: Inputs,
    /// Ready partitions, in order.
    partitions: Vec<i32>,
    /// How many assignments there were.
    epoch: u64,
    /// Partitions that have something left to emit: those that were not punctuated yet,
    /// since only that shows what their state waits for, and those whose output the last
    /// transaction could not hold.
    pending: BTreeSet<i32>,
    /// The times of the partitions that go by watermarks.
    times: BTreeMap<i32, PartitionTime>,
    /// When it began, as uptime.
    began: Span,
    follow_lag: FollowLag,
    /// What the latest commits took, and when the last one ended.
    pace: Pace,
    /// Records in the open transaction.
    taken: usize,
    /// Since when.
    taken_since: Option<Span>,
}

impl<S: Stage> Session<'_, S> {
    fn step(&mut self) -> Result<(), Fault> {
        self.output.producer.serve();
        while let Some(change) = self.member.serve()? {
            self.change(change)?;
        }
        while let Some(ready) = self.restorer.next()? {
            self.begin(ready)?;
        }
        self.stand_by();
        let (fetched, asked) = (self.member.fetched()?, clock::uptime());
        let wait_ms = self.wait_ms(clock::now());
        if self.take(wait_ms)? {
            self.fetched(&fetched, asked);
        }
        let (present, uptime) = (clock::now(), clock::uptime());
        let due = self.due_at(uptime).is_some_and(|due| uptime >= due)
            || self.taken >= TRANSACTION_RECORDS_MAX;
        if due || self.pending_is_due(present, uptime) || self.punctuation_is_due(present, uptime) {
            self.commit(present, uptime)?;
        }
        let caught_up = self.inputs.caught_up(uptime);
        let linger = self.follow_lag.at(caught_up, uptime);
        self.output.producer.set_linger(self.setup, linger)?;
        self.setup.health.progressed(clock::uptime());
        self.setup.health.caught_up(caught_up);
        if uptime > self.began + IDLE_IS_WELL
            && !self.output.producer.is_open()
            && !self.inputs.have_moved()
        {
            self.setup.health.committed();
        }
        Ok(())
    }

    /// A member that has joined and has got nothing stands by.
    fn stand_by(&self) {
        let is_due = self.epoch == 0 && clock::uptime() >= self.began + FIRST_ASSIGNMENT;
        if is_due && self.member.is_known_to_brokers() {
            self.setup.health.assigned();
        }
    }

    /// When to commit what was taken.
    fn due_at(&self, uptime: Span) -> Option<Span> {
        let since = self.taken_since?;
        if S::DEFERS && !self.output.producer.is_open() {
            return Some(since + self.setup.commit_interval.max(DEFERRED_INTERVAL));
        }
        Some(self.pace.due(since, self.interval(uptime)))
    }

    /// The time between two commits. Nobody waits for the results of a worker that lags,
    /// and the more events of a window come together, the less there is to write.
    fn interval(&self, uptime: Span) -> Span {
        let configured = self.setup.commit_interval;
        let transaction = Span::from_millis(self.setup.patience.as_millis() / 4);
        let longest = LAGGING_INTERVAL.min(transaction);
        if self.inputs.caught_up(uptime) {
            return configured.max(self.pace.wait().min(longest));
        }
        configured.max(longest)
    }

    /// How long to wait for records: until something is due, and never long.
    fn wait_ms(&mut self, present: Timestamp) -> u32 {
        let uptime = clock::uptime();
        if self.pending_is_due(present, uptime) {
            return 0;
        }
        let mut wait_ms = i64::from(WAIT_MS_MAX);
        if let Some(due) = self.due_at(uptime) {
            wait_ms = wait_ms.min(due.as_millis() - uptime.as_millis());
        }
        for at in 0..self.partitions.len() {
            let partition = self.partitions[at];
            // A partition that lags goes by the time of its records.
            if self.time(partition, present, uptime) == Some(present)
                && let Some(next) = self.stage.next_punctuation(partition)
            {
                wait_ms = wait_ms.min(next.since(present).as_millis());
            }
        }
        u32::try_from(wait_ms.max(0)).unwrap_or(WAIT_MS_MAX)
    }

    /// Notes which partitions were fetched up to their ends, once everything fetched is taken.
    fn fetched(&mut self, fetched: &[Fetched], asked: Span) {
        let known_at = Span::from_millis(asked.as_millis() - fetched::EVERY.as_millis());
        for Fetched { topic, partition, next } in fetched {
            let Some(topic) = self.inputs.number(topic) else { continue };
            if let Some(input) = self.inputs.get_mut(topic, *partition) {
                input.fetched(*next, known_at);
            }
        }
    }

    /// Takes the records that are fetched, up to a round of them. Returns whether none is left.
    fn take(&mut self, wait_ms: u32) -> Result<bool, Fault> {
        let Session { setup, stage, output, member, inputs, taken, .. } = self;
        let mut round: Option<(Span, Timestamp)> = None;
        let mut known: Option<(usize, usize)> = None;
        let mut fault = None;
        let served = member.queue().serve(wait_ms, ROUND_RECORDS_MAX, &mut |message| {
            let topic = match known {
                Some((number, topic)) if number == message.topic_number() => topic,
                _ => {
                    let Some(topic) = inputs.number(message.topic()) else {
                        return ControlFlow::Continue(());
                    };
                    known = Some((message.topic_number(), topic));
                    topic
                }
            };
            let input = inputs.get_mut(topic, message.partition());
            let Some(input) = input.filter(|input| input.ready) else {
                return ControlFlow::Continue(());
            };
            match message.kind() {
                Kind::Data => {
                    // One look at the clock a round, once there is a record.
                    let (uptime, present) =
                        *round.get_or_insert_with(|| (clock::uptime(), clock::now()));
                    if input.record(message.offset(), uptime) {
                        *taken += 1;
                        let record = Record {
                            input: topic,
                            topic: &setup.plan.inputs[topic],
                            partition: message.partition(),
                            offset: message.offset(),
                            // By its producer's clock, perhaps; but it was written before now.
                            written_at: message
                                .timestamp_ms()
                                .map(|ms| Timestamp::from_millis(ms).min(present)),
                            key: message.key(),
                            value: message.payload().unwrap_or_default(),
                            headers: Some(&message),
                        };
                        match stage.take(record, output) {
                            Ok(Some(time)) => input.time(time),
                            Ok(None) => {}
                            Err(error) => fault = Some(error),
                        }
                    }
                }
                Kind::End => input.end(message.offset()),
                Kind::Error(code) => fault = Some(reading(message, code)),
            }
            if fault.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let Some(fault) = fault {
            return Err(fault);
        }
        let uptime = round.map_or_else(clock::uptime, |(uptime, _)| uptime);
        if self.taken_since.is_none() && self.inputs.have_moved() {
            self.taken_since = Some(uptime);
        }
        Ok(served < ROUND_RECORDS_MAX)
    }

    /// What time it is for a partition, as far as that is known. Never later than the present:
    /// a producer whose clock is wrong must not let deadlines pass that lie ahead.
    fn time(&mut self, partition: i32, present: Timestamp, uptime: Span) -> Option<Timestamp> {
        self.time_of_records(partition, present, uptime).map(|time| time.min(present))
    }

    fn time_of_records(
        &mut self,
        partition: i32,
        present: Timestamp,
        uptime: Span,
    ) -> Option<Timestamp> {
        let mut reached = |watermarks| {
            let next = self.inputs.next(partition)?;
            self.times.entry(partition).or_default().at(watermarks, partition, next)
        };
        match &self.setup.time {
            TimeSource::None => None,
            TimeSource::Records { gate_open, watermarks } => {
                let reached = reached(watermarks);
                let gate_open = gate_open.load(Ordering::Relaxed);
                self.inputs.time(partition, gate_open, reached, present, uptime)
            }
            TimeSource::Watermarks(watermarks) => reached(watermarks),
        }
    }

    fn pending_is_due(&mut self, present: Timestamp, uptime: Span) -> bool {
        let pending = self.pending.clone();
        pending.into_iter().any(|partition| self.time(partition, present, uptime).is_some())
    }

    /// Whether a partition has to be punctuated. One that lags goes by the time of its
    /// records, where deadlines pass all the time; they wait for the commit.
    fn punctuation_is_due(&mut self, present: Timestamp, uptime: Span) -> bool {
        let by_watermarks = matches!(self.setup.time, TimeSource::Watermarks(_));
        for at in 0..self.partitions.len() {
            let partition = self.partitions[at];
            let time = self.time(partition, present, uptime);
            if let Some(time) = time.filter(|time| by_watermarks || *time == present)
                && self.stage.next_punctuation(partition).is_some_and(|next| next <= time)
            {
                return true;
            }
        }
        false
    }

    fn commit(&mut self, present: Timestamp, uptime: Span) -> Result<(), Fault> {
        // Whether the metadata that was committed with positions no longer holds.
        let mut news = false;
        for at in 0..self.partitions.len() {
            let partition = self.partitions[at];
            let Some(now) = self.time(partition, present, uptime) else { continue };
            let room = self.output.producer.sent() < TRANSACTION_RECORDS_MAX;
            if room && self.stage.punctuate(partition, now, &mut self.output)? {
                news |= self.pending.remove(&partition);
            } else {
                self.pending.insert(partition);
            }
        }
        let mut rewritten = BTreeSet::new();
        for partition in &self.partitions {
            let held = self.stage.held(*partition);
            if let Some(most) = self.output.rewrites(*partition, held)
                && self.stage.rewrite(*partition, most, &mut self.output)?
            {
                rewritten.insert(*partition);
            }
        }
        self.stage.checkpoint(&mut self.output)?;
        self.output.flush()?;
        if self.output.producer.is_open() || self.inputs.have_moved() || news {
            let began = clock::instant();
            self.output.producer.commit(&self.member, &self.positions()?)?;
            let took = clock::instant() - began;
            self.setup.pipeline.transaction(S::KIND, TransactionResult::Committed, took);
            self.pace.committed(took, clock::uptime());
            self.inputs.committed();
            self.stage.committed();
            self.setup.health.committed();
        }
        self.output.committed(&rewritten);
        self.taken = 0;
        self.taken_since = None;
        Ok(())
    }

    /// The positions of everything that is ready, each with the time of its partition.
    fn positions(&self) -> Result<TopicPartitionList, Fault> {
        self.inputs.positions(|partition, of_records| {
            let reached = match S::ALIGNED {
                true if self.pending.contains(&partition) => ReachedTime::Pending,
                true => self.stage.time(partition).into(),
                false => of_records.into(),
            };
            (reached, self.stage.forwards(partition))
        })
    }

    fn finish(&mut self) -> Result<(), Fault> {
        if self.partitions.is_empty() {
            return Ok(());
        }
        self.commit(clock::now(), clock::uptime())
    }

    fn change(&mut self, change: Change) -> Result<(), Fault> {
        match change {
            Change::Assigned(partitions) => self.assigned(&partitions),
            Change::Revoked(partitions) => self.revoked(&partitions),
            Change::Failed(why) => Err(Fault::Passing(format!("the group could not agree: {why}"))),
        }
    }

    fn assigned(&mut self, assigned: &[TopicPartition]) -> Result<(), Fault> {
        tracing::info!(
            stage = S::KIND.as_str(),
            worker = self.setup.number,
            partitions = assigned.len(),
            "assigned"
        );
        self.epoch += 1;
        self.member.take_on(assigned)?;
        let mut partitions = Vec::new();
        for (topic, partition) in assigned {
            let Some(topic) = self.inputs.number(topic) else { continue };
            self.inputs.add(topic, *partition, self.epoch);
            partitions.push((*partition, topic));
        }
        if S::ALIGNED {
            partitions.sort_unstable();
            partitions.dedup_by_key(|(partition, _)| *partition);
        }
        for (partition, topic) in partitions {
            let inputs: Vec<usize> = match S::ALIGNED {
                true => self.inputs.of(partition).map(|(topic, _)| topic).collect(),
                false => vec![topic],
            };
            if S::ALIGNED && inputs.len() < self.setup.plan.inputs.len() {
                return Err(Fault::Lasting(format!(
                    "partition {partition} was assigned without its counterparts: all members of \
                     the group must read the same topics"
                )));
            }
            if S::ALIGNED {
                self.setup.health.restoring(partition);
            }
            self.restorer.want(Wanted { partition, inputs, epoch: self.epoch });
        }
        self.setup.pipeline.rebalanced(S::KIND);
        self.setup.health.assigned();
        Ok(())
    }

    fn begin(&mut self, ready: Ready) -> Result<(), Fault> {
        let partition = ready.partition;
        let stale = ready.offsets.iter().any(|(topic, _)| {
            self.inputs
                .get_mut(*topic, partition)
                .is_none_or(|input| input.epoch != ready.epoch || input.ready)
        });
        if stale {
            return Ok(());
        }
        for (topic, offset) in &ready.offsets {
            self.member.start(&self.setup.plan.inputs[*topic], partition, *offset)?;
            if let Some(input) = self.inputs.get_mut(*topic, partition) {
                input.begin(*offset);
            }
        }
        if S::ALIGNED {
            self.pending.insert(partition);
        }
        if let Some(CheckRecord { topic, key, value }) = &ready.check {
            // In one transaction with the first positions: a later session that finds
            // positions without this record knows that the state is lost. It is in no block.
            let record = Outgoing::changelog(*topic, partition, None, key, Some(value));
            self.output.producer.send(record)?;
        }
        if ready.unpinned || ready.check.is_some() {
            // Committed before anything follows from it: a later session must not begin
            // elsewhere, nor find state without a position.
            if self.inputs.have_moved() || self.output.producer.is_open() {
                // The positions of the other partitions go with the state they lead to.
                self.commit(clock::now(), clock::uptime())?;
            } else {
                self.output.producer.commit(&self.member, &self.positions()?)?;
                self.inputs.committed();
            }
        }
        if let Some(blocks) = ready.blocks {
            self.output.begin(partition, blocks);
        }
        if let Some(mut restored) = ready.state {
            if let Some(ahead) = restored.not_ahead_of(clock::now()) {
                tracing::warn!(
                    partition,
                    ahead_ms = ahead.as_millis(),
                    "the state was written by a clock that was ahead of the present; nothing that \
                     is due later fires now"
                );
            }
            self.setup.pipeline.restored(restored.state.credentials() as u64, ready.took);
            self.stage.begin(restored);
        }
        self.setup.health.restored(partition);
        if let Err(at) = self.partitions.binary_search(&partition) {
            self.partitions.insert(at, partition);
        }
        Ok(())
    }

    fn revoked(&mut self, revoked: &[TopicPartition]) -> Result<(), Fault> {
        tracing::info!(
            stage = S::KIND.as_str(),
            worker = self.setup.number,
            partitions = revoked.len(),
            "revoked"
        );
        if self.member.consumer().assignment_lost() {
            return Err(Fault::Passing("the group went on without this member".to_owned()));
        }
        // They are still ours until we let them go.
        self.finish()?;
        self.member.revoke(revoked)?;
        for (topic, partition) in revoked {
            let Some(topic) = self.inputs.number(topic) else { continue };
            self.inputs.remove(topic, *partition);
            if self.inputs.of(*partition).next().is_none() {
                self.stage.revoke(*partition);
                self.output.revoke(*partition);
                self.setup.health.restored(*partition);
                self.partitions.retain(|held| held != partition);
                self.pending.remove(partition);
                self.times.remove(partition);
            }
        }
        Ok(())
    }
}

fn reading(record: Message<'_>, code: rdkafka::error::RDKafkaErrorCode) -> Fault {
    let words = String::from_utf8_lossy(record.payload().unwrap_or_default());
    let doing = format!(
        "reading partition {} of {} at offset {}",
        record.partition(),
        record.topic(),
        record.offset()
    );
    Fault::of_code(&doing, Some(code), &format!("{code}: {words}"))
}
