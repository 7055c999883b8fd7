//! The former names of all windows of a credential.
//!
//! Invariant: a former name belongs to the window that its detection belongs to now.

use super::former::{Former, merge, write};
use super::milestones::Milestones;
use super::state::{Held, Published};
use super::window::Window;

/// The name of a window that has another one from now on.
fn former(published: Published) -> Former {
    Former {
        name: Box::default(),
        home: None,
        detected_at: published.detected_at,
        firing: published.firing,
        reported: published.reported,
        decision: published.decision,
        judged: published.judged,
        judged_s: published.judged_s,
        announced: false,
    }
}

/// All former names of the windows in a state that moves to another name, as that will know
/// them. `home` is where the alerts of this one are.
pub(super) fn moving(state: &Held<'_>, home: i32) -> Vec<Former> {
    let mut formers = state.formers();
    merge(&mut formers, state.published().map(former).collect());
    for known in &mut formers {
        if known.name.is_empty() {
            known.name = state.log.key.credential_id.into();
        }
        known.home = known.home.or(Some(home));
        known.announced = false;
    }
    formers
}

/// The former names of a credential's windows, during one look at it.
#[derive(Debug)]
pub(super) struct Formers<'w> {
    list: Vec<Former>,
    windows: &'w [Window<'w>],
}

impl<'w> Formers<'w> {
    /// Those that are held, and the names of windows that have another one since the last look.
    pub(super) fn of(state: &Held<'_>, windows: &'w [Window<'w>]) -> Formers<'w> {
        let mut list = state.formers();
        let is_gone = |published: &Published| {
            let of = |window: &Window<'_>| window.detected_at;
            windows.binary_search_by_key(&published.detected_at, of).is_err()
        };
        let mut gone = state.published().filter(is_gone).peekable();
        if gone.peek().is_some() {
            // Windows of other names go on from here with another name, too.
            list.iter_mut().for_each(|former| former.announced = false);
            merge(&mut list, gone.map(former).collect());
        }
        // Where a new window takes over a former name, the alerts under that name move to it.
        let known = |window: &Window<'_>| {
            state.published().any(|published| published.detected_at == window.detected_at)
        };
        for former in &mut list {
            let heir = windows.get(Formers::heir(windows, former));
            former.announced &= heir.is_none_or(known);
        }
        Formers { list, windows }
    }

    /// The number of the window that had this name: the one that its detection belongs to.
    fn heir(windows: &[Window<'_>], former: &Former) -> usize {
        let after = windows.partition_point(|window| window.detected_at <= former.detected_at);
        after.saturating_sub(1)
    }

    /// Those of the window with this number.
    pub(super) fn of_window(&self, number: u32) -> impl Iterator<Item = &Former> {
        let own = move |former: &&Former| {
            !self.windows.is_empty() && Formers::heir(self.windows, former) == number as usize
        };
        self.list.iter().filter(own)
    }

    /// What was reported of the window with this number under other names.
    pub(super) fn reported(&self, number: u32) -> Milestones {
        // A window that has its former name again was split off one that keeps what was reported.
        let present = self.windows.get(number as usize).map(|window| window.detected_at);
        let others = self
            .of_window(number)
            .filter(|former| !former.name.is_empty() || Some(former.detected_at) != present);
        others.fold(Milestones::default(), |all, former| all.and(former.reported))
    }

    /// Those of the window with this number, to be changed.
    pub(super) fn of_window_mut(&mut self, number: u32) -> impl Iterator<Item = &mut Former> {
        let windows = self.windows;
        let own = move |former: &&mut Former| {
            !windows.is_empty() && Formers::heir(windows, former) == number as usize
        };
        self.list.iter_mut().filter(own)
    }

    /// Those of no window.
    pub(super) fn orphans(&self) -> impl Iterator<Item = &Former> {
        self.list.iter().filter(|_| self.windows.is_empty())
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What stays of them once the first `gone` windows are final, as bytes of a state.
    pub(super) fn stays(self, gone: u32) -> Vec<u8> {
        let Formers { mut list, windows } = self;
        list.retain(|former| {
            !windows.is_empty() && Formers::heir(windows, former) >= gone as usize
        });
        write(&list)
    }
}
