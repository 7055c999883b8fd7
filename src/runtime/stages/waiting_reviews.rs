//! The reviews that wait to be judged, as oversight's changelog has them.
//!
//! Invariant: a review that comes and is judged between two commits is never written. While
//! input lags behind, that is nearly every one.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::fault::Fault;

/// Above this many bytes it is time to write, or memory would grow with the backlog.
const UNSAVED_BYTES_MAX: usize = 16 << 20;

/// The reviews that wait, by their key in the changelog.
#[derive(Debug, Default)]
pub(super) struct WaitingReviews {
    /// What is not in the changelog yet, or otherwise.
    unsaved: BTreeMap<Vec<u8>, Vec<u8>>,
    unsaved_bytes: usize,
    /// What the changelog has.
    saved: HashMap<Vec<u8>, Vec<u8>>,
}

impl WaitingReviews {
    /// As a changelog has them.
    pub(super) fn restored(saved: HashMap<Vec<u8>, Vec<u8>>) -> WaitingReviews {
        WaitingReviews { saved, ..WaitingReviews::default() }
    }

    /// Notes a review, in place of an earlier one of the same key. Says whether there are so many
    /// that they should be saved now.
    pub(super) fn hold(&mut self, key: Vec<u8>, review: &[u8]) -> bool {
        self.unsaved_bytes += review.len();
        if let Some(before) = self.unsaved.insert(key, review.to_vec()) {
            self.unsaved_bytes -= before.len();
        }
        self.unsaved_bytes > UNSAVED_BYTES_MAX
    }

    /// Notes that a review waits no longer. Says whether the changelog has it.
    pub(super) fn settle(&mut self, key: &[u8]) -> bool {
        if let Some(review) = self.unsaved.remove(key) {
            self.unsaved_bytes -= review.len();
        }
        self.saved.remove(key).is_some()
    }

    /// Hands out what the changelog does not have.
    pub(super) fn save(
        &mut self,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.unsaved_bytes = 0;
        for (key, review) in std::mem::take(&mut self.unsaved) {
            each(&key, &review)?;
            self.saved.insert(key, review);
        }
        Ok(())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.saved.len() + self.unsaved.len()
    }

    /// The keys of those that the changelog has.
    pub(super) fn saved(&self) -> Vec<Vec<u8>> {
        self.saved.keys().cloned().collect()
    }

    /// Has the review saved again, if it still waits.
    pub(super) fn rewrite(&mut self, key: Vec<u8>) {
        let Some(review) = self.saved.get(&key) else { return };
        // What is not saved yet is newer.
        if let Entry::Vacant(place) = self.unsaved.entry(key) {
            self.unsaved_bytes += review.len();
            place.insert(review.clone());
        }
    }
}
