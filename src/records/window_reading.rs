//! From a record in the ledger back to its window.

use super::object::Object;
use super::recorded::{self, judgement};
use super::window::{RecordedTruth, WindowRecord};
use crate::config::Targets;
use crate::engine::oversight::{Judgement, Review};
use crate::engine::windows::{Advice, Decision, Key, Truth, Window};
use crate::time::Timestamp;

impl WindowRecord {
    /// The window, as far as the record holds it. Every duration, the state, the
    /// band, whether the reviewer agreed and the chance of the attacker follow
    /// from it as they do from the window that was written.
    ///
    /// In place of what a record does not hold stand: no machine's decision; no requester or check of authority; one adopted event where
    /// nothing else explains that clocks disagree; the detection as the moment at
    /// which an AI acted first; the latest time recorded as that of the last event.
    pub fn window(&self) -> Window<'_> {
        let late_exposure = self.exposed_at.is_some_and(|exposed| exposed > self.detected_at);
        let advice = self.presented_at.zip(self.recommendation);
        let decided = self.decided_at.zip(self.reviewer.as_deref()).zip(self.action);
        let truth = self.truth.map(|Object(truth)| {
            let RecordedTruth { established_at, correct_action, seeded } = truth;
            Truth { established_at, correct_action, seeded }
        });
        let key = Key { workflow: self.workflow, credential_id: &self.credential_id };
        let targets = Targets { in_time: self.in_time_ms, late: self.late_ms, raced: self.raced };
        let dismissed_at = self.dismissed_at();
        let recorded = [
            Some(self.detected_at),
            self.touched_at,
            self.withdrawn_at,
            self.triaged_at,
            self.decided_at,
            dismissed_at,
            self.contained_at,
            self.abused_at,
            truth.map(|truth| truth.established_at),
        ];
        Window {
            source: self.source.as_deref(),
            location: self.location.as_deref(),
            severity: self.severity,
            owner: self.owner.as_deref(),
            exposed_at: self.exposed_at,
            exposed_at_quality: self.exposed_at_quality,
            incident: self.incident.as_deref(),
            items: self.items,
            touched_at: self.touched_at,
            escalated_at: self.escalated_at,
            escalated_by: self.escalated_by.as_deref(),
            escalations: self.escalations,
            withdrawn_at: self.withdrawn_at,
            withdrawn_reason: self.withdrawn_reason.as_deref(),
            resightings: self.resightings,
            triaged_at: self.triaged_at,
            advice: advice.map(|(presented_at, recommendation)| Advice {
                first_presented_at: self.first_presented_at.unwrap_or(presented_at),
                source: self.advice_source.as_deref(),
                event: self.advice_event,
                first_event: self.first_advice_event,
                model: self.model.as_deref(),
                severity: self.advised_severity,
                confidence: self.confidence,
                summary_words: self.summary_words,
                summary_chars: self.summary_chars,
                ..Advice::of(recommendation, presented_at)
            }),
            decision: decided.map(|((decided_at, reviewer), action)| Decision {
                verdict: self.verdict,
                first_opened_at: self.first_opened_at,
                opened_at: self.opened_at,
                items_opened: self.items_opened,
                evidence: self.evidence,
                advice_same_clock: self.advice_same_clock,
                opening_same_clock: self.opening_same_clock,
                repeats_advice: self.repeats_advice,
                recovered: self.recovered,
                rationale_words: self.rationale_words,
                rationale_digest: self.rationale_digest.as_deref(),
                batch_id: self.batch_id.as_deref(),
                ..Decision::of(action, reviewer, decided_at)
            }),
            final_action: self.final_action,
            further_decisions: self.further_decisions,
            dismissed_at,
            contained_at: self.contained_at,
            abused_at: self.abused_at,
            truth,
            ai_acted_first_at: self.ai_acted_first.then_some(self.detected_at),
            detections: self.detections,
            events: self.revision,
            last_event_at: recorded.into_iter().flatten().fold(self.detected_at, Timestamp::max),
            adopted: u64::from(self.clock_skew && !late_exposure),
            closed_at: self.closed_at(),
            ..Window::opened(key, targets, self.detected_at)
        }
    }

    /// The judgement of its decision ([`judgement`]).
    pub fn judgement(&self) -> Option<Judgement> {
        judgement(&self.window(), self.hollow, self.quality)
    }

    /// The review of its decision ([`recorded::review`]).
    pub fn review(&self, expects_opening: bool) -> Option<Review<'_>> {
        recorded::review(&self.window(), self.hollow, expects_opening)
    }
}
