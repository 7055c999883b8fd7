//! Names that stand for others, such as that of a ticket.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::message::{Message, Sent};
use super::names::Names;
use super::node::{Kept, Node};
use super::refusal::Refusal;
use super::turn::Turn;
use crate::config::COVERED_MAX;
use crate::engine::Receipt;
use crate::engine::windows::Released;
use crate::event::Event;

/// Events that a covering name keeps for the names that it will cover; the oldest go first.
const KEPT_MAX: usize = 64;
/// Bytes of them as JSON, and bytes of the names that one name covers: what is known of a name
/// is one record of the changelog.
const KEPT_BYTES_MAX: usize = 256 << 10;
const COVERED_BYTES_MAX: usize = 128 << 10;
/// Covering names that an event can come through, one after the other: names that cover
/// each other would send it round for ever.
const COVERS_MAX: u8 = 8;

impl Names {
    /// An event at a root.
    pub(super) fn event(
        &mut self,
        to: &str,
        event: Event<'_>,
        (weight, covers): (u32, u8),
        turn: &mut Turn<'_>,
    ) -> Result<Receipt, Refusal> {
        match self.nodes.get_mut(to) {
            Some(Node::Root { covered, kept, .. }) if !covered.is_empty() => {
                let known = kept.iter().any(|kept| kept.event == event);
                if known && covers == 0 {
                    self.counts.duplicate += u64::from(weight);
                    return Ok(Receipt::Held);
                }
                self.counts.linked += u64::from(weight);
                // It went round, or would.
                if known || covers >= COVERS_MAX {
                    return Err(Refusal::Round);
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

    /// Whether the root `to` can cover these, too.
    pub(super) fn check_covered(&self, to: &str, further: &[Cow<'_, str>]) -> Result<(), Refusal> {
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

    /// The root `to` covers these, too.
    pub(super) fn cover(
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
