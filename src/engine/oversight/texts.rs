//! Which texts of an incident or batch a reviewer has read before.
//!
//! Invariants: a bounded size, whatever the number of texts. A text that may have been
//! forgotten counts as read: a doubt never adds to what somebody had to read. Only an
//! incident that comes back after 48 others counts as a new one.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use super::memory::{Group, recall};
use crate::time::Timestamp;

/// Texts of a reviewer that are remembered.
pub(super) const TEXTS_MAX: usize = 64;

/// Incidents and batches whose texts are remembered.
pub(super) const GROUPS_MAX: usize = 16;

/// Incidents that are remembered after their texts are forgotten.
pub(super) const PAST_MAX: usize = 32;

/// What was presented about one case, as far as two texts can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) digest: NonZeroU32,
    /// When advice about the case was first presented.
    pub(super) presented: Timestamp,
}

/// The texts that a reviewer has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Texts {
    /// Incidents and batches, those used last at the end.
    pub(super) groups: VecDeque<GroupTexts>,
    /// Texts by the number of their incident or batch, those read last at the end.
    pub(super) read: VecDeque<(NonZeroU32, NonZeroU32)>,
    /// Incidents of which the texts are forgotten, the latest at the end: all that is
    /// presented in them may have been read.
    pub(super) past: VecDeque<NonZeroU32>,
    /// Texts presented up to here may belong to an incident or batch that was forgotten.
    pub(super) forgotten: Timestamp,
}

/// One incident or batch whose texts are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupTexts {
    pub(super) group: Group,
    /// When the latest of its texts was presented.
    pub(super) presented: Timestamp,
    /// Its texts presented up to here may have been read and forgotten.
    pub(super) forgotten: Timestamp,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts {
            groups: VecDeque::new(),
            read: VecDeque::new(),
            past: VecDeque::new(),
            forgotten: Timestamp::MIN,
        }
    }
}

impl Texts {
    /// Takes in that the text of one case is read, in its incident and in its batch, and says
    /// whether that may be for another time.
    pub(super) fn read_again(
        &mut self,
        texts: impl Iterator<Item = (Group, Text)> + Clone,
    ) -> bool {
        let mut again = false;
        for (group, text) in texts.clone() {
            let reading = self.enter(group, text.presented);
            let name = (group.number(), text.digest);
            let known = recall(&mut self.read, |other| *other == name);
            again |= known.is_some() || text.presented <= reading.forgotten;
        }
        // Only now: what is forgotten for this case says nothing about it.
        for (group, text) in texts {
            if self.read.len() >= TEXTS_MAX {
                self.forget_oldest_text();
            }
            self.read.push_back((group.number(), text.digest));
        }
        again
    }

    /// The incident or batch, which from now on is the one used last.
    fn enter(&mut self, group: Group, presented: Timestamp) -> GroupTexts {
        let known = recall(&mut self.groups, |reading| reading.group == group);
        let mut reading = known.unwrap_or_else(|| {
            let past = recall(&mut self.past, |number| *number == group.number());
            let forgotten = if past.is_some() { Timestamp::MAX } else { self.forgotten };
            GroupTexts { group, presented, forgotten }
        });
        reading.presented = reading.presented.max(presented);
        if self.groups.len() >= GROUPS_MAX
            && let Some(oldest) = self.groups.pop_front()
        {
            self.read.retain(|(group, _)| *group != oldest.group.number());
            self.forgotten = self.forgotten.max(oldest.presented);
            if let Group::Incident(number) = oldest.group {
                if self.past.len() >= PAST_MAX {
                    self.past.pop_front();
                }
                self.past.push_back(number);
            }
        }
        self.groups.push_back(reading);
        reading
    }

    fn forget_oldest_text(&mut self) {
        let Some((number, _)) = self.read.pop_front() else { return };
        let of = |reading: &&mut GroupTexts| reading.group.number() == number;
        let Some(reading) = self.groups.iter_mut().find(of) else { return };
        reading.forgotten = match reading.group {
            // Its texts are told apart by their length alone.
            Group::Incident(_) => Timestamp::MAX,
            Group::Batch(_) => reading.presented,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn number(n: u32) -> NonZeroU32 {
        NonZeroU32::MIN.saturating_add(n)
    }

    fn incident(n: u32) -> Group {
        Group::Incident(number(n))
    }

    fn batch(n: u32) -> Group {
        Group::Batch(number(1_000 + n))
    }

    fn read_again(texts: &mut Texts, group: Group, text: Text) -> bool {
        texts.read_again(std::iter::once((group, text)))
    }

    /// The text `n`, presented in the second `at`.
    fn text(n: u32, at: u32) -> Text {
        let presented = Timestamp::from_millis(1_800_000_000_000) + Span::from_secs(at.into());
        Text { digest: number(n), presented }
    }

    #[test]
    fn a_text_is_read_once_in_an_incident() {
        let mut texts = Texts::default();
        assert!(!read_again(&mut texts, incident(1), text(7, 0)));
        assert!(read_again(&mut texts, incident(1), text(7, 0)));
        assert!(!read_again(&mut texts, incident(2), text(7, 0)));
        assert!(read_again(&mut texts, incident(1), text(7, 0)));
        assert!(!read_again(&mut texts, incident(1), text(8, 0)));
    }

    /// However many texts come by turns, no text is counted twice.
    #[test]
    fn texts_that_come_by_turns_are_counted_once_at_most() {
        for group in [incident(1), batch(1)] {
            for kinds in [1, 2, 5, 63, 64, 65, 66, 200, 1_000] {
                let mut texts = Texts::default();
                let read = |n: &u32| !read_again(&mut texts, group, text(n % kinds, 0));
                let counted = (0..3 * kinds).filter(read).count();
                assert!(counted <= kinds as usize, "{counted} of {kinds}");
                assert!(counted >= (kinds as usize).min(TEXTS_MAX), "{counted} of {kinds}");
            }
        }
    }

    #[test]
    fn incidents_that_come_by_turns_are_counted_once_at_most() {
        for groups in [1, 15, 16, 17, 40, 100] {
            let mut texts = Texts::default();
            let read = |n: &u32| !read_again(&mut texts, incident(n % groups), text(0, 0));
            let counted = (0..5 * groups).filter(read).count();
            assert!(counted <= groups as usize, "{counted} of {groups}");
            assert!(counted >= (groups as usize).min(GROUPS_MAX), "{counted} of {groups}");
        }
    }

    /// The same advice is presented anew for each credential.
    #[test]
    fn incidents_with_new_presentations_are_counted_once_at_most() {
        for groups in [1, 16, 17, 40, 48] {
            let mut texts = Texts::default();
            let read = |n: &u32| !read_again(&mut texts, incident(n % groups), text(0, *n));
            let counted = (0..5 * groups).filter(read).count();
            assert_eq!(counted, groups as usize);
        }
    }

    /// What is presented after everything that was forgotten cannot have been forgotten.
    #[test]
    fn new_texts_count_after_others_were_forgotten() {
        let mut texts = Texts::default();
        for n in 0..500 {
            assert!(!read_again(&mut texts, batch(0), text(n, n)), "{n}");
            assert!(!read_again(&mut texts, incident(n), text(0, n)), "{n}");
        }
        assert!(read_again(&mut texts, batch(0), text(0, 0)));
        assert!(read_again(&mut texts, incident(0), text(0, 0)));
        assert!(texts.past.len() <= PAST_MAX);
        assert!(texts.groups.len() <= GROUPS_MAX && texts.read.len() <= TEXTS_MAX);
    }
}
