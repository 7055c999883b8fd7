//! Records that the brokers did not acknowledge.

use std::collections::BTreeMap;

use crate::time::Span;

/// How long a record that failed counts as a sign that the next one fails as well. Whoever
/// balances deliveries sends none here meanwhile, so that none can show the contrary.
const FAILED_FOR: Span = Span::from_secs(10);
/// What librdkafka says of a record that it has not given a partition yet.
const NO_PARTITION: i32 = -1;

/// What failed since something was acknowledged. Times are given as uptime.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// When the latest record failed, and why; `None` since any was acknowledged.
    latest: Option<(Span, String)>,
    /// The partitions, by topic and number, all of whose records time out.
    timing_out: BTreeMap<(String, i32), TimingOut>,
}

/// A partition of which nothing was acknowledged since the first of these times.
#[derive(Debug)]
struct TimingOut {
    first: Span,
    latest: Span,
}

impl Failures {
    /// A record timed out. Returns whether it is the first of its partition that did.
    pub(super) fn timed_out(&mut self, topic: &str, partition: i32, now: Span, why: &str) -> bool {
        self.latest = Some((now, why.to_owned()));
        let key = (topic.to_owned(), partition);
        let known = self.timing_out.get(&key);
        let first = known.map_or(now, |it| it.first);
        self.timing_out.insert(key, TimingOut { first, latest: now }).is_none()
    }

    /// A record was refused for another reason.
    pub(super) fn refused(&mut self, now: Span, why: &str) {
        self.latest = Some((now, why.to_owned()));
    }

    pub(super) fn acknowledged(&mut self, topic: &str, partition: i32) {
        self.latest = None;
        for partition in [partition, NO_PARTITION] {
            self.timing_out.remove(&(topic.to_owned(), partition));
        }
    }

    /// Whether there is nothing here.
    pub(super) fn is_empty(&self) -> bool {
        self.latest.is_none() && self.timing_out.is_empty()
    }

    /// Why a record failed a moment ago, if none was acknowledged since.
    pub(super) fn just_now(&self, now: Span) -> Option<&str> {
        let (at, why) = self.latest.as_ref()?;
        (now < *at + FAILED_FOR).then_some(why)
    }

    /// The topic and number of a partition all of whose records have timed out for as long as
    /// `patience`.
    pub(super) fn timing_out_for(&self, patience: Span) -> Option<(&str, i32)> {
        let mut all = self.timing_out.iter();
        let found = all.find(|(_, times)| times.latest >= times.first + patience);
        found.map(|((topic, partition), _)| (topic.as_str(), *partition))
    }

    /// The times so far have a reason that is known: only those from now on count.
    pub(super) fn explained(&mut self) {
        for times in self.timing_out.values_mut() {
            times.first = times.latest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Span = Span::from_secs(8);

    fn at(seconds: i64) -> Span {
        Span::from_secs(seconds)
    }

    /// Partition 2 of `e` timed out at these times.
    fn timed_out(seconds: &[i64]) -> Failures {
        let mut failures = Failures::default();
        for &seconds in seconds {
            failures.timed_out("e", 2, at(seconds), "why");
        }
        failures
    }

    #[test]
    fn a_partition_is_told_once_its_records_timed_out_for_long_enough() {
        assert_eq!(timed_out(&[]).timing_out_for(PATIENCE), None);
        assert_eq!(timed_out(&[100]).timing_out_for(PATIENCE), None);
        assert_eq!(timed_out(&[100, 107]).timing_out_for(PATIENCE), None);
        assert_eq!(timed_out(&[100, 103, 108]).timing_out_for(PATIENCE), Some(("e", 2)));
    }

    #[test]
    fn what_is_acknowledged_ends_the_failures_of_its_partition() {
        let mut failures = timed_out(&[100, 108]);
        failures.acknowledged("e", 1);
        // Another partition says nothing about this one, and the process counts as well.
        assert_eq!(failures.timing_out_for(PATIENCE), Some(("e", 2)));
        assert_eq!(failures.just_now(at(109)), None);
        assert!(!failures.is_empty());
        failures.acknowledged("e", 2);
        assert!(failures.is_empty());
        assert!(failures.timed_out("e", 2, at(110), "why"), "it is the first again");
        assert!(!failures.timed_out("e", 2, at(111), "why"));
    }

    #[test]
    fn a_record_without_a_partition_counts_until_its_topic_has_one_acknowledged() {
        let mut failures = Failures::default();
        failures.timed_out("d", NO_PARTITION, at(1), "why");
        failures.acknowledged("d", 0);
        assert!(failures.is_empty());
    }

    #[test]
    fn what_is_explained_counts_no_more() {
        let mut failures = timed_out(&[100, 108]);
        failures.explained();
        assert_eq!(failures.timing_out_for(PATIENCE), None);
        failures.timed_out("e", 2, at(115), "why");
        assert_eq!(failures.timing_out_for(PATIENCE), None);
        failures.timed_out("e", 2, at(116), "why");
        assert_eq!(failures.timing_out_for(PATIENCE), Some(("e", 2)));
    }

    #[test]
    fn a_refusal_is_a_sign_for_a_while_and_says_nothing_of_the_producer() {
        let mut failures = Failures::default();
        for second in 0..20 {
            failures.refused(at(second), "too large");
        }
        assert_eq!(failures.timing_out_for(PATIENCE), None);
        assert_eq!(failures.just_now(at(28)), Some("too large"));
        assert_eq!(failures.just_now(at(29)), None);
    }
}
