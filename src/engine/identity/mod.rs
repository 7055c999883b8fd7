//! One credential, many names.
//!
//! Names joined by links of the kind `same` are one credential; its id is the smallest name
//! in the order of bytes. A name that *covers* others, such as that of a ticket, is no
//! credential: its events belong to each name that it covers.
//!
//! The names are joined by messages among them, so that each name can be held wherever its
//! key leads: a name that belongs to a smaller one forwards to it all that it gets. Parents
//! are always smaller, so that there is no circle. A link is first a request between the two
//! roots; the larger one becomes a child and moves all it holds. Which windows come of it
//! depends on the set of events and links, never on their order.
//!
//! Invariants: a name has one parent at most, and a smaller one; an event is held under one
//! root, or under each that is covered; names that nothing links cost nothing.

mod covering;
mod joined;
mod keeping;
mod linked;
mod linking;
mod message;
mod moving;
mod name_kind;
mod name_order;
mod names;
mod node;
mod refusal;
mod turn;

pub use joined::{HandedOn, Joined, NotTaken};
pub use linked::Linked;
pub use message::{Message, Reported, Sent};
pub use name_kind::NameKind;
pub use name_order::{KnownAs, NameOrder, NameOrderError};
pub use names::Names;
pub use node::{Kept, Node};
pub use refusal::Refusal;
