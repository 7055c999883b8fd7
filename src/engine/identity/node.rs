//! What is known of one name.

use std::collections::{BTreeSet, VecDeque};

use super::linked::Linked;
use crate::event::Event;
use crate::time::Timestamp;

/// What is known of a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// It belongs to a smaller name and forwards to it.
    Child {
        /// The smaller name.
        parent: Box<str>,
        /// When it last forwarded anything.
        used: Timestamp,
    },
    /// It is the smallest of its names.
    Root {
        /// The other names.
        aliases: BTreeSet<Box<str>>,
        /// The names that it covers: with any, it is no credential.
        covered: BTreeSet<Box<str>>,
        /// Events of a covering name, for the names that it will cover.
        kept: VecDeque<Kept>,
        /// Events on their way that were held under names that moved here.
        expected: i32,
        /// Why the names belong together.
        links: BTreeSet<Linked>,
        /// When it last got a message.
        used: Timestamp,
    },
}

/// An event that a covering name keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The event.
    pub event: Event<'static>,
    /// How many events it stands for.
    pub weight: u32,
    /// How many covering names it came through.
    pub covers: u8,
}

impl Node {
    /// A name that no other one is known of.
    pub(super) fn new_root(used: Timestamp) -> Node {
        Node::Root {
            aliases: BTreeSet::new(),
            covered: BTreeSet::new(),
            kept: VecDeque::new(),
            expected: 0,
            links: BTreeSet::new(),
            used,
        }
    }
}

impl Kept {
    /// Its length as JSON.
    pub(super) fn bytes(&self) -> usize {
        serde_json::to_vec(&self.event).map_or(0, |json| json.len())
    }
}
