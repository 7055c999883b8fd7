//! How all that a name holds moves to a smaller name.

use std::borrow::Cow;

use super::linked::Linked;
use super::message::{Message, Sent};
use super::names::Names;
use super::node::{Kept, Node};
use super::refusal::Refusal;
use super::turn::Turn;
use crate::engine::Receipt;
use crate::engine::windows::Released;
use crate::event::Event;

impl Names {
    /// So many more events are on their way to the root `to`.
    pub(super) fn expect(&mut self, to: &str, more: i32, turn: &mut Turn<'_>) {
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

    /// The root `to` becomes a child of the smaller `root`, and all that it holds goes there.
    pub(super) fn go_to(
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

    /// Further names belong to the root `to`.
    pub(super) fn join(
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
}

/// An event under its new name.
fn moved(root: &str, Kept { event, weight, covers }: Kept) -> Sent<'static> {
    let to: Cow<'_, str> = Cow::Owned(root.to_owned());
    let event = Event { credential_id: to.clone(), ..event };
    Sent { to, from: None, message: Message::Event { event, weight, covers, moved: true } }
}
