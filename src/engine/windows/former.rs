//! The names that a window had before.
//!
//! A window is named by its credential and its first detection, and both can change: a link
//! gives the credential another name, and a detection that arrives late can be an earlier one.
//! It stays the same exposure. What was counted of it is not counted again, its judgement
//! stands, and an alert that fires goes on under the name under which it began, so that nobody
//! is paged twice.
//!
//! Invariants: an alert of a window fires under one name; a former name lasts as long as the
//! window does; windows that never had another name hold none of this.

use super::judged::Judged;
use super::log::Key;
use super::milestones::Milestones;
use super::settled::read_time;
use super::window::ExposureId;
use crate::engine::alerts::AlertSet;
use crate::event::Workflow;
use crate::time::Timestamp;

/// Former names that a credential remembers of its windows. Beyond it, the oldest under which
/// nothing fires is forgotten.
const FORMER_MAX: usize = 256;
/// Bytes of a former name beside its text.
const FIXED: usize = 2 + 4 + 6 + 2 + 2 + 4 + 2 + 4 + 1;
/// Stands for a place that is not known: the window's own.
const OWN: i32 = -1;

/// A name that a window had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Former {
    /// The credential's name at that time; empty: its present one.
    pub(super) name: Box<str>,
    /// Where alerts of that name are published; `None`: where those of the present one are.
    pub(super) home: Option<i32>,
    /// The detection that the window was named by.
    pub(super) detected_at: Timestamp,
    /// The alerts that fire under this name.
    pub(super) firing: AlertSet,
    /// The milestones that were reported.
    pub(super) reported: Milestones,
    /// The mark of the decision; 0 without one.
    pub(super) decision: u32,
    /// How that decision was judged.
    pub(super) judged: Judged,
    /// When it was judged, in whole seconds.
    pub(super) judged_s: u32,
    /// Whether it was published that the alerts are about the window's present name.
    pub(super) announced: bool,
}

impl Former {
    /// A decision of the window of this name was judged, which is all that is known of it.
    pub(super) fn judged(name: &str, at: Timestamp, decision: u32, judged: Judged) -> Former {
        Former {
            name: name.into(),
            home: None,
            detected_at: at,
            firing: AlertSet::default(),
            reported: Milestones::default(),
            decision,
            judged,
            judged_s: 0,
            announced: true,
        }
    }

    /// The window's name then; `key` is what its credential is called now.
    pub(super) fn exposure<'f>(&'f self, key: Key<'f>) -> ExposureId<'f> {
        let credential_id = if self.name.is_empty() { key.credential_id } else { &self.name };
        ExposureId { key: Key { credential_id, ..key }, detected_at: self.detected_at }
    }

    fn is(&self, other: &Former) -> bool {
        (&self.name, self.detected_at) == (&other.name, other.detected_at)
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        // The engine refuses names longer than that.
        bytes.extend((self.name.len() as u16).to_le_bytes());
        bytes.extend(self.name.as_bytes());
        bytes.extend(self.home.unwrap_or(OWN).to_le_bytes());
        bytes.extend(&self.detected_at.as_millis().to_le_bytes()[..6]);
        bytes.extend(self.firing.bits().to_le_bytes());
        bytes.extend(self.reported.bits().to_le_bytes());
        bytes.extend(self.decision.to_le_bytes());
        bytes.extend(self.judged.bits().to_le_bytes());
        bytes.extend(self.judged_s.to_le_bytes());
        bytes.push(self.announced.into());
    }

    fn read(bytes: &[u8]) -> Option<(Former, &[u8])> {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (name, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let (fixed, rest) = rest.split_first_chunk::<{ FIXED - 2 }>()?;
        let (home, fixed) = fixed.split_first_chunk::<4>()?;
        let (detected_at, fixed) = fixed.split_first_chunk::<6>()?;
        let (firing, fixed) = fixed.split_first_chunk::<2>()?;
        let (reported, fixed) = fixed.split_first_chunk::<2>()?;
        let (decision, fixed) = fixed.split_first_chunk::<4>()?;
        let (judged, fixed) = fixed.split_first_chunk::<2>()?;
        let (judged_s, fixed) = fixed.split_first_chunk::<4>()?;
        let former = Former {
            name: std::str::from_utf8(name).ok()?.into(),
            home: Some(i32::from_le_bytes(*home)).filter(|home| *home != OWN),
            detected_at: read_time(detected_at),
            firing: AlertSet::from_bits(u16::from_le_bytes(*firing)),
            reported: Milestones::from_bits(u16::from_le_bytes(*reported)),
            decision: u32::from_le_bytes(*decision),
            judged: Judged::from_bits(u16::from_le_bytes(*judged)),
            judged_s: u32::from_le_bytes(*judged_s),
            announced: *fixed.first()? != 0,
        };
        Some((former, rest))
    }
}

/// Former names as bytes of a state.
pub(super) fn write(formers: &[Former]) -> Vec<u8> {
    let mut bytes = Vec::new();
    formers.iter().for_each(|former| former.write(&mut bytes));
    bytes
}

/// What [`write`] wrote; `None` for anything else.
pub(super) fn read(mut bytes: &[u8]) -> Option<Vec<Former>> {
    let mut formers = Vec::new();
    while !bytes.is_empty() {
        let (former, rest) = Former::read(bytes)?;
        formers.push(former);
        bytes = rest;
    }
    Some(formers)
}

/// Adds `further` to `formers`. What is known of one name from both is put together.
pub(super) fn merge(formers: &mut Vec<Former>, further: Vec<Former>) {
    for new in further {
        let Some(known) = formers.iter_mut().find(|known| known.is(&new)) else {
            formers.push(new);
            continue;
        };
        // A judgement can arrive before what else is known of its window.
        let judged = if known.judged.answered() { known.clone() } else { new.clone() };
        let (firing, reported) = (known.firing.and(new.firing), known.reported.and(new.reported));
        let home = known.home.or(new.home);
        let announced = known.announced && new.announced;
        *known = Former { home, firing, reported, announced, ..judged };
    }
    while formers.len() > FORMER_MAX
        && let Some(oldest) = formers.iter().position(|former| former.firing.is_empty())
    {
        formers.remove(oldest);
    }
}

/// What is remembered of a name in one workflow, on its way to another name of the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The workflow.
    pub workflow: Workflow,
    /// What a state holds of windows that are final; empty if none is.
    pub settled: Vec<u8>,
    /// What a state holds of names that its windows had, that of this name among them.
    pub former: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::alerts::Alert;

    fn former(name: &str, detected_at: i64) -> Former {
        let mut firing = AlertSet::default();
        firing.insert(Alert::ReviewOverdue);
        Former {
            home: Some(7),
            firing,
            judged_s: 3,
            ..Former::judged(name, Timestamp::from_millis(detected_at), 9, Judged::default())
        }
    }

    #[test]
    fn names_come_back_as_they_went() {
        let all = vec![former("b", 1), Former { home: None, ..former("", 1 << 40) }];
        assert_eq!(read(&write(&all)), Some(all.clone()));
        let bytes = write(&all);
        for end in 1..bytes.len() {
            assert!(read(&bytes[..end]).is_none_or(|read| read.len() < all.len()), "{end}");
        }
    }

    #[test]
    fn a_judgement_that_comes_first_is_not_lost() {
        let judged = Judged::expired();
        let early = Former::judged("b", Timestamp::from_millis(1), 9, judged);
        for all in [[former("b", 1), early.clone()], [early, former("b", 1)]] {
            let [first, second] = all;
            let mut known = vec![first];
            merge(&mut known, vec![second]);
            assert_eq!(known.len(), 1);
            assert_eq!((known[0].judged, known[0].home), (judged, Some(7)));
            assert_eq!(known[0].firing, former("b", 1).firing);
        }
    }

    #[test]
    fn those_under_which_something_fires_are_kept_when_there_are_too_many() {
        let quiet = |n| Former { firing: AlertSet::default(), ..former("b", n) };
        let mut known = vec![former("a", 0)];
        merge(&mut known, (0..1_000).map(quiet).collect());
        assert_eq!((known.len(), &*known[0].name), (FORMER_MAX, "a"));
    }
}
