//! Links: what a source reports, and how the roots of two names agree to be one.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::linked::{self, Linked};
use super::message::{Message, Reported, Sent};
use super::names::Names;
use super::node::Node;
use super::refusal::Refusal;
use super::turn::{Asking, Turn};
use crate::config::ALIASES_MAX;
use crate::engine::Receipt;
use crate::event::Relation;

impl Names {
    /// A source says that the names of a root belong to others.
    pub(super) fn reported(
        &mut self,
        to: &str,
        link: Reported<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Receipt, Refusal> {
        let Reported { name, aliases, relation, source, time, id } = link;
        if relation == Relation::Covers {
            // A credential cannot be what stands for it: it would have no windows.
            if aliases.iter().any(|name| self.is_one_of(to, name)) {
                return Err(Refusal::Circle);
            }
            if self.has_no_room_for(to) {
                return Err(Refusal::Full);
            }
            self.check_covered(to, &aliases)?;
            return self.cover(to, aliases, turn);
        }
        let (own, new): (Vec<_>, Vec<_>) =
            aliases.into_iter().partition(|alias| self.is_one_of(to, alias));
        let distinct: BTreeSet<&str> = new.iter().map(|alias| &**alias).collect();
        if self.count(to) + distinct.len() > ALIASES_MAX {
            return Err(Refusal::Names);
        }
        let linked = |alias: &str| Linked {
            name: name.as_ref().into(),
            alias: alias.into(),
            source: source.as_deref().map(Box::from),
            time,
            id: id.as_ref().into(),
        };
        for alias in own.iter().filter(|alias| **alias != name) {
            self.note(to, [linked(alias)], turn);
            // They may have forgotten that they belong here.
            if turn.refreshes && **alias != *to {
                self.ask(to, alias, linked(alias), turn);
            }
        }
        new.iter().for_each(|alias| self.ask(to, alias, linked(alias), turn));
        Ok(Receipt::Held)
    }

    /// The root `to` asks `other` to be joined.
    pub(super) fn ask(&self, to: &str, other: &str, link: Linked, turn: &mut Turn<'_>) {
        let (aliases, covered) = match self.nodes.get(to) {
            Some(Node::Root { aliases, covered, .. }) => (borrowed(aliases), borrowed(covered)),
            _ => (Vec::new(), Vec::new()),
        };
        let message = Message::Link { root: to.into(), aliases, covered, link };
        (turn.send)(Sent { to: other.into(), from: None, message });
    }

    /// The root `to` is asked by another one to be joined.
    pub(super) fn asked(
        &mut self,
        to: &str,
        asking: &Asking<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Receipt, Refusal> {
        let Asking { root, link, .. } = asking;
        if self.is_one_of(to, root) {
            self.note(to, [link.clone()], turn);
            if to < &**root {
                // It has forgotten that it is one of the names.
                self.ask(to, root, link.clone(), turn);
            }
            return Ok(Receipt::Held);
        }
        self.check(to, asking)?;
        if to < &**root {
            // The larger one moves, and it has to know what it would be joined with.
            self.ask(to, root, link.clone(), turn);
            return Ok(Receipt::Held);
        }
        if self.has_no_room_for(to) {
            return Err(Refusal::Full);
        }
        self.go_to(to, root, link, turn)
    }

    /// Whether the root `to` and the one that asks can be one credential.
    pub(super) fn check(&self, to: &str, asking: &Asking<'_>) -> Result<(), Refusal> {
        let Asking { root, aliases, covered, .. } = asking;
        let theirs = || aliases.iter().chain([root]).map(|name| &**name);
        let new = theirs().filter(|name| !self.is_one_of(to, name)).count();
        if self.count(to) + new > ALIASES_MAX {
            return Err(Refusal::Names);
        }
        let covers = |name: &str| matches!(self.nodes.get(to), Some(Node::Root { covered, .. }) if covered.contains(name));
        if theirs().any(covers) || covered.iter().any(|name| self.is_one_of(to, name)) {
            return Err(Refusal::Circle);
        }
        self.check_covered(to, covered)
    }

    /// Notes why names belong to the root `to`.
    pub(super) fn note(
        &mut self,
        to: &str,
        links: impl IntoIterator<Item = Linked>,
        turn: &mut Turn<'_>,
    ) {
        let Some(Node::Root { links: known, .. }) = self.nodes.get_mut(to) else { return };
        let mut news = false;
        for link in links {
            news |= linked::add(known, link);
        }
        if news {
            self.unsaved.insert(to.into());
            turn.windows.revise(to);
        }
    }
}

/// The names, as a message has them.
fn borrowed(names: &BTreeSet<Box<str>>) -> Vec<Cow<'_, str>> {
    names.iter().map(|name| Cow::Borrowed(&**name)).collect()
}
