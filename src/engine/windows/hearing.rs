//! Takes the oversight stage's judgement of a decision back into its window.
//!
//! Invariants: a judgement belongs to one decision, named by its mark: when a late
//! event makes another decision the first, nothing is judged yet; a judgement is
//! emitted once, and every later record of the window carries it.

use super::former::Former;
use super::judged::Judged;
use super::milestones::Milestones;
use super::standing::Waiting;
use super::state::{self, Published};
use super::store::Windows;
use super::window::{ExposureId, Window};
use crate::config::EngineConfig;
use crate::engine::News;
use crate::engine::alerts::AlertSet;
use crate::engine::effective::Due;
use crate::engine::oversight::HollowReasons;
use crate::time::Timestamp;

/// What is known of a window's judgement at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hearing {
    /// The mark of the decision; 0 without one.
    pub(super) decision: u32,
    pub(super) judged: Judged,
    /// When it was judged; the present if that is news.
    judged_at: Timestamp,
    superseded: bool,
    /// Whether it was judged while the window had another name.
    taken_over: bool,
}

impl Hearing {
    /// What is known of the judgement of `window`, which was emitted as `before` and had the
    /// names `former`.
    pub(super) fn of<'f>(
        window: &Window<'_>,
        before: Option<Published>,
        former: impl Iterator<Item = &'f Former>,
        now: Timestamp,
    ) -> Hearing {
        let decision = window.decision_mark().unwrap_or(0);
        let known = before.map_or(0, |published| published.decision);
        let superseded = known != 0 && known != decision;
        let own = before.filter(|_| !superseded).map(|it| (it.judged, it.judged_s));
        let other = former
            .filter(|it| decision != 0 && it.decision == decision && it.judged.answered())
            .map(|it| (it.judged, it.judged_s))
            // That it came too late under one name says nothing where it was judged under another.
            .max_by_key(|(judged, _)| judged.reasons().is_some());
        let taken_over = other.is_some_and(|(other, _)| {
            let own = own.map(|(own, _)| own).unwrap_or_default();
            own.reasons().is_none() && (other.reasons().is_some() || !own.answered())
        });
        let (judged, judged_at) = match if taken_over { other } else { own } {
            Some((judged, judged_s)) if !judged.pending() => {
                (judged, Timestamp::from_millis(i64::from(judged_s) * 1000))
            }
            Some((judged, _)) => (judged, now),
            None => (Judged::default(), now),
        };
        Hearing { decision, judged, judged_at, superseded, taken_over }
    }

    /// When the window is final. A decision's judgement is waited for. After one that is an
    /// alert the window stays for as long as it would after closing, so that the alert lasts.
    /// Without an answer the wait expires, as it does for a stray event.
    pub(super) fn settles_at(
        &self,
        config: &EngineConfig,
        window: &Window<'_>,
    ) -> Option<Timestamp> {
        let settle = config.settle?;
        let settled = window.final_at(settle)?;
        let Some((delay, decided)) = config.judged_after.zip(window.decided_at()) else {
            return Some(settled);
        };
        Some(match self.judged.reasons() {
            Some(reasons) if !reasons.is_empty() => settled.max(self.judged_at + settle),
            _ if self.judged.answered() => settled,
            _ => settled.max(decided + delay + config.orphan_timeout),
        })
    }

    /// Whether nothing more is waited for, and no alert is left to be emitted. With `expire`,
    /// a missing judgement is not waited for.
    pub(super) fn is_over(&self, config: &EngineConfig, expire: bool) -> bool {
        let expected = config.judged_after.is_some() && self.decision != 0;
        let alerts = self.judged.pending() && self.judged.hollow();
        !alerts && (!expected || self.judged.answered() || expire)
    }

    /// What came of the window's review, as soon as that is settled; and when it will be,
    /// if time alone settles it.
    pub(super) fn due(
        &self,
        window: &Window<'_>,
        is_final: bool,
        now: Timestamp,
    ) -> (Option<Due>, Option<Timestamp>) {
        let due = Due::counted(window, window.targets, now);
        let settled = match due {
            Due::NotYet | Due::Withdrawn => false,
            Due::Overdue => true,
            Due::InTime | Due::MaybeInTime => self.judged.answered() || is_final,
        };
        let due_at = (due == Due::NotYet).then(|| window.start() + window.targets.in_time);
        (settled.then_some(due), due_at)
    }

    /// What is new about the window; `None` if nothing is to be emitted.
    pub(super) fn news(&self, revised: bool, is_final: bool) -> Option<News> {
        let judged = self.judged.pending() && self.judged.reasons().is_some();
        let taken_over = self.taken_over && self.judged.reasons().is_some();
        let superseded = self.superseded;
        let news = is_final || revised || judged;
        news.then_some(News { revised, judged, superseded, taken_over })
    }

    /// What is remembered of the window once it is emitted.
    pub(super) fn published(
        &self,
        window: &Window<'_>,
        fingerprint: u32,
        firing: AlertSet,
        waiting: Waiting,
        reported: Milestones,
    ) -> Published {
        Published {
            detected_at: window.detected_at,
            fingerprint,
            firing,
            waiting,
            reported,
            decision: self.decision,
            judged: self.judged.emitted(),
            judged_s: self.judged_s(),
        }
    }

    fn judged_s(&self) -> u32 {
        // Times lie between 2000 and 2100, or nothing was judged.
        u32::try_from(self.judged_at.as_millis().div_euclid(1000)).unwrap_or(0)
    }
}

impl Window<'_> {
    /// Names the window's decision by who made it and when, the same in every
    /// process; never 0. `None` while nobody has decided.
    pub fn decision_mark(&self) -> Option<u32> {
        let decision = self.decision?;
        let mut bytes = decision.decided_at.as_millis().to_le_bytes().to_vec();
        bytes.extend_from_slice(decision.reviewer.as_bytes());
        Some(fnv1a(&bytes).max(1))
    }
}

/// FNV-1a, 32 bits: published, tiny, and good enough to tell two decisions of one
/// window apart.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

impl Windows {
    /// Takes in the judgement of the decision with this mark
    /// ([`Window::decision_mark`]): why it is hollow, or that it is not; `None` if it
    /// came too late to be judged. The next [`Windows::advance`] emits a judged window
    /// again. `false` when there is nothing to emit: the window is not held, was decided
    /// otherwise since, or is known to be judged.
    pub fn judge(
        &mut self,
        exposure: ExposureId<'_>,
        decision: u32,
        reasons: Option<HollowReasons>,
    ) -> bool {
        let Some(at) = self.find(exposure.key, self.hash_of(exposure.key)) else { return false };
        let bytes = &mut self.entries[at as usize].bytes;
        let judged = reasons.map_or_else(Judged::expired, Judged::news);
        if !state::judge(bytes, exposure.detected_at, decision, judged) {
            return false;
        }
        // The events are the same, so the windows are not marked as changed: the judgement itself
        // says that it is to be emitted.
        self.list(at);
        self.mark_unsaved(at);
        true
    }

    /// Whether the wait for a decision's judgement expires an orphan timeout after the
    /// judgement was due, so that the window becomes final without it. Switch it off while
    /// input lags behind: event time then passes faster than judgements come.
    pub const fn expire_unjudged(&mut self, expire: bool) {
        self.expires_unjudged = expire;
    }
}
