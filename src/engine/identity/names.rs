//! What each name knows of the others.
//!
//! Union and find by messages (Galler and Fischer 1964; the smaller name is the root in
//! place of the larger set, so that the id does not depend on the order of the links).

use std::borrow::Cow;
use std::collections::BTreeSet;

use foldhash::HashMap;

use super::linked::{self, Linked};
use super::message::{Message, Reported, Sent};
use super::node::{Kept, Node};
use super::refusal::Refusal;
use crate::config::{ALIASES_MAX, COVERED_MAX};
use crate::engine::Receipt;
use crate::engine::oversight::HollowReasons;
use crate::engine::windows::{ExposureId, Key, Released, Windows};
use crate::event::{Body, Event, Relation};
use crate::time::{Span, Timestamp};

/// Events that a covering name keeps for the names that it will cover; the oldest go first.
const KEPT_MAX: usize = 64;
/// Bytes of them as JSON, and bytes of the names that one name covers: what is known of a name
/// is one record of the changelog.
const KEPT_BYTES_MAX: usize = 256 << 10;
const COVERED_BYTES_MAX: usize = 128 << 10;
/// Covering names that an event can come through, one after the other: names that cover
/// each other would send it round for ever.
const COVERS_MAX: u8 = 8;
/// A use is noted again only after so long: each note is a record of the changelog.
const USED_EVERY: Span = Span::from_mins(60);

/// Linked names of a partition at most: a flood of links must not take all memory.
const NAMES_MAX: usize = 1 << 22;

/// The names of a partition that links are known of.
#[derive(Debug)]
pub struct Names {
    nodes: HashMap<Box<str>, Node>,
    most: usize,
    /// Where alerts about these names are published.
    home: i32,
    /// Names whose node is another than was handed out.
    unsaved: BTreeSet<Box<str>>,
    /// Up to when unused names are forgotten.
    expired: Option<Timestamp>,
    counts: Counts,
}

/// What the names took in themselves and what they added, in events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Links, and events of names that cover others.
    pub linked: u64,
    /// Events of covering names that were handed on, one for each name covered.
    pub copied: u64,
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

/// One message that a name handles: when, with which windows, and where its own messages go.
struct Turn<'t> {
    now: Timestamp,
    windows: &'t mut Windows,
    send: &'t mut dyn FnMut(Sent<'_>),
    /// Whether the name was not used for a while.
    refreshes: bool,
}

/// A root that asks to be joined with another one.
struct Asking<'a> {
    root: Cow<'a, str>,
    aliases: Vec<Cow<'a, str>>,
    covered: Vec<Cow<'a, str>>,
    link: Linked,
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

    /// Once all names are restored: has the windows wait for the events that are on their way.
    pub fn resume(&self, windows: &mut Windows) {
        for (name, node) in &self.nodes {
            if matches!(node, Node::Root { expected, .. } if *expected != 0) {
                windows.expect_events(name, true);
            }
        }
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
            forward(&to, from, &parent, message, &mut turn);
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

    /// So many more events are on their way to the root `to`.
    fn expect(&mut self, to: &str, more: i32, turn: &mut Turn<'_>) {
        if more == 0 {
            return;
        }
        let node = self.nodes.entry(to.into()).or_insert_with(|| Node::new_root(turn.now));
        if let Node::Root { expected, .. } = node {
            *expected = expected.saturating_add(more);
            turn.windows.expect_events(to, *expected != 0);
            self.unsaved.insert(to.into());
        }
    }

    /// An event at a root.
    fn event(
        &mut self,
        to: &str,
        event: Event<'_>,
        (weight, covers): (u32, u8),
        turn: &mut Turn<'_>,
    ) -> Result<Receipt, Refusal> {
        match self.nodes.get_mut(to) {
            Some(Node::Root { covered, kept, .. }) if !covered.is_empty() => {
                self.counts.linked += u64::from(weight);
                if kept.iter().any(|kept| kept.event == event) {
                    // It went round, or was delivered again.
                    return if covers > 0 { Err(Refusal::Circle) } else { Ok(Receipt::Held) };
                }
                if covers >= COVERS_MAX {
                    return Err(Refusal::Circle);
                }
                let event = Kept { event: event.into_owned(), weight, covers };
                let others = covered.iter().filter(|name| ***name != *to);
                others.for_each(|name| self.counts.copied += spread(name, &event, turn));
                kept.push_back(event);
                let mut bytes: usize = kept.iter().map(Kept::bytes).sum();
                while kept.len() > KEPT_MAX || bytes > KEPT_BYTES_MAX {
                    let Some(oldest) = kept.pop_front() else { break };
                    bytes -= oldest.bytes();
                }
                self.unsaved.insert(to.into());
                Ok(Receipt::Held)
            }
            _ => Ok(turn.windows.handle_weighted(&event, weight)),
        }
    }

    /// A source says that the names of a root belong to others.
    fn reported(
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
    fn ask(&self, to: &str, other: &str, link: Linked, turn: &mut Turn<'_>) {
        let (aliases, covered) = match self.nodes.get(to) {
            Some(Node::Root { aliases, covered, .. }) => (borrowed(aliases), borrowed(covered)),
            _ => (Vec::new(), Vec::new()),
        };
        let message = Message::Link { root: to.into(), aliases, covered, link };
        (turn.send)(Sent { to: other.into(), from: None, message });
    }

    /// The root `to` is asked by another one to be joined.
    fn asked(
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
    fn check(&self, to: &str, asking: &Asking<'_>) -> Result<(), Refusal> {
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

    /// Whether the root `to` can cover these, too.
    fn check_covered(&self, to: &str, further: &[Cow<'_, str>]) -> Result<(), Refusal> {
        let mut covered: BTreeSet<&str> = further.iter().map(|name| &**name).collect();
        if let Some(Node::Root { covered: known, .. }) = self.nodes.get(to) {
            covered.extend(known.iter().map(|name| &**name));
        }
        if covered.len() > COVERED_MAX {
            return Err(Refusal::Covered);
        }
        if covered.iter().map(|name| name.len()).sum::<usize>() > COVERED_BYTES_MAX {
            return Err(Refusal::CoveredBytes);
        }
        Ok(())
    }

    /// The root `to` becomes a child of the smaller `root`, and all that it holds goes there.
    fn go_to(
        &mut self,
        to: &str,
        root: &str,
        link: &Linked,
        turn: &mut Turn<'_>,
    ) -> Result<Receipt, Refusal> {
        let child = Node::Child { parent: root.into(), used: turn.now };
        let before = self.nodes.insert(to.into(), child);
        self.unsaved.insert(to.into());
        let (mut aliases, mut covered) = (vec![Cow::Borrowed(to)], Vec::new());
        let mut links = vec![link.clone()];
        let mut held = Vec::new();
        let to_root = Released::Moved(self.home);
        let remembered = turn.windows.release(to, to_root, &mut |event, weight| {
            held.push(Kept { event: event.into_owned(), weight, covers: 0 });
        });
        let mut on_the_way = 0;
        if let Some(Node::Root {
            aliases: others,
            covered: names,
            kept,
            expected,
            links: why,
            ..
        }) = before
        {
            aliases.extend(others.into_iter().map(|name| Cow::Owned(name.into())));
            covered.extend(names.into_iter().map(|name| Cow::Owned(name.into())));
            held.extend(kept);
            links.extend(why);
            on_the_way = expected;
        }
        turn.windows.expect_events(to, false);
        let were_final = remembered.iter().any(|it| !it.settled.is_empty());
        // Far fewer events than 2^31 are held of a name.
        let expected = on_the_way.saturating_add(held.len() as i32);
        let send = &mut *turn.send;
        let message = Message::Join { aliases, covered, links, remembered, expected };
        send(Sent { to: root.into(), from: None, message });
        held.into_iter().for_each(|event| send(moved(root, event)));
        if were_final { Err(Refusal::Late) } else { Ok(Receipt::Held) }
    }

    /// Notes why names belong to the root `to`.
    fn note(&mut self, to: &str, links: impl IntoIterator<Item = Linked>, turn: &mut Turn<'_>) {
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

    /// Further names belong to the root `to`.
    fn join(
        &mut self,
        to: &str,
        further: Vec<Cow<'_, str>>,
        links: Vec<Linked>,
        turn: &mut Turn<'_>,
    ) {
        let node = self.nodes.entry(to.into()).or_insert_with(|| Node::new_root(turn.now));
        let Node::Root { aliases, .. } = node else { return };
        let known = aliases.len();
        aliases.extend(further.into_iter().filter(|name| **name != *to).map(Box::from));
        if aliases.len() > known {
            self.unsaved.insert(to.into());
            turn.windows.revise(to);
        }
        self.note(to, links, turn);
    }

    /// The root `to` covers these, too.
    fn cover(
        &mut self,
        to: &str,
        covers: Vec<Cow<'_, str>>,
        turn: &mut Turn<'_>,
    ) -> Result<Receipt, Refusal> {
        if covers.is_empty() {
            return Ok(Receipt::Held);
        }
        let node = self.nodes.entry(to.into()).or_insert_with(|| Node::new_root(turn.now));
        let Node::Root { covered, kept, .. } = node else { return Ok(Receipt::Held) };
        let new: Vec<Box<str>> =
            covers.into_iter().map(Box::from).filter(|name| !covered.contains(name)).collect();
        if new.is_empty() {
            return Ok(Receipt::Held);
        }
        for name in &new {
            let kept = kept.iter().filter(|_| **name != *to);
            kept.for_each(|kept| self.counts.copied += spread(name, kept, turn));
        }
        covered.extend(new);
        self.unsaved.insert(to.into());
        // What was held as a credential's belongs to the names that are covered.
        let mut held = Vec::new();
        let remembered = turn.windows.release(to, Released::Spread, &mut |event, weight| {
            held.push((event.into_owned(), weight));
        });
        for (event, weight) in held {
            let _ = self.event(to, event, (weight, 0), turn)?;
        }
        if remembered.is_empty() { Ok(Receipt::Held) } else { Err(Refusal::Late) }
    }

    fn has_no_room_for(&self, name: &str) -> bool {
        self.nodes.len() >= self.most && !self.nodes.contains_key(name)
    }

    fn is_one_of(&self, root: &str, name: &str) -> bool {
        root == name
            || matches!(self.nodes.get(root), Some(Node::Root { aliases, .. })
                if aliases.contains(name))
    }

    /// Names of the credential.
    fn count(&self, root: &str) -> usize {
        match self.nodes.get(root) {
            Some(Node::Root { aliases, .. }) => 1 + aliases.len(),
            _ => 1,
        }
    }

    /// Notes that `name` is used, and says whether it was not for a while.
    fn touch(&mut self, name: &str, now: Timestamp) -> bool {
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

    /// Takes back what [`Names::checkpoint`] handed out.
    pub fn restore(&mut self, name: &str, node: Option<Node>) {
        match node {
            Some(node) => drop(self.nodes.insert(name.into(), node)),
            None => drop(self.nodes.remove(name)),
        }
    }
}

/// The names, as a message has them.
fn borrowed(names: &BTreeSet<Box<str>>) -> Vec<Cow<'_, str>> {
    names.iter().map(|name| Cow::Borrowed(&**name)).collect()
}

/// An event under its new name.
fn moved(root: &str, Kept { event, weight, covers }: Kept) -> Sent<'static> {
    let to: Cow<'_, str> = Cow::Owned(root.to_owned());
    let event = Event { credential_id: to.clone(), ..event };
    Sent { to, from: None, message: Message::Event { event, weight, covers, moved: true } }
}

/// Sends an event of a covering name to a name that it covers, and returns how many events it
/// stands for.
fn spread(name: &str, kept: &Kept, turn: &mut Turn<'_>) -> u64 {
    let event = kept.event.clone().covering(Cow::Owned(name.to_owned()));
    let (weight, covers) = (kept.weight, kept.covers + 1);
    let message = Message::Event { event, weight, covers, moved: false };
    (turn.send)(Sent { to: name.into(), from: None, message });
    u64::from(kept.weight)
}

/// Sends on what a child got, and tells who sent it the shorter way.
fn forward(
    child: &str,
    from: Option<Cow<'_, str>>,
    parent: &str,
    message: Message<'_>,
    turn: &mut Turn<'_>,
) {
    if let Some(from) = from {
        let message = Message::Root { root: parent.into() };
        (turn.send)(Sent { to: from, from: None, message });
    }
    let message = match message {
        Message::Event { event, weight, covers, moved } => {
            let event = Event { credential_id: parent.into(), ..event };
            Message::Event { event, weight, covers, moved }
        }
        other => other,
    };
    (turn.send)(Sent { to: parent.into(), from: Some(child.into()), message });
}
