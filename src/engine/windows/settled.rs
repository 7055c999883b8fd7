//! What is remembered of a credential's windows once they are closed, final and gone.
//!
//! Invariants: a few bytes, whatever the windows were; a replay, which forgets nothing,
//! asks the same questions of the windows before the one at hand and gets the same answers.

use std::collections::BTreeMap;

use super::window::{Advice, Window};
use crate::config::{Reopen, canonical};
use crate::time::Timestamp;

/// How many decisions about advice are remembered of a credential's earlier windows.
const DECIDED_MAX: usize = 12;

/// The closing of a window, as far as it bears on what comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    /// When.
    pub(super) at: Timestamp,
    /// Whether the credential was of no use any more.
    pub(super) dead: bool,
    /// Whether the source closed the case and no person did.
    pub(super) withdrawn: bool,
}

impl Closing {
    /// The closing of `window`; `None` while it is open.
    pub(super) fn of(window: &Window<'_>) -> Option<Closing> {
        Some(Closing {
            at: window.closed_at?,
            dead: window.is_dead(),
            withdrawn: window.withdrawn_at.is_some() && window.decision.is_none(),
        })
    }

    /// Whether a detection after it is a mere sighting of the same exposure.
    pub(super) fn is_seen_again_by(self, detection: &Detection, reopen: Reopen) -> bool {
        let older = detection.exposed_at.is_some_and(|exposed| exposed <= self.at);
        reopen == Reopen::NewExposure
            && !detection.reopens
            && !self.withdrawn
            && (older || self.dead && detection.of_leak)
    }
}

/// What of a detection tells a new exposure from a sighting of an old one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Detection {
    /// When the exposure began, if that is known.
    pub(super) exposed_at: Option<Timestamp>,
    /// Whether the source says that the case is open again.
    pub(super) reopens: bool,
    /// Whether it is of a leak, not of a case in which nothing leaked.
    pub(super) of_leak: bool,
}

/// Digests of who decided about which advice, the latest windows' of a credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Decided {
    digests: [u32; DECIDED_MAX],
    count: u8,
}

impl Decided {
    /// Adds the decision of a window that is closed, if there is one about advice.
    pub(super) fn note(&mut self, window: &Window<'_>, aliases: &BTreeMap<String, String>) {
        let Some((decision, advice)) = window.decision.zip(window.advice) else { return };
        let digest = digest(canonical(aliases, decision.reviewer), &advice, [0, 0]);
        let count = usize::from(self.count);
        // The one that was decided about longest ago makes room.
        let place = self.digests().iter().position(|known| *known == digest);
        let last = match place.or((count == DECIDED_MAX).then_some(0)) {
            Some(oldest) => {
                self.digests.copy_within(oldest + 1..count, oldest);
                count - 1
            }
            None => {
                self.count += 1;
                count
            }
        };
        self.digests[last] = digest;
    }

    /// Whether `person` has decided about the same advice before, as far as can be told: an AI
    /// seldom writes a text twice in the same number of words.
    pub(super) fn knows(&self, person: &str, advice: &Advice<'_>) -> bool {
        let near = [-1, 0, 1];
        let lengths = near.iter().flat_map(|words| near.iter().map(|chars| [*words, *chars]));
        self.count > 0 && lengths.into_iter().any(|by| self.contains(digest(person, advice, by)))
    }

    fn contains(&self, digest: u32) -> bool {
        self.digests().contains(&digest)
    }

    fn digests(&self) -> &[u32] {
        &self.digests[..usize::from(self.count)]
    }
}

/// Advice is the same if it recommends the same in a text of about the same length: of the same
/// class of words and of characters, or of classes that lie `by` further on. FNV-1a: the same in
/// every process.
fn digest(person: &str, advice: &Advice<'_>, [words, chars]: [i64; 2]) -> u32 {
    let length = |length: Option<u32>, by: i64| {
        length.map_or(i64::MAX, |length| class(length) + by).to_le_bytes()
    };
    let bytes = [advice.recommendation as u8]
        .into_iter()
        .chain(length(advice.summary_words, words))
        .chain(length(advice.summary_chars, chars))
        .chain(person.bytes());
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Lengths by their first three binary digits: four classes from a power of two to the next.
/// Lengths of neighbouring classes differ by less than half.
fn class(length: u32) -> i64 {
    let length = u64::from(length.max(1));
    let power = length.ilog2();
    i64::from(power) << 2 | (((length << 2) >> power) & 3) as i64
}

/// What is held of a credential's final windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// The closing of the last one.
    pub(super) closing: Closing,
    /// When the credential was last seen: its closing, or a sighting since.
    pub(super) seen_at: Timestamp,
    /// Who decided about which advice.
    pub(super) decided: Decided,
}

/// Bytes of a [`Settled`] without its digests.
const FIXED: usize = 1 + 6 + 6;

impl Settled {
    /// Appends its bytes, or a zero for none.
    pub(super) fn write(settled: Option<Settled>, bytes: &mut Vec<u8>) {
        let Some(Settled { closing, seen_at, decided }) = settled else {
            bytes.push(0);
            return;
        };
        let flags = u8::from(closing.dead) << 1 | u8::from(closing.withdrawn) << 2;
        bytes.push(1 | flags | decided.count << 4);
        for time in [closing.at, seen_at] {
            bytes.extend_from_slice(&time.as_millis().to_le_bytes()[..6]);
        }
        decided.digests().iter().for_each(|digest| bytes.extend(digest.to_le_bytes()));
    }

    /// Reads what [`Settled::write`] wrote, and what follows; `None` when it is none.
    pub(super) fn read(bytes: &[u8]) -> Option<(Option<Settled>, &[u8])> {
        let flags = *bytes.first()?;
        if flags == 0 {
            return Some((None, &bytes[1..]));
        }
        let (fixed, rest) = bytes.split_at_checked(FIXED)?;
        let count = flags >> 4;
        if usize::from(count) > DECIDED_MAX {
            return None;
        }
        let mut decided = Decided { count, ..Decided::default() };
        let (digests, rest) = rest.split_at_checked(4 * usize::from(count))?;
        let (digests, _) = digests.as_chunks::<4>();
        for (to, from) in decided.digests.iter_mut().zip(digests) {
            *to = u32::from_le_bytes(*from);
        }
        let closing = Closing {
            at: read_time(&fixed[1..7]),
            dead: flags & 2 != 0,
            withdrawn: flags & 4 != 0,
        };
        Some((Some(Settled { closing, seen_at: read_time(&fixed[7..13]), decided }), rest))
    }
}

/// A time in six bytes, of which there must be as many.
pub(super) fn read_time(bytes: &[u8]) -> Timestamp {
    let mut ms = [0; 8];
    ms[..6].copy_from_slice(&bytes[..6]);
    Timestamp::from_millis(i64::from_le_bytes(ms))
}
