//! The reports of names that did not join.
//!
//! Invariants: a name is reported once it has waited long enough for a detection, and its
//! report is withdrawn as soon as it has one, or is no longer held; reports are derived
//! from what is held, so that a restart makes them anew.

use foldhash::HashMap;

use super::log::{Head, Key, Log};
use super::state;
use super::unjoined::Unjoined;
use crate::config::Profile;
use crate::engine::Output;
use crate::event::Workflow;
use crate::time::{Span, Timestamp};

/// How long a name waits for a detection at most before it is reported. Some workflows have
/// targets of days, and nobody should look for a spelling mistake that late.
const WAITS_MAX: Span = Span::from_mins(60);

/// How long a name of this workflow waits before it is reported: a decision that is overdue
/// as well has waited long enough.
fn wait(profile: &Profile) -> Span {
    profile.targets.in_time.min(WAITS_MAX)
}

/// The reports that stand.
#[derive(Debug, Default)]
pub(super) struct Reported {
    names: HashMap<u32, Unjoined>,
    /// Names that are no longer held and whose reports are still to be withdrawn.
    gone: Vec<(Workflow, String, Unjoined)>,
}

impl Reported {
    /// Emits what changes for the name at `at`, given what of it stays held, and returns when
    /// it has waited long enough. `stays` is in order.
    pub(super) fn update(
        &mut self,
        at: u32,
        log: Log<'_>,
        stays: &[Head],
        profile: &Profile,
        now: Timestamp,
        emit: &mut dyn FnMut(Output<'_>),
    ) -> Option<Timestamp> {
        let found = Unjoined::of(log, stays);
        let reported_at = found.as_ref().map(|found| found.time + wait(profile));
        let after = found.filter(|_| reported_at.is_some_and(|at| at <= now));
        let before = self.names.get(&at);
        if before != after.as_ref() {
            emit(Output::Unjoined { key: log.key, before, after: after.as_ref() });
            match after {
                Some(after) => drop(self.names.insert(at, after)),
                None => drop(self.names.remove(&at)),
            }
        }
        reported_at.filter(|at| *at > now)
    }

    /// Notes that the state of the name at `at` goes.
    pub(super) fn remove(&mut self, at: u32, state: &[u8]) {
        if let Some(unjoined) = self.names.remove(&at)
            && let Some((Key { workflow, credential_id }, _)) = state::read_key(state)
        {
            self.gone.push((workflow, credential_id.to_owned(), unjoined));
        }
    }

    /// Withdraws the reports of names that are no longer held.
    pub(super) fn withdraw_gone(&mut self, emit: &mut dyn FnMut(Output<'_>)) {
        for (workflow, credential_id, before) in self.gone.drain(..) {
            let key = Key { workflow, credential_id: &credential_id };
            emit(Output::Unjoined { key, before: Some(&before), after: None });
        }
    }
}
