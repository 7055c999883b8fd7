//! When a worker commits next, by what its commits take and when the last one ended.
//!
//! Where brokers are slow, or partitions many, commits come less often. One commit that takes
//! long among quick ones says little about the next, and whoever waits for the records after it
//! has waited long enough. So what counts is the mean of the latest commits.

use std::time::Duration;

use crate::time::Span;

/// How many times as long as a commit takes the worker waits for the next one.
const WAITS: u32 = 4;

/// The weight of the latest commit in the mean is one in so many.
const COMMITS: u32 = 8;

/// How long the first records after a pause wait for others: what was sent together arrives in
/// several fetches.
const GATHER: Span = Span::from_millis(5);

/// What the latest commits took, and when the last one ended.
#[derive(Debug, Default)]
pub(super) struct Pace {
    mean: Duration,
    ended_at: Option<Span>,
}

impl Pace {
    /// Notes what a commit took, and when it ended.
    pub(super) fn committed(&mut self, took: Duration, ended_at: Span) {
        self.mean = (self.mean * (COMMITS - 1) + took) / COMMITS;
        self.ended_at = Some(ended_at);
    }

    /// When to commit records that have come since `since`, with commits that are `interval` apart.
    /// After a longer pause that is soon, since somebody may wait for them.
    pub(super) fn due(&self, since: Span, interval: Span) -> Span {
        let soon = since + GATHER.min(interval);
        self.ended_at.map_or(soon, |ended_at| soon.max(ended_at + interval))
    }

    /// The shortest wait between two commits of a worker that has caught up.
    pub(super) fn wait(&self) -> Span {
        let wait_ms = (self.mean * WAITS).as_millis();
        Span::from_millis(i64::try_from(wait_ms).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(commits_ms: impl IntoIterator<Item = u64>) -> i64 {
        let mut pace = Pace::default();
        let commits = commits_ms.into_iter().map(Duration::from_millis);
        commits.for_each(|took| pace.committed(took, Span::ZERO));
        pace.wait().as_millis()
    }

    #[test]
    fn where_commits_are_slow_they_come_less_often() {
        assert_eq!(after([]), 0, "nothing is known yet");
        let wait = after([50; 100]);
        assert!((199..=200).contains(&wait), "four times as long: {wait} ms");
    }

    #[test]
    fn commits_are_an_interval_apart_and_a_record_after_a_pause_waits_little() {
        let (ms, interval) = (Span::from_millis, Span::from_millis(25));
        let mut pace = Pace::default();
        assert_eq!(pace.due(ms(100), interval), ms(105), "nothing was committed yet");
        pace.committed(Duration::from_millis(5), ms(200));
        assert_eq!(pace.due(ms(201), interval), ms(225), "they keep coming");
        assert_eq!(pace.due(ms(222), interval), ms(227), "what comes together goes together");
        assert_eq!(pace.due(ms(900), interval), ms(905), "after a pause");
        assert_eq!(pace.due(ms(900), ms(2)), ms(902), "never longer than an interval");
    }

    #[test]
    fn one_slow_commit_delays_the_next_little() {
        let quick = after([5; 100]);
        let mut one_slow = vec![5; 100];
        one_slow.push(101);
        let wait = after(one_slow);
        assert!((18..=20).contains(&quick), "{quick} ms");
        assert!((65..=68).contains(&wait), "{wait} ms, and not four times 101");
    }

    #[test]
    fn brokers_that_become_slow_are_spared_soon() {
        let commits = [5; 100].into_iter().chain([100; 16]);
        let wait = after(commits);
        assert!(wait > 320, "{wait} ms");
    }
}
