//! What all clients of librdkafka share: how they are configured, how they log in, what
//! they do about errors, and the topics that have to be there.

pub(crate) mod admin;
pub(crate) mod append_time;
mod asking;
pub mod auth;
pub mod config;
pub(crate) mod context;
pub(crate) mod deliveries;
pub(crate) mod ensure;
mod error;
pub(crate) mod partitioner;
pub(crate) mod probe;
pub(crate) mod raw;
pub(crate) mod topics;
