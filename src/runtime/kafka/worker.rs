//! One worker: a consumer, a producer, and a stage between them.
//!
//! Invariants: what was read, what follows from it and the state it leaves are
//! committed together or not at all; after any fault everything held is thrown
//! away, memory included, and the worker begins again from what is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::Consumer;

use super::consumer::{Change, Member, Place};
use super::error::Fault;
use super::inputs::{Come, Inputs};
use super::oauth::Tokens;
use super::producer::Outbox;
use super::raw::{Kind, Record};
use super::restore::{Plan, Restored, Restorer, Wanted};
use super::watermark::{Reached, Watermark};
use crate::metrics::{Pipeline, PipelineStage, TransactionResult};
use crate::runtime::clock;
use crate::runtime::health::WorkerHealth;
use crate::settings::Delivery;
use crate::time::{Span, Timestamp};

/// What happens to records between consumer and producer.
pub(super) trait Stage {
    /// Which one it is, in logs and metrics.
    const KIND: PipelineStage;
    /// Whether partition `p` of all inputs belongs together.
    const ALIGNED: bool;

    /// Takes on a partition with its state.
    fn begin(&mut self, restored: Restored);
    /// Forgets a partition.
    fn give_up(&mut self, partition: i32);
    /// Takes in one record, and says what time it brings.
    fn take(
        &mut self,
        input: usize,
        record: Record<'_>,
        outbox: &mut Outbox,
    ) -> Result<Option<Timestamp>, Fault>;
    /// Up to when all of the partition is said.
    fn time(&self, partition: i32) -> Option<Timestamp>;
    /// When something happens to the partition by itself.
    fn next_timer(&mut self, partition: i32) -> Option<Timestamp>;
    /// Brings a partition up to `now` and sends what follows, or only a part of it
    /// where that is much: says whether nothing is left.
    fn advance(
        &mut self,
        partition: i32,
        now: Timestamp,
        outbox: &mut Outbox,
    ) -> Result<bool, Fault>;
    /// Sends the state that has changed.
    fn checkpoint(&mut self, outbox: &mut Outbox) -> Result<(), Fault>;
    /// All that was sent is committed.
    fn committed(&mut self);
}

/// How a worker is set up; the same for each of its lives.
#[derive(Debug)]
pub(super) struct Setup {
    /// Which of its stage's workers.
    pub(super) number: usize,
    pub(super) consumer: ClientConfig,
    pub(super) producer: ClientConfig,
    pub(super) tokens: Tokens,
    pub(super) plan: Plan,
    pub(super) delivery: Delivery,
    pub(super) commit_interval: Span,
    /// How long a step of a transaction may take.
    pub(super) patience: Span,
    pub(super) clock: Clock,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) health: Arc<WorkerHealth>,
    pub(super) pipeline: Pipeline,
}

/// What tells the time of a stage's partitions.
#[derive(Clone, Debug)]
pub(super) enum Clock {
    /// Nothing: time does not pass.
    None,
    /// Their records, and how far all sources have come in those of the first input;
    /// the present once all are read and nothing is held back before the stage.
    Records {
        /// Whether nothing is held back.
        upstream: Arc<AtomicBool>,
        /// How far the sources have come.
        watermark: Arc<Watermark>,
    },
    /// How far the stages before have come.
    Watermark(Arc<Watermark>),
}

/// The longest wait for a record: how late the group's wishes may be seen.
const WAIT_MS_MAX: u32 = 50;
/// Records taken between two looks at the time and the group.
const ROUND_RECORDS_MAX: usize = 4096;
/// Records taken in one transaction at most, so that a commit stays short; and when so
/// many are sent, what else there is to say waits for the next one.
const TRANSACTION_RECORDS_MAX: usize = 200_000;
/// Intervals between commits that a worker with a backlog makes one of.
const BACKLOG_INTERVALS: i64 = 10;
const RETRY_FIRST: Span = Span::from_millis(250);
const RETRY_MAX_MS: i64 = 10_000;
/// Doubtful faults in a row that may still pass.
const DOUBTS_MAX: u32 = 3;

/// Lives as often as it must until it is stopped.
pub(super) fn run<S: Stage>(setup: &Setup, stage: &dyn Fn() -> S) -> Result<(), Fault> {
    let mut pause = RETRY_FIRST;
    let mut doubts = 0;
    while !setup.stop.load(Ordering::Acquire) {
        let began = clock::uptime();
        let fault = match live(setup, stage()) {
            Ok(()) => return Ok(()),
            Err(Fault::Passing(why)) => why,
            Err(Fault::Doubtful(why)) if doubts < DOUBTS_MAX => {
                doubts += 1;
                why
            }
            Err(Fault::Doubtful(why) | Fault::Lasting(why)) => {
                setup.health.failed(why.clone());
                return Err(Fault::Lasting(why));
            }
        };
        setup.health.revoked();
        setup.pipeline.transaction(S::KIND, TransactionResult::Aborted, Duration::ZERO);
        tracing::warn!(stage = S::KIND.as_str(), worker = setup.number, "beginning again: {fault}");
        if clock::uptime() > began + Span::from_secs(60) {
            (pause, doubts) = (RETRY_FIRST, 0);
        }
        let until = clock::uptime() + pause;
        while clock::uptime() < until && !setup.stop.load(Ordering::Acquire) {
            setup.health.progressed(clock::now());
            std::thread::sleep(Duration::from_millis(20));
        }
        pause = Span::from_millis((pause.as_millis() * 2).min(RETRY_MAX_MS));
    }
    Ok(())
}

fn live<S: Stage>(setup: &Setup, stage: S) -> Result<(), Fault> {
    // The transaction of an earlier life ends before anything is restored.
    let outbox = Outbox::new(&setup.producer, &setup.tokens, setup.delivery, setup.patience)?;
    let topics: Vec<&str> = setup.plan.inputs.iter().map(String::as_str).collect();
    let restorer = Restorer::new(setup.plan.clone(), Arc::clone(&setup.health))?;
    let member = Member::join(&setup.consumer, &setup.tokens, &topics)?;
    let inputs = Inputs::new(setup.plan.inputs.clone());
    let mut life = Life {
        setup,
        stage,
        restorer,
        outbox,
        member,
        inputs,
        partitions: Vec::new(),
        unsaid: BTreeSet::new(),
        turn: 0,
        reached: BTreeMap::new(),
        taken: 0,
        taken_since: None,
    };
    while !setup.stop.load(Ordering::Acquire) {
        life.turn()?;
    }
    life.finish()
}

/// A worker between its beginning and its first fault. Fields are dropped in this
/// order: what is open is aborted before the group is left.
struct Life<'s, S> {
    setup: &'s Setup,
    stage: S,
    outbox: Outbox,
    member: Member,
    restorer: Restorer,
    inputs: Inputs,
    /// Ready partitions, in order.
    partitions: Vec<i32>,
    turn: u64,
    /// Partitions of which not all is said that follows: those that time has not passed
    /// for since they were begun, since only that shows what their state waits for, and
    /// those of which the last transaction could not hold all.
    unsaid: BTreeSet<i32>,
    /// Of the partitions whose time is told by a watermark.
    reached: BTreeMap<i32, Reached>,
    /// Records in the open transaction.
    taken: usize,
    /// Since when.
    taken_since: Option<Span>,
}

impl<S: Stage> Life<'_, S> {
    fn turn(&mut self) -> Result<(), Fault> {
        self.outbox.serve();
        while let Some(change) = self.member.serve()? {
            self.change(change)?;
        }
        while let Some(restored) = self.restorer.next()? {
            self.begin(restored)?;
        }
        let wait_ms = self.wait_ms(clock::now());
        self.take(wait_ms)?;
        let (present, uptime) = (clock::now(), clock::uptime());
        let due = self.taken_since.is_some_and(|since| uptime >= since + self.interval(uptime))
            || self.taken >= TRANSACTION_RECORDS_MAX;
        if due || self.unsaid_is_due(present, uptime) || self.timer_is_due(present, uptime) {
            self.commit(present, uptime)?;
        }
        self.setup.health.progressed(present);
        self.setup.health.caught_up(self.inputs.caught_up(uptime));
        Ok(())
    }

    /// How long results are gathered. Nobody waits for those of a backlog, and the
    /// more events of a window come together the less there is to write.
    fn interval(&self, uptime: Span) -> Span {
        let configured = self.setup.commit_interval;
        if self.inputs.caught_up(uptime) {
            return configured;
        }
        let longer_ms = configured.as_millis() * BACKLOG_INTERVALS;
        Span::from_millis(longer_ms.min(self.setup.patience.as_millis() / 4)).max(configured)
    }

    /// How long to wait for records: until something is due, and never long.
    fn wait_ms(&mut self, present: Timestamp) -> u32 {
        let uptime = clock::uptime();
        if self.unsaid_is_due(present, uptime) {
            return 0;
        }
        let mut wait_ms = i64::from(WAIT_MS_MAX);
        if let Some(since) = self.taken_since {
            let left = (since + self.interval(uptime)).as_millis() - uptime.as_millis();
            wait_ms = wait_ms.min(left);
        }
        for at in 0..self.partitions.len() {
            let partition = self.partitions[at];
            // The timers of one that is behind go by the time of its records.
            if self.time(partition, present, uptime) == Some(present)
                && let Some(timer) = self.stage.next_timer(partition)
            {
                wait_ms = wait_ms.min(timer.since(present).as_millis());
            }
        }
        u32::try_from(wait_ms.max(0)).unwrap_or(WAIT_MS_MAX)
    }

    fn take(&mut self, wait_ms: u32) -> Result<(), Fault> {
        let Life { stage, outbox, member, inputs, taken, .. } = self;
        let mut uptime = None;
        let mut known: Option<(usize, usize)> = None;
        let mut fault = None;
        member.queue().serve(wait_ms, ROUND_RECORDS_MAX, &mut |record| {
            let topic = match known {
                Some((number, topic)) if number == record.topic_number() => topic,
                _ => {
                    let Some(topic) = inputs.number(record.topic()) else {
                        return ControlFlow::Continue(());
                    };
                    known = Some((record.topic_number(), topic));
                    topic
                }
            };
            let input = inputs.get_mut(topic, record.partition());
            let Some(input) = input.filter(|input| input.ready) else {
                return ControlFlow::Continue(());
            };
            match record.kind() {
                Kind::Data => {
                    // One look at the clock a round, once there is a record.
                    let uptime = *uptime.get_or_insert_with(clock::uptime);
                    if input.record(record.offset(), uptime) {
                        *taken += 1;
                        match stage.take(topic, record, outbox) {
                            Ok(Some(time)) => input.time(time),
                            Ok(None) => {}
                            Err(error) => fault = Some(error),
                        }
                    }
                }
                Kind::End => input.end(record.offset()),
                Kind::Error(code) => fault = Some(reading(record, code)),
            }
            if fault.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let Some(fault) = fault {
            return Err(fault);
        }
        let uptime = uptime.unwrap_or_else(clock::uptime);
        if self.taken_since.is_none() && self.inputs.have_moved() {
            self.taken_since = Some(uptime);
        }
        Ok(())
    }

    /// What time it is for a partition, as far as that is known.
    fn time(&mut self, partition: i32, present: Timestamp, uptime: Span) -> Option<Timestamp> {
        let mut reached = |watermark| {
            let next = self.inputs.next(partition)?;
            self.reached.entry(partition).or_default().time(watermark, partition, next)
        };
        match &self.setup.clock {
            Clock::None => None,
            Clock::Records { upstream, watermark } => {
                let reached = reached(watermark);
                let nothing_held_back = upstream.load(Ordering::Relaxed);
                self.inputs.time(partition, nothing_held_back, reached, present, uptime)
            }
            Clock::Watermark(watermark) => reached(watermark),
        }
    }

    fn unsaid_is_due(&mut self, present: Timestamp, uptime: Span) -> bool {
        let unsaid = self.unsaid.clone();
        unsaid.into_iter().any(|partition| self.time(partition, present, uptime).is_some())
    }

    /// Whether a deadline has passed. Those of a partition that is behind pass all
    /// the time, by the time of its records; they wait for the commit.
    fn timer_is_due(&mut self, present: Timestamp, uptime: Span) -> bool {
        let marked = matches!(self.setup.clock, Clock::Watermark(_));
        for at in 0..self.partitions.len() {
            let partition = self.partitions[at];
            let time = self.time(partition, present, uptime);
            if let Some(time) = time.filter(|time| marked || *time == present)
                && self.stage.next_timer(partition).is_some_and(|timer| timer <= time)
            {
                return true;
            }
        }
        false
    }

    fn commit(&mut self, present: Timestamp, uptime: Span) -> Result<(), Fault> {
        // Whether a word that went with positions does not hold any more.
        let mut news = false;
        for at in 0..self.partitions.len() {
            let partition = self.partitions[at];
            let Some(now) = self.time(partition, present, uptime) else { continue };
            let room = self.outbox.sent() < TRANSACTION_RECORDS_MAX;
            if room && self.stage.advance(partition, now, &mut self.outbox)? {
                news |= self.unsaid.remove(&partition);
            } else {
                self.unsaid.insert(partition);
            }
        }
        self.stage.checkpoint(&mut self.outbox)?;
        if self.outbox.is_open() || self.inputs.have_moved() || news {
            let began = clock::instant();
            self.outbox.commit(&self.member, &self.positions()?)?;
            let took = clock::instant() - began;
            self.setup.pipeline.transaction(S::KIND, TransactionResult::Committed, took);
            self.inputs.committed();
            self.stage.committed();
        }
        self.taken = 0;
        self.taken_since = None;
        Ok(())
    }

    /// The positions of everything that is ready, each with the time of its partition.
    fn positions(&self) -> Result<TopicPartitionList, Fault> {
        self.inputs.positions(|partition, of_records| match S::ALIGNED {
            true if self.unsaid.contains(&partition) => Come::Unsaid,
            true => self.stage.time(partition).into(),
            false => of_records.into(),
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
            Change::Assigned(places) => self.assigned(&places),
            Change::Revoked(places) => self.revoked(&places),
            Change::Failed(why) => Err(Fault::Passing(format!("the group could not agree: {why}"))),
        }
    }

    fn assigned(&mut self, places: &[Place]) -> Result<(), Fault> {
        tracing::info!(
            stage = S::KIND.as_str(),
            worker = self.setup.number,
            partitions = places.len(),
            "assigned"
        );
        self.turn += 1;
        self.member.take_on(places)?;
        let mut partitions = Vec::new();
        for (topic, partition) in places {
            let Some(topic) = self.inputs.number(topic) else { continue };
            self.inputs.add(topic, *partition, self.turn);
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
            self.restorer.want(Wanted { partition, inputs, turn: self.turn });
        }
        self.setup.pipeline.rebalanced(S::KIND);
        self.setup.health.assigned();
        Ok(())
    }

    fn begin(&mut self, restored: Restored) -> Result<(), Fault> {
        let partition = restored.partition;
        let stale = restored.offsets.iter().any(|(topic, _)| {
            self.inputs
                .get_mut(*topic, partition)
                .is_none_or(|input| input.turn != restored.turn || input.ready)
        });
        if stale {
            return Ok(());
        }
        for (topic, offset) in &restored.offsets {
            self.member.start(&self.setup.plan.inputs[*topic], partition, *offset)?;
            if let Some(input) = self.inputs.get_mut(*topic, partition) {
                input.begin(*offset);
            }
        }
        if S::ALIGNED {
            self.unsaid.insert(partition);
        }
        if restored.new {
            // Pinned before anything follows from it: a later life must not begin
            // elsewhere, nor find state that goes with no position.
            if self.inputs.have_moved() || self.outbox.is_open() {
                // Positions go with the state they lead to, those of others here too.
                self.commit(clock::now(), clock::uptime())?;
            } else {
                self.outbox.commit(&self.member, &self.positions()?)?;
                self.inputs.committed();
            }
        }
        if let Some(state) = &restored.state {
            self.setup.pipeline.restored(state.credentials() as u64, restored.took);
        }
        self.setup.health.restored(partition);
        self.stage.begin(restored);
        if let Err(at) = self.partitions.binary_search(&partition) {
            self.partitions.insert(at, partition);
        }
        Ok(())
    }

    fn revoked(&mut self, places: &[Place]) -> Result<(), Fault> {
        tracing::info!(
            stage = S::KIND.as_str(),
            worker = self.setup.number,
            partitions = places.len(),
            "revoked"
        );
        if self.member.consumer().assignment_lost() {
            return Err(Fault::Passing("the group went on without this member".to_owned()));
        }
        // Still ours until they are given up.
        self.finish()?;
        self.member.give_up(places)?;
        for (topic, partition) in places {
            let Some(topic) = self.inputs.number(topic) else { continue };
            self.inputs.remove(topic, *partition);
            if self.inputs.of(*partition).next().is_none() {
                self.stage.give_up(*partition);
                self.setup.health.restored(*partition);
                self.partitions.retain(|held| held != partition);
                self.unsaid.remove(partition);
                self.reached.remove(partition);
            }
        }
        Ok(())
    }
}

fn reading(record: Record<'_>, code: rdkafka::error::RDKafkaErrorCode) -> Fault {
    let words = String::from_utf8_lossy(record.payload().unwrap_or_default());
    let doing = format!(
        "reading partition {} of {} at offset {}",
        record.partition(),
        record.topic(),
        record.offset()
    );
    Fault::of_code(&doing, Some(code), &format!("{code}: {words}"))
}
