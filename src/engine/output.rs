//! What the engine emits, and what it does with what it is given.

use super::alerts::{Alert, Change, Transition};
use super::effective::Due;
use super::oversight::HollowReasons;
use super::windows::{ExposureId, Key, Milestones, Unjoined, Window};
use crate::event::Kind;

/// What became of an event that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Receipt {
    /// Held; whether it is a repeat is found out when windows are derived.
    Held,
    /// Its window is final already.
    Late,
    /// A bound of the engine is reached: too many credentials, or too large.
    Refused,
}

/// What is new about a window that is emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// It is made of other events than when it was last emitted.
    pub revised: bool,
    /// Its decision was judged since.
    pub judged: bool,
    /// Its decision differs from the one that was last emitted, or there is none any more.
    pub superseded: bool,
    /// Its judgement was made while the window had another name.
    pub taken_over: bool,
}

/// What the engine emits.
#[derive(Clone, Copy, Debug)]
pub enum Output<'o> {
    /// A window is new or has changed, or will not change any more.
    Window {
        /// The window.
        window: &'o Window<'o>,
        /// Whether it is final: it will not be emitted again.
        is_final: bool,
        /// What was not known of it before.
        reached: Milestones,
        /// Why its decision is hollow, as far as the oversight stage has judged it
        /// ([`Windows::judge`](super::windows::Windows::judge)).
        hollow: Option<HollowReasons>,
        /// Why it is emitted.
        news: News,
        /// The names that it had before.
        former: &'o [ExposureId<'o>],
    },
    /// A review was due, and this came of it. Each window emits this once: when its decision
    /// in time is judged, or when the time has passed without a decision.
    ReviewDue {
        /// The window.
        window: &'o Window<'o>,
        /// How the decision lies in time.
        due: Due,
        /// Why the decision is hollow, as far as it was judged.
        hollow: Option<HollowReasons>,
    },
    /// A late event gave the window another name; this name is void.
    Retracted {
        /// The void name.
        exposure: ExposureId<'o>,
    },
    /// An alert begins or ends, or goes on for a window that has another name
    /// ([`Cause::Renamed`](super::alerts::Cause::Renamed)).
    Alert {
        /// Its subject: the name that the window had when the alert began.
        exposure: ExposureId<'o>,
        /// Where alerts of that name are published, if it is the name of another credential:
        /// what [`Windows::release`](super::windows::Windows::release) was told.
        home: Option<i32>,
        /// The subject's window, which may have another name by now, unless it was retracted.
        window: Option<&'o Window<'o>>,
        /// Which.
        alert: Alert,
        /// Begins or ends.
        transition: Transition,
        /// When and why.
        change: Change,
    },
    /// An event needed a window, and none came in time.
    Orphan {
        /// Workflow and credential.
        key: Key<'o>,
        /// The event's id.
        id: &'o str,
        /// The event's kind.
        kind: Kind,
        /// How many it stands for: more than one if repeats were folded into it.
        events: u64,
        /// Whether somebody acted, and nothing was ever detected under the name.
        unjoined: bool,
    },
    /// What is known of a name has changed on which somebody acted and under which nothing was
    /// detected. A name is reported once it has waited for a detection as long as a decision
    /// may take, and for an hour at most.
    Unjoined {
        /// Workflow and credential.
        key: Key<'o>,
        /// What was emitted before; `None` if nothing is reported of the name.
        before: Option<&'o Unjoined>,
        /// What holds now; `None` when a detection came, or the events are no longer held.
        after: Option<&'o Unjoined>,
    },
    /// An event held for a while turns out to belong to a window that is final.
    Late {
        /// Workflow and credential.
        key: Key<'o>,
        /// The event's id.
        id: &'o str,
        /// The event's kind.
        kind: Kind,
        /// How many it stands for: more than one if repeats were folded into it.
        events: u64,
    },
}
