//! Who answers for what is exposed, and where nobody does.
//!
//! Invariant: owners beyond the largest are told together.

use std::collections::BTreeMap;

use serde::Serialize;

use super::bands::{Counts, Group};
use super::named::Named;
use super::share::Share;
use super::{Case, Context};
use crate::engine::bounds::Sizes;
use crate::engine::windows::State;
use crate::time::Timestamp;

/// Owners told one by one.
const OWNERS_MAX: usize = 20;
/// Unowned open exposures told one by one.
const LISTED_MAX: usize = 20;

/// Ownership.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ownership {
    /// Exposures for which no event names an owner.
    pub without_owner: Share,
    /// … that are not closed.
    pub unclosed_without_owner: u64,
    /// How those with an owner fared.
    pub with: Group,
    /// How those without fared.
    pub without: Group,
    /// Owners.
    pub owners: u64,
    /// The owners with the most exposures undecided.
    pub by_owner: Vec<Group>,
    /// Owners beyond those listed.
    pub owners_not_listed: u64,
    /// The oldest unclosed exposures without an owner.
    pub oldest: Vec<Unowned>,
}

/// An unclosed exposure without an owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unowned {
    /// Which.
    #[serde(flatten)]
    pub named: Named,
    /// When it was detected.
    pub detected_at: Timestamp,
}

/// Collects owners.
#[derive(Debug, Default)]
pub(super) struct Owners {
    all: Sizes,
    with: Counts,
    without: Counts,
    by_owner: BTreeMap<String, Counts>,
    unclosed_at: Vec<u32>,
}

impl Owners {
    pub(super) fn add(&mut self, case: &Case<'_>, as_of: Timestamp) {
        let window = &case.window;
        self.all.add(case.incident);
        let Some(owner) = window.owner else {
            self.without.add(case, as_of);
            if window.state() != State::Closed {
                self.unclosed_at.push(case.place);
            }
            return;
        };
        self.with.add(case, as_of);
        if !self.by_owner.contains_key(owner) {
            self.by_owner.insert(owner.to_owned(), Counts::default());
        }
        if let Some(counts) = self.by_owner.get_mut(owner) {
            counts.add(case, as_of);
        }
    }

    pub(super) fn finish(mut self, context: &Context<'_>) -> Ownership {
        let owners = self.by_owner.len();
        let unclosed = self.unclosed_at.len() as u64;
        self.unclosed_at
            .sort_by_key(|place| (context.order[*place as usize].detected_at(), *place));
        self.unclosed_at.truncate(LISTED_MAX);
        let mut by_owner: Vec<(String, Counts)> = self.by_owner.into_iter().collect();
        by_owner.sort_by_key(|(_, counts)| std::cmp::Reverse((counts.undecided, counts.windows)));
        by_owner.truncate(OWNERS_MAX);
        let unowned = |place: &u32| {
            let row = context.order[*place as usize];
            Unowned { named: Named::of(row, context), detected_at: row.detected_at() }
        };
        Ownership {
            without_owner: Share::within(self.without.windows, &self.all.sample()),
            unclosed_without_owner: unclosed,
            with: self.with.group("with an owner".to_owned()),
            without: self.without.group("without an owner".to_owned()),
            owners: owners as u64,
            by_owner: by_owner.iter().map(|(name, counts)| counts.group(name.clone())).collect(),
            owners_not_listed: owners.saturating_sub(OWNERS_MAX) as u64,
            oldest: self.unclosed_at.iter().map(unowned).collect(),
        }
    }
}
