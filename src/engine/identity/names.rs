//! What each name knows of the others.
//!
//! Union and find by messages (Galler and Fischer 1964; the smaller name is the root in
//! place of the larger set, so that the id does not depend on the order of the links).

use std::collections::BTreeSet;

use foldhash::HashMap;

use super::linked::Linked;
use super::message::{Message, Reported, Sent};
use super::node::Node;
use super::refusal::Refusal;
use super::turn::{Asking, Turn};
use crate::engine::Receipt;
use crate::engine::oversight::HollowReasons;
use crate::engine::windows::{ExposureId, Key, Windows};
use crate::event::{Body, Event};
use crate::time::Timestamp;

/// Linked names of a partition at most: a flood of links must not take all memory.
const NAMES_MAX: usize = 1 << 22;

/// The names of a partition that links are known of.
#[derive(Debug)]
pub struct Names {
    pub(super) nodes: HashMap<Box<str>, Node>,
    most: usize,
    /// Where alerts about these names are published.
    pub(super) home: i32,
    /// Names whose node is another than was handed out.
    pub(super) unsaved: BTreeSet<Box<str>>,
    /// Up to when unused names are forgotten.
    pub(super) expired: Option<Timestamp>,
    pub(super) counts: Counts,
}

/// What the names took in themselves and what they added, in events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Links, and events of names that cover others.
    pub linked: u64,
    /// Events of covering names that were handed on, one for each name covered.
    pub copied: u64,
    /// Events of covering names that had come before.
    pub duplicate: u64,
}

impl Default for Names {
    fn default() -> Names {
        Names {
            nodes: HashMap::default(),
            most: NAMES_MAX,
            home: 0,
            unsaved: BTreeSet::new(),
            expired: None,
            counts: Counts::default(),
        }
    }
}

impl Names {
    /// The same with so many linked names at most.
    #[must_use]
    pub fn holding(self, most: usize) -> Names {
        Names { most, ..self }
    }

    /// The same whose alerts are published with this number.
    #[must_use]
    pub fn at_home(self, home: i32) -> Names {
        Names { home, ..self }
    }

    /// Whether nothing links any name.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Names that are linked.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// What was taken in and added.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The other names of the credential, in order.
    pub fn aliases(&self, name: &str) -> impl Iterator<Item = &str> {
        let aliases = match self.nodes.get(name) {
            Some(Node::Root { aliases, .. }) => Some(aliases),
            _ => None,
        };
        aliases.into_iter().flatten().map(|alias| &**alias)
    }

    /// Why the names of the credential belong together, in order.
    pub fn links(&self, name: &str) -> impl Iterator<Item = &Linked> {
        let links = match self.nodes.get(name) {
            Some(Node::Root { links, .. }) => Some(links),
            _ => None,
        };
        links.into_iter().flatten()
    }

    /// Takes in an event of a source. `send` gets what follows for other names.
    ///
    /// # Errors
    /// [`Refusal`], where the event is a link that cannot be made.
    pub fn handle(
        &mut self,
        event: &Event<'_>,
        now: Timestamp,
        windows: &mut Windows,
        send: &mut dyn FnMut(Sent<'_>),
    ) -> Result<Receipt, Refusal> {
        let links = matches!(event.body, Body::IdentityLinked(_));
        if !links && (self.nodes.is_empty() || !self.nodes.contains_key(&*event.credential_id)) {
            return Ok(windows.handle(event));
        }
        let to = event.credential_id.clone();
        let message = match &event.body {
            Body::IdentityLinked(link) => {
                self.counts.linked += 1;
                Message::Reported(Reported {
                    name: event.credential_id.clone(),
                    aliases: link.aliases.clone(),
                    relation: link.relation,
                    source: event.source.clone(),
                    time: event.time,
                    id: event.id.clone(),
                })
            }
            _ => Message::Event { event: event.clone(), weight: 1, covers: 0, moved: false },
        };
        let sent = Sent { to, from: None, message };
        self.take(sent, now, windows, send)
    }

    /// Takes in a message. `send` gets what follows for other names.
    ///
    /// # Errors
    /// [`Refusal`], where the message is about a link that cannot be made.
    pub fn take(
        &mut self,
        sent: Sent<'_>,
        now: Timestamp,
        windows: &mut Windows,
        send: &mut dyn FnMut(Sent<'_>),
    ) -> Result<Receipt, Refusal> {
        let refreshes = self.touch(&sent.to, now);
        let mut turn = Turn { now, windows, send, refreshes };
        if let Some(Node::Child { parent, .. }) = self.nodes.get_mut(&*sent.to) {
            let Sent { to, from, message } = sent;
            if let Message::Root { root } = message {
                if *root < **parent {
                    *parent = root.into();
                    self.unsaved.insert(to.into());
                }
                return Ok(Receipt::Held);
            }
            let parent = parent.clone();
            turn.forward(&to, from, &parent, message);
            return Ok(Receipt::Held);
        }
        let Sent { to, message, .. } = sent;
        match message {
            Message::Event { event, weight, covers, moved } => {
                if moved {
                    self.expect(&to, -1, &mut turn);
                }
                self.event(&to, event, (weight, covers), &mut turn)
            }
            Message::Reported(link) => self.reported(&to, link, &mut turn),
            Message::Link { root, aliases, covered, link } => {
                self.asked(&to, &Asking { root, aliases, covered, link }, &mut turn)
            }
            Message::Join { aliases, covered, links, remembered, expected } => {
                remembered.iter().for_each(|it| turn.windows.take_over(&to, it));
                self.expect(&to, expected, &mut turn);
                self.join(&to, aliases, links, &mut turn);
                self.cover(&to, covered, &mut turn)
            }
            Message::Judged { workflow, name, detected_at, mark, hollow } => {
                let key = Key { workflow, credential_id: &name };
                turn.windows.judge_former(&to, ExposureId { key, detected_at }, mark, hollow);
                Ok(Receipt::Held)
            }
            // It belonged to another name once, and that was forgotten.
            Message::Root { .. } => Ok(Receipt::Held),
        }
    }

    /// Takes in the judgement of a decision whose window had this name when it was handed to
    /// oversight. `send` gets what follows for other names.
    pub fn judge(
        &mut self,
        exposure: ExposureId<'_>,
        (mark, hollow): (u32, Option<HollowReasons>),
        now: Timestamp,
        windows: &mut Windows,
        send: &mut dyn FnMut(Sent<'_>),
    ) {
        let name = exposure.key.credential_id;
        if !matches!(self.nodes.get(name), Some(Node::Child { .. })) {
            windows.judge(exposure, mark, hollow);
            return;
        }
        let message = Message::judged(exposure, mark, hollow);
        let sent = Sent { to: name.into(), from: None, message };
        // A child forwards whatever it gets.
        let _ = self.take(sent, now, windows, send);
    }

    pub(super) fn has_no_room_for(&self, name: &str) -> bool {
        self.nodes.len() >= self.most && !self.nodes.contains_key(name)
    }

    pub(super) fn is_one_of(&self, root: &str, name: &str) -> bool {
        root == name
            || matches!(self.nodes.get(root), Some(Node::Root { aliases, .. })
                if aliases.contains(name))
    }

    /// Names of the credential.
    pub(super) fn count(&self, root: &str) -> usize {
        match self.nodes.get(root) {
            Some(Node::Root { aliases, .. }) => 1 + aliases.len(),
            _ => 1,
        }
    }
}
