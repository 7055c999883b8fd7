//! How long a worker that has caught up waits between two commits, by what commits take.
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

/// What the latest commits took.
#[derive(Debug, Default)]
pub(super) struct Pace {
    mean: Duration,
}

impl Pace {
    /// Notes what a commit took.
    pub(super) fn took(&mut self, took: Duration) {
        self.mean = (self.mean * (COMMITS - 1) + took) / COMMITS;
    }

    /// The shortest wait between two commits.
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
        commits_ms.into_iter().for_each(|took| pace.took(Duration::from_millis(took)));
        pace.wait().as_millis()
    }

    #[test]
    fn where_commits_are_slow_they_come_less_often() {
        assert_eq!(after([]), 0, "nothing is known yet");
        let wait = after([50; 100]);
        assert!((199..=200).contains(&wait), "four times as long: {wait} ms");
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
