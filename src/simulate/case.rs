//! One window in the making: the case, the advice about it, and its review.

use serde::Serialize;

use crate::event::{Action, Actor, Severity, Verdict, Workflow, words};
use crate::time::Timestamp;

use super::dice::Dice;
use super::organisation::{Detector, Exposure};

words! {
    /// A system with a clock of its own.
    System {
        /// Whatever found the exposure.
        Detector = "detector",
        /// Where the AI's advice is produced.
        Triage = "triage",
        /// Where people open and decide cases.
        Desk = "desk",
        /// The credential's issuer.
        Provider = "provider",
    }
}

/// A clock that is wrong for one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Skew {
    /// Whose clock.
    pub system: System,
    /// By how much it is ahead; negative when it is behind.
    pub ahead_ms: i64,
}

/// Advice as the reviewer sees it.
#[derive(Clone, Debug)]
pub(super) struct Advice {
    pub(super) triaged_at: Timestamp,
    pub(super) presented_at: Timestamp,
    pub(super) recommendation: Action,
    /// The model failed, and the recommendation is only a stand-in.
    pub(super) fallback: bool,
    pub(super) wrong: bool,
    pub(super) summary_words: u32,
}

/// One window in the making.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) number: u64,
    pub(super) credential_id: String,
    pub(super) workflow: Workflow,
    pub(super) detector: &'static Detector,
    pub(super) severity: Severity,
    pub(super) owner: &'static str,
    /// Who issued the credential; `None` until it is detected, and if nothing leaked.
    pub(super) provider: Option<&'static str>,
    pub(super) re_leak_of: Option<u64>,
    pub(super) exposure: Option<Exposure>,
    pub(super) detected_at: Timestamp,
    pub(super) seeded: bool,
    pub(super) correct: Action,
    pub(super) advice: Option<Advice>,
    pub(super) requested_by: Option<String>,
    pub(super) skew: Option<Skew>,
    pub(super) attacker_at: Option<Timestamp>,
    /// Containment by the provider or the AI, before any person.
    pub(super) early_containment: Option<(Timestamp, Actor)>,
    pub(super) ai_acted_first: bool,
    /// The commit that exposed this and other secrets.
    pub(super) incident: Option<String>,
    /// The latest true time of any event so far.
    pub(super) last_event_at: Timestamp,
}

/// The first human decision of a window, or an escalation that takes its place.
#[derive(Clone, Debug)]
pub(super) struct Review {
    pub(super) reviewer: String,
    /// Counted over the reviewer's decisions, from 1; `None` for who takes up an escalated case.
    pub(super) decision_number: Option<u64>,
    pub(super) opened_at: Option<Timestamp>,
    pub(super) decided_at: Timestamp,
    pub(super) verdict: Option<Verdict>,
    pub(super) action: Action,
    /// `None` without advice, and if the case was escalated.
    pub(super) agreed: Option<bool>,
    pub(super) batch_id: Option<String>,
}

/// What looks like a SHA-256 digest.
pub(super) fn digest(dice: &mut Dice) -> String {
    let [a, b, c, d] = [(); 4].map(|()| dice.bits());
    format!("sha256:{a:016x}{b:016x}{c:016x}{d:016x}")
}
