//! Certificates: signs of a hollow review that need no statistics.
//!
//! Invariants: a reviewer's reviews are judged in the order of (`decided_at`,
//! `exposure_id`) over all workflows; without the data that a certificate needs
//! there is no certificate.

use std::num::NonZeroU32;

use super::hollow::HollowReasons;
use super::review::Facts;
use super::signals::Agreement;
use crate::event::words;
use crate::time::{Span, Timestamp};

words! {
    /// What a decision was.
    Quality {
        /// Nothing speaks against its having been a review.
        Meaningful = "meaningful",
        /// It bears a sign of not having been one.
        Hollow = "hollow",
        /// Nothing was there to judge it by.
        Unassessed = "unassessed",
    }
}

/// How far back equal reasons are looked for, and how many make a template.
pub(super) const TEMPLATE_REVIEWS: usize = 20;
const TEMPLATE_REPEATS: usize = 5;

/// The judgement of one window's decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Whether there is a decision to judge.
    pub reviewed: bool,
    /// Whether it came before the fastest attackers.
    pub ahead: bool,
    /// Why it is hollow; empty for a meaningful review.
    pub reasons: HollowReasons,
    /// The time there was to read, where a floor is known.
    pub attention: Option<Span>,
    /// The time that reading takes at the least.
    pub floor: Option<Span>,
}

impl Judgement {
    /// What the decision was; `None` where there is none.
    pub fn quality(&self) -> Option<Quality> {
        self.reviewed.then(|| Quality::of(self.reasons, true))
    }

    /// A real review before the fastest attackers: what the headline counts.
    pub fn effective(&self) -> bool {
        self.ahead && self.reasons.is_empty()
    }
}

impl Quality {
    /// From the reasons found; `assessed`: whether anything was there to judge by.
    pub fn of(reasons: HollowReasons, assessed: bool) -> Quality {
        match (reasons.is_empty(), assessed) {
            (false, _) => Quality::Hollow,
            (true, true) => Quality::Meaningful,
            (true, false) => Quality::Unassessed,
        }
    }
}

/// What of a reviewer's earlier reviews bears on the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    pub(super) previous: Option<Timestamp>,
    /// Digests of the last reviews, the next to be replaced at `next`.
    pub(super) digests: [Option<NonZeroU32>; TEMPLATE_REVIEWS],
    pub(super) next: u8,
}

impl History {
    /// Attention available and reading floor of a single case.
    pub(super) fn reading(&self, facts: &Facts) -> Option<(Span, Span)> {
        let (floor, presented) = facts.floor.zip(facts.presented_at)?;
        let starts = [facts.opened_at, self.previous];
        let from = starts.into_iter().flatten().fold(presented, Timestamp::max);
        Some((facts.decided_at.since(from), floor))
    }

    /// Whether the same reasons were given again and again.
    pub(super) fn templated(&self, facts: &Facts) -> bool {
        let same = |digest: &&Option<NonZeroU32>| **digest == facts.digest;
        facts.digest.is_some() && self.digests.iter().filter(same).count() >= TEMPLATE_REPEATS
    }

    /// Goes on to the next review.
    pub(super) fn push(&mut self, facts: &Facts) {
        self.previous = Some(facts.decided_at);
        if let Some(place) = self.digests.get_mut(usize::from(self.next)) {
            *place = facts.digest;
        }
        self.next = (self.next + 1) % TEMPLATE_REVIEWS as u8;
    }
}

/// Cases that one reviewer decided together: one act, judged as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) floor: Option<Span>,
    pub(super) presented_at: Option<Timestamp>,
    /// The reviewer's last decision before the batch.
    pub(super) previous: Option<Timestamp>,
    pub(super) decided_at: Timestamp,
    /// Whether all of its cases were decided as advised.
    pub(super) agreed: Option<Agreement>,
    /// Whether none of its cases was opened.
    pub(super) unopened: Option<bool>,
}

impl Batch {
    /// A batch whose first case is `facts`.
    pub(super) fn new(facts: &Facts) -> Batch {
        let mut batch = Batch {
            floor: None,
            presented_at: None,
            previous: None,
            decided_at: facts.decided_at,
            agreed: None,
            unopened: None,
        };
        batch.add(facts);
        batch
    }

    /// Takes in the next case; cases come in order.
    pub(super) fn add(&mut self, facts: &Facts) {
        self.decided_at = facts.decided_at;
        if let Some(agreed) = facts.agreed {
            let (all, stratum) = self.agreed.unwrap_or((true, facts.stratum));
            self.agreed = Some((all && agreed, stratum));
        }
        if let Some(unopened) = facts.unopened {
            self.unopened = Some(self.unopened.unwrap_or(true) && unopened);
        }
        let Some(presented) = facts.presented_at else { return };
        self.presented_at = Some(self.presented_at.map_or(presented, |at| at.min(presented)));
        if let Some(floor) = facts.floor {
            self.floor = Some(self.floor.unwrap_or_default() + floor);
        }
    }

    /// Attention available and reading floor of the whole.
    pub(super) fn reading(&self) -> Option<(Span, Span)> {
        let (floor, presented) = self.floor.zip(self.presented_at)?;
        let from = self.previous.map_or(presented, |previous| previous.max(presented));
        Some((self.decided_at.since(from), floor))
    }
}
