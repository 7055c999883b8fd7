//! How far the stages before one's own have come.
//!
//! While the intake has a backlog the present must not pass for the windows, or
//! decisions that wait in it would count as missing. And no decision may be judged
//! before the windows have handed on all that belongs before it. Positions and ends
//! are asked of the brokers, so that it does not matter which process does what.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, config::ClientConfig};

use super::client::base;
use super::error::Fault;
use super::inputs::time_of;
use super::probe::Probe;
use super::setup::group;
use super::topics::windows_inputs;
use super::watermark::{Mark, Watermark};
use super::{Shared, producer};
use crate::runtime::clock;
use crate::time::{Span, Timestamp};

const LOOK_EVERY: Span = Span::from_secs(1);
/// Looks in a row without a backlog that end one.
const LOOKS_CLEAR: u32 = 2;
const ANSWER_WITHIN: Span = Span::from_secs(5);
/// An intake that does not move for this long holds the present back no longer:
/// alerts that may be wrong are better than none, and the lag is told.
const STUCK_AFTER: Span = Span::from_secs(60);

type Place = (String, i32);

/// What the workers of this process are told.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Nothing is held back before the windows.
    pub(super) caught_up: Arc<AtomicBool>,
    /// How far the windows have come.
    pub(super) watermark: Arc<Watermark>,
}

/// Looks until `stop` is set, and tells every group's lag on the way.
pub(super) fn watch(shared: &Shared, told: &Told, stop: &AtomicBool) -> Result<(), Fault> {
    let settings = &shared.settings;
    let sources = settings.sources.iter().filter(|source| !source.prekeyed);
    let intake: Vec<String> = sources.map(|source| source.topic.clone()).collect();
    let inputs = windows_inputs(settings).into_iter().map(|input| input.topic).collect();
    let windows = Group::new(shared, "windows", inputs)?;
    if intake.is_empty() {
        told.caught_up.store(true, Ordering::Release);
    }
    let intake = Group::new(shared, "intake", intake)?;
    let oversight = Group::new(shared, "oversight", vec![settings.topics.reviews()])?;
    let reviews = End::new(shared)?;
    let mut backlog = Backlog::default();
    let mut progress = Progress::default();
    while !stop.load(Ordering::Acquire) {
        let asked_at = clock::now();
        let seen = windows.look(shared);
        oversight.look(shared);
        if !intake.topics.is_empty()
            && let Some(seen) = intake.look(shared)
        {
            backlog.update(seen, &told.caught_up);
        }
        let held_back = if intake.topics.is_empty() || backlog.is_clear() {
            HeldBack::Nothing
        } else if backlog.stuck {
            HeldBack::Stuck
        } else {
            HeldBack::Some
        };
        // In this order: whatever was committed with the time is in the topic by now.
        if let Some(time) = seen.and_then(|seen| progress.time(asked_at, seen, held_back))
            && let Some(ends) = reviews.look()
        {
            told.watermark.set(Mark { time, ends });
        }
        let until = clock::uptime() + LOOK_EVERY;
        while clock::uptime() < until && !stop.load(Ordering::Acquire) {
            // Their own events have to be served, too: tokens that run out.
            for group in [&windows, &intake, &oversight] {
                group.serve();
            }
            reviews.serve();
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
    Ok(())
}

/// What is held back before the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeldBack {
    Nothing,
    /// A backlog that is being worked off.
    Some,
    /// One that does not move.
    Stuck,
}

/// How far the windows have come, from one look to the next.
#[derive(Debug, Default)]
struct Progress {
    /// When it was last looked, and where the topics ended then.
    before: Option<(Timestamp, BTreeMap<Place, i64>)>,
    /// Whether the windows went by the clock although something was held back, so
    /// that their time says nothing until that has come.
    ahead: bool,
}

impl Progress {
    /// The time up to which all decisions have been handed on: the last look, where
    /// everything of it has gone through since; in a backlog the time of the
    /// slowest partition.
    fn time(
        &mut self,
        asked_at: Timestamp,
        seen: BTreeMap<Place, Seen>,
        held_back: HeldBack,
    ) -> Option<Timestamp> {
        let nothing_held_back = held_back == HeldBack::Nothing;
        self.ahead = !nothing_held_back && (self.ahead || held_back == HeldBack::Stuck);
        let through = |(at, ends): &(Timestamp, BTreeMap<Place, i64>)| {
            let done = |(place, seen): (&Place, &Seen)| {
                let end = ends.get(place).copied().unwrap_or(i64::MAX);
                seen.low >= end || seen.committed >= end
            };
            (nothing_held_back && seen.iter().all(done)).then_some(*at)
        };
        let ahead = self.ahead;
        let slowest = || {
            if ahead {
                return None;
            }
            let times: Option<Vec<Timestamp>> = seen.values().map(|seen| seen.time).collect();
            times?.into_iter().min()
        };
        let time = self.before.as_ref().and_then(through).or_else(slowest);
        let ends = seen.into_iter().map(|(place, seen)| (place, seen.end)).collect();
        self.before = Some((asked_at, ends));
        time
    }
}

/// What was seen of the intake so far.
#[derive(Debug, Default)]
struct Backlog {
    ends: BTreeMap<Place, i64>,
    committed: BTreeMap<Place, i64>,
    moved_at: Option<Span>,
    /// Looks in a row without a backlog.
    clear: u32,
    /// Whether there is one that does not move.
    stuck: bool,
}

impl Backlog {
    fn is_clear(&self) -> bool {
        self.clear >= LOOKS_CLEAR
    }

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
        self.stuck = behind && stuck;
        if self.stuck && !caught_up.load(Ordering::Acquire) {
            tracing::warn!("the intake has a backlog and does not move; windows go by the clock");
        }
        self.clear = if behind { 0 } else { self.clear + 1 };
        // Once more than needed: what was committed last has yet to be read.
        caught_up.store(self.is_clear() || stuck, Ordering::Release);
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

#[derive(Clone, Copy, Debug)]
struct Seen {
    low: i64,
    end: i64,
    committed: i64,
    /// The time that the partition had come to with that.
    time: Option<Timestamp>,
}

/// The end of the reviews, open transactions included.
struct End {
    client: BaseConsumer<Probe>,
    topic: String,
}

impl End {
    fn new(shared: &Shared) -> Result<End, Fault> {
        let mut config: ClientConfig = base(&shared.settings.kafka);
        config.set("isolation.level", "read_uncommitted");
        let client: BaseConsumer<Probe> = config
            .create_with_context(Probe::new(&shared.tokens))
            .map_err(|error| Fault::of("watching the reviews", &error))?;
        Ok(End { client, topic: shared.settings.topics.reviews() })
    }

    fn serve(&self) {
        let _ = self.client.poll(std::time::Duration::ZERO);
    }

    /// `None` when it cannot be had now.
    fn look(&self) -> Option<BTreeMap<i32, i64>> {
        self.serve();
        let timeout = producer::duration(ANSWER_WITHIN);
        match self.client.fetch_watermarks(&self.topic, 0, timeout) {
            Ok((_, end)) => Some(BTreeMap::from([(0, end)])),
            Err(error) => {
                tracing::debug!("watching the reviews: {error}");
                None
            }
        }
    }
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
            Seen { low, end, committed, time: time_of(element.metadata()) },
        );
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    /// Two partitions: how far each is read, to which end, and its time.
    fn seen(partitions: [(i64, i64, Option<i64>); 2]) -> BTreeMap<Place, Seen> {
        let place = |number| ("events".to_owned(), number);
        let one = |(committed, end, time): (i64, i64, Option<i64>)| Seen {
            low: 0,
            end,
            committed,
            time: time.map(t),
        };
        (0..).map(place).zip(partitions.map(one)).collect()
    }

    #[test]
    fn without_a_backlog_it_is_the_time_of_the_last_look() {
        let mut progress = Progress::default();
        let mut look = |at, partitions| progress.time(t(at), seen(partitions), HeldBack::Nothing);
        assert_eq!(look(100, [(5, 5, None), (0, 0, None)]), None, "nothing to go by yet");
        // What came since may still be on its way; what was there then is through.
        assert_eq!(look(200, [(5, 9, None), (0, 3, None)]), Some(t(100)));
        assert_eq!(look(300, [(9, 20, Some(7)), (2, 3, Some(8))]), Some(t(7)), "one is behind");
        assert_eq!(look(400, [(20, 20, Some(7)), (3, 3, Some(8))]), Some(t(300)));
    }

    #[test]
    fn in_a_backlog_it_is_the_time_of_the_slowest() {
        let mut progress = Progress::default();
        let mut look = |held_back, partitions| progress.time(t(900), seen(partitions), held_back);
        assert_eq!(look(HeldBack::Some, [(5, 9, Some(60)), (3, 3, Some(40))]), Some(t(40)));
        assert_eq!(look(HeldBack::Some, [(9, 9, Some(70)), (3, 3, None)]), None);
        assert_eq!(look(HeldBack::Some, [(9, 9, Some(70)), (3, 3, Some(80))]), Some(t(70)));
        // The windows go by the clock then, which says nothing of what is held back.
        assert_eq!(look(HeldBack::Stuck, [(9, 9, Some(800)), (3, 3, Some(800))]), None);
        assert_eq!(look(HeldBack::Some, [(9, 9, Some(800)), (3, 3, Some(800))]), None);
        let through = look(HeldBack::Nothing, [(9, 9, Some(800)), (3, 3, Some(800))]);
        assert_eq!(through, Some(t(900)));
    }
}
