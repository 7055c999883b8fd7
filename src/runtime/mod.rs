//! What touches the world: files, streams, clocks.

pub mod input;
pub mod replay;
