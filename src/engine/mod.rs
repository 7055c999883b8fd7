//! The pure core: events and time in, windows and alerts out.
//!
//! # The contract
//! No I/O, no threads, no clock, no exporter. The caller owns the world and
//! drives the engine with two verbs and one question:
//!
//! ```text
//! loop {
//!     wait for events, or until engine.next_deadline()
//!     for event in events { engine.handle(&event) }      // cheap: holds the event
//!     engine.advance(now, &mut |output| publish(output)) // derives, decides, says
//! }
//! ```
//!
//! * [`Windows::handle`](windows::Windows::handle) takes an event in and says
//!   whether it was held, late or refused. It says nothing about windows.
//! * [`Windows::advance`](windows::Windows::advance) takes the time in and says
//!   all that follows from the events and the time: revisions of windows, alerts
//!   that begin or end, windows that are final, events whose time is up. (What is
//!   given up because a bound is reached is counted only.) Deadlines pass
//!   here, with or without events. Time never goes back.
//! * [`Windows::next_deadline`](windows::Windows::next_deadline) is the next
//!   time at which `advance` has something to do.
//!
//! Judging decisions is a second stage, keyed by reviewer, with the same contract
//! ([`oversight::Stage`]); what it says of a decision comes back to the window by
//! [`Windows::judge`](windows::Windows::judge).
//!
//! What is held survives the process: [`Windows::checkpoint`](windows::Windows::checkpoint)
//! hands out each credential that has changed, [`Windows::restore`](windows::Windows::restore)
//! takes it back.
//!
//! Reading a file is the same engine: all events are handled, nothing settles
//! until the end of input (unless it is asked to), and
//! [`Windows::view`](windows::Windows::view) hands out what came of it.
//!
//! What is said depends on the set of events held, never on their order: two
//! runs that hold the same events say the same of every window.

pub mod alerts;
pub mod attacker;
pub mod bounds;
pub mod chances;
pub mod effective;
pub mod ends;
pub mod histogram;
pub mod incidents;
pub mod oversight;
pub mod summary;
pub mod survival;
pub mod windows;

use crate::event::Kind;
use windows::{ExposureId, Key, Window};

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

/// What is new about a window that is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// It is made of other events than when it was last said.
    pub revised: bool,
    /// Its decision was judged since.
    pub judged: bool,
    /// Its decision is another one than was said, or none any more.
    pub superseded: bool,
}

/// What the engine says.
#[derive(Clone, Copy, Debug)]
pub enum Output<'o> {
    /// A window is new or has changed, or will not change any more.
    Window {
        /// The window.
        window: &'o Window<'o>,
        /// Whether this is the last word on it.
        is_final: bool,
        /// What was not known of it before.
        reached: windows::Milestones,
        /// Why its decision is hollow, as far as the second stage has said so
        /// ([`Windows::judge`](windows::Windows::judge)).
        hollow: Option<oversight::HollowReasons>,
        /// Why it is said.
        news: News,
    },
    /// A late arrival gave a window another name; this one is void.
    Retracted {
        /// The void name.
        exposure: ExposureId<'o>,
    },
    /// An alert begins or ends.
    Alert {
        /// Its subject.
        exposure: ExposureId<'o>,
        /// The subject's window, unless it was retracted.
        window: Option<&'o Window<'o>>,
        /// Which.
        alert: alerts::Alert,
        /// Begins or ends.
        transition: alerts::Transition,
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
