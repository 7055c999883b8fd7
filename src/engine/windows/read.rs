//! Reading all windows at once, as a replay does at the end of its input.

use super::fold::{self, Fate};
use super::log::Key;
use super::state::{self, Held};
use super::window::Window;
use super::{Windows, order, rules};

/// Events that turn out to belong to no window when all is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unplaced {
    /// Repeats of an id.
    pub duplicate: u64,
    /// They needed a window and had none.
    pub orphan: u64,
    /// Their window was final.
    pub late: u64,
}

/// All windows, in the ledger's order.
#[derive(Debug)]
pub struct View<'v> {
    windows: &'v Windows,
    order: Vec<&'v [u8]>,
}

impl Windows {
    /// All windows as they stand, settled ones too if they are kept.
    pub fn view(&self) -> View<'_> {
        View { order: self.in_order(), windows: self }
    }

    fn in_order(&self) -> Vec<&[u8]> {
        // Settled windows come first: they are the older ones of their credential,
        // and the sort keeps that order.
        let settled = self.settled.iter().map(|bytes| &**bytes);
        let held = self.entries.iter().map(|entry| &*entry.bytes);
        let mut all: Vec<(u128, &[u8])> = settled
            .chain(held)
            .filter_map(|bytes| Some((prefix(state::read_key(bytes)?.0), bytes)))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| key(a.1).cmp(&key(b.1))));
        all.into_iter().map(|(_, bytes)| bytes).collect()
    }
}

impl View<'_> {
    /// Hands out every window, ordered by `exposure_id`, and says how many
    /// events belong to none.
    pub fn for_each(&self, mut each: impl FnMut(&Window<'_>)) -> Unplaced {
        let mut unplaced = Unplaced::default();
        let (mut heads, mut fates) = (Vec::new(), Vec::new());
        for bytes in &self.order {
            let Some(state) = Held::read(bytes, &self.windows.texts) else { continue };
            unplaced.duplicate += order::ordered(state.log, &mut heads);
            let rules = rules(&self.windows.config, state.settled_at);
            fold::fold(state.log, &heads, rules, &mut fates, |_, window| each(window));
            for (head, fate) in heads.iter().zip(&fates) {
                match fate {
                    Fate::Window(_) => {}
                    Fate::Orphan => unplaced.orphan += u64::from(head.weight),
                    Fate::Late => unplaced.late += u64::from(head.weight),
                }
            }
        }
        unplaced
    }
}

fn key(bytes: &[u8]) -> Option<Key<'_>> {
    state::read_key(bytes).map(|(key, _)| key)
}

/// The first bytes of the order in a number, so that most comparisons need no
/// look at the state itself.
fn prefix(key: Key<'_>) -> u128 {
    let mut first = [0; 16];
    // The words of the workflows differ in their first two bytes; what follows
    // a name in an exposure's id takes part in the order.
    first[..2].copy_from_slice(&key.workflow.as_str().as_bytes()[..2]);
    let name = key.credential_id.as_bytes();
    let shown = name.len().min(14);
    first[2..2 + shown].copy_from_slice(&name[..shown]);
    if let Some(next) = first.get_mut(2 + shown) {
        *next = b'/';
    }
    u128::from_be_bytes(first)
}
