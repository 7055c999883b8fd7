//! All that is held of one credential, as one run of bytes.
//!
//! Invariants: nothing of a credential lies elsewhere but texts that it shares
//! with others; reading never panics. Layout: `workflow, length u16, credential_id, settled?,
//! number u16 of published windows, (length u32, former names)?, published windows, events`.

use super::former::{self, Former};
use super::judged::Judged;
use super::log::{Head, Key, Log};
use super::milestones::Milestones;
use super::settled::{Settled, read_time};
use super::standing::Waiting;
use super::texts::Texts;
use crate::engine::alerts::AlertSet;
use crate::event::Workflow;
use crate::time::Timestamp;

/// Bytes of one published window in the table.
const PUBLISHED_BYTES: usize = 29;
/// Set in the number of published windows: former names follow it.
const HAS_FORMER: u16 = 1 << 15;
/// Where in it the digest of the events stands.
const FINGERPRINT_AT: usize = 6;
/// Where in it the mark of the decision stands, and behind that what was judged of it.
const DECISION_AT: usize = 19;
const JUDGED_AT: usize = 23;

/// What was last emitted about a window that is not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Published {
    /// Names the window within its credential.
    pub(super) detected_at: Timestamp,
    /// Digest of the events it was made of.
    pub(super) fingerprint: u32,
    /// The alerts that fire for it.
    pub(super) firing: AlertSet,
    /// What it was last known to wait for.
    pub(super) waiting: Waiting,
    /// The milestones reported.
    pub(super) reported: Milestones,
    /// The mark of its decision; 0 without one.
    pub(super) decision: u32,
    /// How the oversight stage judged that decision.
    pub(super) judged: Judged,
    /// When it was judged, in whole seconds.
    pub(super) judged_s: u32,
}

/// A read view of the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held<'s> {
    /// What is remembered of the windows that are final and gone.
    pub(super) settled: Option<Settled>,
    former: &'s [u8],
    published: &'s [[u8; PUBLISHED_BYTES]],
    /// The events, as arrived or as last ordered.
    pub(super) log: Log<'s>,
}

impl<'s> Held<'s> {
    /// Reads `bytes`; `None` when they are not a state.
    pub(super) fn read(bytes: &'s [u8], texts: &'s Texts) -> Option<Held<'s>> {
        let (key, rest) = read_key(bytes)?;
        let (settled, rest) = Settled::read(rest)?;
        let (count, rest) = rest.split_at_checked(2)?;
        let count = u16::from_le_bytes([count[0], count[1]]);
        let (former, rest) = if count & HAS_FORMER == 0 {
            (&[][..], rest)
        } else {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            rest.split_at_checked(u32::from_le_bytes(*length) as usize)?
        };
        let count = usize::from(count & !HAS_FORMER);
        let (published, bytes) = rest.split_at_checked(count * PUBLISHED_BYTES)?;
        let (published, _) = published.as_chunks();
        Some(Held { settled, former, published, log: Log { key, bytes, texts } })
    }

    /// Names that its windows had, as bytes.
    pub(super) const fn former(&self) -> &'s [u8] {
        self.former
    }

    /// Names that its windows had.
    pub(super) fn formers(&self) -> Vec<Former> {
        former::read(self.former).unwrap_or_default()
    }

    /// The windows emitted so far, oldest first.
    pub(super) fn published(&self) -> impl Iterator<Item = Published> + use<'s> {
        self.published.iter().map(Published::read)
    }

    /// What was emitted about the window that this detection opened.
    pub(super) fn published_of(&self, detected_at: Timestamp) -> Option<Published> {
        let found = self.published.binary_search_by_key(&detected_at, |bytes| read_time(bytes));
        found.ok().map(|at| Published::read(&self.published[at]))
    }

    /// How many bytes before the events the window's published part starts; see [`judge`].
    fn behind_published(&self, detected_at: Timestamp) -> Option<usize> {
        let found = self.published.binary_search_by_key(&detected_at, |bytes| read_time(bytes));
        found.ok().map(|at| (self.published.len() - at) * PUBLISHED_BYTES)
    }
}

/// Notes what was judged of a decision in `bytes`, where the window is held and
/// the decision with this mark is still its own. Says whether that is news.
pub(super) fn judge(
    bytes: &mut [u8],
    detected_at: Timestamp,
    decision: u32,
    judged: Judged,
) -> bool {
    let none = Texts::new();
    let found = Held::read(bytes, &none).and_then(|state| {
        let published = state.published_of(detected_at)?;
        let at = bytes.len() - state.log.bytes.len() - state.behind_published(detected_at)?;
        let news = match judged.reasons() {
            Some(_) => !published.judged.equals(judged),
            // A judgement stands.
            None => !published.judged.answered(),
        };
        (published.decision == decision && news).then_some(at)
    });
    let Some(at) = found else { return false };
    bytes[at + JUDGED_AT..at + JUDGED_AT + 2].copy_from_slice(&judged.bits().to_le_bytes());
    true
}

/// Has every window look changed since it was last emitted. Says whether there is any.
pub(super) fn forget_fingerprints(bytes: &mut [u8]) -> bool {
    let none = Texts::new();
    let found = Held::read(bytes, &none)
        .map(|state| (bytes.len() - state.log.bytes.len(), state.published.len()));
    let Some((end, windows)) = found else { return false };
    let published = bytes[..end].rchunks_exact_mut(PUBLISHED_BYTES).take(windows);
    published.for_each(|window| window[FINGERPRINT_AT..FINGERPRINT_AT + 4].fill(0));
    windows > 0
}

impl Published {
    fn read(bytes: &[u8; PUBLISHED_BYTES]) -> Published {
        Published {
            detected_at: read_time(bytes),
            fingerprint: u32::from_le_bytes([bytes[6], bytes[7], bytes[8], bytes[9]]),
            firing: AlertSet::from_bits(u16::from_le_bytes([bytes[10], bytes[11]])),
            waiting: Waiting::read([bytes[12], bytes[13], bytes[14], bytes[15], bytes[16]]),
            reported: Milestones::from_bits(u16::from_le_bytes([bytes[17], bytes[18]])),
            decision: u32::from_le_bytes([
                bytes[DECISION_AT],
                bytes[DECISION_AT + 1],
                bytes[DECISION_AT + 2],
                bytes[DECISION_AT + 3],
            ]),
            judged: Judged::from_bits(u16::from_le_bytes([bytes[JUDGED_AT], bytes[JUDGED_AT + 1]])),
            judged_s: u32::from_le_bytes([bytes[25], bytes[26], bytes[27], bytes[28]]),
        }
    }
}

/// The key at the head of a state.
pub(super) fn read_key(bytes: &[u8]) -> Option<(Key<'_>, &[u8])> {
    let (head, rest) = bytes.split_at_checked(3)?;
    let length = usize::from(u16::from_le_bytes([head[1], head[2]]));
    let (name, rest) = rest.split_at_checked(length)?;
    let workflow = *Workflow::ALL.get(usize::from(head[0]))?;
    Some((Key { workflow, credential_id: std::str::from_utf8(name).ok()? }, rest))
}

/// The closing of the last settled window, without reading the rest.
pub(super) fn settled_at(bytes: &[u8]) -> Option<Timestamp> {
    let length = usize::from(u16::from_le_bytes([*bytes.get(1)?, *bytes.get(2)?]));
    let rest = bytes.get(3 + length..)?;
    if *rest.first()? == 0 { None } else { rest.get(1..7).map(read_time) }
}

/// Whether the state in `bytes` is the one of `key`, by its bytes alone.
pub(super) fn has_key(bytes: &[u8], key: Key<'_>) -> bool {
    let name = key.credential_id.as_bytes();
    bytes.first() == Some(&(key.workflow as u8))
        && bytes.get(1..3) == Some(&(name.len() as u16).to_le_bytes()[..])
        && bytes.get(3..3 + name.len()) == Some(name)
}

/// Starts a state: everything but the events.
pub(super) fn begin(
    bytes: &mut Vec<u8>,
    key: Key<'_>,
    settled: Option<Settled>,
    former: &[u8],
    published: &[Published],
) {
    bytes.push(key.workflow as u8);
    // The engine refuses longer names before they get here.
    bytes.extend_from_slice(&(key.credential_id.len() as u16).to_le_bytes());
    bytes.extend_from_slice(key.credential_id.as_bytes());
    Settled::write(settled, bytes);
    let count = published.len().min(usize::from(HAS_FORMER - 1));
    let mark = if former.is_empty() { 0 } else { HAS_FORMER };
    bytes.extend_from_slice(&(count as u16 | mark).to_le_bytes());
    if !former.is_empty() {
        // As many names as are remembered have far fewer bytes than 2^32.
        bytes.extend_from_slice(&(former.len() as u32).to_le_bytes());
        bytes.extend_from_slice(former);
    }
    for window in &published[..count] {
        bytes.extend_from_slice(&window.detected_at.as_millis().to_le_bytes()[..6]);
        bytes.extend_from_slice(&window.fingerprint.to_le_bytes());
        bytes.extend_from_slice(&window.firing.bits().to_le_bytes());
        bytes.extend_from_slice(&window.waiting.write());
        bytes.extend_from_slice(&window.reported.bits().to_le_bytes());
        bytes.extend_from_slice(&window.decision.to_le_bytes());
        bytes.extend_from_slice(&window.judged.bits().to_le_bytes());
        bytes.extend_from_slice(&window.judged_s.to_le_bytes());
    }
}

/// Appends the events of `heads`, read from `log`.
pub(super) fn append<'h>(
    bytes: &mut Vec<u8>,
    log: Log<'_>,
    heads: impl Iterator<Item = &'h Head>,
) -> u32 {
    let mut count = 0;
    for head in heads {
        head.copy(log, bytes);
        count += 1;
    }
    count
}
