//! Compares a list of a source with the events that were kept, and hands over what nobody
//! delivered.
//!
//! Hooks get lost: a sender gives up, or somebody turns the hook off. The source still knows what
//! happened, and its list (a REST export, say) shows it. An event of the list whose name and id
//! are not among the kept events was never delivered. It goes to a running instance like any
//! other event, and carries `recovered`.
//!
//! Invariant: an event that was delivered as well counts as delivered, whichever comes first: of
//! two events with one id the engine keeps the one without `recovered`.

mod deliver;
mod listed;

pub use deliver::{Destination, deliver};
pub use listed::{BySource, Found, Listed};
