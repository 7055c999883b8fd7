//! What the second stage says of a decision, taken back into its window.
//!
//! Invariants: a judgement belongs to one decision, named by its mark: when a late
//! event makes another decision the first, nothing is judged yet; a judgement is
//! said once, and then stands in every further word on the window.

use super::judged::Judged;
use super::state::{self, Published};
use super::store::Windows;
use super::window::{ExposureId, Window};
use crate::config::EngineConfig;
use crate::engine::News;
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
}

impl Hearing {
    pub(super) fn of(window: &Window<'_>, before: Option<Published>, now: Timestamp) -> Hearing {
        let decision = window.decision_mark().unwrap_or(0);
        let superseded = before.is_some_and(|said| said.decision != 0 && said.decision != decision);
        let (judged, judged_at) = match before.filter(|_| !superseded) {
            Some(said) if !said.judged.unsaid() => {
                (said.judged, Timestamp::from_millis(i64::from(said.judged_s) * 1000))
            }
            Some(said) => (said.judged, now),
            None => (Judged::default(), now),
        };
        Hearing { decision, judged, judged_at, superseded }
    }

    /// When the window is final. A decision's judgement is waited for, and after it the
    /// window stays for as long as it would after closing, so that an alert about it
    /// lasts; without an answer it is given up as a stray event is.
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
            Some(_) => settled.max(self.judged_at + settle),
            None if self.judged.answered() => settled,
            None => settled.max(decided + delay + config.orphan_timeout),
        })
    }

    /// Whether nothing more is waited for, and nothing has yet to be said.
    pub(super) fn is_over(&self, config: &EngineConfig, gives_up: bool) -> bool {
        let expected = config.judged_after.is_some() && self.decision != 0;
        !self.judged.unsaid() && (!expected || self.judged.answered() || gives_up)
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
            Due::InTime | Due::MaybeInTime => self.judged.reasons().is_some() || is_final,
        };
        let due_at = (due == Due::NotYet).then(|| window.start() + window.targets.in_time);
        (settled.then_some(due), due_at)
    }

    pub(super) fn news(&self, revised: bool) -> News {
        let judged = self.judged.unsaid() && self.judged.reasons().is_some();
        News { revised, judged, superseded: self.superseded }
    }

    pub(super) fn judged_s(&self) -> u32 {
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
    /// came too late to be judged. The next [`Windows::advance`] says a judged window
    /// anew. `false` when there is nothing to say: the window is not held, was decided
    /// otherwise since, or is known to be judged.
    pub fn judge(
        &mut self,
        exposure: ExposureId<'_>,
        decision: u32,
        reasons: Option<HollowReasons>,
    ) -> bool {
        let Some(at) = self.find(exposure.key, self.hash_of(exposure.key)) else { return false };
        let entry = &mut self.entries[at as usize];
        let judged = reasons.map_or_else(Judged::given_up, Judged::news);
        if !state::judge(&mut entry.bytes, exposure.detected_at, decision, judged) {
            return false;
        }
        entry.dirty = true;
        self.list(at);
        self.mark_unsaved(at);
        true
    }

    /// Whether windows are final although nobody has said anything of their decision,
    /// an orphan timeout after that was due. Off while there may be a backlog: time
    /// passes faster then than answers come.
    pub const fn give_up_unjudged(&mut self, gives_up: bool) {
        self.gives_up_unjudged = gives_up;
    }
}
