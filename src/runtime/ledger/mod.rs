//! Reads a ledger for the report: from files, from the output of a replay,
//! from a local store, or from a topic.
//!
//! Invariants: a record that cannot be read is an error with its place, or is left out
//! and counted if the operator allows that; every file is identified by the digest of its
//! bytes on disk; memory holds the rows and a few chunks of input.

mod error;
mod files;
mod hashing;
mod loaded;
mod sidecar;
mod store;
mod topic;

pub use error::LoadError;
pub use files::load;
pub use loaded::Loaded;
pub use store::{is_store, load_store};
pub use topic::{Topics, load_topics};
