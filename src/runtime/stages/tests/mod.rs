//! The stages without a broker: records in, records out, all in memory.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

mod bounds;
mod identity;
mod intake;
mod memory;
mod moves;
mod oversight;
mod restoring;
mod windows;
