//! A log of events, and where in it each event lies.

use std::num::NonZeroU32;

use super::key::Key;
use crate::engine::windows::digest::digest;
use crate::engine::windows::texts::Texts;
use crate::event::Kind;
use crate::time::Timestamp;

/// First byte of an id written as the 16 bytes of a UUID instead of as text:
/// odd, where the length of a text is even.
pub(super) const PACKED_UUID: u8 = 1;

/// Set in the byte of a kind: the event reopens a closed window.
pub(super) const REOPENS: u8 = 1 << 7;

/// A credential's events as they lie in its state.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Log<'l> {
    /// Whose they are.
    pub(in super::super) key: Key<'l>,
    /// The events, one after the other.
    pub(in super::super) bytes: &'l [u8],
    /// What the numbers of texts mean.
    pub(in super::super) texts: &'l Texts,
}

/// Where an event lies in a log, and the start of its sort order.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Head {
    pub(in super::super) time: Timestamp,
    pub(in super::super) kind: Kind,
    /// Whether it reopens a closed window: see [`Head::rank`].
    pub(super) reopens: bool,
    /// Whether `weight` differs from what is written.
    pub(super) reweighted: bool,
    /// How many events it stands for: one, unless repeats were folded into it.
    pub(in super::super) weight: u32,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) id_start: u32,
    pub(super) id_end: u32,
}

impl Head {
    /// Where the event stands among those of its time: by kind, and what reopens behind
    /// all others, so that it finds closed what was closed at that time.
    pub(in super::super) const fn rank(self) -> u8 {
        if self.reopens { u8::MAX } else { self.kind as u8 }
    }

    /// The event's id as written: equal for equal ids, in no useful order.
    pub(in super::super) fn written_id(self, log: Log<'_>) -> &[u8] {
        log.bytes.get(self.id_start as usize..self.id_end as usize).unwrap_or_default()
    }

    /// The event's number, which follows from its id and its time: copies of one event for
    /// several credentials have the same, and two other events hardly ever do.
    pub(in super::super) fn number(self, log: Log<'_>) -> NonZeroU32 {
        let id = u64::from(digest(self.written_id(log)));
        let time = self.time.as_millis().cast_unsigned();
        let mixed = (id << 32 ^ id ^ time).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        NonZeroU32::new((mixed >> 32) as u32).unwrap_or(NonZeroU32::MIN)
    }

    /// Takes over what a dropped repeat of this event stood for besides itself.
    pub(in super::super) fn absorb(&mut self, repeat: Head) {
        if repeat.weight > 1 {
            self.weight = self.weight.saturating_add(repeat.weight - 1);
            self.reweighted = true;
        }
    }

    /// Takes over all that a folded event stood for.
    pub(in super::super) fn take_over(&mut self, folded: Head) {
        self.weight = self.weight.saturating_add(folded.weight);
        self.reweighted = true;
    }
}
