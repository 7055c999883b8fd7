//! What touches the world around the pure engine.

pub mod input;
pub mod replay;
