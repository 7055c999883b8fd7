//! A window as plain owned values, so that two can be compared and shown.

use shutterlag::engine::windows::{Clock, Stage, State, Truth, Window};
use shutterlag::event::{Action, Evidence, ExposedAtQuality, Severity, Verdict, Workflow};
use shutterlag::time::Timestamp;

/// Everything that can be known of a window: its fields and its figures.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) workflow: Workflow,
    pub(crate) credential_id: String,
    pub(crate) source: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) incident: Option<String>,
    pub(crate) requested_by: Option<String>,
    pub(crate) items: Option<u32>,
    pub(crate) severity: Option<Severity>,
    pub(crate) owner: Option<String>,
    pub(crate) exposed_at: Option<Timestamp>,
    pub(crate) exposed_at_quality: Option<ExposedAtQuality>,
    pub(crate) detected_at: Timestamp,
    pub(crate) triaged_at: Option<Timestamp>,
    pub(crate) advice: Option<Advice>,
    pub(crate) touched_at: Option<Timestamp>,
    pub(crate) escalated_at: Option<Timestamp>,
    pub(crate) escalated_by: Option<String>,
    pub(crate) escalations: u64,
    pub(crate) resightings: u64,
    pub(crate) decision: Option<Decision>,
    pub(crate) final_action: Option<Action>,
    pub(crate) further_decisions: u64,
    pub(crate) nonhuman_decisions: u64,
    pub(crate) dismissed_at: Option<Timestamp>,
    pub(crate) contained_at: Option<Timestamp>,
    /// Whether the credential is of no use to anybody.
    pub(crate) dead: bool,
    pub(crate) withdrawn_at: Option<Timestamp>,
    pub(crate) withdrawn_reason: Option<String>,
    pub(crate) abused_at: Option<Timestamp>,
    pub(crate) truth: Option<Truth>,
    pub(crate) ai_acted_first_at: Option<Timestamp>,
    pub(crate) detections: u64,
    pub(crate) events: u64,
    pub(crate) last_event_at: Timestamp,
    pub(crate) adopted: u64,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) figures: Figures,
}

/// What follows from the fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figures {
    pub(crate) state: State,
    pub(crate) clock: Clock,
    pub(crate) start: Timestamp,
    pub(crate) skew_faults: u64,
    pub(crate) clock_skew: bool,
    /// Name, length in ms, whether censored; in the order of the stages.
    pub(crate) stages: Vec<(&'static str, Option<i64>, bool)>,
    pub(crate) band: Option<&'static str>,
    pub(crate) agreed: Option<bool>,
    pub(crate) seeded_case_caught: Option<bool>,
}

impl Figures {
    /// Before anything is worked out.
    pub(super) fn unknown(start: Timestamp) -> Figures {
        Figures {
            state: State::Open,
            clock: Clock::Detected,
            start,
            skew_faults: 0,
            clock_skew: false,
            stages: Vec::new(),
            band: None,
            agreed: None,
            seeded_case_caught: None,
        }
    }
}

/// The event that gave advice, by its id and time. A window of the engine only has a number for
/// it, so one that is not known equals every other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given(pub(crate) Option<(String, Timestamp)>);

impl PartialEq for Given {
    fn eq(&self, other: &Given) -> bool {
        self.0.is_none() || other.0.is_none() || self.0 == other.0
    }
}

/// The judged AI output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Advice {
    pub(crate) presented_at: Timestamp,
    pub(crate) first_presented_at: Timestamp,
    pub(crate) event: Given,
    pub(crate) first_event: Given,
    /// The one source of all advice so far, empty if none names one; `None` for several.
    pub(crate) source: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) severity: Option<Severity>,
    pub(crate) recommendation: Action,
    pub(crate) confidence: Option<f64>,
    pub(crate) summary_words: Option<u32>,
    pub(crate) summary_chars: Option<u32>,
    pub(crate) requested_by: Option<String>,
}

/// The first human decision.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decision {
    pub(crate) decided_at: Timestamp,
    pub(crate) reviewer: String,
    pub(crate) action: Action,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) first_opened_at: Option<Timestamp>,
    pub(crate) opened_at: Option<Timestamp>,
    pub(crate) items_opened: Option<u32>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) advice_same_clock: bool,
    pub(crate) opening_same_clock: bool,
    pub(crate) repeats_advice: bool,
    pub(crate) owner: Option<String>,
    pub(crate) rationale_words: Option<u32>,
    pub(crate) rationale_digest: Option<String>,
    pub(crate) batch_id: Option<String>,
    pub(crate) authorized: Option<bool>,
}

impl Record {
    /// Workflow, credential and detection: what names the window.
    pub(crate) fn name(&self) -> (Workflow, String, Timestamp) {
        (self.workflow, self.credential_id.clone(), self.detected_at)
    }
}

/// What the engine says of a window.
impl From<&Window<'_>> for Record {
    fn from(window: &Window<'_>) -> Record {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Record {
            workflow: window.key.workflow,
            credential_id: window.key.credential_id.to_owned(),
            source: text(window.source),
            location: text(window.location),
            incident: text(window.incident),
            requested_by: text(window.requested_by),
            items: window.items,
            severity: window.severity,
            owner: text(window.owner),
            exposed_at: window.exposed_at,
            exposed_at_quality: window.exposed_at_quality,
            detected_at: window.detected_at,
            triaged_at: window.triaged_at,
            advice: window.advice.map(|advice| Advice {
                presented_at: advice.presented_at,
                first_presented_at: advice.first_presented_at,
                event: Given::default(),
                first_event: Given::default(),
                source: text(advice.source),
                model: text(advice.model),
                severity: advice.severity,
                recommendation: advice.recommendation,
                confidence: advice.confidence,
                summary_words: advice.summary_words,
                summary_chars: advice.summary_chars,
                requested_by: text(advice.requested_by),
            }),
            touched_at: window.touched_at,
            escalated_at: window.escalated_at,
            escalated_by: text(window.escalated_by),
            escalations: window.escalations,
            resightings: window.resightings,
            decision: window.decision.map(|decision| Decision {
                decided_at: decision.decided_at,
                reviewer: decision.reviewer.to_owned(),
                action: decision.action,
                verdict: decision.verdict,
                first_opened_at: decision.first_opened_at,
                opened_at: decision.opened_at,
                items_opened: decision.items_opened,
                evidence: decision.evidence,
                advice_same_clock: decision.advice_same_clock,
                opening_same_clock: decision.opening_same_clock,
                repeats_advice: decision.repeats_advice,
                owner: text(decision.owner),
                rationale_words: decision.rationale_words,
                rationale_digest: text(decision.rationale_digest),
                batch_id: text(decision.batch_id),
                authorized: decision.authorized,
            }),
            final_action: window.final_action,
            further_decisions: window.further_decisions,
            nonhuman_decisions: window.nonhuman_decisions,
            dismissed_at: window.dismissed_at,
            contained_at: window.contained_at,
            dead: window.is_dead(),
            withdrawn_at: window.withdrawn_at,
            withdrawn_reason: text(window.withdrawn_reason),
            abused_at: window.abused_at,
            truth: window.truth,
            ai_acted_first_at: window.ai_acted_first_at,
            detections: window.detections,
            events: window.events,
            last_event_at: window.last_event_at,
            adopted: window.adopted,
            closed_at: window.closed_at,
            figures: Figures {
                state: window.state(),
                clock: window.clock(),
                start: window.start(),
                skew_faults: window.skew_faults(),
                clock_skew: window.clock_skew(),
                stages: Stage::ALL
                    .iter()
                    .map(|stage| {
                        let length = window.duration(*stage).map(|span| span.as_millis());
                        (stage.as_str(), length, window.censored(*stage))
                    })
                    .collect(),
                band: window.band().map(|band| band.as_str()),
                agreed: window.agreed(),
                seeded_case_caught: window.seeded_case_caught(),
            },
        }
    }
}
