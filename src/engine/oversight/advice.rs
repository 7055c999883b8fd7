//! Which texts of the AI a reviewer has decided about, by the events that gave them.
//!
//! One event about a ticket gives the same text to every credential on it. So the text is
//! read once, and decisions about it are one act, however many credentials are decided one
//! by one.
//!
//! Invariant: a bounded size, whatever the number of decisions; what was longest not used is
//! forgotten. A text that comes back after it was forgotten counts once more. By then 64
//! others have been decided about, and nearly always the time that they took covers it.

use std::num::NonZeroU32;

use crate::time::Timestamp;

/// Texts of a reviewer that are remembered.
pub(super) const ADVICE_MAX: usize = 64;

/// Texts of which a later version is recognised.
pub(super) const REVISED_MAX: usize = 8;

/// Texts of which a truth is remembered.
pub(super) const TRUTHS_MAX: usize = 8;

/// The advice of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CaseAdvice {
    /// The number of the event that gave what was judged.
    pub(super) judged: NonZeroU32,
    /// When that was presented.
    pub(super) presented: Timestamp,
    /// The number of the event that gave the case's first advice.
    pub(super) first: NonZeroU32,
}

impl CaseAdvice {
    /// Takes in both events, and says whether one of them is known: all versions of a text
    /// about a ticket are right or wrong together.
    pub(super) fn enter<const MAX: usize>(self, recent: &mut Recent<MAX>) -> bool {
        let known = recent.enter(self.judged);
        (self.first != self.judged && recent.enter(self.first)) || known
    }
}

/// The numbers of the latest events, those used last at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recent<const MAX: usize>(pub(super) Vec<NonZeroU32>);

impl<const MAX: usize> Recent<MAX> {
    fn contains(&self, number: NonZeroU32) -> bool {
        self.0.contains(&number)
    }

    /// Takes in a number, and says whether it is known.
    pub(super) fn enter(&mut self, number: NonZeroU32) -> bool {
        let place = self.0.iter().rposition(|known| *known == number);
        if let Some(place) = place {
            self.0.remove(place);
        } else if self.0.len() >= MAX {
            self.0.remove(0);
        }
        self.0.push(number);
        place.is_some()
    }
}

/// The advice that a reviewer has decided about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) judged: Recent<ADVICE_MAX>,
    /// By the first advice of their cases, those decided last at the end.
    pub(super) revised: Vec<Revised>,
}

/// Cases that had their first advice from one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Revised {
    pub(super) first: NonZeroU32,
    /// The second from 1970 in which one of them was last decided.
    pub(super) decided_s: u32,
}

impl Heard {
    /// Whether the text was decided about before, or is a later version of one that was.
    pub(super) fn knows(&self, advice: &CaseAdvice) -> bool {
        self.judged.contains(advice.judged) || self.revises(advice)
    }

    /// Whether the text is a later version of one that was decided about: it came after that
    /// decision. What came before is no later version, for then it would have been judged.
    fn revises(&self, advice: &CaseAdvice) -> bool {
        let known = self.revised.iter().find(|known| known.first == advice.first);
        known.is_some_and(|known| seconds(advice.presented) >= known.decided_s)
    }

    /// Takes in that the text is decided about, and says whether it was known.
    pub(super) fn enter(&mut self, advice: &CaseAdvice, decided_at: Timestamp) -> bool {
        let revises = self.revises(advice);
        let known = self.judged.enter(advice.judged);
        if let Some(place) = self.revised.iter().position(|known| known.first == advice.first) {
            self.revised.remove(place);
        } else if self.revised.len() >= REVISED_MAX {
            self.revised.remove(0);
        }
        self.revised.push(Revised { first: advice.first, decided_s: seconds(decided_at) });
        known || revises
    }
}

/// The vocabulary's times lie between 2000 and 2100.
fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.as_millis().div_euclid(1000)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn number(n: u32) -> NonZeroU32 {
        NonZeroU32::MIN.saturating_add(n)
    }

    fn at(second: u32) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000) + Span::from_secs(second.into())
    }

    fn advice(judged: u32, presented: u32, first: u32) -> CaseAdvice {
        CaseAdvice { judged: number(judged), presented: at(presented), first: number(first) }
    }

    #[test]
    fn a_text_is_known_once_it_was_decided_about() {
        let mut heard = Heard::default();
        let mut decide = |judged, presented, first, decided| {
            let advice = advice(judged, presented, first);
            let known = heard.knows(&advice);
            assert_eq!(heard.enter(&advice, at(decided)), known);
            assert!(heard.judged.0.len() <= ADVICE_MAX && heard.revised.len() <= REVISED_MAX);
            known
        };
        assert!(!decide(1, 0, 1, 10));
        assert!(decide(1, 0, 1, 11), "the same text");
        assert!(!decide(2, 5, 1, 12), "a text of its own, from before the decision");
        assert!(decide(3, 13, 1, 14), "a later version");
        assert!(!decide(4, 15, 4, 16), "another text");
        for n in 100..163 {
            assert!(!decide(n, 20, n, 30));
        }
        assert!(decide(4, 15, 4, 31), "not forgotten");
        assert!(!decide(3, 13, 1, 32), "forgotten");
    }
}
