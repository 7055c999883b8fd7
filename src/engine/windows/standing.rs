//! Windows that wait for something: how many, for what, since when.
//!
//! Invariants: kept up to date by every refresh, so that asking costs nothing;
//! counted by whole seconds, so that its size is bounded by time and not by the
//! number of windows.

use std::collections::BTreeMap;

use super::window::{State, Window};
use crate::event::{Workflow, words};
use crate::time::Timestamp;

words! {
    /// What an unclosed window waits for.
    Awaiting {
        /// The AI's first output.
        Triage = "triage",
        /// A person's decision.
        Review = "review",
        /// The end of the exposure.
        Containment = "containment",
    }
}

impl Window<'_> {
    /// What it waits for; `None` once it is closed.
    pub fn awaiting(&self) -> Option<Awaiting> {
        match self.state() {
            State::Open if self.triaged_at.is_none() => Some(Awaiting::Triage),
            State::Open | State::Contained => Some(Awaiting::Review),
            State::Reviewed => Some(Awaiting::Containment),
            State::Closed | State::Withdrawn => None,
        }
    }
}

/// The windows of one workflow that wait for one thing.
#[derive(Clone, Debug, Default)]
struct Queue {
    windows: u64,
    /// Windows by the second in which they started.
    by_start: BTreeMap<u32, u32>,
}

/// All windows that wait.
#[derive(Clone, Debug, Default)]
pub struct Standings([[Queue; Awaiting::ALL.len()]; Workflow::ALL.len()]);

/// How one queue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose.
    pub workflow: Workflow,
    /// For what.
    pub awaiting: Awaiting,
    /// How many wait.
    pub windows: u64,
    /// When the oldest of them started, to the second before.
    pub oldest_start: Option<Timestamp>,
}

impl Standings {
    pub(super) fn add(&mut self, workflow: Workflow, waiting: Waiting) {
        let Some(awaiting) = waiting.awaiting else { return };
        let queue = &mut self.0[workflow as usize][awaiting as usize];
        queue.windows += 1;
        *queue.by_start.entry(waiting.start_s).or_default() += 1;
    }

    pub(super) fn remove(&mut self, workflow: Workflow, waiting: Waiting) {
        let Some(awaiting) = waiting.awaiting else { return };
        let queue = &mut self.0[workflow as usize][awaiting as usize];
        queue.windows = queue.windows.saturating_sub(1);
        if let Some(count) = queue.by_start.get_mut(&waiting.start_s) {
            *count -= 1;
            if *count == 0 {
                queue.by_start.remove(&waiting.start_s);
            }
        }
    }

    /// Every queue, empty ones too, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Standing> {
        Workflow::ALL.iter().flat_map(move |workflow| {
            Awaiting::ALL.iter().map(move |awaiting| {
                let queue = &self.0[*workflow as usize][*awaiting as usize];
                let oldest = queue.by_start.first_key_value();
                Standing {
                    workflow: *workflow,
                    awaiting: *awaiting,
                    windows: queue.windows,
                    oldest_start: oldest
                        .map(|(second, _)| Timestamp::from_millis(i64::from(*second) * 1000)),
                }
            })
        })
    }
}

/// A window's place in its queue, in five bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    awaiting: Option<Awaiting>,
    start_s: u32,
}

impl Waiting {
    pub(super) fn of(window: &Window<'_>) -> Waiting {
        // The vocabulary's times lie between 2000 and 2100.
        let start_s = u32::try_from(window.start().as_millis().div_euclid(1000)).unwrap_or(0);
        Waiting { awaiting: window.awaiting(), start_s }
    }

    pub(super) fn write(self) -> [u8; 5] {
        let awaiting = self.awaiting.map_or(0, |awaiting| awaiting as u8 + 1);
        let [a, b, c, d] = self.start_s.to_le_bytes();
        [awaiting, a, b, c, d]
    }

    pub(super) fn read([awaiting, a, b, c, d]: [u8; 5]) -> Waiting {
        let awaiting = usize::from(awaiting).checked_sub(1);
        Waiting {
            awaiting: awaiting.and_then(|at| Awaiting::ALL.get(at).copied()),
            start_s: u32::from_le_bytes([a, b, c, d]),
        }
    }
}
