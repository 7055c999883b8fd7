//! Whether anything is held back before the windows: a backlog of the intake.
//!
//! While there is one, the present must not pass for the windows, or decisions
//! that wait in the backlog would count as missing. Positions and ends are asked
//! of the brokers, so that it does not matter which process does the intake.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, config::ClientConfig};

use super::client::base;
use super::error::Fault;
use super::probe::Probe;
use super::setup::group;
use super::topics::windows_inputs;
use super::{Shared, producer};
use crate::runtime::clock;
use crate::time::Span;

const LOOK_EVERY: Span = Span::from_secs(1);
/// Looks in a row without a backlog that end one.
const LOOKS_CLEAR: u32 = 2;
const ANSWER_WITHIN: Span = Span::from_secs(5);
/// An intake that does not move for this long holds the present back no longer:
/// alerts that may be wrong are better than none, and the lag is told.
const STUCK_AFTER: Span = Span::from_secs(60);

type Place = (String, i32);

/// Looks until `stop` is set, and tells every group's lag on the way.
pub(super) fn watch(
    shared: &Shared,
    caught_up: &AtomicBool,
    stop: &AtomicBool,
) -> Result<(), Fault> {
    let settings = &shared.settings;
    let sources = settings.sources.iter().filter(|source| !source.prekeyed);
    let intake: Vec<String> = sources.map(|source| source.topic.clone()).collect();
    let inputs = windows_inputs(settings).into_iter().map(|input| input.topic).collect();
    let windows = Group::new(shared, "windows", inputs)?;
    if intake.is_empty() {
        caught_up.store(true, Ordering::Release);
    }
    let intake = Group::new(shared, "intake", intake)?;
    let mut backlog = Backlog::default();
    while !stop.load(Ordering::Acquire) {
        windows.look(shared);
        if !intake.topics.is_empty()
            && let Some(seen) = intake.look(shared)
        {
            backlog.update(seen, caught_up);
        }
        let until = clock::uptime() + LOOK_EVERY;
        while clock::uptime() < until && !stop.load(Ordering::Acquire) {
            // Their own events have to be served, too: tokens that run out.
            windows.serve();
            intake.serve();
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
    Ok(())
}

/// What was seen of the intake so far.
#[derive(Debug, Default)]
struct Backlog {
    ends: BTreeMap<Place, i64>,
    committed: BTreeMap<Place, i64>,
    moved_at: Option<Span>,
    /// Looks in a row without a backlog.
    clear: u32,
}

impl Backlog {
    fn update(&mut self, seen: BTreeMap<Place, Seen>, caught_up: &AtomicBool) {
        let uptime = clock::uptime();
        let behind = seen.iter().any(|(place, seen)| {
            // What came since the last look may still be on its way.
            let end = self.ends.get(place).copied().unwrap_or(seen.end);
            seen.low < end && seen.committed < end
        });
        let committed = seen.iter().map(|(place, seen)| (place.clone(), seen.committed)).collect();
        if self.committed != committed || self.moved_at.is_none() {
            self.committed = committed;
            self.moved_at = Some(uptime);
        }
        let stuck = self.moved_at.is_some_and(|moved| uptime > moved + STUCK_AFTER);
        if behind && stuck && !caught_up.load(Ordering::Acquire) {
            tracing::warn!("the intake has a backlog and does not move; windows go by the clock");
        }
        self.clear = if behind { 0 } else { self.clear + 1 };
        // Once more than needed: what was committed last has yet to be read.
        caught_up.store(self.clear >= LOOKS_CLEAR || stuck, Ordering::Release);
        self.ends = seen.into_iter().map(|(place, seen)| (place, seen.end)).collect();
    }
}

/// A stage's group and what it reads.
struct Group {
    client: BaseConsumer<Probe>,
    topics: Vec<String>,
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
        Ok(Group { client, topics })
    }

    fn serve(&self) {
        let _ = self.client.poll(std::time::Duration::ZERO);
    }

    /// Positions and ends; `None` when they cannot be had now.
    fn look(&self, shared: &Shared) -> Option<BTreeMap<Place, Seen>> {
        self.serve();
        match look(&self.client, &self.topics) {
            Ok(seen) => {
                for ((topic, partition), seen) in &seen {
                    let lag = seen.end - seen.committed.max(seen.low);
                    shared.pipeline.lag(topic, *partition, u64::try_from(lag).unwrap_or(0));
                }
                Some(seen)
            }
            Err(error) => {
                tracing::debug!("watching the groups: {error}");
                None
            }
        }
    }
}

struct Seen {
    low: i64,
    end: i64,
    committed: i64,
}

fn look(client: &BaseConsumer<Probe>, topics: &[String]) -> KafkaResult<BTreeMap<Place, Seen>> {
    let timeout = producer::duration(ANSWER_WITHIN);
    let mut list = TopicPartitionList::new();
    for topic in topics {
        let metadata = client.fetch_metadata(Some(topic), timeout)?;
        for topic in metadata.topics() {
            for partition in topic.partitions() {
                list.add_partition(topic.name(), partition.id());
            }
        }
    }
    let mut seen = BTreeMap::new();
    for element in client.committed_offsets(list, timeout)?.elements() {
        let (low, end) = client.fetch_watermarks(element.topic(), element.partition(), timeout)?;
        let committed = match element.offset() {
            Offset::Offset(offset) => offset,
            _ => low,
        };
        seen.insert(
            (element.topic().to_owned(), element.partition()),
            Seen { low, end, committed },
        );
    }
    Ok(seen)
}
