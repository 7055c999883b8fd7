//! The dead letters that were acknowledged lately.
//!
//! A sender that got no answer in time delivers the same again. Its events have the same ids; its
//! dead letters are recognised by their names.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Names that are remembered: some megabytes.
const NAMES_MAX: usize = 1 << 16;

/// Names of dead letters, the latest ones.
#[derive(Debug, Default)]
pub(super) struct RecentLetters(Mutex<Names>);

#[derive(Debug, Default)]
struct Names {
    known: HashSet<Box<str>>,
    /// In the order in which they came.
    order: VecDeque<Box<str>>,
}

impl RecentLetters {
    /// Whether the dead letter of this name is in its topic.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).known.contains(name)
    }

    /// The dead letters of these names are in their topic.
    pub(super) fn acknowledged(&self, names: Vec<Box<str>>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if all.known.insert(name.clone()) {
                all.order.push_back(name);
            }
            if all.order.len() > NAMES_MAX
                && let Some(oldest) = all.order.pop_front()
            {
                all.known.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_and_their_number_is_bounded() {
        let recent = RecentLetters::default();
        recent.acknowledged(vec!["first".into()]);
        assert!(recent.knows("first") && !recent.knows("second"));
        recent.acknowledged((0..NAMES_MAX).map(|number| number.to_string().into()).collect());
        assert!(!recent.knows("first") && recent.knows("0"));
    }
}
