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
    /// How far the sources have come in our own events.
    pub(super) events: Arc<Watermark>,
    /// How far the windows have come in the reviews.
    pub(super) reviews: Arc<Watermark>,
}

/// Looks until `stop` is set, and tells every group's lag on the way.
pub(super) fn watch(shared: &Shared, told: &Told, stop: &AtomicBool) -> Result<(), Fault> {
    let settings = &shared.settings;
    let sources = settings.sources.iter().filter(|source| !source.prekeyed);
    let sources: Vec<String> = sources.map(|source| source.topic.clone()).collect();
    let inputs: Vec<String> =
        windows_inputs(settings).into_iter().map(|input| input.topic).collect();
    let (own, reviews) = (settings.topics.events(), settings.topics.reviews());
    if sources.is_empty() {
        told.caught_up.store(true, Ordering::Release);
    }
    let ends = Ends::new(shared)?;
    let intake = Group::new(shared, "intake", sources)?;
    let windows = Group::new(shared, "windows", inputs.clone())?;
    let oversight = Group::new(shared, "oversight", vec![reviews.clone()])?;
    let mut backlog = Backlog::default();
    let mut taken_in = Progress::default();
    let mut handed_on = Progress::default();
    while !stop.load(Ordering::Acquire) {
        let asked_at = clock::now();
        let of_windows = windows.look(shared);
        let of_intake = match intake.topics.is_empty() {
            true => Some(BTreeMap::new()),
            false => intake.look(shared),
        };
        oversight.look(shared);
        // Each in this order: what was committed with a time is in the topics behind it
        // before their ends are asked for.
        let come = of_intake.and_then(|seen| {
            let come = taken_in.time(&seen);
            let ends = seen.iter().map(|(place, seen)| (place.clone(), seen.end)).collect();
            taken_in.look(asked_at, ends);
            if !intake.topics.is_empty() {
                backlog.update(seen, &told.caught_up);
            }
            come
        });
        let gone = of_windows.and_then(|seen| handed_on.time(&seen));
        if let Some(time) = come
            && let Some(ends) = ends.look(&inputs)
        {
            told.events.set(Mark { time, ends: of_topic(&own, &ends) });
            handed_on.look(time, ends);
        }
        if let Some(time) = gone
            && let Some(ends) = ends.look(std::slice::from_ref(&reviews))
        {
            told.reviews.set(Mark { time, ends: of_topic(&reviews, &ends) });
        }
        let until = clock::uptime() + LOOK_EVERY;
        while clock::uptime() < until && !stop.load(Ordering::Acquire) {
            // Their own events have to be served, too: tokens that run out.
            for group in [&windows, &intake, &oversight] {
                group.serve();
            }
            ends.serve();
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
    Ok(())
}

fn of_topic(topic: &str, ends: &BTreeMap<Place, i64>) -> BTreeMap<i32, i64> {
    let of_topic = ends.iter().filter(|((name, _), _)| name == topic);
    of_topic.map(|((_, partition), end)| (*partition, *end)).collect()
}

/// How far a stage has come in what is before it, from one look to the next.
#[derive(Debug, Default)]
struct Progress {
    /// The time that whatever is before it had come to, and where its topics ended then.
    before: Option<(Timestamp, BTreeMap<Place, i64>)>,
}

impl Progress {
    /// Notes that everything up to `time` lies before `ends`.
    fn look(&mut self, time: Timestamp, ends: BTreeMap<Place, i64>) {
        self.before = Some((time, ends));
    }

    /// The time up to which everything has gone through the stage: that of the slowest
    /// partition. One that has gone past what it had before it has come as far as that;
    /// of another, its positions say how far.
    fn time(&self, seen: &BTreeMap<Place, Seen>) -> Option<Timestamp> {
        let (before, ends) = self.before.as_ref()?;
        let of_place = |(place, seen): (&Place, &Seen)| {
            let end = ends.get(place).copied().unwrap_or(i64::MAX);
            let through = seen.low >= end || seen.committed >= end;
            if through { Some(*before) } else { seen.time }
        };
        // Not to know one of them is not to know the time. And what is before the stage
        // bounds it, whatever clock the stage goes by.
        let slowest = seen.iter().map(of_place).min().unwrap_or(Some(*before));
        slowest.map(|slowest| slowest.min(*before))
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
        if !behind || self.committed != committed || self.moved_at.is_none() {
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

#[derive(Clone, Copy, Debug)]
struct Seen {
    low: i64,
    end: i64,
    committed: i64,
    /// The time that the partition had come to with that.
    time: Option<Timestamp>,
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
        let _ = self.client.poll(std::time::Duration::ZERO);
    }

    /// `None` when they cannot be had now.
    fn look(&self, topics: &[String]) -> Option<BTreeMap<Place, i64>> {
        self.serve();
        let timeout = producer::duration(ANSWER_WITHIN);
        let end = |place: Place| {
            let (_, end) = self.client.fetch_watermarks(&place.0, place.1, timeout)?;
            Ok((place, end))
        };
        let found = places(&self.client, topics).and_then(|all| all.into_iter().map(end).collect());
        found.map_err(|error| tracing::debug!("watching the topics: {error}")).ok()
    }
}

/// All partitions of the topics.
fn places(client: &BaseConsumer<Probe>, topics: &[String]) -> KafkaResult<Vec<Place>> {
    let timeout = producer::duration(ANSWER_WITHIN);
    let mut places = Vec::new();
    for topic in topics {
        let metadata = client.fetch_metadata(Some(topic), timeout)?;
        for topic in metadata.topics() {
            let of_topic = topic.partitions().iter();
            places.extend(of_topic.map(|partition| (topic.name().to_owned(), partition.id())));
        }
    }
    Ok(places)
}

fn look(client: &BaseConsumer<Probe>, topics: &[String]) -> KafkaResult<BTreeMap<Place, Seen>> {
    let timeout = producer::duration(ANSWER_WITHIN);
    let mut list = TopicPartitionList::new();
    for (topic, partition) in places(client, topics)? {
        list.add_partition(&topic, partition);
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

    fn after(time: i64, ends: [i64; 2]) -> Progress {
        let ends = (0..).map(|number| ("events".to_owned(), number)).zip(ends).collect();
        Progress { before: Some((t(time), ends)) }
    }

    #[test]
    fn it_is_the_time_of_the_last_look_where_that_is_through() {
        let first = seen([(5, 5, None), (0, 0, None)]);
        assert_eq!(Progress::default().time(&first), None, "nothing to go by yet");
        // What came since may still be on its way; what was there then is through.
        assert_eq!(after(100, [5, 0]).time(&seen([(5, 9, None), (0, 3, None)])), Some(t(100)));
        // A partition without any records is through.
        assert_eq!(after(100, [5, 0]).time(&seen([(5, 5, None), (0, 0, None)])), Some(t(100)));
    }

    #[test]
    fn in_a_backlog_it_is_the_time_of_the_slowest() {
        let time = |partitions| after(90, [9, 3]).time(&seen(partitions));
        assert_eq!(time([(5, 9, Some(60)), (2, 3, Some(40))]), Some(t(40)));
        // An old time of a partition that has nothing left to read holds nothing back.
        assert_eq!(time([(5, 9, Some(60)), (3, 3, Some(1))]), Some(t(60)));
        assert_eq!(time([(5, 9, None), (3, 3, Some(80))]), None, "one is not known");
        // A stage that goes by the clock has still got no further than what is before it.
        assert_eq!(time([(5, 9, Some(800)), (3, 3, Some(800))]), Some(t(90)));
    }
}
