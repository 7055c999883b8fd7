//! How far the stages before one's own have come.
//!
//! `monitor` asks the brokers, `lag_gate` decides whether the windows may go by the
//! clock, `stage_progress` up to when everything has gone through a stage, and
//! `watermark` carries that to the workers. `forwards` has
//! watermarks wait for what linked names forward to each other.

mod forwards;
mod hanging;
mod lag_gate;
mod layout;
pub(super) mod look;
pub(super) mod monitor;
pub(super) mod signals;
mod stage_progress;
pub(super) mod watermark;
