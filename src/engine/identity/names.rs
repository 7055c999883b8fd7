//! What each name knows of the others.
//!
//! Union and find by messages (Galler and Fischer 1964; the smaller name is the root in
//! place of the larger set, so that the id does not depend on the order of the links).

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};

use foldhash::HashMap;

use super::message::{Message, Sent};
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

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The credential would have more than [`ALIASES_MAX`] names, or the name would cover
    /// more than [`COVERED_MAX`].
    TooMany,
    /// Names cover each other in a circle, or in a row of more than eight.
    Circle,
    /// As many names are linked as may be.
    Full,
    /// Windows of the name are final already: they stay under it. Everything else is joined.
    Late,
}

impl Node {
    /// A name that no other one is known of.
    fn new_root(used: Timestamp) -> Node {
        Node::Root {
            aliases: BTreeSet::new(),
            covered: BTreeSet::new(),
            kept: VecDeque::new(),
            expected: 0,
            used,
        }
    }
}

impl Kept {
    /// Its length as JSON.
    fn bytes(&self) -> usize {
        serde_json::to_vec(&self.event).map_or(0, |json| json.len())
    }
}

impl Refusal {
    /// Why, in words.
    pub const fn text(self) -> &'static str {
        match self {
            Refusal::TooMany => {
                "the credential would have more than 64 names, or the name would cover more than \
                 1,000; the names stay apart"
            }
            Refusal::Circle => {
                "a name covers itself, names cover each other in a circle, or more than eight \
                 cover each other in a row; what they say belongs to no credential"
            }
            Refusal::Full => "as many names are linked as may be; the names stay apart",
            Refusal::Late => {
                "windows of the name are final and stay under it; what comes is joined"
            }
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
        let event = event.clone();
        let to = event.credential_id.clone();
        let message = Message::Event { event, weight: 1, covers: 0, moved: false };
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
            Message::Link { root, names } => self.asked(&to, &root, names, &mut turn),
            Message::Join { aliases, covered, remembered, expected } => {
                remembered.iter().for_each(|it| turn.windows.take_over(&to, it));
                self.expect(&to, expected, &mut turn);
                self.join(&to, aliases, covered, &mut turn)
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
        if let Body::IdentityLinked(link) = event.body {
            self.counts.linked += u64::from(weight);
            return match link.relation {
                Relation::Same => {
                    link.aliases.iter().for_each(|alias| self.ask(to, alias, turn));
                    Ok(Receipt::Held)
                }
                Relation::Covers => self.join(to, Vec::new(), link.aliases, turn),
            };
        }
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

    /// The root `to` asks `other` to be joined. It asks its own names from time to time: they
    /// may have forgotten that they are.
    fn ask(&mut self, to: &str, other: &str, turn: &mut Turn<'_>) {
        if to != other && (turn.refreshes || !self.is_one_of(to, other)) {
            self.tell(to, other, turn);
        }
    }

    fn tell(&self, to: &str, other: &str, turn: &mut Turn<'_>) {
        let message = Message::Link { root: to.into(), names: self.count(to) };
        (turn.send)(Sent { to: other.into(), from: None, message });
    }

    /// The root `to` is asked by `root`, which has so many names, to be joined.
    fn asked(
        &mut self,
        to: &str,
        root: &str,
        names: u32,
        turn: &mut Turn<'_>,
    ) -> Result<Receipt, Refusal> {
        if self.is_one_of(to, root) {
            if to < root {
                // It has forgotten that it is one of the names.
                self.tell(to, root, turn);
            }
            return Ok(Receipt::Held);
        }
        if (self.count(to) + names) as usize > ALIASES_MAX {
            return Err(Refusal::TooMany);
        }
        if to < root {
            // The larger one moves, and it has to know how many names there would be.
            self.ask(to, root, turn);
            return Ok(Receipt::Held);
        }
        if self.has_no_room_for(to) {
            return Err(Refusal::Full);
        }
        let child = Node::Child { parent: root.into(), used: turn.now };
        let before = self.nodes.insert(to.into(), child);
        self.unsaved.insert(to.into());
        let (mut aliases, mut covered) = (vec![Cow::Borrowed(to)], Vec::new());
        let mut held = Vec::new();
        let to_root = Released::Moved(self.home);
        let remembered = turn.windows.release(to, to_root, &mut |event, weight| {
            held.push(Kept { event: event.into_owned(), weight, covers: 0 });
        });
        let mut expected = 0;
        if let Some(Node::Root {
            aliases: others,
            covered: names,
            kept,
            expected: on_the_way,
            ..
        }) = before
        {
            aliases.extend(others.into_iter().map(|name| Cow::Owned(name.into())));
            covered.extend(names.into_iter().map(|name| Cow::Owned(name.into())));
            held.extend(kept);
            expected = on_the_way;
        }
        turn.windows.expect_events(to, false);
        let were_final = remembered.iter().any(|it| !it.settled.is_empty());
        // Far fewer events than 2^31 are held of a name.
        let expected = expected.saturating_add(held.len() as i32);
        let send = &mut *turn.send;
        let message = Message::Join { aliases, covered, remembered, expected };
        send(Sent { to: root.into(), from: None, message });
        held.into_iter().for_each(|event| send(moved(root, event)));
        if were_final { Err(Refusal::Late) } else { Ok(Receipt::Held) }
    }

    /// Further names belong to the root `to`, and it covers these.
    fn join(
        &mut self,
        to: &str,
        further: Vec<Cow<'_, str>>,
        covers: Vec<Cow<'_, str>>,
        turn: &mut Turn<'_>,
    ) -> Result<Receipt, Refusal> {
        // A credential cannot be what stands for it: it would have no windows.
        if further.is_empty() && covers.iter().any(|name| self.is_one_of(to, name)) {
            return Err(Refusal::Circle);
        }
        // Names that have moved already must find their root.
        if further.is_empty() && self.has_no_room_for(to) {
            return Err(Refusal::Full);
        }
        let node = self.nodes.entry(to.into()).or_insert_with(|| Node::new_root(turn.now));
        let Node::Root { aliases, covered, kept, .. } = node else { return Ok(Receipt::Held) };
        let known = aliases.len();
        aliases.extend(further.into_iter().filter(|name| **name != *to).map(Box::from));
        if aliases.len() > known {
            self.unsaved.insert(to.into());
            turn.windows.revise(to);
        }
        let new: Vec<Box<str>> =
            covers.into_iter().map(Box::from).filter(|name| !covered.contains(name)).collect();
        let bytes = covered.iter().chain(&new).map(|name| name.len()).sum::<usize>();
        if covered.len() + new.len() > COVERED_MAX || bytes > COVERED_BYTES_MAX {
            return Err(Refusal::TooMany);
        }
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
    fn count(&self, root: &str) -> u32 {
        match self.nodes.get(root) {
            // A root joins far fewer than 2^32 names.
            Some(Node::Root { aliases, .. }) => 1 + aliases.len() as u32,
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
