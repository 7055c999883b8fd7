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
//! What is emitted depends on the set of events held, never on their order: two
//! runs that hold the same events say the same of every window.

pub mod alerts;
pub mod attacker;
pub mod bounds;
pub mod by_workflow;
pub mod chances;
pub mod effective;
pub mod ends;
pub mod histogram;
pub mod identity;
pub mod incidents;
mod output;
pub mod oversight;
pub mod summary;
pub mod survival;
pub mod waits;
pub mod windows;

pub use output::{News, Output, Receipt};
