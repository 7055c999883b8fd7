//! What the engine emits → records: window records, alerts, findings, reviews,
//! judgements, tombstones, dead letters, and the counters that go with them.
//!
//! `windows` publishes for the first stage and `oversight` for the second; `publisher`
//! is what both have in common.

mod lines;
mod oversight;
mod publisher;
mod windows;
mod writer;

pub(super) use lines::Lines;
pub(super) use oversight::OversightPublisher;
pub(super) use publisher::Publisher;
pub(super) use windows::WindowsPublisher;
pub(super) use writer::{Writer, json};
