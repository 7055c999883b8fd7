//! What touches the world: files, streams, clocks.

pub mod clock;
pub mod input;
pub mod replay;
