//! Alerts that begin, end or go on under another name of their window.
//!
//! Invariant: an alert of a window fires under one name, which is the one under which it began.

use super::former::Former;
use super::formers::Formers;
use super::state::{Held, Published};
use super::window::{ExposureId, Window};
use crate::config::Profile;
use crate::engine::Output;
use crate::engine::alerts::{Alert, AlertSet, Cause, Change, Moments, Transition};
use crate::time::Timestamp;

/// The alerts of one window at one time.
#[derive(Clone, Copy)]
pub(super) struct Changing<'c, 'w> {
    pub(super) window: &'c Window<'w>,
    pub(super) moments: &'c Moments,
    pub(super) profile: &'c Profile,
    pub(super) now: Timestamp,
}

impl Changing<'_, '_> {
    /// Emits what changes for the window with this number of which `fired` fired under its
    /// present name, and which calls for `firing`. Returns what fires under its present name
    /// from now on.
    pub(super) fn emit(
        self,
        formers: &mut Formers<'_>,
        number: u32,
        (fired, firing): (AlertSet, AlertSet),
        emit: &mut dyn FnMut(Output<'_>),
    ) -> AlertSet {
        let mut own = firing;
        if !formers.is_empty() {
            let mut under_one = fired;
            for former in formers.of_window_mut(number) {
                self.under_former(former, firing, &mut under_one, emit);
            }
            own = firing.without(under_one.without(fired));
        }
        for (alert, transition) in changes(fired, own) {
            let exposure = self.window.exposure_id();
            self.change(alert, transition, (exposure, None), self.to(alert, transition), emit);
        }
        own
    }

    /// The same for what fires under a former name. `under_one` is what fires under another one.
    fn under_former(
        self,
        former: &mut Former,
        firing: AlertSet,
        under_one: &mut AlertSet,
        emit: &mut dyn FnMut(Output<'_>),
    ) {
        let mut still = AlertSet::default();
        let announced = std::mem::replace(&mut former.announced, true);
        let name = (former.exposure(self.window.key), former.home);
        for alert in former.firing.iter() {
            if under_one.contains(alert) {
                let change = Change { at: self.now, cause: Cause::Retracted };
                self.change(alert, Transition::Resolved, name, change, emit);
            } else if firing.contains(alert) {
                still.insert(alert);
                if !announced {
                    let Change { at, .. } = self.to(alert, Transition::Firing);
                    let change = Change { at, cause: Cause::Renamed };
                    self.change(alert, Transition::Firing, name, change, emit);
                }
            } else {
                let change = self.to(alert, Transition::Resolved);
                // It began by the times of the former window, which may be later than those of
                // this one: an alert does not end before it begins.
                let at = if announced { change.at } else { self.now };
                let change = Change { at, ..change };
                self.change(alert, Transition::Resolved, name, change, emit);
            }
        }
        *under_one = under_one.and(still);
        former.firing = still;
        former.judged = former.judged.emitted();
    }

    fn to(self, alert: Alert, transition: Transition) -> Change {
        let episode = self.moments.episodes(self.profile).find(|it| it.alert == alert);
        Change::of(alert, transition, episode, self.now)
    }

    fn change(
        self,
        alert: Alert,
        transition: Transition,
        (exposure, home): (ExposureId<'_>, Option<i32>),
        change: Change,
        emit: &mut dyn FnMut(Output<'_>),
    ) {
        let window = Some(self.window);
        emit(Output::Alert { exposure, home, window, alert, transition, change });
    }
}

/// The transitions that lead from `before` to `after`.
fn changes(before: AlertSet, after: AlertSet) -> impl Iterator<Item = (Alert, Transition)> {
    Alert::ALL.iter().filter_map(move |alert| {
        match (before.contains(*alert), after.contains(*alert)) {
            (false, true) => Some((*alert, Transition::Firing)),
            (true, false) => Some((*alert, Transition::Resolved)),
            _ => None,
        }
    })
}

/// Retracts what was emitted about windows that no longer exist. Where no window is left, the
/// alerts end.
pub(super) fn retract(
    state: &Held<'_>,
    windows: &[Window<'_>],
    formers: &Formers<'_>,
    now: Timestamp,
    emit: &mut dyn FnMut(Output<'_>),
) {
    let key = state.log.key;
    let change = Change { at: now, cause: Cause::Retracted };
    for former in formers.orphans() {
        for alert in former.firing.iter() {
            emit(Output::Alert {
                exposure: former.exposure(key),
                home: former.home,
                window: None,
                alert,
                transition: Transition::Resolved,
                change,
            });
        }
    }
    let is_gone = |published: &Published| {
        let of = |window: &Window<'_>| window.detected_at;
        windows.binary_search_by_key(&published.detected_at, of).is_err()
    };
    for published in state.published().filter(is_gone) {
        emit(Output::Retracted {
            exposure: ExposureId { key, detected_at: published.detected_at },
        });
    }
}
