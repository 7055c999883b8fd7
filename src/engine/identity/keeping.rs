//! How long names are remembered, and how they outlive their process.

use super::names::Names;
use super::node::Node;
use crate::engine::windows::Windows;
use crate::time::{Span, Timestamp};

/// A use is noted again only after so long: each note is a record of the changelog.
const USED_EVERY: Span = Span::from_mins(60);

impl Names {
    /// Once all names are restored: has the windows wait for the events that are on their way.
    pub fn resume(&self, windows: &mut Windows) {
        for (name, node) in &self.nodes {
            if matches!(node, Node::Root { expected, .. } if *expected != 0) {
                windows.expect_events(name, true);
            }
        }
    }

    /// Notes that `name` is used, and says whether it was not for a while.
    pub(super) fn touch(&mut self, name: &str, now: Timestamp) -> bool {
        let Some(node) = self.nodes.get_mut(name) else { return false };
        let (Node::Child { used, .. } | Node::Root { used, .. }) = node;
        let refreshes = now >= *used + USED_EVERY;
        if refreshes {
            *used = now;
            self.unsaved.insert(name.into());
        }
        refreshes
    }

    /// Forgets the names that were last used before `before`, within an hour at most.
    pub fn expire(&mut self, before: Timestamp) {
        if self.nodes.is_empty() || self.expired.is_some_and(|at| before < at + USED_EVERY) {
            return;
        }
        self.expired = Some(before);
        let Names { nodes, unsaved, .. } = self;
        nodes.retain(|name, node| {
            let (Node::Child { used, .. } | Node::Root { used, .. }) = node;
            let stays = *used >= before;
            if !stays {
                unsaved.insert(name.clone());
            }
            stays
        });
    }

    /// Hands out every name whose node has changed since the last call; `None`: it is
    /// forgotten.
    pub fn checkpoint(&mut self, each: &mut dyn FnMut(&str, Option<&Node>)) {
        for name in std::mem::take(&mut self.unsaved) {
            each(&name, self.nodes.get(&name));
        }
    }

    /// Every name of which something is known.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(|name| &**name)
    }

    /// Has the next checkpoint hand out what is known of a name again, or that nothing is.
    pub fn rewrite(&mut self, name: Box<str>) {
        self.unsaved.insert(name);
    }

    /// Takes back what [`Names::checkpoint`] handed out.
    pub fn restore(&mut self, name: &str, node: Option<Node>) {
        match node {
            Some(node) => drop(self.nodes.insert(name.into(), node)),
            None => drop(self.nodes.remove(name)),
        }
    }
}
