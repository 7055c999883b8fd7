//! What a replay reports of each record or event that it does not use.

use crate::formats::Rejection;

/// A record or an event that was not used, and where it stood.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Which input, counted from 0; `None` for an event that waited in the engine, which does
    /// not keep its place.
    pub input: Option<u32>,
    /// Which line of it; `None` when it could not be opened.
    pub line: Option<u64>,
    /// How many records or events it stands for.
    pub events: u64,
    /// Why.
    pub rejection: Rejection,
    /// The record's shape, without its content.
    pub excerpt: Option<String>,
}
