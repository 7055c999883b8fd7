//! The ledger read back: from one JSON record to a window and its judgement.
//!
//! Invariants: unknown fields are ignored, so that a newer ledger can be read;
//! what is there is checked, and what contradicts itself is refused; what a
//! record does not hold is `None` or named below, never made up as a zero.
//!
//! A record does not hold all of a window. Missing are: decisions by machines,
//! words in reasons, who asked, the check of authority, and how often clocks
//! disagreed. [`LedgerRecord::window`] says what
//! stands in their place; [`LedgerTally`] gives only the figures that do not
//! need them.

mod error;
mod field;
mod figures;
mod plain;
mod read;

pub use error::{Fault, LedgerError};
pub use figures::{LedgerFigures, LedgerOversight, LedgerTally};

use crate::config::{OversightConfig, Profile, Targets};
use crate::engine::attacker::AttackerFirst;
use crate::engine::oversight::{HollowReasons, Judgement, Known};
use crate::engine::windows::{Advice, Decision, ExposureId, Key, State, Truth, Window};
use crate::event::{Action, ExposedAtQuality, Severity, Verdict, Workflow};
use crate::time::Timestamp;

/// The longest record that is read, in bytes. The longest that can be written
/// under the default limits is a quarter of it.
pub const RECORD_BYTES_MAX: usize = 64 << 10;

/// One revision of one window, as its record tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerRecord {
    /// The kind of process.
    pub workflow: Workflow,
    /// The credential's non-secret name.
    pub credential_id: String,
    /// The first source stated.
    pub source: Option<String>,
    /// The first place stated.
    pub location: Option<String>,
    /// The highest severity stated.
    pub severity: Option<Severity>,
    /// The last owner stated.
    pub owner: Option<String>,
    /// How far the window has come.
    pub state: State,
    /// Distinct events that it is made of. A later record may have fewer: a late
    /// event can move others into the next window.
    pub revision: u64,
    /// Whether nothing changes it any more.
    pub is_final: bool,
    /// Whether clocks contradict each other in it.
    pub clock_skew: bool,
    /// When it became public.
    pub exposed_at: Option<Timestamp>,
    /// How well that is known.
    pub exposed_at_quality: Option<ExposedAtQuality>,
    /// The detection that opened it.
    pub detected_at: Timestamp,
    /// The first AI output.
    pub triaged_at: Option<Timestamp>,
    /// The advice that was judged; while undecided, the latest.
    pub advice: Option<LedgerAdvice>,
    /// The first human decision.
    pub decision: Option<LedgerDecision>,
    /// The last human decision's action.
    pub final_action: Option<Action>,
    /// Human decisions after the first.
    pub further_decisions: u64,
    /// The decision that dismissed it, where its length of exposure tells when.
    pub dismissed_at: Option<Timestamp>,
    /// The first containment.
    pub contained_at: Option<Timestamp>,
    /// The first use by an attacker that was seen.
    pub abused_at: Option<Timestamp>,
    /// What turned out to be right.
    pub truth: Option<Known>,
    /// Detections, the first included.
    pub detections: u64,
    /// Whether an AI acted before any person had decided.
    pub ai_acted_first: bool,
    /// The chance that an attacker came first, as of when the record was
    /// written and by the curves then in force.
    pub attacker_first: Option<AttackerFirst>,
    /// Why the decision is hollow; `None` while it has not been judged.
    pub hollow: Option<HollowReasons>,
}

/// What a record holds of the advice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LedgerAdvice {
    /// When it was there to be read.
    pub presented_at: Timestamp,
    /// What it advised.
    pub recommendation: Action,
    /// The AI's own confidence, 0 to 1.
    pub confidence: Option<f64>,
    /// Words of it.
    pub summary_words: Option<u32>,
}

/// What a record holds of the first human decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerDecision {
    /// When.
    pub decided_at: Timestamp,
    /// By whom, as the ledger shows people: most often a pseudonym.
    pub reviewer: String,
    /// What.
    pub action: Action,
    /// The stated answer to the advice.
    pub verdict: Option<Verdict>,
    /// The deciding reviewer's last look before it.
    pub opened_at: Option<Timestamp>,
    /// The group of cases decided together, as the ledger marks it.
    pub batch_id: Option<String>,
    /// The reasons given, as the ledger marks them.
    pub rationale_digest: Option<String>,
}

impl LedgerRecord {
    /// Reads one record.
    ///
    /// # Errors
    /// [`LedgerError`]: which field, and what is wrong with it. No value is quoted.
    pub fn parse(json: &[u8]) -> Result<LedgerRecord, LedgerError> {
        read::record(json)
    }

    /// Whether it is the record of the window that has this name.
    pub fn is_of(&self, exposure_id: &str) -> bool {
        plain::says(exposure_id, self.exposure_id())
    }

    /// The window's name.
    pub fn exposure_id(&self) -> ExposureId<'_> {
        let key = Key { workflow: self.workflow, credential_id: &self.credential_id };
        ExposureId { key, detected_at: self.detected_at }
    }

    /// Where the measurement starts: what makes a window urgent.
    pub fn start(&self) -> Timestamp {
        self.window().start()
    }

    /// By when the window had closed; `None` unless it has. A record does not
    /// tell the moment: it is the latest one that its times allow, and the
    /// detection where those contradict it.
    pub fn closed_at(&self) -> Option<Timestamp> {
        let decided = self.decision.as_ref().map(|decision| decision.decided_at);
        let closed = match self.contained_at {
            Some(contained) => decided.map(|decided| decided.max(contained)),
            None => self.dismissed_at.or(decided),
        };
        let closed = closed.unwrap_or(self.detected_at).max(self.detected_at);
        (self.state == State::Closed).then_some(closed)
    }

    /// The window, as far as the record holds it. Every duration, the state, the
    /// band, whether the reviewer agreed and the chance of the attacker follow
    /// from it as they do from the window that was written.
    ///
    /// In place of what a record does not hold: no machine's decision, no words of
    /// reasons, no requester or check of authority; one adopted event where nothing else explains
    /// that clocks disagree; the detection as the moment at which an AI acted first;
    /// the latest time told as that of the last event.
    pub fn window(&self) -> Window<'_> {
        let late_exposure = self.exposed_at.is_some_and(|exposed| exposed > self.detected_at);
        let decision = self.decision.as_ref();
        let told = [
            Some(self.detected_at),
            self.triaged_at,
            decision.map(|decision| decision.decided_at),
            self.dismissed_at,
            self.contained_at,
            self.abused_at,
            self.truth.map(|truth| truth.established_at),
        ];
        let targets = Targets::of(self.workflow);
        Window {
            source: self.source.as_deref(),
            location: self.location.as_deref(),
            severity: self.severity,
            owner: self.owner.as_deref(),
            exposed_at: self.exposed_at,
            exposed_at_quality: self.exposed_at_quality,
            triaged_at: self.triaged_at,
            advice: self.advice.map(|advice| Advice {
                confidence: advice.confidence,
                summary_words: advice.summary_words,
                ..Advice::of(advice.recommendation, advice.presented_at)
            }),
            decision: decision.map(|decision| Decision {
                verdict: decision.verdict,
                opened_at: decision.opened_at,
                rationale_digest: decision.rationale_digest.as_deref(),
                batch_id: decision.batch_id.as_deref(),
                ..Decision::of(decision.action, &decision.reviewer, decision.decided_at)
            }),
            final_action: self.final_action,
            further_decisions: self.further_decisions,
            dismissed_at: self.dismissed_at,
            contained_at: self.contained_at,
            abused_at: self.abused_at,
            truth: self.truth.map(Truth::from),
            ai_acted_first_at: self.ai_acted_first.then_some(self.detected_at),
            detections: self.detections,
            events: self.revision,
            last_event_at: told.into_iter().flatten().fold(self.detected_at, Timestamp::max),
            adopted: u64::from(self.clock_skew && !late_exposure),
            closed_at: self.closed_at(),
            ..Window::opened(self.exposure_id().key, targets, self.detected_at)
        }
    }

    /// The judgement of its decision: an empty one where there is no decision,
    /// `None` while the decision has not been judged.
    pub fn judgement(&self) -> Option<Judgement> {
        if self.decision.is_none() {
            return Some(Judgement::default());
        }
        let (window, config) = (self.window(), OversightConfig::default());
        let profile = Profile::of(self.workflow);
        self.hollow.map(|reasons| Judgement::found(&window, reasons, &profile, &config))
    }
}

#[cfg(test)]
mod tests;
