//! The partitions that a worker reads: how far it is, and whether that is the end.
//!
//! Invariants: a position is the next offset to be read and comes from the records that
//! were taken, never from the client. A partition that is not ready yields no records. It
//! counts as caught up from the moment its end is seen until records have kept coming for
//! a while without another end. An end is seen when a fetch brings nothing, or when everything
//! that was fetched is taken and the client's statistics say that it was all there was.

use std::collections::BTreeMap;

use rdkafka::{Offset, TopicPartitionList};

use crate::runtime::kafka::progress::look::ReachedTime;
use crate::runtime::stages::Fault;
use crate::runtime::stages::OWN_EVENTS;
use crate::time::{Span, Timestamp};

/// A partition whose records come for longer than this without an end lags.
const BEHIND_AFTER: Span = Span::from_secs(1);

/// The time of a partition that lags is the median of so many records in a row. A single producer
/// whose clock is ahead then lets no deadline pass whose decision has yet to be read.
const BLOCK: usize = 512;

/// One partition of one input.
#[derive(Clone, Debug)]
pub(super) struct Input {
    /// The epoch of the assignment it belongs to.
    pub(super) epoch: u64,
    /// Whether its records are taken.
    pub(super) ready: bool,
    /// The next offset.
    next: i64,
    committed: i64,
    /// Where it began.
    begun_at: i64,
    seen_end: bool,
    /// Since when records come without an end.
    behind_since: Option<Span>,
    /// How far the time of its records has come.
    stream_time: Option<Timestamp>,
    /// The times of the latest records, up to [`BLOCK`] of them.
    block: Vec<Timestamp>,
}

/// All of them, by partition and number of the topic.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    topics: Vec<String>,
    inputs: BTreeMap<(i32, usize), Input>,
}

impl Inputs {
    pub(super) fn new(topics: Vec<String>) -> Inputs {
        Inputs { topics, inputs: BTreeMap::new() }
    }

    pub(super) fn number(&self, topic: &str) -> Option<usize> {
        self.topics.iter().position(|known| known == topic)
    }

    /// Takes on a partition that is not ready yet.
    pub(super) fn add(&mut self, topic: usize, partition: i32, epoch: u64) {
        self.inputs.insert(
            (partition, topic),
            Input {
                epoch,
                ready: false,
                next: 0,
                committed: 0,
                begun_at: 0,
                seen_end: false,
                behind_since: None,
                stream_time: None,
                block: Vec::new(),
            },
        );
    }

    pub(super) fn remove(&mut self, topic: usize, partition: i32) {
        self.inputs.remove(&(partition, topic));
    }

    pub(super) fn get_mut(&mut self, topic: usize, partition: i32) -> Option<&mut Input> {
        self.inputs.get_mut(&(partition, topic))
    }

    /// The topics of which `partition` is held.
    pub(super) fn of(&self, partition: i32) -> impl Iterator<Item = (usize, &Input)> {
        self.inputs
            .range((partition, 0)..=(partition, usize::MAX))
            .map(|((_, topic), input)| (*topic, input))
    }

    /// Whether positions have moved since they were committed.
    pub(super) fn have_moved(&self) -> bool {
        self.inputs.values().any(|input| input.ready && input.next != input.committed)
    }

    /// The positions of everything that is ready, moved or not: they are what makes the
    /// broker refuse the transaction of a worker that has lost its partitions. Each has
    /// what `reached` says of the partition as its metadata, given the time of its records.
    pub(super) fn positions(
        &self,
        reached: impl Fn(i32, Option<Timestamp>) -> (ReachedTime, bool),
    ) -> Result<TopicPartitionList, Fault> {
        let failed = |error| Fault::of("noting positions", &error);
        let mut list = TopicPartitionList::new();
        for ((partition, topic), input) in self.inputs.iter().filter(|(_, input)| input.ready) {
            let mut element = list.add_partition(&self.topics[*topic], *partition);
            element.set_offset(Offset::Offset(input.next)).map_err(failed)?;
            let (reached, linked) = reached(*partition, input.stream_time);
            if let Some(written) = reached.written(linked) {
                element.set_metadata(written);
            }
        }
        Ok(list)
    }

    /// The next offset of the partition's first input, if it is read.
    pub(super) fn next(&self, partition: i32) -> Option<i64> {
        self.inputs.get(&(partition, 0)).filter(|input| input.ready).map(|input| input.next)
    }

    /// Notes that the positions are committed.
    pub(super) fn committed(&mut self) {
        for input in self.inputs.values_mut() {
            input.committed = input.next;
        }
    }

    /// The time of a partition of the windows: the present once all of its inputs are
    /// caught up and the lag gate is open. Else the time of the slowest input that lags.
    /// The time of our own events is how far all sources have come in them (`reached`),
    /// the time of other inputs is how far their records have come.
    pub(super) fn time(
        &self,
        partition: i32,
        gate_open: bool,
        reached: Option<Timestamp>,
        present: Timestamp,
        uptime: Span,
    ) -> Option<Timestamp> {
        let times = self.of(partition).filter_map(|(topic, input)| {
            let behind = !input.caught_up(uptime);
            match topic {
                OWN_EVENTS if behind || !gate_open => Some(reached),
                _ if behind => Some(input.stream_time),
                _ => None,
            }
        });
        // If one of them is unknown, so is the time.
        times.min().unwrap_or(Some(present))
    }

    /// Whether everything that is held is caught up.
    pub(super) fn caught_up(&self, uptime: Span) -> bool {
        self.inputs.values().all(|input| input.ready && input.caught_up(uptime))
    }
}

impl Input {
    /// Begins at `offset`.
    pub(super) fn begin(&mut self, offset: i64) {
        self.ready = true;
        self.next = offset;
        self.committed = offset;
        self.begun_at = offset;
    }

    /// Notes a record. `false` for one that was taken before: librdkafka never hands one
    /// out twice, and if it did, the record would not count.
    pub(super) fn record(&mut self, offset: i64, uptime: Span) -> bool {
        if offset < self.next {
            return false;
        }
        self.next = offset + 1;
        self.behind_since.get_or_insert(uptime);
        true
    }

    /// Notes the end.
    pub(super) fn end(&mut self, offset: i64) {
        self.next = self.next.max(offset);
        self.seen_end = true;
        self.behind_since = None;
    }

    /// Notes that at `uptime` the client had fetched everything up to `next`, which was the end,
    /// and that all of it is taken by now.
    pub(super) fn fetched(&mut self, next: i64, uptime: Span) {
        // Before the first answer since it began, the client knows the end of an earlier time.
        if self.ready && next > self.begun_at {
            self.seen_end = true;
            self.behind_since = self.behind_since.map(|since| since.max(uptime));
        }
    }

    /// Notes the time that a record brings.
    pub(super) fn time(&mut self, time: Timestamp) {
        self.block.push(time);
        if self.block.len() >= BLOCK {
            let (_, median, _) = self.block.select_nth_unstable(BLOCK / 2);
            self.stream_time = self.stream_time.max(Some(*median));
            self.block.clear();
        }
    }

    fn caught_up(&self, uptime: Span) -> bool {
        self.seen_end && self.behind_since.is_none_or(|since| uptime < since + BEHIND_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRESENT: Timestamp = Timestamp::from_millis(1_000_000);

    fn s(s: i64) -> Span {
        Span::from_secs(s)
    }

    fn two() -> Inputs {
        let mut inputs = Inputs::new(vec!["a".to_owned(), "b".to_owned()]);
        for topic in 0..2 {
            inputs.add(topic, 0, 1);
            inputs.get_mut(topic, 0).unwrap().begin(5);
        }
        inputs
    }

    /// As many records of this time as it takes.
    fn bring(input: &mut Input, ms: i64) {
        (0..BLOCK).for_each(|_| input.time(Timestamp::from_millis(ms)));
    }

    fn input(inputs: &mut Inputs, topic: usize) -> &mut Input {
        inputs.get_mut(topic, 0).unwrap()
    }

    #[test]
    fn time_is_that_of_the_slowest_until_all_are_caught_up() {
        let mut inputs = two();
        let t = |ms| Some(Timestamp::from_millis(ms));
        let time = |inputs: &Inputs, reached| inputs.time(0, true, reached, PRESENT, s(0));
        assert_eq!(time(&inputs, None), None, "nothing is known yet");
        input(&mut inputs, 0).record(5, s(0));
        bring(input(&mut inputs, 0), 70);
        assert_eq!(time(&inputs, t(70)), None, "b may bring anything");
        bring(input(&mut inputs, 1), 30);
        assert_eq!(time(&inputs, t(70)), t(30));
        input(&mut inputs, 1).end(9);
        // Its records are further than the slowest source has come in them.
        assert_eq!(time(&inputs, t(40)), t(40));
        assert_eq!(time(&inputs, None), None);
        input(&mut inputs, 0).end(6);
        assert_eq!(time(&inputs, t(40)), Some(PRESENT));
        assert_eq!(inputs.time(0, false, t(40), PRESENT, s(0)), t(40), "the intake is behind");
    }

    #[test]
    fn one_producer_whose_clock_is_ahead_takes_nobody_with_it() {
        let mut inputs = two();
        let slow = input(&mut inputs, 0);
        for number in 0..10 * BLOCK as i64 {
            // Every third record bears the time of a producer that is an hour ahead.
            let ahead = if number % 3 == 0 { 3_600_000 } else { 0 };
            slow.time(Timestamp::from_millis(number + ahead));
        }
        let reached = slow.stream_time.unwrap().as_millis();
        assert!((9 * BLOCK as i64..10 * BLOCK as i64).contains(&reached), "{reached}");
    }

    #[test]
    fn a_trickle_is_no_lag_and_a_stream_without_end_is() {
        let mut inputs = two();
        input(&mut inputs, 0).end(5);
        input(&mut inputs, 1).end(5);
        input(&mut inputs, 0).record(5, s(10));
        assert!(inputs.caught_up(s(10)));
        assert!(!inputs.caught_up(s(11)), "a second without an end");
        input(&mut inputs, 0).end(6);
        assert!(inputs.caught_up(s(100)));
    }

    #[test]
    fn a_stream_whose_end_the_client_knows_is_no_lag() {
        let mut inputs = two();
        input(&mut inputs, 1).end(5);
        let stream = input(&mut inputs, 0);
        stream.record(5, s(10));
        stream.fetched(5, s(10));
        assert!(!stream.caught_up(s(10)), "the end of an earlier time");
        stream.fetched(6, s(10));
        assert!(stream.caught_up(s(10)) && !stream.caught_up(s(11)));
        stream.record(6, s(11));
        stream.fetched(7, s(11));
        assert!(stream.caught_up(s(11)), "it goes on, and nothing is left");
        assert!(!stream.caught_up(s(12)));
        stream.fetched(6, s(10));
        assert!(!stream.caught_up(s(12)), "older news changes nothing");
    }

    #[test]
    fn positions_pass_over_what_is_never_seen() {
        let mut inputs = two();
        assert!(!inputs.have_moved());
        assert!(input(&mut inputs, 0).record(7, s(0)));
        assert!(!input(&mut inputs, 0).record(7, s(0)), "not twice");
        input(&mut inputs, 0).end(12);
        assert!(inputs.have_moved());
        let at_seven = |_, _| (ReachedTime::To(Timestamp::from_millis(7)), true);
        let positions = inputs.positions(at_seven).unwrap();
        let at = |topic| positions.find_partition(topic, 0).unwrap().offset();
        assert_eq!((at("a"), at("b")), (Offset::Offset(12), Offset::Offset(5)));
        let element = positions.find_partition("a", 0).unwrap();
        assert_eq!(ReachedTime::read(element.metadata()), at_seven(0, None));
        inputs.committed();
        assert!(!inputs.have_moved());
        inputs.remove(0, 0);
        inputs.add(0, 0, 2);
        assert_eq!(
            inputs.positions(|_, _| (ReachedTime::Unknown, false)).unwrap().count(),
            1,
            "what is not ready has no position"
        );
    }
}
