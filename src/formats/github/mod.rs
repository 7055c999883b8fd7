//! GitHub: webhook deliveries of any event, and secret-scanning alerts as the REST API lists
//! them.
//!
//! Invariants: `alert.secret` is never read; of a comment only its length and a keyed digest
//! remain; an alert that GitHub itself closes is not a human decision.

mod account;
mod alert;
mod decode;
mod repository;
mod request;
mod subject;

pub(super) use decode::decode;
