//! How many windows wait for what, over all partitions of this process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::engine::windows::{Standing, Windows};

/// The queues of each partition, as of its last commit.
#[derive(Debug, Default)]
pub struct PartitionStandings(Mutex<BTreeMap<i32, Vec<Standing>>>);

impl PartitionStandings {
    /// Takes in the committed state of a partition.
    pub fn publish(&self, partition: i32, windows: &Windows) {
        let standings = windows.standings().iter().collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, standings);
    }

    /// Forgets a partition that this process no longer has.
    pub fn forget(&self, partition: i32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&partition);
    }

    /// Every queue over all partitions, in a fixed order; empty before the first partition
    /// is published.
    pub fn totals(&self) -> Vec<Standing> {
        let partitions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut totals: Vec<Standing> = Vec::new();
        for standings in partitions.values() {
            if totals.is_empty() {
                totals.clone_from(standings);
                continue;
            }
            for (total, standing) in totals.iter_mut().zip(standings) {
                total.windows += standing.windows;
                let oldest = [total.oldest_start, standing.oldest_start];
                total.oldest_start = oldest.into_iter().flatten().min();
            }
        }
        totals
    }
}
