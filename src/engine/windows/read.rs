//! Reading all windows at once, as a replay does at the end of its input.

use super::fold::{self, Fate};
use super::log::Key;
use super::state::{self, Held, begin};
use super::window::Window;
use super::{Scratch, Windows, order, rules};

/// Events that belong to no window when all is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unplaced {
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
    /// All windows as they stand, settled ones too if they are kept. Afterwards
    /// the counts are exact.
    pub fn view(&mut self) -> View<'_> {
        self.tidy();
        View { order: self.in_order(), windows: self }
    }

    /// Puts every credential's events in order and drops repeats, so that they
    /// are counted and no reading does it again.
    fn tidy(&mut self) {
        for entry in &mut self.entries {
            let Scratch { heads, bytes, .. } = &mut self.scratch;
            let Some(state) = Held::read(&entry.bytes) else { continue };
            let repeats = order::ordered(state.log, heads);
            if repeats == 0 {
                continue;
            }
            bytes.clear();
            begin(bytes, state.key, state.settled_at, &state.published().collect::<Vec<_>>());
            entry.events = state::append(bytes, state.key, state.log, heads.iter());
            entry.bytes.clear();
            entry.bytes.extend_from_slice(bytes);
            self.counts.repeats(repeats);
        }
    }

    fn in_order(&self) -> Vec<&[u8]> {
        // Settled windows come first: they are the older ones of their credential,
        // and the sort keeps that order.
        let settled = self.settled.iter().map(|bytes| &**bytes);
        let held = self.entries.iter().map(|entry| entry.bytes.as_slice());
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
            let Some(state) = Held::read(bytes) else { continue };
            order::ordered(state.log, &mut heads);
            let rules = rules(&self.windows.config, state.settled_at);
            fold::fold(state.key, state.log, &heads, rules, &mut fates, |_, window| each(window));
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

    /// What came in and where it went.
    pub fn counts(&self) -> super::Counts {
        self.windows.counts
    }
}

fn key(bytes: &[u8]) -> Option<Key<'_>> {
    state::read_key(bytes).map(|(key, _)| key)
}

/// The first bytes of the order in a number, so that most comparisons need no
/// look at the state itself.
fn prefix(key: Key<'_>) -> u128 {
    let mut first = [0; 16];
    // The words of the workflows differ in their first two bytes.
    // What follows the name in an exposure's id takes part in the order.
    let name = key.credential_id.bytes().chain([b'/']);
    let text = key.workflow.as_str().bytes().take(2).chain(name);
    first.iter_mut().zip(text).for_each(|(to, from)| *to = from);
    u128::from_be_bytes(first)
}
