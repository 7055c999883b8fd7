//! Reading all windows at once, as a replay does at the end of its input.

use super::fold::{self, Fate};
use super::log::{self, Head, Key};
use super::order;
use super::state::{self, Held};
use super::store::{Windows, rules};
use super::unjoined::Unjoined;
use super::window::Window;

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

/// A stretch of a view, for one of several threads.
#[derive(Clone, Copy, Debug)]
pub struct Part<'p> {
    windows: &'p Windows,
    order: &'p [&'p [u8]],
}

impl std::ops::AddAssign for Unplaced {
    fn add_assign(&mut self, other: Unplaced) {
        self.duplicate += other.duplicate;
        self.orphan += other.orphan;
        self.late += other.late;
    }
}

impl Windows {
    /// All windows as they stand, settled ones too if they are kept.
    pub fn view(&self) -> View<'_> {
        View { order: self.in_order(), windows: self }
    }

    /// The states of all, the settled ones first: they are the older ones of their credential.
    fn all(&self) -> impl Iterator<Item = &[u8]> {
        let settled = self.settled.iter().map(|bytes| &**bytes);
        settled.chain(self.entries.iter().map(|entry| &*entry.bytes))
    }

    fn in_order(&self) -> Vec<&[u8]> {
        // The number of each keeps settled windows first.
        let mut all: Vec<(u128, u32, &[u8])> = self
            .all()
            .zip(0..)
            .filter_map(|(bytes, number)| Some((prefix(state::read_key(bytes)?.0), number, bytes)))
            .collect();
        all.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| key(a.2).cmp(&key(b.2))).then(a.1.cmp(&b.1))
        });
        all.into_iter().map(|(_, _, bytes)| bytes).collect()
    }
}

impl View<'_> {
    /// Hands out every window, ordered by `exposure_id`, and says how many
    /// events belong to none.
    pub fn for_each(&self, each: impl FnMut(&Window<'_>)) -> Unplaced {
        Part { windows: self.windows, order: &self.order }.for_each(each)
    }

    /// Calls `each` with every name, and with a function that tells whether something was detected
    /// under it, which takes longer. The names come in the order of memory, which is faster. A name
    /// of which final windows are kept may come more than once.
    pub fn names(&self, mut each: impl FnMut(Key<'_>, &mut dyn FnMut() -> bool)) {
        let mut heads = Vec::new();
        for bytes in self.windows.all() {
            let Some(key) = key(bytes) else { continue };
            each(key, &mut || {
                let state = Held::read(bytes, &self.windows.texts);
                state.is_some_and(|state| opens(&state, &mut heads))
            });
        }
    }

    /// The view in stretches of so many credentials, in order.
    pub fn parts(&self, credentials: usize) -> impl Iterator<Item = Part<'_>> {
        let parts = self.order.chunks(credentials.max(1));
        parts.map(|order| Part { windows: self.windows, order })
    }
}

impl Part<'_> {
    /// How many credentials it has at most.
    pub const fn credentials(&self) -> usize {
        self.order.len()
    }

    /// As [`View::for_each`], for this stretch.
    pub fn for_each(&self, each: impl FnMut(&Window<'_>)) -> Unplaced {
        self.read(each, |_, _| {})
    }

    /// The same, with every name on which somebody acted and under which nothing was detected.
    pub fn read(
        &self,
        mut each: impl FnMut(&Window<'_>),
        mut unjoined: impl FnMut(Key<'_>, Unjoined),
    ) -> Unplaced {
        let mut unplaced = Unplaced::default();
        let (mut heads, mut fates) = (Vec::new(), Vec::new());
        for bytes in self.order {
            let Some(state) = Held::read(bytes, &self.windows.texts) else { continue };
            unplaced.duplicate += order::ordered(state.log, &mut heads);
            if state.settled.is_none()
                && let Some(found) = Unjoined::of(state.log, &heads)
            {
                unjoined(state.log.key, found);
            }
            let rules = rules(&self.windows.config, state.settled);
            fold::fold(state.log, &heads, rules, &mut fates, |_, window| each(window));
            for (head, fate) in heads.iter().zip(&fates) {
                match fate {
                    Fate::Window(_) | Fate::Resighting(_) | Fate::Gone => {}
                    Fate::Orphan => unplaced.orphan += u64::from(head.weight),
                    Fate::Late => unplaced.late += u64::from(head.weight),
                }
            }
        }
        unplaced
    }
}

/// Whether the credential has a window, or had one. Ordering the events takes most of the time, and
/// where the first of them opens a window, it is not needed: that one repeats no other.
fn opens(state: &Held<'_>, heads: &mut Vec<Head>) -> bool {
    if state.settled.is_some() {
        return true;
    }
    log::heads(state.log, heads);
    let opening = heads.iter().filter(|head| head.kind.opens()).map(|head| head.time).min();
    let Some(opening) = opening else { return false };
    if heads.iter().all(|head| head.kind.opens() || head.time > opening) {
        return true;
    }
    order::ordered(state.log, heads);
    heads.iter().any(|head| head.kind.opens())
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
