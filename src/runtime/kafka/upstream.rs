//! How far the stages before one's own have come.
//!
//! While the intake has a backlog the present must not pass for the windows, or
//! decisions that wait in it would count as missing. And no decision may be judged
//! before the windows have handed on all that belongs before it. Positions and ends
//! are asked of the brokers, so that it does not matter which process does what.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, config::ClientConfig};

use super::backlog::Backlog;
use super::client::base;
use super::error::Fault;
use super::inputs::Come;
use super::probe::Probe;
use super::setup::group;
use super::topics::windows_inputs;
use super::watermark::{Mark, Watermark};
use super::{Shared, producer};
use crate::runtime::clock;
use crate::time::{Span, Timestamp};

const LOOK_EVERY: Span = Span::from_secs(1);
const ANSWER_WITHIN: Span = Span::from_secs(5);

pub(super) type Place = (String, i32);

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
        if !intake.topics.is_empty() {
            let uptime = clock::uptime();
            match &of_intake {
                Some(seen) => backlog.update(uptime, seen, &told.caught_up),
                None => backlog.unseen(uptime, of_windows.is_some(), &told.caught_up),
            }
        }
        // Each in this order: what was committed with a time is in the topics behind it
        // before their ends are asked for.
        let come = of_intake.and_then(|seen| {
            let come = taken_in.time(&seen);
            taken_in.look(asked_at, ends_of(&seen));
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

/// What was seen of each partition; `None` of one that could not be asked.
pub(super) type Look = BTreeMap<Place, Option<Seen>>;

fn ends_of(look: &Look) -> BTreeMap<Place, i64> {
    let known = look.iter().filter_map(|(place, seen)| Some((place.clone(), seen.as_ref()?.end)));
    known.collect()
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
    /// partition. One that has gone past what it had before it has come as far as that,
    /// once it has said what follows; of another, its positions say how far.
    fn time(&self, seen: &Look) -> Option<Timestamp> {
        let (before, ends) = self.before.as_ref()?;
        let of_place = |(place, seen): (&Place, &Option<Seen>)| {
            let seen = seen.as_ref()?;
            let end = ends.get(place).copied().unwrap_or(i64::MAX);
            let through = seen.low >= end || seen.committed >= end;
            match seen.come {
                Come::Unsaid => None,
                _ if through => Some(*before),
                Come::To(time) => Some(time),
                Come::Unknown => None,
            }
        };
        // Not to know one of them is not to know the time. And what is before the stage
        // bounds it, whatever clock the stage goes by.
        let slowest = seen.iter().map(of_place).min().unwrap_or(Some(*before));
        slowest.map(|slowest| slowest.min(*before))
    }
}

/// A stage's group and what it reads.
struct Group {
    client: BaseConsumer<Probe>,
    topics: Vec<String>,
    /// Partitions that could not be asked the last time.
    mute: RefCell<BTreeSet<Place>>,
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
        let _ = self.client.poll(std::time::Duration::ZERO);
    }

    /// Positions and ends; `None` when they cannot be had now.
    fn look(&self, shared: &Shared) -> Option<Look> {
        self.serve();
        match look(&self.client, &self.topics) {
            Ok(seen) => {
                let mut mute = BTreeSet::new();
                for (place, seen) in &seen {
                    let (topic, partition) = place;
                    let Some(seen) = seen else {
                        mute.insert(place.clone());
                        continue;
                    };
                    let lag = seen.end - seen.committed.max(seen.low);
                    shared.pipeline.lag(topic, *partition, u64::try_from(lag).unwrap_or(0));
                }
                for (topic, partition) in mute.difference(&self.mute.borrow()) {
                    tracing::warn!(topic, partition, "a partition cannot be asked how far it is");
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

#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) low: i64,
    pub(super) end: i64,
    pub(super) committed: i64,
    /// How far the partition had come with that.
    pub(super) come: Come,
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
        let found = places(&self.client, topics).map(|all| {
            let mut asker = Asker::new(&self.client);
            // A mark that lacks a partition would never be passed in it.
            let ends = all.into_iter().map(|(place, leader)| {
                let (_, end) = asker.watermarks(&place, leader)?;
                Some((place, end))
            });
            ends.collect()
        });
        found.unwrap_or_else(|error| {
            tracing::debug!("watching the topics: {error}");
            None
        })
    }
}

/// Asks brokers for the bounds of partitions; one that has not answered is not asked
/// again, so that a look takes no longer than a few answers may.
struct Asker<'c> {
    client: &'c BaseConsumer<Probe>,
    silent: BTreeSet<i32>,
}

impl<'c> Asker<'c> {
    fn new(client: &'c BaseConsumer<Probe>) -> Asker<'c> {
        Asker { client, silent: BTreeSet::new() }
    }

    /// The first and the next offset; `None` when there is nobody to tell them.
    fn watermarks(&mut self, (topic, partition): &Place, leader: i32) -> Option<(i64, i64)> {
        if leader < 0 || self.silent.contains(&leader) {
            return None;
        }
        let timeout = producer::duration(ANSWER_WITHIN);
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
fn places(client: &BaseConsumer<Probe>, topics: &[String]) -> KafkaResult<Vec<(Place, i32)>> {
    let timeout = producer::duration(ANSWER_WITHIN);
    let mut places = Vec::new();
    for topic in topics {
        let metadata = client.fetch_metadata(Some(topic), timeout)?;
        for topic in metadata.topics() {
            places.extend(
                topic.partitions().iter().map(|partition| {
                    ((topic.name().to_owned(), partition.id()), partition.leader())
                }),
            );
        }
    }
    Ok(places)
}

fn look(client: &BaseConsumer<Probe>, topics: &[String]) -> KafkaResult<Look> {
    let timeout = producer::duration(ANSWER_WITHIN);
    let mut list = TopicPartitionList::new();
    let leaders: BTreeMap<Place, i32> = places(client, topics)?.into_iter().collect();
    for (topic, partition) in leaders.keys() {
        list.add_partition(topic, *partition);
    }
    let mut look = Look::new();
    let mut asker = Asker::new(client);
    for element in client.committed_offsets(list, timeout)?.elements() {
        let place = (element.topic().to_owned(), element.partition());
        let leader = leaders.get(&place).copied().unwrap_or(-1);
        let seen = asker.watermarks(&place, leader).map(|(low, end)| {
            let committed = match element.offset() {
                Offset::Offset(offset) => offset,
                _ => low,
            };
            Seen { low, end, committed, come: Come::read(element.metadata()) }
        });
        look.insert(place, seen);
    }
    Ok(look)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn t(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    /// Two partitions: how far each is read, to which end, and its time.
    pub(in super::super) fn seen(partitions: [(i64, i64, Option<i64>); 2]) -> Look {
        let place = |number| ("events".to_owned(), number);
        let one = |(committed, end, time): (i64, i64, Option<i64>)| {
            Some(Seen { low: 0, end, committed, come: time.map(t).into() })
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

    /// As [`seen`], but nothing is known of the second.
    pub(in super::super) fn half_seen(first: (i64, i64, Option<i64>)) -> Look {
        let mut look = seen([first, (0, 0, None)]);
        look.insert(("events".to_owned(), 1), None);
        look
    }

    #[test]
    fn a_partition_is_not_through_before_it_has_said_what_follows() {
        let mut look = seen([(9, 9, Some(80)), (3, 3, None)]);
        assert_eq!(after(90, [9, 3]).time(&look), Some(t(90)));
        look.values_mut().flatten().last().unwrap().come = Come::Unsaid;
        assert_eq!(after(90, [9, 3]).time(&look), None);
    }

    #[test]
    fn a_partition_that_cannot_be_asked_leaves_the_time_unknown() {
        assert_eq!(after(90, [9, 3]).time(&half_seen((9, 9, Some(80)))), None);
        assert_eq!(ends_of(&half_seen((2, 9, None))).len(), 1);
    }
}
