//! Follows a topic: reads it to its end, then every record that comes, until it is
//! stopped. After any error it starts again where it was.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tracing::warn;

use super::error::TailError;
use super::reader::{Polled, Reader};
use super::record::Record;
use super::topic::Topic;
use crate::runtime::clock;
use crate::runtime::read_progress::ReadProgress;
use crate::time::{Span, Timestamp};

/// The longest wait for records, and so how soon a stop is seen.
const POLL: Span = Span::from_millis(100);
/// How long the broker may take to answer a question.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long to wait before starting again.
const REST: Span = Span::from_secs(2);
/// How often to ask the broker where the topic ends.
const CHECK_ENDS_EVERY: Span = Span::from_secs(5);
/// Records that are read between two calls of [`Follower::tick`] at most.
const BATCH: usize = 1_000;

/// Gets the records of a topic.
pub(in crate::runtime) trait Follower {
    /// The next record of its partition.
    fn record(&mut self, record: &Record<'_>);

    /// Every partition was read to the end that it had at first.
    fn caught_up(&mut self);

    /// The topic is read from the beginning again: what came before no longer holds.
    fn restart(&mut self);

    /// Called after each batch, and at least ten times a second, also while nothing
    /// can be read. Returns how long to wait for records at most.
    fn tick(&mut self) -> Option<Span> {
        None
    }

    /// How far the topic has been read.
    fn progress<T>(&mut self, with: impl FnOnce(&mut ReadProgress) -> T) -> T;
}

/// How a topic is followed.
pub(in crate::runtime) struct Follow<'f> {
    pub(in crate::runtime) topic: &'f Topic,
    /// What for: a word for brokers and the log.
    pub(in crate::runtime) purpose: &'static str,
    /// Whether to ask regularly where the topic ends, for [`ReadProgress::lag_records`].
    /// The broker's answers delay [`Follower::tick`].
    pub(in crate::runtime) check_ends: bool,
    pub(in crate::runtime) now: fn() -> Timestamp,
    /// Ends reading when set.
    pub(in crate::runtime) stop: &'f AtomicBool,
}

impl Follow<'_> {
    /// Reads until it is stopped.
    pub(in crate::runtime) fn run(&self, follower: &mut impl Follower) {
        while !self.stopped() {
            let Err(why) = self.read(follower) else { return };
            if matches!(why, TailError::PositionGone) {
                follower.restart();
                follower.progress(ReadProgress::restart);
            }
            warn!(topic = self.topic.name, "the {} starts reading again: {why}", self.purpose);
            follower.progress(|progress| progress.set_trouble(Some(why.to_string())));
            let until = clock::uptime() + REST;
            while clock::uptime() < until && !self.stopped() {
                follower.tick();
                thread::sleep(POLL.to_std());
            }
        }
    }

    /// Reads until it is stopped, or has to start again.
    fn read(&self, follower: &mut impl Follower) -> Result<(), TailError> {
        let reader = Reader::open(self.topic, self.purpose, ANSWER_WITHIN)?;
        self.assign(&reader, follower)?;
        let mut checked_at: Option<Timestamp> = None;
        while !self.stopped() {
            let mut wait = follower.tick().map_or(POLL, |wait| wait.min(POLL));
            for _ in 0..BATCH {
                match reader.poll(wait.to_std())? {
                    Polled::Nothing => break,
                    Polled::Record(message) => {
                        let record = Record::from(&message);
                        follower.record(&record);
                        let (partition, offset) = (record.partition, record.offset);
                        advance(follower, |progress| progress.read(partition, offset));
                    }
                    Polled::End(partition) => advance(follower, |progress| {
                        progress.reached_end(partition);
                        progress.set_trouble(None);
                    }),
                    Polled::Trouble(error) => {
                        follower.progress(|progress| progress.set_trouble(Some(error.to_string())));
                        thread::sleep(Duration::from_millis(50));
                        break;
                    }
                }
                wait = Span::ZERO;
            }
            let now = (self.now)();
            if self.check_ends
                && checked_at.is_none_or(|checked| now.since(checked) >= CHECK_ENDS_EVERY)
            {
                checked_at = Some(now);
                self.check_ends(&reader, follower);
            }
        }
        Ok(())
    }

    /// Assigns every partition from where it was read to, or else from its beginning.
    fn assign(&self, reader: &Reader<'_>, follower: &mut impl Follower) -> Result<(), TailError> {
        let mut assigned = Vec::new();
        for (partition, low, end) in reader.partitions()? {
            let position = follower.progress(|progress| progress.position(partition));
            let position = position.unwrap_or(low);
            if position < low {
                return Err(TailError::PositionGone);
            }
            assigned.push((partition, position, end));
        }
        reader.assign(assigned.iter().map(|(partition, position, _)| (*partition, *position)))?;
        advance(follower, |progress| {
            progress.assigned(assigned);
            progress.set_trouble(None);
        });
        Ok(())
    }

    fn check_ends(&self, reader: &Reader<'_>, follower: &mut impl Follower) {
        let mut trouble = None;
        for partition in follower.progress(|progress| progress.partitions()) {
            match reader.bounds(partition) {
                Ok((_, end)) => {
                    let now = (self.now)();
                    follower.progress(|progress| progress.heard_of_end(partition, end, now));
                }
                Err(error) => {
                    trouble = Some(format!("the topic's end is not known: {error}"));
                    break;
                }
            }
        }
        follower.progress(|progress| progress.set_trouble(trouble));
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Notes progress, and tells the follower when it has caught up by that.
fn advance(follower: &mut impl Follower, note: impl FnOnce(&mut ReadProgress)) {
    let caught_up = follower.progress(|progress| {
        let before = progress.caught_up();
        note(progress);
        !before && progress.caught_up()
    });
    if caught_up {
        follower.caught_up();
    }
}
