//! The progress monitor: asks how far the stages before one's own have come.
//!
//! While the intake lags, the windows must not go by the clock, or decisions that it has
//! yet to read would count as missing. And no decision may be judged before the windows
//! have handed on everything that belongs before it. The monitor asks the brokers for
//! positions and ends, so that it does not matter which process runs which worker.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, config::ClientConfig};

use super::forwards::Forwards;
use super::hanging::Hanging;
use super::lag_gate::LagGate;
use super::layout::Layout;
use super::look::{Look, ReachedTime, Seen, TopicPartition, ends_of, forwards};
use super::signals::Signals;
use super::stage_progress::StageProgress;
use super::watermark::Watermark;
use crate::runtime::clock;
use crate::runtime::kafka::client::config::{base, group};
use crate::runtime::kafka::client::probe::Probe;
use crate::runtime::kafka::client::topics::{names, windows_inputs};
use crate::runtime::kafka::shared::Shared;
use crate::runtime::stages::Fault;
use crate::time::Span;

const LOOK_EVERY: Span = Span::from_secs(1);
const ANSWER_WITHIN: Span = Span::from_secs(5);

/// Looks until `stop` is set, and shows every group's lag in the metrics.
pub(crate) fn watch(shared: &Shared, signals: &Signals, stop: &AtomicBool) -> Result<(), Fault> {
    let settings = &shared.settings;
    let sources = settings.sources.iter().filter(|source| !source.prekeyed);
    let sources: Vec<String> = sources.map(|source| source.topic.clone()).collect();
    let inputs: Vec<String> =
        windows_inputs(settings).into_iter().map(|input| input.topic).collect();
    let (own, reviews) = (settings.topics.events(), settings.topics.reviews());
    if sources.is_empty() {
        signals.gate_open.store(true, Ordering::Release);
    }
    let ends = Ends::new(shared)?;
    let intake = Group::new(shared, "intake", sources)?;
    let windows = Group::new(shared, "windows", inputs.clone())?;
    let oversight = Group::new(shared, "oversight", vec![reviews.clone()])?;
    let mut gate = LagGate::default();
    let (all, mut layout) = (names(&settings.topics), Layout::default());
    // Longer than brokers take to end a transaction that has timed out.
    let patience = settings.kafka.transaction_timeout + settings.kafka.transaction_timeout;
    let (mut hanging, patience) = (Hanging::default(), patience + Span::from_secs(60));
    let mut waiting = Forwards::default();
    let mut through_intake = StageProgress::default();
    let mut through_windows = StageProgress::default();
    while !stop.load(Ordering::Acquire) {
        ends.keep(&mut layout, &all)?;
        let asked_at = clock::now();
        let of_windows = windows.look(shared);
        let of_intake = match intake.topics.is_empty() {
            true => Some(BTreeMap::new()),
            false => intake.look(shared),
        };
        oversight.look(shared);
        let linked = of_windows.as_ref().filter(|seen| forwards(seen));
        if !intake.topics.is_empty() {
            let uptime = clock::uptime();
            match &of_intake {
                Some(seen) => {
                    // Windows that lag may have yet to forward a decision to another partition.
                    let windows = linked.into_iter().flatten();
                    let before = seen.iter().chain(windows);
                    let before = before.map(|(at, seen)| (at.clone(), *seen)).collect();
                    gate.update(uptime, &before, &signals.gate_open);
                }
                None => gate.unseen(uptime, of_windows.is_some(), &signals.gate_open),
            }
        }
        if let Some(seen) = &of_windows
            && let Some(ends) = ends.look(&inputs)
        {
            tell_hanging(&mut hanging, seen, &ends, patience);
        }
        // In this order: what a stage committed with a time is in its output topics before
        // their ends are asked for.
        let sources_reached = of_intake.and_then(|seen| {
            let reached = through_intake.time(&seen);
            through_intake.look(asked_at, ends_of(&seen));
            reached
        });
        let windows_reached = of_windows.as_ref().and_then(|seen| through_windows.time(seen));
        if let Some(time) = sources_reached
            && let Some(ends) = ends.look(&inputs)
        {
            let passed = match linked {
                Some(seen) => {
                    let passed = waiting.passed(seen, &ends);
                    waiting.add(time, ends);
                    passed
                }
                None => {
                    waiting.clear();
                    Some((time, ends))
                }
            };
            if let Some((time, ends)) = passed {
                signals.events.set(Watermark { time, ends: of_topic(&own, &ends) });
                through_windows.look(time, ends);
            }
        }
        if let Some(time) = windows_reached
            && let Some(ends) = ends.look(std::slice::from_ref(&reviews))
        {
            signals.reviews.set(Watermark { time, ends: of_topic(&reviews, &ends) });
        }
        let until = clock::uptime() + LOOK_EVERY;
        while clock::uptime() < until && !stop.load(Ordering::Acquire) {
            // The clients' own events have to be served, too: tokens that run out.
            for group in [&windows, &intake, &oversight] {
                group.serve();
            }
            ends.serve();
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// Warns of partitions in which a transaction stays open.
fn tell_hanging(
    hanging: &mut Hanging,
    seen: &Look,
    ends: &BTreeMap<TopicPartition, i64>,
    patience: Span,
) {
    let uptime = clock::uptime();
    for (at, seen) in seen {
        let (Some(seen), Some(end)) = (seen, ends.get(at)) else { continue };
        if hanging.look(at, seen.end, *end, uptime, patience) {
            let (topic, partition) = at;
            tracing::warn!(
                topic,
                partition,
                offset = seen.end,
                "nothing after this offset can be read: a transaction has been open for long; \
                 kafka-transactions.sh find-hanging shows it, kafka-transactions.sh abort ends it"
            );
        }
    }
}

fn of_topic(topic: &str, ends: &BTreeMap<TopicPartition, i64>) -> BTreeMap<i32, i64> {
    let of_topic = ends.iter().filter(|((name, _), _)| name == topic);
    of_topic.map(|((_, partition), end)| (*partition, *end)).collect()
}

/// A stage's group and what it reads.
struct Group {
    client: BaseConsumer<Probe>,
    topics: Vec<String>,
    /// Partitions that could not be asked the last time.
    mute: RefCell<BTreeSet<TopicPartition>>,
}

impl Group {
    fn new(shared: &Shared, stage: &str, topics: Vec<String>) -> Result<Group, Fault> {
        let settings = &shared.settings;
        let mut config: ClientConfig = base(&settings.kafka);
        config
            .set("group.id", group(&settings.kafka, stage))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false");
        let client: BaseConsumer<Probe> = config
            .create_with_context(Probe::new(&shared.tokens))
            .map_err(|error| Fault::of("watching the groups", &error))?;
        Ok(Group { client, topics, mute: RefCell::default() })
    }

    fn serve(&self) {
        let _ = self.client.poll(Duration::ZERO);
    }

    /// Positions and ends; `None` when they cannot be had now.
    fn look(&self, shared: &Shared) -> Option<Look> {
        self.serve();
        match look(&self.client, &self.topics) {
            Ok(seen) => {
                let mut mute = BTreeSet::new();
                for (at, seen) in &seen {
                    let (topic, partition) = at;
                    let Some(seen) = seen else {
                        mute.insert(at.clone());
                        continue;
                    };
                    let lag = seen.end - seen.committed.max(seen.low);
                    shared.stages.pipeline.lag(topic, *partition, u64::try_from(lag).unwrap_or(0));
                }
                for (topic, partition) in mute.difference(&self.mute.borrow()) {
                    tracing::warn!(
                        topic,
                        partition,
                        "nobody answers for this partition; its progress is unknown"
                    );
                }
                self.mute.replace(mute);
                Some(seen)
            }
            Err(error) => {
                tracing::debug!("watching the groups: {error}");
                None
            }
        }
    }
}

/// Where topics end, open transactions included.
struct Ends {
    client: BaseConsumer<Probe>,
}

impl Ends {
    fn new(shared: &Shared) -> Result<Ends, Fault> {
        let mut config: ClientConfig = base(&shared.settings.kafka);
        config.set("isolation.level", "read_uncommitted");
        let client: BaseConsumer<Probe> = config
            .create_with_context(Probe::new(&shared.tokens))
            .map_err(|error| Fault::of("watching the topics", &error))?;
        Ok(Ends { client })
    }

    fn serve(&self) {
        let _ = self.client.poll(Duration::ZERO);
    }

    /// Compares the partitions of our own topics with those that they had.
    fn keep(&self, layout: &mut Layout, topics: &[String]) -> Result<(), Fault> {
        for topic in topics {
            match self.client.fetch_metadata(Some(topic), ANSWER_WITHIN.to_std()) {
                Ok(metadata) => {
                    let found = metadata.topics().iter().find(|found| found.name() == topic);
                    let now = found.map_or(0, |found| found.partitions().len());
                    layout.look(clock::uptime(), topic, now)?;
                }
                Err(error) => {
                    // The others would not be answered either.
                    tracing::debug!(topic, "asking for its partitions: {error}");
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// `None` when they cannot be had now.
    fn look(&self, topics: &[String]) -> Option<BTreeMap<TopicPartition, i64>> {
        self.serve();
        let found = partitions(&self.client, topics).map(|all| {
            let mut asker = Asker::new(&self.client);
            // A watermark that lacks a partition would never count there.
            let ends = all.into_iter().map(|(at, leader)| {
                let (_, end) = asker.bounds(&at, leader)?;
                Some((at, end))
            });
            ends.collect()
        });
        found.unwrap_or_else(|error| {
            tracing::debug!("watching the topics: {error}");
            None
        })
    }
}

/// Asks brokers for the bounds of partitions. A broker that has not answered is not asked
/// again, so that a look takes no longer than a few answers may.
struct Asker<'c> {
    client: &'c BaseConsumer<Probe>,
    silent: BTreeSet<i32>,
}

impl<'c> Asker<'c> {
    fn new(client: &'c BaseConsumer<Probe>) -> Asker<'c> {
        Asker { client, silent: BTreeSet::new() }
    }

    /// The first and the next offset; `None` when nobody answers.
    fn bounds(&mut self, (topic, partition): &TopicPartition, leader: i32) -> Option<(i64, i64)> {
        if leader < 0 || self.silent.contains(&leader) {
            return None;
        }
        let timeout = ANSWER_WITHIN.to_std();
        match self.client.fetch_watermarks(topic, *partition, timeout) {
            Ok(found) => Some(found),
            Err(error) => {
                tracing::debug!(topic, partition, leader, "asking for its end: {error}");
                self.silent.insert(leader);
                None
            }
        }
    }
}

/// All partitions of the topics and their leaders, -1 where there is none.
fn partitions(
    client: &BaseConsumer<Probe>,
    topics: &[String],
) -> KafkaResult<Vec<(TopicPartition, i32)>> {
    let timeout = ANSWER_WITHIN.to_std();
    let mut found = Vec::new();
    for topic in topics {
        let metadata = client.fetch_metadata(Some(topic), timeout)?;
        for topic in metadata.topics() {
            found.extend(
                topic.partitions().iter().map(|partition| {
                    ((topic.name().to_owned(), partition.id()), partition.leader())
                }),
            );
        }
    }
    Ok(found)
}

fn look(client: &BaseConsumer<Probe>, topics: &[String]) -> KafkaResult<Look> {
    let timeout = ANSWER_WITHIN.to_std();
    let mut list = TopicPartitionList::new();
    let leaders: BTreeMap<TopicPartition, i32> = partitions(client, topics)?.into_iter().collect();
    for (topic, partition) in leaders.keys() {
        list.add_partition(topic, *partition);
    }
    let mut look = Look::new();
    let mut asker = Asker::new(client);
    for element in client.committed_offsets(list, timeout)?.elements() {
        let at = (element.topic().to_owned(), element.partition());
        let leader = leaders.get(&at).copied().unwrap_or(-1);
        let seen = asker.bounds(&at, leader).map(|(low, end)| {
            let committed = match element.offset() {
                Offset::Offset(offset) => offset,
                _ => low,
            };
            let (reached, linked) = ReachedTime::read(element.metadata());
            Seen { low, end, committed, reached, linked }
        });
        look.insert(at, seen);
    }
    Ok(look)
}
