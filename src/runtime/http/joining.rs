//! The names that did not join, with the nearest names among the windows of the view.

use serde::Serialize;

use super::options::Shown;
use crate::event::Workflow;
use crate::records::exposure_id;
use crate::report::{NotJoined, suggest};
use crate::runtime::view::Status;
use crate::time::Timestamp;

/// The answer about what did not join.
#[derive(Debug, Serialize)]
pub(super) struct Joining {
    as_of: Timestamp,
    view: Status,
    /// The partitions of our own events whose names are counted and listed here.
    partitions: Vec<i32>,
    /// Names, and events about them, of all workflows.
    pub(super) names: u64,
    pub(super) events: u64,
    /// The latest names, the latest first.
    pub(super) unjoined: Vec<NotJoined>,
}

impl Joining {
    /// The `most` names that came last, of one workflow or all.
    pub(super) fn of(shown: &Shown, workflow: Option<Workflow>, most: usize) -> Joining {
        let as_of = shown.clock.now();
        let totals = shown.unjoined.totals();
        let latest = shown.unjoined.latest(workflow, most);
        let mut unjoined: Vec<NotJoined> =
            latest.iter().map(|name| NotJoined::new(name.key(), &name.unjoined, as_of)).collect();
        suggest(&mut unjoined, |consider| {
            for name in shown.view.names() {
                if let Some(exposure) = exposure_id::parse(&name) {
                    consider(exposure.key, &mut || true);
                }
            }
        });
        Joining {
            as_of,
            view: shown.view.status(),
            partitions: totals.partitions,
            names: totals.names,
            events: totals.events.values().sum(),
            unjoined,
        }
    }
}
