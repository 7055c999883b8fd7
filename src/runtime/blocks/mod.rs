//! Blocks: many entries of a changelog in one record.
//!
//! A record costs a broker and its clients about the same whatever is in it, and a stage changes
//! thousands of states between two commits. So the entries of a commit, each a key and its state
//! or that it is gone, go into blocks, and a topic holds the blocks.
//!
//! A topic's compaction cannot look into a block, so the writer keeps the topic short itself. Once
//! the blocks hold several times as many entries as the state has, all of the state is written
//! again, a part with each commit. What came before needs nobody then, and the records of the
//! oldest blocks are used for new ones. This is how a log-structured store is cleaned (Rosenblum
//! and Ousterhout 1992), with all of the log as one segment.
//!
//! Invariants:
//! - Blocks have consecutive sequence numbers, and each says which is the first that matters
//!   (`from`). Every key that is held has an entry in a block from there on. So a block that is
//!   missing is found.
//! - Those that do not matter any more go oldest first. Compaction removes a record only after
//!   the records of all older blocks are removed or replaced, so an old state never comes back.
//! - Keys of records differ from one session to the next. A writer that does not know yet that
//!   it has been replaced cannot replace the records of its successor.
//!
//! Nothing here knows a broker.

mod form;
mod found;
#[cfg(test)]
mod tests;
mod writer;

pub use form::{Block, is_key};
pub use found::{Found, Missing};
pub use writer::{BlockWriter, Sent};
