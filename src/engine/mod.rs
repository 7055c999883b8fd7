//! The pure engine: no input or output of its own, no clock.

pub mod attacker;
pub mod histogram;
pub mod survival;
