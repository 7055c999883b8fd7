//! How far what is shown is behind the present after a start.

use serde::Serialize;

use super::options::Shown;
use super::status;
use crate::time::Span;

/// How far what is shown is behind the present.
#[derive(Serialize)]
pub(super) struct CatchingUp {
    /// By the time of the events; null if that is not known.
    behind_ms: Option<Span>,
    /// Records that are still to be read.
    records: u64,
}

impl CatchingUp {
    /// `None` unless what is shown is of an earlier time, since the program has just started.
    pub(super) fn of(shown: &Shown) -> Option<CatchingUp> {
        let view = shown.view.status();
        let catches_up = !view.caught_up || shown.health.catching_up();
        catches_up.then(|| CatchingUp {
            behind_ms: shown.health.behind(shown.clock.now()),
            records: view.lag_records + status::ready(shown).to_restore(),
        })
    }
}
