//! Where a partition is to be read from, and the state it had there.
//!
//! `restorer` is the thread that a worker asks, `reader` asks the brokers, `threads` take
//! in the changelog side by side.

mod check;
mod plan;
mod reader;
mod reading;
mod restorer;
#[cfg(test)]
mod tests;
mod threads;

pub(super) use plan::{Changelog, CheckRecord, Plan, Ready, Wanted};
pub(super) use restorer::Restorer;
