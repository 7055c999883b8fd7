//! Names that did not join, in the partitions of this process.
//!
//! Invariants: every event about such a name is counted; the list is bounded, and holds the
//! names that came last; a partition that moves to another process takes its names with it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::windows::{Key, Unjoined};
use crate::event::{Kind, Workflow};
use crate::time::Timestamp;

/// Names listed of one partition at most.
const LISTED_MAX: usize = 1_000;

/// What the windows stages of this process report.
#[derive(Debug, Default)]
pub struct UnjoinedNames(Mutex<BTreeMap<i32, Partition>>);

/// The names of one partition.
#[derive(Debug, Default)]
struct Partition {
    names: u64,
    /// Events by the kind and the source of the first event about their name.
    events: BTreeMap<(Kind, Option<Box<str>>), u64>,
    /// The latest names, by the time of the first event.
    latest: BTreeMap<(Timestamp, Workflow, String), Unjoined>,
}

/// All partitions together.
#[derive(Debug, Default)]
pub struct UnjoinedTotals {
    /// The partitions whose names are known here.
    pub partitions: Vec<i32>,
    /// Names.
    pub names: u64,
    /// Events about them, by the kind and the source of the first event about their name.
    pub events: BTreeMap<(Kind, Option<Box<str>>), u64>,
}

/// A name that did not join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnjoinedName {
    /// The kind of process.
    pub workflow: Workflow,
    /// The name.
    pub credential_id: String,
    /// What is known of it.
    pub unjoined: Unjoined,
}

impl UnjoinedName {
    /// Workflow and credential.
    pub fn key(&self) -> Key<'_> {
        Key { workflow: self.workflow, credential_id: &self.credential_id }
    }
}

impl UnjoinedNames {
    /// Begins a partition, which has no names yet.
    pub fn begin(&self, partition: i32) {
        self.lock().insert(partition, Partition::default());
    }

    /// Forgets a partition that this process no longer has.
    pub fn forget(&self, partition: i32) {
        self.lock().remove(&partition);
    }

    /// What is known of a name has changed from `before` to `after`.
    pub fn change(
        &self,
        partition: i32,
        key: Key<'_>,
        before: Option<&Unjoined>,
        after: Option<&Unjoined>,
    ) {
        let mut partitions = self.lock();
        let partition = partitions.entry(partition).or_default();
        let place = |it: &Unjoined| (it.time, key.workflow, key.credential_id.to_owned());
        if let Some(before) = before {
            partition.names = partition.names.saturating_sub(1);
            let group = (before.kind, before.source.clone());
            if let Some(events) = partition.events.get_mut(&group) {
                *events = events.saturating_sub(before.events);
                if *events == 0 {
                    partition.events.remove(&group);
                }
            }
            partition.latest.remove(&place(before));
        }
        if let Some(after) = after {
            partition.names += 1;
            *partition.events.entry((after.kind, after.source.clone())).or_default() +=
                after.events;
            partition.latest.insert(place(after), after.clone());
            if partition.latest.len() > LISTED_MAX {
                partition.latest.pop_first();
            }
        }
    }

    /// All that is counted.
    pub fn totals(&self) -> UnjoinedTotals {
        let mut totals = UnjoinedTotals::default();
        for (number, partition) in &*self.lock() {
            totals.partitions.push(*number);
            totals.names += partition.names;
            for (group, events) in &partition.events {
                *totals.events.entry(group.clone()).or_default() += events;
            }
        }
        totals
    }

    /// The `most` names that came last, the latest first; of one workflow or all.
    pub fn latest(&self, workflow: Option<Workflow>, most: usize) -> Vec<UnjoinedName> {
        let partitions = self.lock();
        let listed = partitions.values().flat_map(|partition| &partition.latest);
        let mut listed: Vec<_> = listed
            .filter(|((_, its, _), _)| workflow.is_none_or(|workflow| *its == workflow))
            .collect();
        listed.sort_unstable_by(|a, b| b.0.cmp(a.0));
        listed.truncate(most);
        let name = |((_, workflow, name), unjoined): (&(_, Workflow, String), &Unjoined)| {
            let (credential_id, unjoined) = (name.clone(), unjoined.clone());
            UnjoinedName { workflow: *workflow, credential_id, unjoined }
        };
        listed.into_iter().map(name).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, Partition>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unjoined(second: i64, events: u64) -> Unjoined {
        let time = Timestamp::from_millis(1_800_000_000_000 + second * 1000);
        Unjoined { kind: Kind::DecisionMade, source: Some("slack".into()), time, events }
    }

    fn key(name: &str) -> Key<'_> {
        Key { workflow: Workflow::SecretExposure, credential_id: name }
    }

    #[test]
    fn all_are_counted_and_the_latest_are_listed() {
        let names = UnjoinedNames::default();
        names.begin(3);
        let more = 5;
        for n in 0..LISTED_MAX + more {
            names.change(3, key(&format!("n{n}")), None, Some(&unjoined(n as i64, 2)));
        }
        names.change(4, key("other"), None, Some(&unjoined(-1, 1)));
        let totals = names.totals();
        let all = (LISTED_MAX + more) as u64;
        assert_eq!((totals.partitions.as_slice(), totals.names), (&[3, 4][..], all + 1));
        assert_eq!(totals.events.values().collect::<Vec<_>>(), [&(2 * all + 1)]);
        let latest = names.latest(None, 2);
        let ids: Vec<_> = latest.iter().map(|name| name.credential_id.as_str()).collect();
        assert_eq!(
            ids,
            [format!("n{}", LISTED_MAX + more - 1), format!("n{}", LISTED_MAX + more - 2)]
        );
        assert_eq!(names.latest(None, 10_000).len(), LISTED_MAX + 1);
        assert!(names.latest(Some(Workflow::PolicyChange), 10).is_empty());
        // One that is no longer listed is still taken back from the counts.
        names.change(3, key("n0"), Some(&unjoined(0, 2)), None);
        assert_eq!(names.totals().names, all);
        names.forget(3);
        let totals = names.totals();
        assert_eq!((totals.partitions.as_slice(), totals.names), (&[4][..], 1));
    }

    #[test]
    fn a_name_whose_first_event_turns_out_to_be_older_is_listed_once() {
        let names = UnjoinedNames::default();
        names.change(0, key("a"), None, Some(&unjoined(60, 1)));
        names.change(0, key("a"), Some(&unjoined(60, 1)), Some(&unjoined(0, 2)));
        let [name] = &names.latest(None, 10)[..] else { panic!() };
        assert_eq!(name.unjoined, unjoined(0, 2));
        assert_eq!((names.totals().names, names.totals().events.len()), (1, 1));
        names.change(0, key("a"), Some(&unjoined(0, 2)), None);
        assert!(names.latest(None, 10).is_empty() && names.totals().events.is_empty());
    }
}
