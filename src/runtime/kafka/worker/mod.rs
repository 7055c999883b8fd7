//! A worker: a consumer, a transactional producer, and a stage between them.
//!
//! `prepare` makes the workers' setups out of the settings, `session` is the loop of one
//! worker, `member`, `inputs`, `fetched`, `producer` and `output` are what it works with.

mod fetched;
mod inputs;
mod linger;
mod member;
mod output;
mod pace;
pub(super) mod prepare;
mod producer;
pub(super) mod session;
mod setup;
